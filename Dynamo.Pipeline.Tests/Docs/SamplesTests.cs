using System.Diagnostics;
using System.Xml.Linq;

namespace Dynamo.Pipeline.Tests;

/// <summary>Every sample, run as built, on a copy of its own files.</summary>
[TestFixture, CancelAfter(120_000)]
internal sealed class SamplesTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new ScratchFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task The_first_pipeline_imports_the_sample_inbox_and_finds_the_lowest_pressure(CancellationToken token)
    {
        Copy("samples/inbox", "inbox");

        string first = await RunAsync("FirstPipeline", token), second = await RunAsync("FirstPipeline", token);

        Assert.That(first, Does.StartWith(
            "files: 200 listed, 198 loaded, 0 already loaded, 2 quarantined, 0 deferred; rows: 684 read, 652 inserted, 0 updated, 11 "
                + "unchanged, 21 rejected\n"
            + "lowest pressure: L00003 3.782 bar at 2024-12-31 07:45:00Z\n"));
        Assert.That(first, Does.Contain("L00012_20250101T004500.csv: line 1, column logger: the column 'logger' is missing"));
        Assert.That(second, Does.StartWith("files: 200 listed, 0 loaded, 200 already loaded, 0 quarantined, 0 deferred"));
        Assert.That(Sql.Rows(_folder["readings.db"], "SELECT count(*) FROM Reading"), Is.EqualTo(new[] { "652" }));
        Assert.That(Sql.Rows(_folder["readings.db"], "SELECT DISTINCT Problem FROM RejectedRow WHERE ColumnName = 'value' ORDER BY 1"),
            Is.EqualTo(new[] { "the flow is more than the pipe can carry", "the value is not a number" }));
    }

    [Test]
    public async Task The_live_inbox_is_imported_as_it_is_fed(CancellationToken token)
    {
        string output = await RunAsync("LiveInbox", token, _folder.Path, "3");

        string[] archived = Directory.GetFiles(_folder["live-inbox/archive"], "*.csv", SearchOption.AllDirectories);
        Assert.That(output, Does.Contain("WatchStarted").And.Contain(" bar, ").And.Contain("0 quarantined"));
        Assert.That(archived, Is.Not.Empty);
        // What landed after it was told to stop stays for the next one.
        Assert.That(output, Does.Contain($"files: {archived.Length} listed, {archived.Length} loaded"));
    }

    [Test]
    public async Task The_bursts_of_a_town_are_found_and_shown_on_a_map(CancellationToken token)
    {
        string output = await RunAsync("BurstWatch", token, _folder.Path);

        Assert.That(
            output, Does.Contain("Town: Repaired, ").And.Contain("Town: Confirmed, ").And.Contain("315 loaded").And.Contain("map.svg"));
        Assert.That(Sql.Rows(_folder["town.db"], "SELECT count(*) FROM BurstEvent WHERE State = 'Confirmed'"), Is.EqualTo(new[] { "1" }));
        Assert.That(File.ReadAllText(_folder["map.svg"]), Does.Contain("crimson"));
    }

    [Test]
    public async Task The_own_row_has_its_own_table_rejects_and_quarantine(CancellationToken token)
    {
        Copy("samples/OwnRow/events", "events");

        string output = await RunAsync("OwnRow", token);

        Assert.That(
            output,
            Does.StartWith(
                "files: 3 listed, 2 loaded, 0 already loaded, 1 quarantined, 0 deferred; rows: 6 read, 5 inserted, 0 updated, 0 "
                    + "unchanged, 1 rejected\n"));
        Assert.That(output, Does.Contain(
            "station-2.csv: line 3, column state: the value is neither true nor false; found 'off', expected 1 or 0, true or false\n"));
        Assert.That(output, Does.Contain("station-3.csv: line 1, column at: the column 'at' is missing"));
        Assert.That(Sql.Rows(_folder["pumps.db"], "SELECT Pump || ' ' || AtUtc || ' ' || IsOn FROM PumpEvent WHERE Pump = 'P1' ORDER BY 1"),
            Is.EqualTo(new[] { "P1 2025-01-01 00:00:00 1", "P1 2025-01-01 01:00:00 0" }));
    }

    [Test]
    public void The_own_row_with_its_table_its_columns_and_its_pipeline_takes_fifteen_lines()
    {
        string[] around = ["using ", "//", "Environment.", "Console.", "foreach "];

        string[] lines = [.. Repository.Read("samples/OwnRow/Program.cs").Split('\n').Select(line => line.Trim())
            .Where(line => line.Length > 0 && !around.Any(line.StartsWith))];

        Assert.That(lines, Has.Length.LessThanOrEqualTo(15));
    }

    [Test]
    public async Task A_source_a_format_a_sink_and_blocks_of_ones_own_work_together(CancellationToken token)
    {
        string output = await RunAsync("Extending", token);

        Assert.That(output, Is.EqualTo(
            "committed: L1.jsonl\n"
            + "files: 1 listed, 1 loaded, 0 already loaded, 0 quarantined, 0 deferred; rows: 3 read, 2 inserted, 0 updated, 0 "
            + "unchanged, 1 rejected\n"
            + "LedgerTotals { Loaded = 1, Quarantined = 0, Rows = 3, Rejected = 1 }\n"
            + "L1 flow 1.5\nL1 pressure 4.2\n"));
    }

    /// <summary>What a newcomer has to write: lines with code, without usings, comments and blank lines.</summary>
    [TestCase("samples/Extending/ZipSource.cs", 30)]
    [TestCase("samples/Extending/JsonLines.cs", 25)]
    [TestCase("samples/Extending/LatestValues.cs", 60)]
    [TestCase("samples/Extending/OwnLedger.cs", 30)]
    public void What_a_newcomer_writes_is_short(string path, int most)
    {
        string[] code = [.. Repository.Read(path).Split('\n').Select(line => line.Trim())
            .Where(line => line.Length > 0 && !line.StartsWith("using ", StringComparison.Ordinal)
                && !line.StartsWith("//", StringComparison.Ordinal))];

        Assert.That(code, Has.Length.LessThanOrEqualTo(most));
    }

    [TestCase(".Transform(", ".WriteTo(")]
    [TestCase(".AfterCommit(", ".RunAsync(")]
    public void A_block_of_ones_own_takes_three_lines(string block, string next)
    {
        string[] pipeline = [.. Repository.Read("samples/Extending/Program.cs").Split('\n').Select(line => line.Trim())];
        int from = Array.FindIndex(pipeline, line => line.StartsWith(block, StringComparison.Ordinal));

        int lines = Array.FindIndex(pipeline, from, line => line.StartsWith(next, StringComparison.Ordinal)) - from;

        Assert.That(lines, Is.InRange(1, 3));
    }

    [Test]
    public async Task Serial_against_parallel_measures_a_loop_and_blocks_with_a_cheap_and_an_expensive_function(CancellationToken token)
    {
        string output = await RunAsync("SerialAgainstParallel", token, "20000");

        Assert.That(output, Does.StartWith("20,000 squares"));
        Assert.That(
            output,
            Does.Match(@"cheap: x · x +\d+\.\d +\d+\.\d +\d+\.\d\n").And.Match(
                @"expensive: x · x, after some work +\d+\.\d +\d+\.\d +\d+\.\d\n"));
    }

    [Test]
    public async Task Chunking_draws_what_readers_did_with_small_and_with_large_chunks(CancellationToken token)
    {
        string output = await RunAsync("Chunking", token);

        Assert.That(
            output,
            Does.Match(
                @"Small chunks of +20: \d readers, busy \d+ % of \d+ ms").And.Match(
                    @"Large chunks of 700: \d readers, busy \d+ % of \d+ ms"));
        XDocument small = XDocument.Load(_folder["chunks-of-20.svg"]), large = XDocument.Load(_folder["chunks-of-700.svg"]);
        Assert.That(Titles(small).Count(title => title.StartsWith("chunk ", StringComparison.Ordinal)), Is.EqualTo(100));
        Assert.That(Titles(large).Count(title => title.StartsWith("chunk ", StringComparison.Ordinal)), Is.EqualTo(3));
        Assert.That(Titles(large), Has.Some.StartsWith("L00333.csv"), "a slow file stands out");
    }

    private static IEnumerable<string> Titles(XDocument svg) =>
        svg.Descendants().Where(element => element.Name.LocalName == "title").Select(element => element.Value);

    private void Copy(string from, string to)
    {
        Directory.CreateDirectory(_folder[to]);
        foreach (string file in Directory.EnumerateFiles(Path.Join(Repository.Root, from), "*.csv"))
        {
            string copy = Path.Join(_folder[to], Path.GetFileName(file));
            File.Copy(file, copy);
            // Old enough to be imported at once.
            File.SetLastWriteTimeUtc(copy, new DateTime(2025, 1, 2, 0, 0, 0, DateTimeKind.Utc));
        }
    }

    private async Task<string> RunAsync(string sample, CancellationToken token, params string[] arguments)
    {
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var start = new ProcessStartInfo(
            dotnet,
            [Path.Join(AppContext.BaseDirectory, sample + ".dll"), .. arguments.Length > 0 ? arguments : [_folder.Path]])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(token), error = process.StandardError.ReadToEndAsync(token);
            await process.WaitForExitAsync(token);
            Assert.That(process.ExitCode, Is.Zero, await error);
            return (await output).ReplaceLineEndings("\n");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }
}
