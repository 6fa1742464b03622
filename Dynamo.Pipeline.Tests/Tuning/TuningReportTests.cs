using Dynamo.Pipeline.Host;
using Microsoft.Playwright;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Tests;

/// <summary>The report of a real, small sweep in a real browser.</summary>
[TestFixture, CancelAfter(120_000)]
internal sealed partial class TuningReportTests
{
    /// <summary>Says in the document what only a browser knows: what it drew, where, in which colours.</summary>
    private const string Witness = """
        <pre id="witness"></pre><script>
        const style = e => getComputedStyle(e), box = e => e.getBoundingClientRect();
        document.getElementById('witness').textContent = JSON.stringify({
          cells: [...document.querySelectorAll('#cells td[data-mean]')].map(e => ({ row: e.parentElement.querySelector('th').textContent,
              mean: +e.dataset.mean, kind: e.className,
            text: e.textContent, weight: +style(e).fontWeight, color: style(e).color, background: style(e).backgroundColor,
                width: box(e).width })),
          pictures: [...document.querySelectorAll('svg')].map(e => ({ label: e.getAttribute('aria-label'), width: box(e).width,
              height: box(e).height, marks: e.querySelectorAll('rect,circle,path').length })),
          page: style(document.body).backgroundColor, ink: style(document.body).color,
          overflow: document.documentElement.scrollWidth - innerWidth,
              loaded: performance.getEntriesByType('resource').map(e => e.name).filter(name => !name.startsWith('data:')),
          settings: document.getElementById('settings').textContent });
        </script>
        """;

    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new ScratchFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test, Soak]
    public async Task It_renders_by_day_and_by_night_without_an_error_and_its_best_cell_is_the_minimum_of_the_data(CancellationToken token)
    {
        TuningResult result = await SweepAsync(token);

        JsonElement day = await OpenAsync(result, dark: false, token), night = await OpenAsync(result, dark: true, token);

        JsonElement[] cells = [.. day.GetProperty("cells").EnumerateArray()];
        JsonElement best = cells.Single(cell => cell.GetProperty("kind").GetString() == "best");
        double minimum = result.Samples.Where(
            sample => sample.Cell is { Stage: TuningStage.Read, Readers: not null }).GroupBy(sample => sample.Cell).Min(
                cell => cell.Average(sample => sample.Seconds));
        Assert.That(cells, Has.Length.EqualTo(3 * 2));
        Assert.That(best.GetProperty("mean").GetDouble(), Is.EqualTo(minimum).Within(1e-12)
            .And.EqualTo(
                cells.Where(cell => cell.GetProperty("row").GetString() != "auto").Min(cell => cell.GetProperty("mean").GetDouble())));
        Assert.That(
            (best.GetProperty("weight").GetInt32() >= 700, best.GetProperty("color").GetString()), Is.EqualTo((true, "rgb(255, 255, 255)")),
            "bold white");
        Assert.That(
            cells.Where(cell => cell.GetProperty("kind").GetString() == "like"),
            Has.All.Matches<JsonElement>(cell => cell.GetProperty("text").GetString()!.StartsWith('≈')));
        Assert.That(
            day.GetProperty("pictures").EnumerateArray().Select(picture => picture.GetProperty("label").GetString()),
            Has.Some.StartsWith("Run time").And.Some.StartsWith("2 readers").And.Some.StartsWith("Files by size"));
        foreach (JsonElement page in (JsonElement[])[day, night])
        {
            Assert.That(page.GetProperty("pictures").EnumerateArray(), Has.All.Matches<JsonElement>(picture =>
                picture.GetProperty("width").GetDouble() > 400 && picture.GetProperty("height").GetDouble() > 60
                    && picture.GetProperty("marks").GetInt32() > 1));
            Assert.That(
                page.GetProperty("cells").EnumerateArray(),
                Has.All.Matches<JsonElement>(
                    cell => Contrast(cell, "color", "background") >= 4.5 && cell.GetProperty("width").GetDouble() > 40));
            Assert.That(Contrast(page, "ink", "page"), Is.GreaterThanOrEqualTo(7));
            Assert.That(page.GetProperty("overflow").GetDouble(), Is.LessThanOrEqualTo(0), "nothing sticks out at the side");
            Assert.That(page.GetProperty("loaded").GetArrayLength(), Is.Zero, "it needs nothing from elsewhere");
        }
        Assert.That(night.GetProperty("page").GetString(), Is.Not.EqualTo(day.GetProperty("page").GetString()));
    }

    [Test]
    public async Task On_a_phone_the_whole_matrix_is_seen(CancellationToken token)
    {
        var grid = new TuningGrid();
        IEnumerable<TuningSample> samples = grid.Order(1).SelectMany((run, i) => Enumerable.Range(1, 3).Select(set => new TuningSample(
            run.Cell, set, run.Run, 27_000, 27_000, 27_000, 9_900_000, 0.1 + ((i % 90) / 1000.0) + (set / 10_000.0), DateTime.UnixEpoch)));
        var result = new TuningResult(
            FileFacts.Of([], 27_000, 0) with { Files = 27_000 }, MachineFacts.Current, [.. samples], 0, [], WasCancelled: false);
        string file = _folder["report.html"];
        await File.WriteAllTextAsync(file, new TuningReport(result, "inbox", "{ }").ToString(), token);
        using IPlaywright playwright = await Playwright.CreateAsync();
        await using IBrowser browser = await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions { ExecutablePath = Chromium.Program(), Args = ["--no-sandbox"] });
        IPage page = await browser.NewPageAsync(
            new BrowserNewPageOptions { ViewportSize = new ViewportSize { Width = 360, Height = 800 } });

        await page.GotoAsync(new Uri(file).AbsoluteUri);

        double[] ends = await page.EvaluateAsync<double[]>(
            "() => [...document.querySelectorAll('#cells td, #cells th')].map(cell => cell.getBoundingClientRect().right)");
        double[] spill = await page.EvaluateAsync<double[]>(
            "() => [...document.querySelectorAll('#cells td, #cells th')].map(cell => cell.scrollWidth - cell.clientWidth)");
        Assert.That(ends, Has.Length.EqualTo(2 + 9 + (13 * 9)).And.All.LessThanOrEqualTo(360));
        Assert.That(spill, Has.All.LessThanOrEqualTo(0), "nothing is cut off in a cell");
    }

    [Test]
    public async Task The_browser_would_have_noticed_an_error(CancellationToken token)
    {
        File.WriteAllText(_folder["broken.html"], "<!DOCTYPE html><title>broken</title><script>nothing.at.all</script>");

        BrowserPage page = await Chromium.OpenAsync(_folder["broken.html"], dark: false, token);

        Assert.That(page.Console, Has.Some.Contains("nothing is not defined"));
    }

    [Test]
    public void A_strangers_name_is_text_and_no_markup()
    {
        var result = new TuningResult(FileFacts.Of([], 0, 0), MachineFacts.Current, [], 0, [], WasCancelled: false);

        string html = new TuningReport(result, "<script>alert(1)</script>", "{}").ToString();

        Assert.That(html, Does.Contain("&lt;script&gt;alert(1)&lt;/script&gt;").And.Not.Contain("<script>"));
    }

    private async Task<TuningResult> SweepAsync(CancellationToken token)
    {
        await using var source = new MemorySource(
            Enumerable.Range(0, 60).ToDictionary(i => $"{i:D4}.csv", i => string.Concat(Enumerable.Repeat("1\n", i == 5 ? 20_000 : 1))));
        using var measurements = Measurements.Open(_folder["m.csv"]);
        var grid = new TuningGrid { Readers = [1, 2, null], Chunks = [1, 10], CurveReaders = [], Repeat = 3, Pause = TimeSpan.Zero };
        return await new TuningSweep<int>(
            source, new NumberFormat(), grid, new PipelineOptions(),
            () => new MemorySink<int>()).RunAsync(measurements, cancellationToken: token).WaitAsync(token);
    }

    private async Task<JsonElement> OpenAsync(TuningResult result, bool dark, CancellationToken token)
    {
        string file = _folder["report.html"];
        File.WriteAllText(
            file,
            new TuningReport(result, "sensor files & more", "{ \"readers\": 2 }").ToString().Replace(
                "</body>", Witness + "</body>", StringComparison.Ordinal));
        BrowserPage page = await Chromium.OpenAsync(file, dark, token);
        Assert.That(page.Console, Is.Empty);
        using JsonDocument json = JsonDocument.Parse(WebUtility.HtmlDecode(WitnessText().Match(page.Dom).Groups["json"].Value));
        return json.RootElement.Clone();
    }

    /// <summary>The contrast of two colours as WCAG 2 defines it, from 1 to 21.</summary>
    private static double Contrast(JsonElement of, string one, string other)
    {
        double a = Luminance(of.GetProperty(one).GetString()!), b = Luminance(of.GetProperty(other).GetString()!);
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    private static double Luminance(string rgb)
    {
        double[] parts = [
            .. Number().Matches(rgb).Take(3).Select(
                match => double.Parse(match.Value, System.Globalization.CultureInfo.InvariantCulture) / 255).Select(
                    c => c <= 0.04045 ? c / 12.92 : Math.Pow((c + 0.055) / 1.055, 2.4))];
        return (0.2126 * parts[0]) + (0.7152 * parts[1]) + (0.0722 * parts[2]);
    }

    [GeneratedRegex("<pre id=\"witness\">(?<json>.*?)</pre>", RegexOptions.Singleline)]
    private static partial Regex WitnessText();

    [GeneratedRegex(@"\d+(\.\d+)?")]
    private static partial Regex Number();
}
