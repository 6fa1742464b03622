using System.Diagnostics;
using System.Text.Json;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo tune</c>, and what <c>dynamo run</c> takes from it.</summary>
[TestFixture, CancelAfter(120_000)]
internal sealed class TuneTests
{
    private static readonly string[] s_small = [
        "tune", "--source", "inbox", "--out", "tuning", "--readers", "1,2,auto", "--chunks", "1,10", "--repeat", "2", "--pause", "0"];

    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task It_measures_reports_and_leaves_the_source_as_it_is_and_a_run_takes_its_settings(CancellationToken token)
    {
        PutFiles(40);
        _folder.PutText("bad.csv", "Messstelle;Wert\nL2;1\n");
        (string, DateTime)[] before = Inbox();

        DynamoResult tune = await _folder.RunAsync(token, [.. s_small, "--whole", "--batch-rows", "10,100"]);
        (string, DateTime)[] after = Inbox();
        DynamoResult run = await _folder.RunAsync(
            token, "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--settings", "tuning/settings.json", "--trace",
            "run.trace.json", "--json");

        Assert.That(tune.ExitCode, Is.Zero, tune.StandardError);
        Assert.That(after, Is.EqualTo(before));
        Assert.That(
            tune.StandardOutput,
            Does.Match(
                @"readers +1 +10\n  1 .*\n  2 .*\n  auto .*\n").And.Match(@"\d\*")
            .And.StartWith("Leave it as it is: these 41 files are too few")
            .And.Contain("The whole pipeline, rows a batch:").And.Contain("1 file cannot be imported").And.Not.Match("\u001b"));
        Assert.That(
            Directory.EnumerateFiles(_folder["tuning"]).Select(Path.GetFileName).Where(
                name => !name!.EndsWith(".trace.json", StringComparison.Ordinal)),
            Is.EquivalentTo(new[] { "measurements.csv", "report.html", "settings.json" }), "no database is left");
        Assert.That(File.ReadLines(_folder["tuning/measurements.csv"]).Count(), Is.EqualTo(1 + (6 * 2) + (2 * 2)));
        Assert.That(run.ExitCode, Is.EqualTo(1), run.StandardError);
        Assert.That(DynamoFolder.Json(run).GetProperty("files").GetProperty("loaded").GetInt32(), Is.EqualTo(40));
        using JsonDocument trace = JsonDocument.Parse(File.ReadAllText(_folder["run.trace.json"]));
        Assert.That(
            trace.RootElement.GetProperty("traceEvents").EnumerateArray().Count(
                span => span.TryGetProperty("cat", out JsonElement kind) && kind.GetString() == "file"),
            Is.EqualTo(41));
    }

    [Test]
    public async Task Json_has_the_cells_and_the_settings(CancellationToken token)
    {
        PutFiles(20);

        JsonElement json = DynamoFolder.Json(await _folder.RunAsync(token, [.. s_small, "--json"]));

        Assert.That(
            json.GetProperty("cells").EnumerateArray().Count(cell => cell.GetProperty("stage").GetString() == "read"), Is.EqualTo(6));
        Assert.That(json.GetProperty("measurements").GetInt32(), Is.EqualTo((6 * 2) + 2));
        Assert.That(
            json.GetProperty("settings").GetRawText().Replace(" ", "", StringComparison.Ordinal).Replace(
                "\n", "", StringComparison.Ordinal),
            Is.EqualTo(
                File.ReadAllText(_folder["tuning/settings.json"]).Replace(" ", "", StringComparison.Ordinal).Replace(
                    "\n", "", StringComparison.Ordinal)));
        Assert.That(json.GetProperty("best").GetProperty("meanSeconds").GetDouble(),
            Is.EqualTo(
                json.GetProperty("cells").EnumerateArray().Where(
                    cell => cell.GetProperty("stage").GetString() == "read" && cell.GetProperty("readers").GetString() != "auto").Min(
                        cell => cell.GetProperty("meanSeconds").GetDouble())));
    }

