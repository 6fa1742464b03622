using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>The page of a replay: one file, offline, light and dark. What comes from outside is escaped.</summary>
internal static class ReplayReport
{
    private const int Width = 960, Height = 170, MostPoints = 1_900, MostMaps = 12, MostPipes = 5_000;

    private const string Found = "#0b6e4f", Wrong = "var(--slow)", Repeat = "var(--soft)";

    public static string Of(IReadOnlyList<ReplayScore> areas)
    {
        // Without the empty icon, browsers would ask for one.
        Html html = new Html().Raw("""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Replay</title><link rel="icon" href="data:,"><style>
            """);
        html.Raw(ReportStyle.Css).Raw("td { padding: 2px 8px; } td.n { text-align: right; white-space: nowrap; } th { text-align: left; }");
        html.Raw("</style></head><body><main>");
        html.Raw("""<h1>Replay</h1><p class="sub">History, gone through as if it had come in live. Times in UTC.</p>""");
        foreach (ReplayScore area in areas) Area(html, area);
        return html.Raw("</main></body></html>").ToString();
    }

    private static void Area(Html html, ReplayScore area)
    {
        html.Add($"<section><h2>{Html.Text(area.Area.Area.Name)}</h2>");
        IReadOnlyList<AreaStep> steps = area.Area.Inflow;
        if (steps.Count < 2)
        {
            html.Raw("<p>There are no readings of its inflow.</p></section>");
            return;
        }
        if (area.Score is { } score) Facts(html, score);
        html.Raw(Inflow(area, steps));
        html.Raw("""
            <p class="note">Blue: inflow. Dashed: what was expected, leaks that are known included. Shaded: leaks by their labels.
            Vertical: events when they were found, green for a leak, red for a false alarm, grey for a repeat or without labels.</p>
            """);
        if (area.Score is not null) Leaks(html, area);
        Events(html, area);
        foreach (AreaEvent one in area.Area.Events.Where(one => one.Places.Count > 0).TakeLast(MostMaps)) html.Raw(Map(area, one));
        html.Raw("</section>");
    }

    private static void Facts(Html html, BurstScore score)
    {
        int found = score.Leaks.Count(leak => leak.Found is not null);
        html.Add($"""
            <ul class="facts"><li><b>{found} of {score.Leaks.Count}</b><span>leaks found</span></li>
            <li><b>{score.FalseAlarms.Count}</b><span>false alarms</span></li><li><b>{score.Repeats.Count}</b><span>repeats</span></li>
            <li><b>{(score.MedianDelay is { } delay ? Shown.Time(delay) : "–")}</b><span>median delay, abrupt ones</span></li>
            """);
        if (score.MostEuro > 0)
            html.Add($"<li><b>{score.Euro:N0} €</b><span>saved, of {score.MostEuro:N0} € (BattLeDIM's score, detection)</span></li>");
        html.Raw("</ul>");
    }

    private static void Leaks(Html html, ReplayScore area)
    {
        html.Raw("""<div class="wide"><table><thead><tr><th>leak<th>kind<th>began<th>found<th>after<th>where</tr></thead><tbody>""");
        foreach (ScoredLeak leak in area.Score!.Leaks)
        {
            string where = area.IsInside(leak) is not { } inside ? "–" : (inside ? "inside the area" : "outside the area")
                + (area.Distance(leak) is { } distance && double.IsFinite(distance) ? $", first place {distance:0} away" : "");
            html.Add($"""
                <tr><td>{Html.Text(leak.Label.Name)}<td>{(leak.Label.IsAbrupt ? "abrupt" : "incipient")}
                <td class="n">{Time(leak.Label.Start)}<td class="n">{(leak.Found is { } found ? Time(found.Detected) : "not found")}
                <td class="n">{(leak.Delay is { } delay ? Shown.Time(delay) : "–")}<td>{where}</tr>
                """);
        }
        html.Raw("</tbody></table></div>");
    }

