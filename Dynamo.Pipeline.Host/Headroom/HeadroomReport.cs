using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>How many loggers a machine keeps up with: as a table, as JSON, and as a page with the curve.</summary>
internal sealed class HeadroomReport(IReadOnlyList<HeadroomPoint> points, TimeSpan every, string source, string sink)
{
    private const double Width = 940, Height = 360, Left = 70, Right = 20, Top = 24, Bottom = 48;

    private HeadroomPoint? Best => points.LastOrDefault(point => point.IsSustained);

    private HeadroomPoint? Broken => points.FirstOrDefault(point => !point.IsSustained);

    public string Answer => (Best, Broken) switch
    {
        ({ } best, null) => $"It kept up with {Shown.Count(best.Loggers)} loggers and was not tried with more.",
        ({ } best, { } broken) => $"It kept up with {Shown.Count(best.Loggers)} loggers. "
            + $"At {Shown.Count(broken.Loggers)}, what gave way first was {broken.Limit}.",
        (null, { } broken) => $"It did not keep up with {Shown.Count(broken.Loggers)} loggers: what gave way first was {broken.Limit}.",
        _ => "Nothing was measured.",
    };

    public void Write(TextWriter to)
    {
        to.WriteLine($"Each logger sends a file every {Shown.Time(every)}; {source} into {sink}.");
        to.WriteLine();
        to.WriteLine($"{"loggers",12} {"files/s",9} {"lag median",11} {"99 %",9} {"at the end",11} {"processors",11}");
        foreach (HeadroomPoint point in points)
        {
            to.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{Shown.Count(point.Loggers),12} {Shown.Count(point.Rate),9} {Lag(point.MedianLag),11} {Lag(point.MostLag),9} "
                + $"{Lag(point.LastLag),11} {point.Processors,11:F1}  {(point.IsSustained ? "keeps up" : "falls behind")}"));
        }
        to.WriteLine();
        to.WriteLine(Answer);
    }

    public string Json(ExitCode code) => JsonText.Of(json =>
    {
        json.WriteNumber("exitCode", (int)code);
        json.WriteNumber("everySeconds", every.TotalSeconds);
        json.WriteString("source", source);
        json.WriteString("sink", sink);
        json.WriteString("machine", MachineFacts.Current.ToString());
        if (Best is { } best) json.WriteNumber("sustainedLoggers", best.Loggers);
        if (Broken is { } broken) json.WriteString("limit", broken.Limit);
        json.WriteStartArray("points");
        foreach (HeadroomPoint point in points)
        {
            json.WriteStartObject();
            json.WriteNumber("loggers", point.Loggers);
            json.WriteNumber("filesPerSecond", Math.Round(point.Rate, 3));
            json.WriteNumber("files", point.Files);
            json.WriteNumber("lagMedianSeconds", Math.Round(point.MedianLag.TotalSeconds, 4));
            json.WriteNumber("lag99Seconds", Math.Round(point.MostLag.TotalSeconds, 4));
            json.WriteNumber("lagAtTheEndSeconds", Math.Round(point.LastLag.TotalSeconds, 4));
            json.WriteNumber("drainedSeconds", Math.Round(point.Drained.TotalSeconds, 4));
            json.WriteNumber("feedLateSeconds", Math.Round(point.Late.TotalSeconds, 4));
            json.WriteNumber("processors", Math.Round(point.Processors, 2));
            json.WriteNumber("memoryBytes", point.Peak);
            json.WriteBoolean("sustained", point.IsSustained);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>The page, which needs nothing else.</summary>
    public string Page()
    {
        var html = new Html().Add($"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Headroom</title><link rel="icon" href="data:,"><style>
            """);
        html.Raw(ReportStyle.Css).Raw("</style></head><body><main>");
        string loggers = $"A file from each every {Shown.Time(every)}: {source}";
        html.Add($"""<h1>How many loggers?</h1><p class="sub">{Html.Text(loggers)}</p>""");
        html.Add($"""<section class="answer"><h2>The answer</h2><p>{Html.Text(Answer)}</p></section>""");
        html.Raw("<section><h2>Lag against loggers</h2>").Raw(Curve()).Raw("""
            <p class="note">From the moment a file is renamed in to the commit of its rows: the median, and 99 of 100 files. Both axes are
            logarithmic. A full point kept up.</p></section>
            """);
        html.Add($"<section><h2>Conditions</h2><p>{Html.Text(MachineFacts.Current.ToString())}. Into {Html.Text(sink)}.</p></section>");
        return html.Raw("</main></body></html>").ToString();
    }

    private string Curve()
    {
        (double least, double most) = (points.Min(point => point.Loggers) * 0.8, points.Max(point => point.Loggers) * 1.25);
        double Seconds(TimeSpan lag) => Math.Max(0.001, lag.TotalSeconds);
        double top = Math.Max(1, points.Max(point => Seconds(point.MostLag)) * 1.5);
        double X(long loggers) => Left + (Math.Log(loggers / least) / Math.Log(most / least) * (Width - Left - Right));
        double Y(double seconds) => Height - Bottom - (Math.Log(seconds / 0.001) / Math.Log(top / 0.001) * (Height - Top - Bottom));
        var svg = new Html();
        svg.Add($"""<svg viewBox="0 0 {Width} {Height}" role="img" aria-label="Lag against the number of loggers">""");
        for (double tick = 0.001; tick <= top; tick *= 10)
        {
            string label = tick < 1 ? $"{Shown.Count(tick * 1000)} ms" : $"{Shown.Count(tick)} s";
            svg.Add($"""
                <line class="grid" x1="{Left}" x2="{Width - Right}" y1="{Y(tick):F1}" y2="{Y(tick):F1}"/>
                <text class="soft" x="{Left - 8}" y="{Y(tick) + 4:F1}" text-anchor="end">{label}</text>
                """);
        }
        foreach (Func<HeadroomPoint, TimeSpan> lag in (Func<HeadroomPoint, TimeSpan>[])[point => point.MedianLag, point => point.MostLag])
        {
            IEnumerable<string> line = points.Select(
                point => FormattableString.Invariant($"{X(point.Loggers):F1},{Y(Seconds(lag(point))):F1}"));
            svg.Add($"""<polyline fill="none" stroke="var(--accent)" stroke-width="2.5" points="{string.Join(' ', line)}"/>""");
            foreach (HeadroomPoint point in points)
            {
                svg.Add($"""
                    <circle cx="{X(point.Loggers):F1}" cy="{Y(Seconds(lag(point))):F1}" r="5" stroke="var(--accent)" stroke-width="2.5"
                      fill="{(point.IsSustained ? "var(--accent)" : "var(--card)")}"><title>{Shown.Count(point.Loggers)} loggers:
                      {Lag(lag(point))}</title></circle>
                    """);
            }
        }
        foreach (HeadroomPoint point in points)
        {
            svg.Add($"""<text class="soft" x="{X(point.Loggers):F1}" y="{Height - Bottom + 18}" text-anchor="middle">""");
            svg.Add($"{Shown.Count(point.Loggers)}</text>");
        }
        svg.Add($"""<text class="soft" x="{(Left + Width - Right) / 2:F0}" y="{Height - 8}" text-anchor="middle">loggers</text>""");
        return svg.Raw("</svg>").ToString();
    }

    private static string Lag(TimeSpan lag) => lag < TimeSpan.FromSeconds(1)
        ? string.Create(CultureInfo.InvariantCulture, $"{lag.TotalMilliseconds:0} ms") : Shown.Time(lag);
}
