using System.Diagnostics;
using System.Globalization;
using Dynamo.Pipeline.Analysis;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests.Analysis;

/// <summary>
/// The detector, its options as they are, against the year 2019 of L-TOWN and the leaks that were in it: the data of BattLeDIM
/// (https://doi.org/10.5281/zenodo.4017659), which is not part of this repository. DYNAMO_TEST_LTOWN names a folder with
/// 2019_SCADA_Flows.csv and 2019_SCADA_Levels.csv as they are published (or the same under other names that end in flows.csv and
/// levels.csv), leaks-2019.csv (pipe, start, end, diameter_m, type, peak), and for the areas of interest nodes.csv (node, x, y),
/// pipes.csv (pipe, from, to, length) and days pressure-PIPE-leak.csv and -reference.csv (minute, and a column for each node).
/// </summary>
[TestFixture, Soak(ByHand = true)]
internal sealed class LTownTests
{
    private static readonly DateTime s_start = new(2019, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private string _folder = "";

    [OneTimeSetUp]
    public void Find()
    {
        _folder = Environment.GetEnvironmentVariable("DYNAMO_TEST_LTOWN") ?? "";
        if (_folder.Length == 0) Assert.Ignore("DYNAMO_TEST_LTOWN names no folder");
    }

    [Test]
    public void The_leaks_of_areas_A_and_B_are_found()
    {
        BurstScore score = Score(Inflow(15), 15, inC: false);
        Print("A and B", score);
        Assert.Multiple(() =>
        {
            Assert.That(score.Leaks.Count(leak => leak is { Label.IsAbrupt: true, IsInTime: true }), Is.EqualTo(8));
            Assert.That(score.MedianDelay, Is.LessThanOrEqualTo(TimeSpan.FromHours(2)));
            Assert.That(score.Leaks.Count(leak => leak is { Label.IsAbrupt: false, IsInTime: true }), Is.GreaterThanOrEqualTo(7));
            Assert.That(score.FalseAlarms, Has.Count.LessThanOrEqualTo(4));
        });
    }

    /// <summary>105,120 files: of each of the three meters one every 15 minutes, as they would land.</summary>
    [Test, CancelAfter(900_000)]
    public async Task The_year_through_the_whole_program_gives_the_same([Values("run", "watch")] string command, CancellationToken token)
    {
        using var folder = new DynamoFolder();
        File.WriteAllText(folder["d.json"], """
            { "source": "inbox", "sink": "sqlite:r.db", "after": "delete", "settle": "0", "areas": [ { "name": "A and B", "inflow":
              [ { "logger": "p227" }, { "logger": "p235" }, { "logger": "PUMP_1", "factor": -1 } ] } ] }
            """);
        using Process? watch = command == "run" ? null : DynamoProcess.Start(["watch", "--config", "d.json"], folder.Path);
        Directory.CreateDirectory(folder["beside"]);
        string[] meters = ["p227", "p235", "PUMP_1"];
        double[][] flows = [.. meters.Select((_, i) => Column("flows.csv", i + 1))];
        for (int from = 0; from + 3 <= flows[0].Length; from += 3)
        {
            for (int meter = 0; meter < meters.Length; meter++)
            {
                IEnumerable<string> rows = Enumerable.Range(from, 3).Select(i => string.Create(CultureInfo.InvariantCulture,
                    $"{meters[meter]},flow,{s_start.AddMinutes(5 * i):yyyy-MM-ddTHH:mm:ssZ},{flows[meter][i]:R}\n"));
                string name = $"{meters[meter]}_{s_start.AddMinutes(5 * from):yyyyMMdd'T'HHmm}.csv";
                string path = Path.Join(folder["beside"], name);
                await File.WriteAllTextAsync(path, "logger,channel,timestamp,value\n" + string.Concat(rows), token);
                File.Move(path, Path.Join(folder["inbox"], name));
            }
        }
        long began = Stopwatch.GetTimestamp();
        if (watch is null)
        {
            DynamoResult run = await folder.RunAsync(token, "run", "--config", "d.json");
            Assert.That(run.ExitCode, Is.Zero, run.StandardError);
            TestContext.Out.WriteLine(run.StandardOutput);
        }
        else
        {
            while (Directory.EnumerateFiles(folder["inbox"], "*.csv").Any()) await Task.Delay(100, token);
            DynamoProcess.Terminate(watch);
            await watch.WaitForExitAsync(token);
            await folder.RunAsync(token, "run", "--config", "d.json");
        }
        TestContext.Out.WriteLine($"{command}: {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s after the last file had landed");
        var events = await new SqliteBurstStore(folder["r.db"]).EventsAsync(null, DateTime.MinValue, token);
        BurstScore score = BurstScore.Of(events.Select(one => one.Event), Labels(inC: false));
        Print($"A and B by dynamo {command}", score);
        BurstScore classes = Score(Inflow(15), 15, inC: false);
        Assert.Multiple(() =>
        {
            Assert.That(score.Leaks.Select(leak => leak.Found?.Detected), Is.EqualTo(classes.Leaks.Select(leak => leak.Found?.Detected)));
            Assert.That(
                score.FalseAlarms.Select(one => one.Detected), Is.EqualTo(classes.FalseAlarms.Select(one => one.Detected)));
        });
    }

    [Test]
    public void The_leaks_of_area_C_are_reported_apart()
    {
        double[] pump = Column("flows.csv", 3), level = Column("levels.csv", 1);
        // The tank is a cylinder of 16 m; what it gains is not used.
        double area = Math.PI * 64;
        double[] inflow = [.. Enumerable.Range(0, pump.Length - 1).Select(i => pump[i] - area * (level[i + 1] - level[i]) * 12)];
        Print("C", Score(Means(inflow, 12), 60, inC: true));
    }

    [TestCase("10 minutes", 10), TestCase("30 minutes", 30), TestCase("60 minutes", 60)]
    [TestCase("litres a second", 15), TestCase("two percent noise", 15), TestCase("days missing", 15), TestCase("no leaks", 15)]
    public void It_does_not_hang_on_how_the_data_is(string what, int minutes)
    {
        double[] inflow = Inflow(minutes);
        var random = new Random(1);
        if (what == "litres a second") inflow = [.. inflow.Select(x => x / 3.6)];
        if (what == "two percent noise") inflow = [.. inflow.Select(x => x * (1 + 0.02 * CusumTests.Normal(random)))];
        if (what == "days missing")
            for (int i = 0; i < 40; i++) Array.Fill(inflow, double.NaN, random.Next(inflow.Length - 200), random.Next(1, 200));
        if (what == "no leaks")
        {
            BurstLabel[] labels = [.. Labels(inC: false)];
            for (int i = 0; i < inflow.Length; i++)
            {
                DateTime at = s_start.AddMinutes(minutes * i);
                inflow[i] -= labels.Sum(label => at < label.Start || at >= label.End ? 0
                    : label.Size * Math.Pow(at >= label.Peak ? 1 : (at - label.Start) / (label.Peak - label.Start), 2));
            }
        }
        Print(what, Score(inflow, minutes, inC: false));
    }

    [Test]
    public void Areas_of_interest_hold_the_leaks_pipe()
    {
        string[][] nodes = Lines("nodes.csv"), pipes = Lines("pipes.csv");
        var graph = new PipeGraph(
            nodes.Select(n => new Place(n[0], Number(n[1]), Number(n[2]))), pipes.Select(p => new Pipe(p[0], p[1], p[2], Number(p[3]))));
        int inside = 0, days = 0;
        foreach (string path in Directory.GetFiles(_folder, "pressure-*-leak.csv").Order())
        {
            string pipe = Path.GetFileName(path).Split('-')[1];
            AreaOfInterest area = AreaOfInterest.Locate(graph, Drops(graph, path))!;
            bool isIn = area.Places.Any(place => place.Place.Name == pipe);
            days++;
            inside += isIn ? 1 : 0;
            string where = isIn ? "inside" : "outside";
            TestContext.Out.WriteLine($"{pipe}: {where}, {area.Share:P1} of the pipes with {area.Probability:P0}");
            Assert.That(area.Share, Is.LessThanOrEqualTo(0.1));
        }
        Assert.That(inside, Is.GreaterThanOrEqualTo(days * 4 / 5));
    }

    private static List<LoggerDrop> Drops(PipeGraph graph, string path)
    {
        string[][] leak = [.. File.ReadLines(path).Select(line => line.Split(','))];
        string[][] without = [.. File.ReadLines(path.Replace("-leak", "-reference")).Select(line => line.Split(','))];
        int[] loggers = [.. Enumerable.Range(1, leak[0].Length - 1).Where(i => leak[0][i].StartsWith('n'))];
        double[] common = [.. without.Skip(1).Select(row => loggers.Average(i => Number(row[i])))];
        double mean = common.Average();
        List<LoggerDrop> drops = [];
        foreach (int i in loggers)
        {
            double[] before = [.. without.Skip(1).Select(row => Number(row[i]))];
            double own = before.Average();
            // How much it falls when all of them fall by one, which is what demand does.
            double sensitivity = before.Zip(common, (p, c) => (p - own) * (c - mean)).Sum() / common.Sum(c => (c - mean) * (c - mean));
            drops.Add(new LoggerDrop(graph.Nodes.Single(node => node.Name == leak[0][i]),
                own - leak.Skip(1).Average(row => Number(row[i])), sensitivity, leak[0][i]));
        }
        return drops;
    }

    private BurstScore Score(double[] inflow, int minutes, bool inC)
    {
        var detector = new BurstDetector(new BurstDetectorOptions { Step = TimeSpan.FromMinutes(minutes) });
        Dictionary<DateTime, BurstEvent> told = [];
        for (int i = 0; i < inflow.Length; i++)
            foreach (BurstEvent one in detector.Add(s_start.AddMinutes(minutes * i), inflow[i])) told.TryAdd(one.Detected, one);
        return BurstScore.Of(told.Values, Labels(inC));
    }

    private static void Print(string what, BurstScore score)
    {
        ScoredLeak[] abrupt = [.. score.Leaks.Where(leak => leak.Label.IsAbrupt)],
            grown = [.. score.Leaks.Where(leak => !leak.Label.IsAbrupt)];
        int found = abrupt.Count(leak => leak.IsInTime), before = grown.Count(leak => leak.IsInTime);
        TestContext.Out.WriteLine($"{what}: abrupt {found} of {abrupt.Length}, median {score.MedianDelay?.TotalHours:F1} h; "
            + $"incipient before the peak {before} of {grown.Length}; false {score.FalseAlarms.Count}, repeats {score.Repeats.Count}; "
            + $"{score.Euro:F0} of {score.MostEuro:F0} euro");
        foreach (ScoredLeak leak in score.Leaks)
        {
            string kind = leak.Label.IsAbrupt ? "abrupt" : "incipient", told = leak.Found?.RepeatOf is null ? "" : " (told as a repeat)";
            TestContext.Out.WriteLine(
                $"  {leak.Label.Name} {kind} {leak.Label.Size:F0} m3/h {leak.Delay?.TotalHours:F1} h {leak.Found?.Size:F1}{told}");
        }
        foreach (BurstEvent wrong in score.FalseAlarms) TestContext.Out.WriteLine($"  false {wrong.Detected:MM-dd HH:mm} {wrong.Size:F1}");
    }

    private IEnumerable<BurstLabel> Labels(bool inC)
    {
        foreach (string[] leak in Lines("leaks-2019.csv"))
        {
            DateTime start = Time(leak[1]);
            if (start.Year < 2019 || leak[0] is "p280" or "p277" != inC) continue;
            // Torricelli, at 45 m.
            double size = 0.75 * Math.PI / 4 * Number(leak[3]) * Number(leak[3]) * Math.Sqrt(2 * 9.81 * 45) * 3600;
            yield return new BurstLabel(leak[0], start, Time(leak[2]), leak[4] == "abrupt", Time(leak[5]), size);
        }
    }

    private double[] Inflow(int minutes)
    {
        double[] p227 = Column("flows.csv", 1), p235 = Column("flows.csv", 2), pump = Column("flows.csv", 3);
        return Means([.. p227.Select((flow, i) => flow + p235[i] - pump[i])], minutes / 5);
    }

    private static double[] Means(double[] values, int count) =>
        [.. values.Chunk(count).Where(chunk => chunk.Length == count).Select(chunk => chunk.Average())];

    private double[] Column(string ending, int column) => [.. File
        .ReadLines(Directory.GetFiles(_folder, "*.csv").Single(path => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase))).Skip(1)
        .Where(line => line.Length > 0).Select(line => Number(line.Replace(',', '.').Split(';')[column]))];

    private string[][] Lines(string name) => [.. File.ReadLines(Path.Join(_folder, name)).Skip(1).Select(line => line.Split(','))];

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static DateTime Time(string text) =>
        DateTime.ParseExact(text, "yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
}
