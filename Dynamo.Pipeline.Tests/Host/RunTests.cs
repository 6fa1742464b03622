using System.Diagnostics;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

[TestFixture]
internal sealed class RunTests
{
    private const string Good = "L1,flow,2025-01-01T00:00:00Z,1.5";

    /// <summary>For a shell: the test may run where SIGHUP is ignored (under nohup), which a program inherits.</summary>
    private const string Heard = "env --default-signal=HUP ";

    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task A_clean_import_exits_0_and_its_books_balance(CancellationToken token)
    {
        _folder.Put("a.csv", Good, "L1,flow,2025-01-01T00:15:00Z,1.6");
        _folder.Put("b.csv", "L2,flow,2025-01-01T00:00:00Z,2.5");

        JsonElement json = await _folder.ImportAsync(token);

        Assert.Multiple(() =>
        {
            Assert.That(json.GetProperty("exitCode").GetInt32(), Is.Zero);
            Assert.That(Count(json, "files", "listed"), Is.EqualTo(2));
            Assert.That(Count(json, "files", "loaded"), Is.EqualTo(2));
            Assert.That(Count(json, "rows", "inserted"), Is.EqualTo(3));
        });
        AssertBalance(json);
    }

    [Test, CancelAfter(120_000)]
    public async Task A_second_run_finds_nothing_new(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await _folder.ImportAsync(token);

        DynamoResult again = await _folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlite:readings.db");

        Assert.Multiple(() =>
        {
            Assert.That(again.ExitCode, Is.Zero, again.StandardError);
            Assert.That(again.StandardOutput, Does.StartWith("Nothing new in inbox: its one file is already in readings.db"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Bad_data_exits_1_and_is_named_with_line_column_found_and_expected(CancellationToken token)
    {
        _folder.Put("a.csv", Good, "L1,flow,2025-01-01T00:15:00Z,defect");
        _folder.PutText("b.csv", "Station;Wert\nL1;3\n");

        DynamoResult run = await _folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlite:readings.db");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(1), run.StandardError);
            Assert.That(run.StandardOutput, Does.Contain("1 file went into quarantine, none of its rows loaded:\n  b.csv\n    line 1"));
            Assert.That(
                run.StandardOutput, Does.Contain("a.csv\n    line 3, column value: the value is not a number; found 'defect', expected"));
            Assert.That(run.StandardOutput, Does.Contain("\n  dynamo retry --source inbox --sink sqlite:readings.db\n"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_dry_run_reads_everything_and_changes_nothing(CancellationToken token)
    {
        _folder.Put("a.csv", Good, "L1,flow,yesterday,2");
        _folder.PutText("b.csv", "");

        JsonElement json = await _folder.ImportAsync(token, "--dry-run", "--after", "delete");

        Assert.Multiple(() =>
        {
            Assert.That(json.GetProperty("dryRun").GetBoolean(), Is.True);
            Assert.That(Count(json, "files", "loaded"), Is.EqualTo(1));
            Assert.That(Count(json, "files", "quarantined"), Is.EqualTo(1));
            Assert.That(Count(json, "rows", "rejected"), Is.EqualTo(1));
            Assert.That(
                Directory.EnumerateFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Select(path => Path.GetFileName(path)),
                Is.EquivalentTo(new[] { "inbox", "a.csv", "b.csv" }));
        });
        AssertBalance(json);
    }

    [Test, CancelAfter(120_000)]
    public async Task A_dry_run_knows_what_is_loaded_already(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await _folder.ImportAsync(token);

        JsonElement json = await _folder.ImportAsync(token, "--dry-run");

        Assert.That(Count(json, "files", "alreadyLoaded"), Is.EqualTo(1));
    }

    [Test, CancelAfter(120_000)]
    public async Task Loaded_files_are_archived_and_bad_ones_quarantined(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        _folder.PutText("b.csv", "");

        await _folder.ImportAsync(token, "--after", "archive");

        Assert.Multiple(() =>
        {
            Assert.That(File.Exists(ScratchFolder.Archived(_folder["inbox/archive"], "a.csv")));
            Assert.That(File.Exists(_folder["inbox/quarantine/b.csv"]));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_missing_folder_exits_3_before_a_database_is_made_and_suggests_the_neighbour(CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, "run", "--source", "imbox", "--sink", "sqlite:readings.db");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(3));
            Assert.That(run.StandardError, Does.Contain("does not exist").And.Contains("Did you mean inbox?"));
            Assert.That(File.Exists(_folder["readings.db"]), Is.False);
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_file_that_is_no_database_exits_4(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await File.WriteAllTextAsync(_folder["readings.db"], new string('x', 5000), token);

        DynamoResult run = await _folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--json");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(4));
            Assert.That(run.StandardError, Does.Contain("not a database"));
            Assert.That(DynamoFolder.Json(run).GetProperty("exitCode").GetInt32(), Is.EqualTo(4));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_second_run_at_the_same_time_exits_5(CancellationToken token)
    {
        using Process first = HoldOpen();
        await UntilAsync(IsUnderWay, token);

        DynamoResult second = await _folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlite:readings.db");

        first.Kill();
        await first.WaitForExitAsync(token);
        Assert.Multiple(() =>
        {
            Assert.That(second.ExitCode, Is.EqualTo(5));
            Assert.That(second.StandardError, Does.Contain("Another run imports folder:"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Sigterm_ends_a_run_with_130_and_what_was_read_is_committed(CancellationToken token)
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("Windows has no SIGTERM.");
        _folder.Put("old.csv", Good);
        WriteYoungFile();

        DynamoResult run = await DynamoProcess.RunAsync(Arguments("4m", "--json"), async process =>
        {
            await UntilAsync(() => Directory.EnumerateFiles(_folder.Path, "*.lock").Any(), token);
            DynamoProcess.Terminate(process);
        }, _folder.Path, token);

        JsonElement json = DynamoFolder.Json(run);
        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(130), run.StandardError);
            Assert.That(json.GetProperty("outcome").GetString(), Is.EqualTo("cancelled"));
            Assert.That(run.StandardError, Does.Contain("Stopping"));
            Assert.That(Count(json, "files", "loaded"), Is.EqualTo(Count(json, "files", "listed")));
        });
        AssertBalance(json);
    }

    [Test, CancelAfter(120_000), Platform("Linux")]
    public async Task A_second_signal_ends_a_run_at_once_and_it_still_answers_in_json(CancellationToken token)
    {
        WriteYoungFile();
        using var other = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_folder["readings.db"]};Pooling=False");

        DynamoResult run = await DynamoProcess.RunAsync("exec " + Heard + "\"$0\" \"$@\"", Arguments("4m", "--json"), async process =>
        {
            await UntilAsync(IsUnderWay, token);
            // Whoever locks the database keeps the run from ending after the first signal.
            await other.OpenAsync(token);
            using Microsoft.Data.Sqlite.SqliteTransaction held = other.BeginTransaction(deferred: false);
            DynamoProcess.Terminate(process);
            DynamoProcess.HangUp(process);
            await process.WaitForExitAsync(token);
        }, _folder.Path, token);

        JsonElement json = DynamoFolder.Json(run);
        Assert.That(
            (run.ExitCode, json.GetProperty("exitCode").GetInt32(), json.GetProperty("outcome").GetString()),
            Is.EqualTo((130, 130, "cancelled")));
        Assert.That(json.GetProperty("error").GetString(), Does.Contain("at once"));
    }

    [Test, CancelAfter(120_000), Platform("Linux")]
    public async Task The_exit_code_tells_about_the_import_also_when_its_report_cannot_be_written(
        [Values("> /dev/full", "> /dev/full 2> /dev/full", ">&- 2>&-")] string where, [Values] bool json, CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        string[] arguments = Arguments("0", json ? ["--json"] : []);

        DynamoResult good = await DynamoProcess.RunAsync($"exec \"$0\" \"$@\" {where}", arguments, _folder.Path, token);
        _folder.PutText("bad.csv", "");
        DynamoResult bad = await DynamoProcess.RunAsync($"exec \"$0\" \"$@\" {where}", arguments, _folder.Path, token);

        Assert.That((good.ExitCode, bad.ExitCode), Is.EqualTo((0, 1)), good.StandardError);
        if (where == "> /dev/full")
            Assert.That(good.StandardError, Does.Contain("report could not be written").And.Contain("No space left"));
        Assert.That(Sql.Rows(_folder["readings.db"], "select Outcome from ImportRun"), Has.All.EqualTo("completed"));
    }

    [Test, CancelAfter(120_000), Platform("Linux")]
    public async Task A_folder_for_temporary_files_that_is_missing_does_not_matter_to_an_import(CancellationToken token)
    {
        _folder.Put("a.csv", Good);

        DynamoResult run = await _folder.RunAsync(
            new Dictionary<string, string?> { ["TMPDIR"] = "/no/such/folder" }, token, Arguments("0"));

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
    }

    [Test, CancelAfter(120_000)]
    public async Task Status_says_why_a_run_failed(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00Z,1");
        await File.WriteAllTextAsync(_folder["inbox/archive"], "", token);
        DynamoResult run = await _folder.RunAsync(
            token, "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--after", "archive");
        DynamoResult status = await _folder.RunAsync(token, "status", "--sink", "sqlite:readings.db");

        Assert.That(run.ExitCode, Is.EqualTo(3), run.StandardError);
        Assert.That(status.StandardOutput, Does.Contain("failed").And.Contain("archive is not a folder"), status.StandardError);
    }

    [Test, CancelAfter(120_000)]
    public async Task A_run_that_finds_nothing_new_says_what_is_still_in_quarantine(CancellationToken token)
    {
        _folder.PutText("bad.csv", "");
        string[] arguments = Arguments("0", "--after", "archive");
        DynamoResult first = await _folder.RunAsync(token, arguments), again = await _folder.RunAsync(token, arguments),
            alarm = await _folder.RunAsync(token, [.. arguments, "--quarantine-alarm", "--json"]);

        Assert.That((first.ExitCode, again.ExitCode, alarm.ExitCode), Is.EqualTo((1, 0, 1)), again.StandardError + alarm.StandardError);
        Assert.That(again.StandardOutput, Does.Contain("Nothing to import").And.Contain("1 file of earlier runs is still in quarantine")
            .And.Contain("retry"));
        Assert.That(DynamoFolder.Json(alarm).GetProperty("inQuarantine").GetInt64(), Is.EqualTo(1));
    }

    [Test, CancelAfter(120_000), Platform("Linux")]
    public async Task A_terminal_that_is_closed_stops_the_run_and_does_not_crash_it(CancellationToken token)
    {
        _folder.Put("old.csv", Good);
        WriteYoungFile();

        string shown = _folder["terminal"];
        await DynamoProcess.RunAsync($"TERM=xterm exec {Heard}script -qfc \"$0 $*\" {shown}", Arguments("4m"), async terminal =>
        {
            // A file was listed, and the bar is there.
            await UntilAsync(() => File.Exists(shown) && File.ReadAllText(shown).Contains("0 files of 1", StringComparison.Ordinal), token);
            terminal.Kill();
        }, _folder.Path, token);

        await UntilAsync(() => Sql.Rows(_folder["readings.db"], "select Outcome from ImportRun").Single() != "running", token);
        Assert.That(
            Sql.Rows(_folder["readings.db"], "select Outcome || ' ' || Loaded from ImportRun"), Is.EqualTo(new[] { "cancelled 1" }));
    }

    [Test, CancelAfter(120_000)]
    public async Task Wide_files_are_imported_by_configuration(CancellationToken token)
    {
        _folder.PutText("P235.csv", "Timestamp;p227;p235\n2019-01-01 00:00;1,5;2,5\n2019-01-01 00:05;1,6;\n");
        await File.WriteAllTextAsync(_folder["dynamo.json"], """
            {
              "source": "inbox", "sink": "sqlite:wide.db",
              "format": { "shape": "wide", "separator": ";", "decimal": "comma", "timestamp": { "column": "Timestamp" },
                  "timestampFormats": ["yyyy-MM-dd HH:mm"], "zone": "UTC" },
              "table": { "name": "Measurement", "logger": "Station" }
            }
            """, token);

        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--json");
        JsonElement json = DynamoFolder.Json(run);

        Assert.That(Count(json, "rows", "inserted"), Is.EqualTo(3), run.StandardOutput);
        Assert.That(Sql.Rows(_folder["wide.db"], "select Station || ' ' || Channel || ' ' || Value from Measurement order by 1"),
            Is.EqualTo(new[] { "P235 p227 1.5", "P235 p227 1.6", "P235 p235 2.5" }));
    }

    private static long Count(JsonElement json, string what, string name) => json.GetProperty(what).GetProperty(name).GetInt64();

    private static void AssertBalance(JsonElement json) => Assert.Multiple(() =>
    {
        Assert.That(Count(json, "files", "listed"), Is.EqualTo(
            Count(json, "files", "loaded") + Count(
                json, "files", "alreadyLoaded") + Count(json, "files", "quarantined") + Count(json, "files", "deferred")));
        Assert.That(Count(json, "rows", "read"), Is.EqualTo(
            Count(json, "rows", "inserted") + Count(json, "rows", "updated") + Count(json, "rows", "unchanged")
                + Count(json, "rows", "rejected")));
    });

    private static string[] Arguments(string settle, params string[] more) =>
        ["run", "--source", "inbox", "--sink", "sqlite:readings.db", "--settle", settle, .. more];

    /// <summary>A file that has not settled keeps its run waiting.</summary>
    private void WriteYoungFile() => File.WriteAllText(_folder["inbox/young.csv"], $"logger,channel,timestamp,value\n{Good}\n");

    private Process HoldOpen()
    {
        WriteYoungFile();
        return DynamoProcess.Start(Arguments("4m"), _folder.Path);
    }

    private bool IsUnderWay() =>
        File.Exists(_folder["readings.db"])
            && Sql.Rows(_folder["readings.db"], "select name from sqlite_master where name = 'ImportRun'").Length > 0
        && Sql.Rows(_folder["readings.db"], "select Outcome from ImportRun").Length > 0;

    private static async Task UntilAsync(Func<bool> condition, CancellationToken token)
    {
        while (!condition()) await Task.Delay(10, token);
    }
}
