using Dynamo.Pipeline.Analysis;
using Dynamo.Pipeline.Tests.Analysis;
using System.Net;
using Dynamo.Pipeline.Host;
using Microsoft.Extensions.Time.Testing;
using Microsoft.Playwright;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The page in a browser: nothing of a stranger's is more than text, nothing is asked of anybody else, and it can be read.
/// </summary>
[TestFixture, CancelAfter(120_000)]
internal sealed class PageTests
{
    private static readonly DateTime s_now = DateTime.UtcNow;

    // W3C, WCAG 2.2: relative luminance, and the contrast of text, 4.5 to 1, or 3 to 1 for large text.
    private const string Contrasts = """
        () => {
          const parse = text => (text.match(/[\d.]+/g) || []).map(Number);
          const light = rgb => { const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const behind = el => { for (let at = el; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor);
            if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
          const bad = [];
          for (const el of document.querySelectorAll("body *")) {
            const own = [...el.childNodes].some(node => node.nodeType === 3 && node.data.trim() !== "");
            if (!own || ["script", "title"].includes(el.tagName.toLowerCase()) || el.getClientRects().length === 0) continue;
            const style = getComputedStyle(el), a = light(parse(style.color).slice(0, 3)), b = light(behind(el));
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(style.fontSize);
            const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
            if (ratio < (large ? 3 : 4.5)) bad.push(`${el.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`);
          }
          return bad;
        }
        """;

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        string program = Chromium.Program();
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions { ExecutablePath = program, Args = ["--no-sandbox"] });
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
    }

    [Test]
    public async Task With_nothing_yet_it_is_calm([Values] bool dark)
    {
        Seen seen = await SeeAsync(_ => { }, 1280, dark);

        Assert.That(seen.Text,
            Does.Contain("All is well.").And.Match(@"No file came since the start, .+ ago\.")
            .And.Contain("folder inbox → SQLite readings.db"));
    }

    [TestCase(360, true)]
    [TestCase(1920, false)]
    public async Task Areas_show_what_goes_on_the_inflow_and_the_map_and_their_names_are_text(int width, bool dark)
    {
        const string Hostile = "<img src=x onerror=alert(1)>";
        using var folder = new ScratchFolder();
        await BurstStoreContract.ImportAsync(
            new SqliteSink<Reading>(folder["r.db"], ReadingTable.Default), BurstWatchTests.Readings, CancellationToken.None);
        WatchedArea calm = new(Hostile, [new InflowPart("none", "flow")]);
        await using AreaAnalysis? areas = AreaAnalysis.For(
            new HostSettings
            {
                Database = folder["r.db"],
                Areas = [new AreaChoice(BurstWatchTests.Area, null, null), new AreaChoice(calm, null, null)],
            }, _ => { }, TextWriter.Null);
        await areas!.BeginAsync(default);
        string json = "";

        Seen seen = await SeeAsync((board, _) =>
        {
            board.Areas = areas;
            json = board.Json();
        }, width, dark, "areas", ready: "() => document.querySelector('#area-one svg.map circle')");

        Assert.Multiple(() =>
        {
            Assert.That(seen.Heading, Does.StartWith("A burst in North since 01-31 "));
            Assert.That(seen.Text, Does.Contain("2 looked after, 1 still learning").And.Contain("1 open.")
                .And.Contain("North: burst confirmed").And.Contain("Look first at P").And.Contain(Hostile));
            Assert.That(seen.Elements.Images, Is.Zero);
            Assert.That(json, Does.Contain("\"areas\":{\"count\":2,\"learning\":1,\"open\":1,"));
            Assert.That(json, Has.Length.LessThan(20_000));
        });
    }

    [TestCase(360, false)]
    [TestCase(1920, false)]
    [TestCase(1920, true)]
    public async Task While_files_come_it_shows_what_flows_and_what_is_bad(int width, bool dark)
    {
        Seen seen = await SeeAsync(Busy, width, dark, "busy", began: TimeSpan.FromDays(3));

        Assert.That(seen.Text,
            Does.Contain("2 files are in quarantine, 3 loggers are late.").And.Contain("read_file ×4").And.Contain("87 % busy")
            .And.Contain("12 waiting").And.Contain("the value is no number").And.Contain("could take"));
    }

    [TestCase(360)]
    [TestCase(1920)]
    public async Task An_outage_is_the_first_thing_to_see(int width)
    {
        Seen seen = await SeeAsync(
            (board, source) =>
            {
                Busy(board, source);
                source.Report(new OutageBegan(
                    DateTime.UtcNow.AddMinutes(-12), "sqlite:/data/readings.db",
                        "The database /data/readings.db is locked by another program."));
            },
            width, dark: false, "outage");

        Assert.That(seen.Heading, Does.Match(@"^The database \(SQLite readings.db\) takes nothing since \d\d:\d\dZ \(12 min\)\.$"));
        Assert.That(seen.Text, Does.Contain("nothing is lost meanwhile").And.Not.Contain("/data/readings.db"));
    }

    [TestCase(360)]
    [TestCase(1920)]
    public async Task Of_a_dispatcher_it_shows_the_workers(int width)
    {
        var queue = new QueueOptions { Urls = [new Uri("amqp://u:secret@mq.example.org/")] };
        await using var workers = new QueueWorkers(queue, "folder:/inbox", TimeSpan.FromMinutes(1), _ => { });
        workers.Book.Heard(new WorkerReport(ReportKind.Alive, new WorkerId("north <b>", 7, 1, "1"))
        {
            Files = 1_234, Rows = 5_678, Held = ["a", "b"],
        });
        workers.Book.Heard(new WorkerReport(ReportKind.Alive, new WorkerId("south", 8, 2, "1"))
        {
            Reason = "/data/db does not answer", Redelivered = 3,
        });
        Seen seen = await SeeAsync(
            (board, source) =>
            {
                Busy(board, source);
                source.Workers = workers;
                source.Report(new OutageBegan(DateTime.UtcNow.AddMinutes(-2), "queue:dynamo at mq.example.org:5672", "no broker answers"));
            },
            width, dark: false, "workers");

        Assert.That(seen.Heading, Does.Match("^The broker is away since"));
        Assert.That(seen.Text,
            Does.Contain("2 at work, 0 chunks of files under way, 3 came again.").And.Contain("north <b>, 7").And.Contain("1,234")
            .And.Contain("waits: …/db does not answer").And.Not.Contain("secret"));
    }

    [Test]
    public async Task Of_ten_thousand_loggers_the_fifty_late_ones_are_shown_and_any_can_be_found()
    {
        Seen seen = await SeeAsync(
            (board, _) =>
            {
                for (int i = 0; i < 10_000; i++)
                {
                    DateTime last = s_now.AddMinutes(i % 200 == 0 ? -300 - (i / 200) : -5);
                    board.Loggers.Known($"L{i:D5}", Enumerable.Range(0, 8).Select(back => last.AddMinutes(-15 * back)));
                }
            },
            1280, dark: false, "loggers", search: "l0777");

        Assert.That(seen.Text,
            Does.Contain("50 loggers are late.").And.Contain("10,000 known, 50 late").And.Contain("L07777").And.Contain("in time"));
        Assert.That(seen.Text, Does.Contain("L09800"), "the latest of them");
    }

    [TestCase(360)]
    [TestCase(1920)]
    public async Task In_an_outage_those_that_were_late_before_are_shown_and_nobody_is_late_by_it(int width)
    {
        DateTime away = s_now.AddHours(-2);
        Seen seen = await SeeAsync(
            (board, source) =>
            {
                Busy(board, source);
                source.Report(new OutageBegan(away, source.Settings.SourceName, "The folder inbox is not there."));
                // All have sent nothing since it is away, and fifty did not before that either.
                for (int i = 0; i < 10_000; i++)
                {
                    DateTime last = away.AddMinutes(i % 200 == 0 ? -300 - (i / 200) : -5);
                    board.Loggers.Known($"M{i:D5}", Enumerable.Range(0, 8).Select(back => last.AddMinutes(-15 * back)));
                }
            },
            width, dark: false, "outage-late", seenUtc: away);

        Assert.That(seen.Heading, Does.Match(@"^The folder inbox is away since \d\d:\d\dZ \(2 h\)\.$"));
        Assert.That(seen.Text, Does.Contain("10,500 known, 53 late").And.Contain("Whether 9,950 more are late is not known")
            .And.Contain("M09800"));
    }

    [Test]
    public async Task Names_that_try_to_be_more_than_text_are_text()
    {
        string[] hostile = ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "\u202egnp.exe", "javascript:alert(1)",
            "{{7*7}}", "'\"><b>x</b>"];
        Seen seen = await SeeAsync(
            (board, source) =>
            {
                foreach (string name in hostile)
                {
                    board.Loggers.Known(name, Enumerable.Range(0, 8).Select(back => s_now.AddDays(-1 - back)));
                    var file = new SourceFile(name + ".csv", 1, s_now);
                    source.Committed(new CommittedBatch<Reading>([], [new FileResult(file, FileOutcome.Quarantined)
                    {
                        Defect = new Defect(name) { Found = name, Remedy = name }, Rejects = [new Defect(name) { Column = name }],
                    }]));
                }
            },
            1280, dark: false, search: "<img");

        Assert.That(seen.Text, Does.Contain(hostile[0]).And.Contain(hostile[1]).And.Contain("{{7*7}}"));
        Assert.That(seen.Elements, Is.EqualTo((0, 1)), "images, and scripts beside its own");
    }

    private static void Busy(StatusBoard board, SourceBoard source)
    {
        var random = new Random(1);
        for (int minute = 0; minute < 24 * 60; minute++)
        {
            int files = minute % 15 is 0 or 1 ? 400 + random.Next(200) : random.Next(8);
            DateTime at = s_now.AddMinutes(minute - (24 * 60));
            source.Committed(Batch(files, at), at);
        }
        StepProgress Step(string name, int workers, double busy, double blocked, int? waiting) => new(name)
        {
            Workers = workers, Waiting = waiting, Working = 1, IsMeasured = true, Busy = TimeSpan.FromSeconds(60 * busy * workers),
            Blocked = TimeSpan.FromSeconds(60 * blocked * workers), Idle = TimeSpan.FromSeconds(60 * (1 - busy - blocked) * workers),
        };
        source.Report(new PipelineProgress(new RunBooks(), TimeSpan.Zero, false) { Steps = [new StepProgress("write")] });
        source.Report(new PipelineProgress(
            new RunBooks { Listed = 104_012, Loaded = 103_998, Quarantined = 2, RowsRead = 830_000, RowsInserted = 829_000 },
                TimeSpan.FromMinutes(1), false)
        {
            Backlog = 240,
            Steps =
            [
                Step("list", 1, 0.02, 0.7, null), Step("chunk", 1, 0.05, 0, null), Step("read_file", 4, 0.31, 0.4, 12),
                Step("batch", 1, 0, 0.8, 300), Step("write", 1, 0.87, 0, 1), Step("complete", 1, 0.2, 0, 0),
                new StepProgress("after commit 1: Totals") { IsOwnBlock = true },
            ],
        });
        for (int wave = 0; wave < 8; wave++)
        {
            source.Report(new WaveCommitted(
                s_now.AddMinutes(-15 * (8 - wave)), new RunBooks { Listed = 512, Loaded = 512, RowsRead = 4_096 },
                    TimeSpan.FromSeconds(0.4),
                TimeSpan.FromSeconds(2.1), 0));
        }
        foreach (string name in (string[])["station-7/L00042_20260101.csv", "L00811.csv"])
        {
            source.Committed(new CommittedBatch<Reading>([], [new FileResult(new SourceFile(name, 1, s_now), FileOutcome.Quarantined)
            {
                Defect = new Defect("101 of 1,400 rows are bad, the first: the value is no number")
                {
                    Line = 12, Column = "value", Found = "n/a", Expected = "a number such as 1.5",
                        Remedy = "Name the word in format:nulls",
                },
                Rejects = [new Defect("the value is no number") { Line = 12, Column = "value" }],
            }]));
        }
        for (int i = 0; i < 500; i++)
        {
            DateTime last = s_now.AddMinutes(i is 17 or 203 or 411 ? -200 - i : -5);
            board.Loggers.Known($"L{i:D5}", Enumerable.Range(0, 8).Select(back => last.AddMinutes(-15 * back)));
        }
    }

    [Test]
    public async Task After_a_proxy_that_answers_in_its_place_the_page_goes_on_by_itself()
    {
        var options = new ObserveOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) };
        var board = new StatusBoard("watch", options, TimeSpan.FromMinutes(5), TimeProvider.System);
        board.Add(new HostSettings { Source = "inbox" }).Started();
        using Exporters exporters = Exporters.Begin(isServed: true)!;
        await using StatusServer server = StatusServer.Start(board, options, exporters.Metrics!, TextWriter.Null);
        await using IBrowserContext context = await _browser!.NewContextAsync();
        IPage page = await context.NewPageAsync();
        await page.Clock.InstallAsync();
        foreach (string path in (string[])["**/api/events", "**/api/status"])
            await page.RouteAsync(
                path, route => route.FulfillAsync(new RouteFulfillOptions { Status = 502 }), new PageRouteOptions { Times = 1 });
        await page.GotoAsync(server.Address);
        await page.WaitForFunctionAsync("() => document.getElementById('headline').textContent.includes('does not answer')");

        await page.Clock.FastForwardAsync(11_000);

        await page.WaitForFunctionAsync("() => document.getElementById('headline').textContent === 'All is well.'",
            options: new PageWaitForFunctionOptions { Timeout = 10_000 });
    }

    [Test]
    public async Task A_page_that_gets_no_events_asks_for_what_is_new()
    {
        var options = new ObserveOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) };
        var board = new StatusBoard("watch", options, TimeSpan.FromMinutes(5), TimeProvider.System);
        SourceBoard source = board.Add(new HostSettings { Source = "inbox" });
        source.Started();
        using Exporters exporters = Exporters.Begin(isServed: true)!;
        await using StatusServer server = StatusServer.Start(board, options, exporters.Metrics!, TextWriter.Null);
        await using IBrowserContext context = await _browser!.NewContextAsync();
        IPage page = await context.NewPageAsync();
        await page.Clock.InstallAsync();
        await page.RouteAsync("**/api/events", route => route.FulfillAsync(new RouteFulfillOptions { Status = 503 }));
        await page.GotoAsync(server.Address);
        await page.WaitForFunctionAsync("() => document.getElementById('headline').textContent === 'All is well.'");

        source.Report(new OutageBegan(DateTime.UtcNow, source.Settings.SourceName, "gone"));
        await page.Clock.FastForwardAsync(11_000);

        await page.WaitForFunctionAsync("() => document.getElementById('headline').textContent.includes('is away')",
            options: new PageWaitForFunctionOptions { Timeout = 10_000 });
    }

    private static CommittedBatch<Reading> Batch(int files, DateTime at) => new([], [.. Enumerable.Range(0, files).Select(i =>
        new FileResult(new SourceFile($"{i}.csv", 1, at.AddSeconds(-1.5 - (i % 3))), FileOutcome.Loaded) { Inserted = 8 })]);

    /// <summary>Opens the page of a board, and checks what must hold whatever it shows.</summary>
    private Task<Seen> SeeAsync(Action<StatusBoard> fill, int width, bool dark) =>
        SeeAsync((board, _) => fill(board), width, dark);

    private async Task<Seen> SeeAsync(
        Action<StatusBoard, SourceBoard> fill, int width, bool dark, string? picture = null, string? search = null,
        TimeSpan began = default, DateTime? seenUtc = null, string? ready = null)
    {
        var options = new ObserveOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) };
        var time = new FakeTimeProvider(s_now - began);
        var board = new StatusBoard("watch", options, TimeSpan.FromMinutes(5), time);
        time.SetUtcNow(DateTime.UtcNow);
        SourceBoard source = board.Add(new HostSettings { Source = "inbox", Database = "/data/readings.db" });
        source.Started();
        source.Report(new PipelineProgress(new RunBooks(), TimeSpan.Zero, false) { SeenUtc = seenUtc ?? s_now });
        fill(board, source);
        using Exporters exporters = Exporters.Begin(isServed: true)!;
        await using StatusServer server = StatusServer.Start(board, options, exporters.Metrics!, TextWriter.Null);
        await using IBrowserContext context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = 900 }, ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
        });
        IPage page = await context.NewPageAsync();
        List<string> said = [], elsewhere = [];
        page.Console += (_, message) => said.Add(message.Text);
        page.PageError += (_, error) => said.Add(error);
        page.Dialog += async (_, dialog) =>
        {
            said.Add("a dialog: " + dialog.Message);
            await dialog.DismissAsync();
        };
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(server.Address, StringComparison.Ordinal)
                && !request.Url.StartsWith("data:", StringComparison.Ordinal))
                elsewhere.Add(request.Url);
        };
        await page.GotoAsync(server.Address);
        await page.WaitForFunctionAsync("() => document.getElementById('about').textContent !== ''");
        if (ready is not null) await page.WaitForFunctionAsync(ready);
        if (search is not null)
        {
            await page.FillAsync("#search", search);
            await page.WaitForFunctionAsync("() => document.getElementById('found').textContent !== ''");
        }
        if (picture is not null && Environment.GetEnvironmentVariable("DYNAMO_TEST_PICTURES") is { } folder)
            await page.ScreenshotAsync(
                new PageScreenshotOptions { Path = Path.Join(folder, $"{picture}-{width}-{(dark ? "dark" : "light")}.png"),
                    FullPage = true });
        string[] faint = await page.EvaluateAsync<string[]>(Contrasts);
        int wide = await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth");
        int images = await page.EvaluateAsync<int>("() => document.images.length"),
            scripts = await page.EvaluateAsync<int>("() => document.scripts.length");
        Assert.Multiple(() =>
        {
            Assert.That(said, Is.Empty, "the console");
            Assert.That(elsewhere, Is.Empty, "requests to elsewhere");
            Assert.That(faint, Is.Empty, "contrast");
            Assert.That(wide, Is.LessThanOrEqualTo(width), "it fits the screen");
        });
        return new Seen(await page.InnerTextAsync("body"), await page.InnerTextAsync("#headline"), (images, scripts));
    }

    private sealed record Seen(string Text, string Heading, (int Images, int Scripts) Elements);
}
