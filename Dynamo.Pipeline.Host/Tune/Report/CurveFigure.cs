using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>The published Figure 3: run time against readers, with error bars, and how much each count saves against one reader.</summary>
internal static class CurveFigure
{
    private const double Width = 940, Height = 380, Left = 64, Right = 20, Top = 30, Bottom = 48;

    public static string Svg(IReadOnlyList<TuningVerdict> curve)
    {
        double most = curve.Max(point => point.Seconds.Mean + Bar(point)) * 1.08, step = Step(most);
        double X(int i) => curve.Count == 1 ? Width / 2 : Left + 24 + (i * (Width - Left - Right - 48) / (curve.Count - 1));
        double Y(double seconds) => Height - Bottom - (seconds / most * (Height - Top - Bottom));
        int best = Enumerable.Range(0, curve.Count).MinBy(i => curve[i].Seconds.Mean);
        var svg = new Html();
        svg.Add($"""<svg viewBox="0 0 {Width} {Height}" role="img" aria-label="Run time against the number of readers">""");
        double decimals = Math.Max(0, -Math.Floor(Math.Log10(step) + 1e-9));
        for (double tick = 0; tick <= most; tick += step)
        {
            svg.Add($"""<line class="grid" x1="{Left}" x2="{Width - Right}" y1="{Y(tick):F1}" y2="{Y(tick):F1}"/>""");
            string label = tick.ToString($"F{decimals:0}", CultureInfo.InvariantCulture);
            svg.Add($"""<text class="soft" x="{Left - 8}" y="{Y(tick) + 4:F1}" text-anchor="end">{label} s</text>""");
        }
        IEnumerable<string> points = curve.Select((point, i) => FormattableString.Invariant($"{X(i):F1},{Y(point.Seconds.Mean):F1}"));
        svg.Add($"""
            <polyline fill="none" stroke="var(--accent)" stroke-width="2.5" stroke-linejoin="round"
              points="{string.Join(' ', points)}"/>
            """);
        for (int i = 0; i < curve.Count; i++)
            Point(svg, curve[i], curve[0], X(i), Y, i == best);
        svg.Add($"""<text class="soft" x="{(Left + Width - Right) / 2:F0}" y="{Height - 8}" text-anchor="middle">readers</text>""");
        return svg.Raw("</svg>").ToString();
    }

    private static void Point(Html svg, TuningVerdict point, TuningVerdict one, double x, Func<double, double> y, bool isBest)
    {
        Summary seconds = point.Seconds;
        double bar = Bar(point), top = y(seconds.Mean + bar), bottom = y(Math.Max(0, seconds.Mean - bar));
        string saved = point.Cell == one.Cell ? "" : Shown.Percent((seconds.Mean / one.Seconds.Mean) - 1);
        string readers = point.Cell.ReadersText, mean = $"{Shown.Seconds(seconds.Mean)} s ± {Shown.Seconds(bar)} s (95 %)";
        svg.Add($"""
            <g><title>{readers} readers: mean {mean}, median {Shown.Seconds(seconds.Median)} s, {seconds.Count} measurements</title>
            <path d="M{x:F1} {top:F1}V{bottom:F1}M{x - 5:F1} {top:F1}h10M{x - 5:F1} {bottom:F1}h10"
              stroke="var(--soft)" stroke-width="1.4" fill="none"/>
            <circle cx="{x:F1}" cy="{y(seconds.Mean):F1}" r="{(isBest ? 6 : 4)}" fill="{(isBest ? "var(--accent)" : "var(--card)")}"
              stroke="var(--accent)" stroke-width="2.5"/>
            <text class="small" x="{x:F1}" y="{top - 8:F1}" text-anchor="middle" font-weight="{(isBest ? 700 : 400)}">{saved}</text></g>
            <text class="soft" x="{x:F1}" y="{Height - Bottom + 18}" text-anchor="middle">{readers}</text>
            """);
    }

    private static double Bar(TuningVerdict point) => double.IsNaN(point.Seconds.Confidence95) ? 0 : point.Seconds.Confidence95;

    /// <summary>1, 2 or 5 times a power of ten, for about five lines.</summary>
    private static double Step(double most)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(most / 5)));
        return power * (most / 5 / power) switch { < 1.5 => 1, < 3.5 => 2, < 7.5 => 5, _ => 10 };
    }
}
