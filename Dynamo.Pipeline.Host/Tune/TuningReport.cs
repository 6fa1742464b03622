namespace Dynamo.Pipeline.Host;

/// <summary>The result of a sweep as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. For screens, light and dark, and for paper.</summary>
/// <param name="result">What was found.</param>
/// <param name="source">The source, as people read it.</param>
/// <param name="settings">The recommendation as settings in JSON.</param>
internal sealed class TuningReport(TuningResult result, string source, string settings)
{
    /// <summary>Makes the page.</summary>
    /// <returns>The HTML.</returns>
    public override string ToString()
    {
        var html = new Html().Raw("<!DOCTYPE html>").Raw("<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        // Browsers ask for an icon otherwise, and there is none.
        html.Add($"<title>Tuning: {Html.Text(source)}</title><link rel=\"icon\" href=\"data:,\"><style>").Raw(ReportStyle.Css).Raw("</style></head><body><main>");
        html.Add($"<h1>How many readers, how large a chunk?</h1><p class=\"sub\">{Html.Text(source)}: {Html.Count(result.Files.Files)} files, {Html.Size(result.Files.Bytes)}, {Html.Count(result.Samples.Count)} measurements.</p>");
        if (result.WasCancelled) html.Raw("<p><b>The sweep was stopped before its end.</b> The same command goes on from here.</p>");
        if (result.Read is { } read)
        {
            Answer(html, read);
            Curve(html, read.Curve());
            Matrix(html, read);
        }
        if (result.Whole is { } whole) Whole(html, whole);
        Timelines(html);
        Conditions(html);
        return html.Raw("</main></body></html>").ToString();
    }

    private void Answer(Html html, TuningAnalysis read)
    {
        html.Raw("<section class=\"answer\" id=\"answer\"><h2>The answer</h2>");
        foreach (string sentence in TuningWords.Answer(result)) html.Add($"<p>{Html.Text(sentence)}</p>");
        html.Raw("<ul class=\"facts\">");
        Fact(html, Html.Seconds(read.Recommended.Seconds.Mean) + " s", "read step, recommended");
        Fact(html, Html.Percent((read.Recommended.Seconds.Mean / read.Worst.Seconds.Mean) - 1), "against the worst cell");
        if (result.FilesPerSecond is { } rate) Fact(html, Html.Count(rate), "files a second, whole pipeline");
        if (result.Loggers is { } loggers) Fact(html, TuningWords.Loggers(loggers), "loggers kept up with");
        html.Raw("</ul>").Add($"<pre id=\"settings\">{Html.Text(settings)}</pre><p class=\"note\">It is in <code>settings.json</code> beside this page: <code>dynamo run --settings settings.json</code> takes it.</p></section>");
    }

    private static void Fact(Html html, string figure, string what) => html.Add($"<li><b>{figure}</b><span>{what}</span></li>");

    private static void Curve(Html html, IReadOnlyList<TuningVerdict> curve)
    {
        if (curve.Count < 2) return;
        html.Add($"<section id=\"curve\"><h2>Run time against readers</h2><p class=\"note\">The read step, {Html.Count(curve[0].Cell.FilesPerMessage)} {(curve[0].Cell.FilesPerMessage == 1 ? "file" : "files")} a message. Bars: the mean’s 95 % confidence interval. Labels: against one reader{(curve[0].Cell.Readers == 1 ? "" : " (here: the fewest that were measured)")}.</p><figure class=\"wide\">");
        html.Raw(CurveFigure.Svg(curve)).Raw("</figure></section>");
    }

    private static void Matrix(Html html, TuningAnalysis read)
    {
        html.Raw("<section id=\"matrix\"><h2>Readers × files a message</h2><p class=\"note\">Mean seconds of the read step; small: median ± standard deviation, number of measurements. "
            + $"<span class=\"key\" style=\"background:{HeatColor.Best};color:#fff;font-weight:800\">best</span> <span class=\"key\" style=\"background:{HeatColor.Of(1, 1, 2)};box-shadow:inset 0 0 0 2px #0b5d2e\">≈ cannot be told from the best</span> "
            + $"<span class=\"key\" style=\"background:{HeatColor.Of(1, 1, 2)}\">fast</span> <span class=\"key\" style=\"background:{HeatColor.Of(Math.Sqrt(2), 1, 2)}\">between</span> <span class=\"key\" style=\"background:{HeatColor.Of(2, 1, 2)}\">slow</span></p>");
        html.Raw(MatrixTable.Of(read, "cells", "readers", "files a message", cell => cell.Readers, cell => cell.FilesPerMessage));
        html.Raw("<p class=\"note\">Told apart by Welch’s t-test at the 5 % level, corrected for the number of cells (Benjamini and Hochberg). The best is the smallest mean among fixed reader counts; auto is shown beside them.</p></section>");
    }

    private static void Whole(Html html, TuningAnalysis whole)
    {
        html.Add($"<section id=\"whole\"><h2>The whole pipeline</h2><p class=\"note\">Listing, reading with {TuningWords.Settings(whole.Best.Cell).Replace(" with ", " and ", StringComparison.Ordinal)}, and rows with their ledger written to a new database that is thrown away. Mean seconds.</p>");
        html.Raw(MatrixTable.Of(whole, "whole-cells", "writers", "rows a batch", cell => cell.Writers, cell => cell.BatchRows)).Raw("</section>");
    }

    private void Timelines(Html html)
    {
        if (result.Timelines.Count == 0) return;
        html.Raw("<section id=\"timelines\"><h2>Who waits for whom</h2><p class=\"note\">The fastest of three recorded runs each. Green: a chunk is being read; red: a file many times as large as most; grey: the reader has nothing to do. Both to the same scale.</p>");
        TimeSpan span = result.Timelines.Max(timeline => timeline.Elapsed);
        foreach (Timeline timeline in result.Timelines)
        {
            html.Add($"<figure class=\"wide timeline\"><figcaption><b>{Html.Text(timeline.Title)}: {Html.Count(timeline.FilesPerMessage)}.</b> {timeline.Lanes.Count} readers, busy {timeline.Busy * 100:0} % of the time.</figcaption>");
            html.Raw(TimelineFigure.Svg(timeline, span)).Raw("</figure>");
        }
        html.Raw("</section>");
    }

    private void Conditions(Html html)
    {
        FileFacts files = result.Files;
        html.Raw("<section id=\"conditions\"><h2>What was measured, and where</h2><dl>");
        Term(html, "machine", $"{result.Machine.Processors} processors, {Html.Size(result.Machine.MemoryBytes)} of memory");
        Term(html, "system", result.Machine.System);
        Term(html, "runtime", $"{result.Machine.Runtime}; {result.Machine.Collector}; Dynamo.Pipeline {result.Machine.Version}");
        Term(html, "files", $"{Html.Count(files.Files)}{(files.Files < files.Ready ? $" of {Html.Count(files.Ready)}, evenly chosen" : "")}; {Html.Size(files.Bytes)}; half up to {Html.Size(files.MedianBytes)}, 99 of 100 up to {Html.Size(files.P99Bytes)}, the largest {Html.Size(files.LargestBytes)}");
        if (result.BadFiles > 0) Term(html, "bad files", $"{Html.Count(result.BadFiles)} cannot be imported; they are read as far as their verdict needs");
        if (files.Deferred > 0) Term(html, "left out", $"{Html.Count(files.Deferred)} files that are still changing");
        if (result.Samples.Count > 0) Term(html, "when", FormattableString.Invariant($"{result.Samples.Min(sample => sample.StartedUtc):yyyy-MM-dd HH:mm} to {result.Samples.Max(sample => sample.StartedUtc):yyyy-MM-dd HH:mm} UTC"));
        html.Raw("</dl>").Raw(SizeFigure.Svg(files)).Raw("<p class=\"note\">All files were read before the first measurement, so that those of a folder were in memory; they were listed before the clock started; nothing was changed at the source. Every measurement is in <code>measurements.csv</code> beside this page.</p></section>");
    }

    private static void Term(Html html, string term, string text) => html.Add($"<dt>{term}</dt><dd>{Html.Text(text)}</dd>");
}