    private static void Events(Html html, ReplayScore area)
    {
        if (area.Area.Events.Count == 0)
        {
            html.Raw("<p>No event.</p>");
            return;
        }
        html.Raw("""<div class="wide"><table><thead><tr><th>event<th>onset<th>found<th>more than usual<th>state</tr></thead><tbody>""");
        foreach (AreaEvent one in area.Area.Events)
        {
            html.Add($"""
                <tr><td>{EventText.Kind(one.Event)}{(one.Event.RepeatOf is null ? "" : ", repeat")}<td class="n">{Time(one.Event.Onset)}
                <td class="n">{Time(one.Event.Detected)}<td class="n">{EventText.Size(one.Event)}<td>{EventText.Word(one.Event.State)}</tr>
                """);
        }
        html.Raw("</tbody></table></div>");
    }

    private static string Inflow(ReplayScore area, IReadOnlyList<AreaStep> steps)
    {
        DateTime first = steps[0].StartUtc, last = steps[^1].StartUtc;
        int each = Math.Max(1, steps.Count / MostPoints);
        (DateTime At, double Inflow, double Expected)[] points = [.. steps.Chunk(each).Select(some =>
            (some[0].StartUtc, Mean(some, step => step.Inflow), Mean(some, step => step.Expected)))];
        double most = points.Max(point => double.IsNaN(point.Inflow) ? 0 : point.Inflow), least = Math.Min(0, points.Min(point =>
            double.IsNaN(point.Inflow) ? 0 : point.Inflow));
        if (most <= least) most = least + 1;
        double X(DateTime at) => Width * Math.Clamp((at - first) / (last - first), 0, 1);
        double Y(double value) => Height - Height * (value - least) / (most - least);
        var svg = new Html().Add($"""
            <figure><svg viewBox="0 0 {Width} {Height + 18}" role="img" aria-label="Inflow from {Time(first)} to {Time(last)}">
            """);
        foreach (BurstLabel label in area.Labels)
        {
            svg.Add($"""
                <rect x="{X(label.Start):0.#}" width="{Math.Max(1, X(label.End) - X(label.Start)):0.#}" y="0" height="{Height}"
                fill="var(--accent-soft)" opacity=".5"><title>{Html.Text(label.Name)}</title></rect>
                """);
        }
        svg.Raw(Path(points.Select(point => (X(point.At), Y(point.Expected))), "var(--soft)", " stroke-dasharray=\"5 4\""));
        svg.Raw(Path(points.Select(point => (X(point.At), Y(point.Inflow))), "#3f7fbf", ""));
        HashSet<DateTime> found = [.. area.Score?.Leaks.Select(leak => leak.Found?.Detected ?? default) ?? []];
        HashSet<DateTime> wrong = [.. area.Score?.FalseAlarms.Select(one => one.Detected) ?? []];
        foreach (AreaEvent one in area.Area.Events)
        {
            string color = found.Contains(one.Event.Detected) ? Found : wrong.Contains(one.Event.Detected) ? Wrong : Repeat;
            svg.Add($"""
                <line x1="{X(one.Event.Detected):0.#}" x2="{X(one.Event.Detected):0.#}" y1="0" y2="{Height}" stroke="{color}"
                stroke-width="1.5"><title>{Html.Text(EventText.Line(one))}</title></line>
                """);
        }
        return svg.Add($"""
            <text x="0" y="{Height + 14}" class="soft">{Time(first)}</text>
            <text x="{Width}" y="{Height + 14}" class="soft" text-anchor="end">{Time(last)}</text>
            <text x="2" y="12" class="soft">{most:0.#}</text></svg></figure>
            """).ToString();
    }