    [Test]
    public async Task Stopped_in_the_middle_it_keeps_what_it_has_and_goes_on_from_there(CancellationToken token)
    {
        PutFiles(30);
        string data = _folder["tuning/measurements.csv"];
        string[] slow = ["tune", "--source", "inbox", "--out", "tuning", "--readers", "1,2", "--chunks", "1", "--repeat", "2", "--json"];

        // The pause before the second set is when it is stopped.
        DynamoResult stopped = await DynamoProcess.RunAsync([.. slow, "--pause", "10min"], async process =>
        {
            // By its length: the sweep holds a lock on the file. A line has 60 to 80 characters.
            while (!File.Exists(data) || new FileInfo(data).Length < Measurements.Header.Length + 110) await Task.Delay(50, token);
            DynamoProcess.Terminate(process);
        }, _folder.Path, token);
        DynamoResult resumed = await _folder.RunAsync(token, [.. slow, "--pause", "0"]);

        Assert.That(stopped.ExitCode, Is.EqualTo(130), stopped.StandardError);
        Assert.That(DynamoFolder.Json(stopped).GetProperty("outcome").GetString(), Is.EqualTo("cancelled"));
        Assert.That(DynamoFolder.Json(stopped).GetProperty("measurements").GetInt32(), Is.EqualTo(2));
        Assert.That(resumed.ExitCode, Is.Zero, resumed.StandardError);
        Assert.That(DynamoFolder.Json(resumed).GetProperty("measurements").GetInt32(), Is.EqualTo(4 + 2));
    }

    [Test]
    public async Task Without_files_there_is_nothing_to_measure_and_without_a_folder_no_source(CancellationToken token)
    {
        DynamoResult empty = await _folder.RunAsync(token, s_small), missing = await _folder.RunAsync(token, "tune", "--source", "nowhere");

        Assert.That((empty.ExitCode, missing.ExitCode), Is.EqualTo((0, 3)));
        Assert.That(empty.StandardOutput, Does.Contain("Nothing to measure"));
        Assert.That(Directory.Exists(_folder["dynamo-tune"]), Is.False);
    }

    [TestCase("--readers", "0")]
    [TestCase("--readers", "1,many")]
    [TestCase("--chunks", "")]
    [TestCase("--repeat", "0")]
    [TestCase("--pause", "long")]
    [TestCase("--writers", "2")]
    public async Task A_grid_that_is_none_is_refused_by_its_option(string option, string value, CancellationToken token)
    {
        DynamoResult tune = await _folder.RunAsync(token, "tune", "--source", "inbox", option, value);

        Assert.That(tune.ExitCode, Is.EqualTo(2));
        Assert.That(tune.StandardError, Does.Contain(option));
    }

    [Test]
    public async Task A_folder_with_measurements_of_other_files_is_refused(CancellationToken token)
    {
        PutFiles(10);
        await _folder.RunAsync(token, s_small);
        PutFiles(11);

        DynamoResult tune = await _folder.RunAsync(token, s_small);

        Assert.That(tune.ExitCode, Is.EqualTo(2));
        Assert.That(tune.StandardError, Does.Contain("--out").And.Contain("10 files"));
    }

    [Test]
    public async Task On_a_terminal_the_matrix_is_coloured_and_its_best_cell_bold_white(CancellationToken token)
    {
        PutFiles(10);
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH")
            ?? "dotnet", dynamo = Path.Join(AppContext.BaseDirectory, "dynamo.dll");
        string command = $"'{dotnet}' '{dynamo}' {string.Join(' ', s_small)}";
        var start = new ProcessStartInfo(
            "script",
            ["-qec", command, "/dev/null"])
            {
                WorkingDirectory = _folder.Path,
                RedirectStandardOutput = true,
                RedirectStandardInput = true,
            };
        start.Environment["TERM"] = "xterm-256color";
        start.Environment["COLORTERM"] = "truecolor";
        start.Environment.Remove("NO_COLOR");
        Process? script = null;
        try
        {
            script = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            External.Missing("script (util-linux) is not installed");
        }
        using (script)
        {
            string output = await script!.StandardOutput.ReadToEndAsync(token);
            await script.WaitForExitAsync(token);

            Assert.That(output, Does.Match(@"\u001b\[1;38;[\d;]*48;2;11;93;46m +\d\.\d{3}\*"));
            Assert.That(output, Does.Match(@"\u001b\[38;[\d;]*48;2;\d+;\d+;\d+m +\d\.\d{3}[ ~]"));
        }
    }

    [Test]
    public async Task A_trace_that_cannot_be_written_is_refused_before_anything_is_read(CancellationToken token)
    {
        PutFiles(1);

        DynamoResult run = await _folder.RunAsync(
            token, "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--trace", "nowhere/run.json");

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.StandardError, Does.Contain("--trace"));
        Assert.That(File.Exists(_folder["readings.db"]), Is.False);
    }

    private void PutFiles(int count)
    {
        for (int i = 0; i < count; i++)
            _folder.Put($"L{i:D3}.csv", $"L{i},flow,2026-01-01T00:00:00Z,1.5", $"L{i},pressure,2026-01-01T00:00:00Z,4.5");
    }

    private (string, DateTime)[] Inbox() =>
        [.. Directory.EnumerateFileSystemEntries(_folder["inbox"]).Order().Select(path => (path, File.GetLastWriteTimeUtc(path)))];
}
