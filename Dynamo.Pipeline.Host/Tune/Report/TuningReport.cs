using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The result of a sweep as one HTML page that needs nothing else: no script, no font and no picture from elsewhere. For light and dark
/// screens, and for paper.
/// </summary>
/// <param name="result">What was found.</param>
/// <param name="source">The source, as people read it.</param>
/// <param name="settings">The recommendation as settings in JSON.</param>
internal sealed class TuningReport(TuningResult result, string source, string settings)
{
    /// <summary>The page.</summary>
    public override string ToString()
    {
        FileFacts files = result.Files;
        string measured =
            $"{Shown.Count(files.Files)} files, {Shown.Size(files.Bytes)}, {Shown.Count(result.Samples.Count)} measurements";
        // Without the empty icon, browsers would ask for one.
        var html = new Html().Add($"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Tuning: {Html.Text(source)}</title><link rel="icon" href="data:,"><style>
            """);
        html.Raw(ReportStyle.Css).Raw("</style></head><body><main>");
        html.Add($"""<h1>How many readers, how large a chunk?</h1><p class="sub">{Html.Text(source)}: {measured}.</p>""");
        if (result.WasCancelled)
            html.Raw("<p><b>The sweep was stopped before its end.</b> The same command goes on from here.</p>");
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
        html.Raw("""<section class="answer" id="answer"><h2>The answer</h2>""");
        foreach (string sentence in TuningWords.Answer(result)) html.Add($"<p>{Html.Text(sentence)}</p>");
        html.Raw("""<ul class="facts">""");
        TuningVerdict shown = read.Find(result.Advice!.Value.Cell) ?? read.Recommended;
        Fact(html, Shown.Seconds(shown.Seconds.Mean) + " s", "to read the files, so set");
        Fact(html, Shown.Percent((shown.Seconds.Mean / read.Worst.Seconds.Mean) - 1), "against the slowest that was tried");
        if (result.FilesPerSecond is { } rate) Fact(html, Shown.Count(rate), "files a second, whole pipeline");
        if (result.Loggers is { } loggers) Fact(html, TuningWords.Loggers(loggers), "loggers kept up with");
        html.Add($"""
            </ul>
            <pre id="settings">{Html.Text(settings)}</pre>
            <p class="note">It is in <code>settings.json</code> beside this page:
            <code>dynamo run --settings settings.json</code> takes it.</p></section>
            """);
    }

    private static void Fact(Html html, string figure, string what) => html.Add($"<li><b>{figure}</b><span>{what}</span></li>");

    private static void Curve(Html html, IReadOnlyList<TuningVerdict> curve)
    {
        if (curve.Count < 2) return;
        string one = curve[0].Cell.Readers == 1 ? "" : " (here: the fewest that were measured)";
        html.Add($"""
            <section id="curve"><h2>Run time against readers</h2>
            <p class="note">The read step, {Shown.Count(curve[0].Cell.FilesPerMessage, "file")} at a time.
            Bars: the mean’s 95 % confidence interval. Labels: against one reader{one}.</p><figure class="wide">
            """);
        html.Raw(CurveFigure.Svg(curve)).Raw("</figure></section>");
    }

    private static void Matrix(Html html, TuningAnalysis read)
    {
        HeatColor fast = HeatColor.Of(1, 1, 2), between = HeatColor.Of(Math.Sqrt(2), 1, 2), slow = HeatColor.Of(2, 1, 2);
        html.Add($"""
            <section id="matrix"><h2>Readers × files at a time</h2>
            <p class="note">Mean seconds of the read step; small: median ± standard deviation, number of measurements.
            <span class="key" style="background:{HeatColor.Best};color:#fff;font-weight:800">best</span>
            <span class="key" style="background:{fast};box-shadow:inset 0 0 0 2px #0b5d2e">≈ as good: the difference may be chance</span>
            <span class="key" style="background:{fast}">fast</span>
            <span class="key" style="background:{between}">between</span>
            <span class="key" style="background:{slow}">slow</span></p>
            """);
        html.Raw(MatrixTable.Of(read, "cells", "readers", "files at a time", cell => cell.Readers, cell => cell.FilesPerMessage));
        html.Raw("""
            <p class="note">Told apart by Welch’s t-test at the 5 % level, corrected for the number of cells (Benjamini and Hochberg).
            The best is the smallest mean among fixed reader counts; auto is shown beside them.</p></section>
            """);
    }

    private static void Whole(Html html, TuningAnalysis whole)
    {
        TuningCell cell = whole.Best.Cell;
        string readers = $"{cell.ReadersText} {(cell.Readers == 1 ? "reader" : "readers")}";
        html.Add($"""
            <section id="whole"><h2>The whole pipeline</h2>
            <p class="note">Listing, reading with {readers} and {Shown.Count(cell.FilesPerMessage, "file")} at a time,
            and rows with their ledger written to a new, temporary database. Mean seconds.</p>
            """);
        html.Raw(MatrixTable.Of(whole, "whole-cells", "writers", "rows a batch", of => of.Writers, of => of.BatchRows));
        html.Raw("</section>");
    }

    private void Timelines(Html html)
    {
        if (result.Timelines.Count == 0) return;
        html.Raw("""
            <section id="timelines"><h2>Who waits for whom</h2>
            <p class="note">Green: a chunk is being read; red: a file many times as large as most;
            grey: the reader has nothing to do. Both to the same scale, and as long as such a run takes: the fastest of three recorded
            runs each, without the time that recording takes.</p>
            """);
        TimeSpan span = result.Timelines.Max(timeline => timeline.Elapsed);
        foreach (Timeline timeline in result.Timelines)
        {
            html.Add($"""
                <figure class="wide timeline">
                <figcaption><b>{Html.Text(timeline.Title)}: {Shown.Count(timeline.FilesPerMessage)}.</b>
                {timeline.Lanes.Count} readers, busy {timeline.Busy * 100:0} % of the time.</figcaption>
                """);
            html.Raw(TimelineFigure.Svg(timeline, span)).Raw("</figure>");
        }
        html.Raw("</section>");
    }

    private void Conditions(Html html)
    {
        FileFacts files = result.Files;
        MachineFacts machine = result.Machine;
        html.Raw("""<section id="conditions"><h2>What was measured, and where</h2><dl>""");
        Term(html, "machine", $"{machine.Processors} processors, {Shown.Size(machine.MemoryBytes)} of memory");
        Term(html, "system", machine.System);
        Term(html, "runtime", $"{machine.Runtime}; {machine.Collector}; Dynamo.Pipeline {machine.Version}");
        string share = files.Files < files.Ready ? $" of {Shown.Count(files.Ready)}, evenly chosen" : "";
        string sizes = $"half up to {Shown.Size(files.MedianBytes)}, 99 of 100 up to {Shown.Size(files.P99Bytes)}, "
            + $"the largest {Shown.Size(files.LargestBytes)}";
        Term(html, "files", $"{Shown.Count(files.Files)}{share}; {Shown.Size(files.Bytes)}; {sizes}");
        if (result.BadFiles > 0)
            Term(html, "bad files", $"{Shown.Count(result.BadFiles)} cannot be imported; they are read as far as their verdict needs");
        if (files.Deferred > 0) Term(html, "left out", $"{Shown.Count(files.Deferred)} files that are still changing");
        if (result.Samples.Count > 0)
        {
            string Minute(DateTime time) => time.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
            DateTime first = result.Samples.Min(sample => sample.StartedUtc), last = result.Samples.Max(sample => sample.StartedUtc);
            Term(html, "when", $"{Minute(first)} to {Minute(last)} UTC");
        }
        html.Raw("</dl>").Raw(SizeFigure.Svg(files)).Raw("""
            <p class="note">All files were read before the first measurement, so that those of a folder were in memory; they were listed
            before the clock started; nothing was changed at the source. Every measurement is in <code>measurements.csv</code>
            beside this page.</p></section>
            """);
    }

    private static void Term(Html html, string term, string text) => html.Add($"<dt>{term}</dt><dd>{Html.Text(text)}</dd>");
}