    private static string Map(ReplayScore area, AreaEvent one)
    {
        PipeGraph? graph = area.Area.Area.Pipes is { Pipes.Count: <= MostPipes } known ? known : null;
        Place[] loggers = [.. area.Area.Area.Pressures.Select(area.Area.Area.PlaceOf).OfType<Place>()];
        Place[] all = [.. loggers, .. one.Places.Select(place => place.Place), .. graph?.Nodes ?? []];
        double left = all.Min(at => at.X), right = all.Max(at => at.X), low = all.Min(at => at.Y), top = all.Max(at => at.Y);
        double unit = Math.Max(Math.Max(right - left, top - low), 1e-9) / 100, most = one.Places.Max(place => place.Probability);
        Dictionary<string, double> likely = one.Places.ToDictionary(place => place.Place.Name, place => place.Probability);
        string leak = area.Score?.Leaks.FirstOrDefault(found => found.Found?.Detected == one.Event.Detected)?.Label.Pipe ?? "";
        var svg = new Html().Add($"""
            <figure><svg viewBox="{-4 * unit:R} {-4 * unit:R} {right - left + 8 * unit:R} {top - low + 8 * unit:R}"
            style="max-height: 420px" role="img" aria-label="Where to look">
            """);
        foreach (Pipe pipe in graph?.Pipes ?? [])
        {
            (Place from, Place to) = graph!.Ends(pipe);
            double share = likely.GetValueOrDefault(pipe.Name);
            (string color, double wide) = share > 0 ? (Wrong, 1.2) : ("var(--line)", 0.5);
            svg.Add($"""
                <line x1="{from.X - left:R}" y1="{top - from.Y:R}" x2="{to.X - left:R}" y2="{top - to.Y:R}" stroke="{color}"
                stroke-width="{wide * unit:R}" opacity="{(share > 0 ? Math.Max(0.25, share / most) : 1):0.##}">
                <title>{Html.Text(pipe.Name)} {share:P0}</title></line>
                """);
            if (pipe.Name == leak)
                svg.Add($"""
                    <circle cx="{(from.X + to.X) / 2 - left:R}" cy="{top - (from.Y + to.Y) / 2:R}" r="{2 * unit:R}" fill="none"
                    stroke="{Found}" stroke-width="{0.6 * unit:R}"><title>the leak</title></circle>
                    """);
        }
        if (graph is null)
            foreach (RankedPlace place in one.Places)
                svg.Add($"""
                    <circle cx="{place.Place.X - left:R}" cy="{top - place.Place.Y:R}" r="{1.4 * unit:R}" fill="{Wrong}"
                    opacity="{Math.Max(0.2, place.Probability / most):0.##}"/>
                    """);
        foreach (Place logger in loggers)
            svg.Add($"""
                <rect x="{logger.X - left - unit:R}" y="{top - logger.Y - unit:R}" width="{2 * unit:R}" height="{2 * unit:R}"
                fill="#3f7fbf"><title>{Html.Text(logger.Name)}</title></rect>
                """);
        return svg.Add($"""
            </svg><figcaption>{Html.Text(EventText.Line(one))}{(leak.Length > 0 ? " Ring: the leak." : "")}</figcaption></figure>
            """).ToString();
    }

    /// <summary>A line that breaks where a value is missing.</summary>
    private static string Path(IEnumerable<(double X, double Y)> points, string color, string more)
    {
        var d = new StringBuilder();
        bool isOn = false;
        foreach ((double x, double y) in points)
        {
            bool isThere = double.IsFinite(y);
            if (isThere) d.Append(CultureInfo.InvariantCulture, $"{(isOn ? 'L' : 'M')}{x:0.#} {y:0.#}");
            isOn = isThere;
        }
        return $"""<path d="{d}" fill="none" stroke="{color}" stroke-width="1.2"{more}/>""";
    }

    private static double Mean(AreaStep[] steps, Func<AreaStep, float> of)
    {
        double sum = 0;
        int count = 0;
        foreach (AreaStep step in steps)
        {
            if (!float.IsFinite(of(step))) continue;
            sum += of(step);
            count++;
        }
        return count == 0 ? double.NaN : sum / count;
    }

    private static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
}
