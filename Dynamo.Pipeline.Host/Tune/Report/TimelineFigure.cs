namespace Dynamo.Pipeline.Host;

/// <summary>
/// The published Figure 5: what each reader did, and when. Files that are too short to be seen merge into their chunk, in green.
/// Large files stand out in red. Grey: the reader had nothing to do.
/// </summary>
internal static class TimelineFigure
{
    private const double Width = 940, Left = 72, Right = 16, Lane = 30, Gap = 10, Axis = 30;

    /// <summary>
    /// A file stands out if it takes at least this share of the whole time, so that it can be seen, and is <see cref="LargeTimes"/> times
    /// as large as the median. Smaller files that took long only waited for a processor.
    /// </summary>
    private const double SlowShare = 0.004;

    private const int LargeTimes = 8;

    /// <summary>A picture that needs nothing else, for light and dark pages.</summary>
    public static string Standalone(Timeline timeline, TimeSpan span)
    {
        string svg = Svg(timeline, span);
        int inside = svg.IndexOf('>', StringComparison.Ordinal) + 1;
        return $"<svg xmlns=\"http://www.w3.org/2000/svg\" {svg[5..inside]}<style>{ReportStyle.Picture}</style>{svg[inside..]}";
    }

    /// <param name="timeline">What to draw.</param>
    /// <param name="span">The time that the width stands for. Pictures that are compared need the same span.</param>
    public static string Svg(Timeline timeline, TimeSpan span)
    {
        double height = (timeline.Lanes.Count * (Lane + Gap)) + Axis, scale = (Width - Left - Right) / Math.Max(1e-9, span.TotalSeconds);
        double median = MedianBytes(timeline), elapsed = timeline.Elapsed.TotalSeconds;
        string label = FormattableString.Invariant(
            $"{timeline.Lanes.Count} readers, {timeline.FilesPerMessage} files at a time, busy {timeline.Busy * 100:0} % of the time");
        var svg = new Html().Add($"""<svg viewBox="0 0 {Width} {height}" role="img" aria-label="{label}">""");
        for (int i = 0; i < timeline.Lanes.Count; i++)
        {
            double y = i * (Lane + Gap);
            svg.Add($"""
                <text class="soft" x="{Left - 10}" y="{y + (Lane / 2) + 4:F1}" text-anchor="end">reader {i + 1}</text>
                <rect x="{Left}" y="{y:F1}" width="{elapsed * scale:F2}" height="{Lane}" fill="var(--idle)"><title>idle</title></rect>
                """);
            foreach (TimelineChunk chunk in timeline.Lanes[i].Chunks) Chunk(svg, chunk, y, scale, median, span);
        }
        double end = Left + (elapsed * scale), axis = height - Axis + 4;
        string anchor = end > Width - 90 ? "end" : "middle";
        svg.Add($"""
            <line class="axis" x1="{Left}" x2="{Width - Right}" y1="{axis:F1}" y2="{axis:F1}"/>
            <line stroke="var(--slow)" stroke-dasharray="4 3" x1="{end:F1}" x2="{end:F1}" y1="0" y2="{axis:F1}"/>
            <text class="soft" x="{Left}" y="{axis + 16:F1}">0</text>
            <text x="{end:F1}" y="{axis + 16:F1}" text-anchor="{anchor}">done after {Shown.Seconds(elapsed)} s</text>
            """);
        return svg.Raw("</svg>").ToString();
    }

    private static void Chunk(Html svg, TimelineChunk chunk, double y, double scale, double median, TimeSpan span)
    {
        TimeSpan took = chunk.End - chunk.Start;
        double x = Left + (chunk.Start.TotalSeconds * scale), width = Math.Max(0.4, took.TotalSeconds * scale);
        string fill = chunk.Number % 2 == 0 ? "var(--chunk-2)" : "var(--chunk)";
        svg.Add($"""
            <g><title>chunk {chunk.Number}: {chunk.FileCount} files in {took.TotalMilliseconds:0.0} ms</title>
            <rect x="{x:F2}" y="{y:F1}" width="{width:F2}" height="{Lane}" fill="{fill}"
              stroke="var(--card)" stroke-width="{(width > 3 ? 0.8 : 0)}"/></g>
            """);
        foreach (TimelineFile file in chunk.Files)
        {
            double seconds = (file.End - file.Start).TotalSeconds;
            if (seconds < span.TotalSeconds * SlowShare || file.Bytes < median * LargeTimes) continue;
            double at = Left + (file.Start.TotalSeconds * scale);
            svg.Add($"""
                <g><title>{Html.Text(file.Path)}, {Shown.Size(file.Bytes)}: {seconds * 1000:0.0} ms</title>
                <rect x="{at:F2}" y="{y + 5:F1}" width="{seconds * scale:F2}" height="{Lane - 10}" rx="2" fill="var(--slow)"/></g>
                """);
        }
    }

    private static double MedianBytes(Timeline timeline)
    {
        IEnumerable<TimelineFile> files = timeline.Lanes.SelectMany(lane => lane.Chunks).SelectMany(chunk => chunk.Files);
        double[] sizes = [.. files.Select(file => (double)file.Bytes)];
        return sizes.Length == 0 ? 0 : Summary.Of(sizes).Median;
    }
}
