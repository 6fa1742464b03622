namespace Dynamo.Pipeline.Host;

/// <summary>The published Figure 5: what each reader did, and when. Files too short to be seen merge into their chunk; long ones stand out, and idle time shows.</summary>
internal static class TimelineFigure
{
    private const double Width = 940, Left = 72, Right = 16, Lane = 30, Gap = 10, Axis = 30;

    /// <summary>A file stands out when it takes at least this share of the whole time, so that it is seen, and is many times as large as most: others only waited for a processor.</summary>
    private const double SlowShare = 0.004;

    private const int LargeTimes = 8;

    /// <summary>A picture that stands alone, by day and by night.</summary>
    public static string Standalone(Timeline timeline, TimeSpan span)
    {
        string svg = Svg(timeline, span);
        int inside = svg.IndexOf('>', StringComparison.Ordinal) + 1;
        return $"<svg xmlns=\"http://www.w3.org/2000/svg\" {svg[5..inside]}<style>{ReportStyle.Picture}</style>{svg[inside..]}";
    }

    /// <param name="timeline">What to draw.</param>
    /// <param name="span">The time that the width stands for: the same for pictures that are compared.</param>
    public static string Svg(Timeline timeline, TimeSpan span)
    {
        double height = (timeline.Lanes.Count * (Lane + Gap)) + Axis, scale = (Width - Left - Right) / Math.Max(1e-9, span.TotalSeconds);
        double usual = Usual(timeline);
        var svg = new Html().Add($"""<svg viewBox="0 0 {Width} {height}" role="img" aria-label="{timeline.Lanes.Count} readers, {timeline.FilesPerMessage} files a message, busy {timeline.Busy * 100:0} % of the time">""");
        for (int i = 0; i < timeline.Lanes.Count; i++)
        {
            double y = i * (Lane + Gap);
            svg.Add($"""<text class="soft" x="{Left - 10}" y="{y + (Lane / 2) + 4:F1}" text-anchor="end">reader {i + 1}</text>""");
            svg.Add($"""<rect x="{Left}" y="{y:F1}" width="{timeline.Elapsed.TotalSeconds * scale:F2}" height="{Lane}" fill="var(--idle)"><title>idle</title></rect>""");
            foreach (TimelineChunk chunk in timeline.Lanes[i].Chunks) Chunk(svg, chunk, y, scale, usual, span);
        }
        double end = Left + (timeline.Elapsed.TotalSeconds * scale), axis = height - Axis + 4;
        svg.Add($"""<line class="axis" x1="{Left}" x2="{Width - Right}" y1="{axis:F1}" y2="{axis:F1}"/><line stroke="var(--slow)" stroke-dasharray="4 3" x1="{end:F1}" x2="{end:F1}" y1="0" y2="{axis:F1}"/>""");
        svg.Add($"""<text class="soft" x="{Left}" y="{axis + 16:F1}">0</text><text x="{end:F1}" y="{axis + 16:F1}" text-anchor="{(end > Width - 90 ? "end" : "middle")}">done after {Html.Seconds(timeline.Elapsed.TotalSeconds)} s</text>""");
        return svg.Raw("</svg>").ToString();
    }

    private static void Chunk(Html svg, TimelineChunk chunk, double y, double scale, double usual, TimeSpan span)
    {
        double x = Left + (chunk.Start.TotalSeconds * scale), width = Math.Max(0.4, (chunk.End - chunk.Start).TotalSeconds * scale);
        svg.Add($"""<g><title>chunk {chunk.Number}: {chunk.FileCount} files in {(chunk.End - chunk.Start).TotalMilliseconds:0.0} ms</title><rect x="{x:F2}" y="{y:F1}" width="{width:F2}" height="{Lane}" fill="var(--chunk{(chunk.Number % 2 == 0 ? "-2" : "")})" stroke="var(--card)" stroke-width="{(width > 3 ? 0.8 : 0)}"/></g>""");
        foreach (TimelineFile file in chunk.Files)
        {
            double seconds = (file.End - file.Start).TotalSeconds;
            if (seconds < span.TotalSeconds * SlowShare || file.Bytes < usual * LargeTimes) continue;
            svg.Add($"""<g><title>{Html.Text(file.Path)}, {Html.Size(file.Bytes)}: {seconds * 1000:0.0} ms</title><rect x="{Left + (file.Start.TotalSeconds * scale):F2}" y="{y + 5:F1}" width="{seconds * scale:F2}" height="{Lane - 10}" rx="2" fill="var(--slow)"/></g>""");
        }
    }

    private static double Usual(Timeline timeline)
    {
        double[] sizes = [.. timeline.Lanes.SelectMany(lane => lane.Chunks).SelectMany(chunk => chunk.Files).Select(file => (double)file.Bytes)];
        return sizes.Length == 0 ? 0 : Summary.Of(sizes).Median;
    }
}
