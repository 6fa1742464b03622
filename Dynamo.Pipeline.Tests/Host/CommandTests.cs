using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>All commands but <c>run</c>.</summary>
[TestFixture]
internal sealed class CommandTests
{
    private const string Good = "L1,flow,2025-01-01T00:00:00Z,1.5";
    private static readonly string[] s_both = ["--source", "inbox", "--sink", "sqlite:readings.db"];

    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task Check_shows_the_first_rows_and_creates_nothing(CancellationToken token)
    {
        _folder.Put("a.csv", Good);

        DynamoResult check = await _folder.RunAsync(token, ["check", .. s_both]);

        Assert.Multiple(() =>
        {
            Assert.That(check.ExitCode, Is.Zero, check.StandardError);
            Assert.That(check.StandardOutput, Does.Contain("readings.db: does not exist yet, the first run creates it"));
            Assert.That(check.StandardOutput, Does.Contain("a.csv: 1 row\n    L1  flow  2025-01-01 00:00:00Z  1.5"));
            Assert.That(
                Directory.EnumerateFileSystemEntries(_folder.Path).Select(path => Path.GetFileName(path)), Is.EqualTo(new[] { "inbox" }));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Check_names_what_would_not_be_loaded_and_exits_1(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00:00Z,defect");

        DynamoResult check = await _folder.RunAsync(token, ["check", "--json", .. s_both]);

        JsonElement file = DynamoFolder.Json(check).GetProperty("files")[0];
        Assert.Multiple(() =>
        {
            Assert.That(check.ExitCode, Is.EqualTo(1));
            Assert.That(file.GetProperty("line").GetInt32(), Is.EqualTo(2));
            Assert.That(file.GetProperty("found").GetString(), Is.EqualTo("defect"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Check_refuses_a_table_that_does_not_fit_and_leaves_it_alone(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        Sql.Execute(_folder["readings.db"], "create table Reading (Logger text primary key, Oddity int)");

        DynamoResult check = await _folder.RunAsync(token, ["check", .. s_both]);

        Assert.Multiple(() =>
        {
            Assert.That(check.ExitCode, Is.EqualTo(4));
            Assert.That(check.StandardError, Does.Contain("the table Reading has no column Channel"));
            Assert.That(
                Sql.Rows(_folder["readings.db"], "select name from sqlite_master where type = 'table'"), Is.EqualTo(new[] { "Reading" }));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Status_without_a_database_exits_4_and_creates_none(CancellationToken token)
    {
        DynamoResult status = await _folder.RunAsync(token, "status", "--sink", "sqlite:readings.db");

        Assert.Multiple(() =>
        {
            Assert.That(status.ExitCode, Is.EqualTo(4));
            Assert.That(status.StandardError, Does.Contain("does not exist. Run an import first"));
            Assert.That(File.Exists(_folder["readings.db"]), Is.False);
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Status_tells_runs_totals_lag_and_quarantine(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        _folder.PutText("b.csv", "");
        await _folder.ImportAsync(token);

        JsonElement json = DynamoFolder.Json(await _folder.RunAsync(token, "status", "--sink", "sqlite:readings.db", "--json"));
        DynamoResult text = await _folder.RunAsync(token, "status", "--sink", "sqlite:readings.db");

        Assert.Multiple(() =>
        {
            Assert.That(json.GetProperty("totals").GetProperty("loaded").GetInt64(), Is.EqualTo(1));
            Assert.That(
                json.GetProperty("newestReadingUtc").GetDateTime(), Is.EqualTo(new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc)));
            Assert.That(json.GetProperty("lagSeconds").GetDouble(), Is.Positive);
            Assert.That(json.GetProperty("runs")[0].GetProperty("outcome").GetString(), Is.EqualTo("completed"));
            Assert.That(json.GetProperty("quarantined")[0].GetProperty("file").GetString(), Is.EqualTo("b.csv"));
            Assert.That(text.StandardOutput, Does.Contain("1 loaded, 1 in quarantine").And.Contains("newest   2025-01-01 00:00:00Z"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Status_does_not_call_a_killed_run_running_and_the_next_run_closes_it(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await _folder.ImportAsync(token);
        Sql.Execute(_folder["readings.db"], "update ImportRun set Outcome = 'running', EndedUtc = null");

        Assert.That(
            (await _folder.RunAsync(token, "status", "--sink", "sqlite:readings.db")).StandardOutput, Does.Contain("running, or killed"));
        await _folder.ImportAsync(token);
        Assert.That(
            Sql.Rows(_folder["readings.db"], "select Outcome from ImportRun order by RunId"),
            Is.EqualTo(new[] { "interrupted", "completed" }));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_settle_time_longer_than_the_stall_time_out_is_no_hang(CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--settle", "10min");

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
    }

    [Test, CancelAfter(120_000)]
    public async Task A_mended_file_is_brought_back_by_retry_and_loaded_by_the_next_run(CancellationToken token)
    {
        _folder.PutText("b.csv", "nonsense\n");
        await _folder.ImportAsync(token, "--after", "archive");
        await File.WriteAllTextAsync(_folder["inbox/quarantine/b.csv"], $"logger,channel,timestamp,value\n{Good}\n", token);

        DynamoResult retry = await _folder.RunAsync(token, ["retry", "b.csv", .. s_both]);
        JsonElement json = await _folder.ImportAsync(token, "--settle", "0");

        Assert.Multiple(() =>
        {
            Assert.That(retry.ExitCode, Is.Zero, retry.StandardError);
            Assert.That(retry.StandardOutput, Is.EqualTo("The next run reads again:\n  b.csv\n"));
            Assert.That(json.GetProperty("files").GetProperty("loaded").GetInt64(), Is.EqualTo(1));
            Assert.That(Directory.EnumerateFileSystemEntries(_folder["inbox/quarantine"]), Is.Empty);
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Retry_where_files_are_kept_makes_the_ledger_forget(CancellationToken token)
    {
        _folder.PutText("b.csv", "nonsense\n");
        await _folder.ImportAsync(token);

        DynamoResult retry = await _folder.RunAsync(token, ["retry", .. s_both]);
        JsonElement again = await _folder.ImportAsync(token);

        Assert.Multiple(() =>
        {
            Assert.That(retry.ExitCode, Is.Zero, retry.StandardError);
            Assert.That(
                again.GetProperty("files").GetProperty("quarantined").GetInt64(), Is.EqualTo(1),
                "it was read again, and is as bad as before");
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Retry_of_an_unknown_file_suggests_one(CancellationToken token)
    {
        _folder.PutText("broken.csv", "");
        await _folder.ImportAsync(token);

        DynamoResult retry = await _folder.RunAsync(token, ["retry", "brokn.csv", .. s_both]);

        Assert.Multiple(() =>
        {
            Assert.That(retry.ExitCode, Is.EqualTo(2));
            Assert.That(
                retry.StandardError, Does.Contain("brokn.csv: no such file of this source is in quarantine. Did you mean broken.csv?"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Tables_made_from_the_schema_are_the_ones_a_run_wants(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        DynamoResult schema = await _folder.RunAsync(token, "schema");
        Sql.Execute(_folder["readings.db"], schema.StandardOutput);
        await File.WriteAllTextAsync(_folder["dynamo.json"], """{ "createTables": false }""", token);

        JsonElement json = await _folder.ImportAsync(token, "--config", "dynamo.json");

        Assert.That(json.GetProperty("rows").GetProperty("inserted").GetInt64(), Is.EqualTo(1));
    }

    [Test, CancelAfter(120_000)]
    public async Task Generated_files_import_to_what_was_announced(CancellationToken token)
    {
        DynamoResult generate = await _folder.RunAsync(
            token, "generate", "--to", "inbox", "--loggers", "8", "--steps", "10", "--seed", "3", "--bad", "0.3", "--json");
        JsonElement announced = DynamoFolder.Json(generate);

        JsonElement json = await _folder.ImportAsync(token);

        Assert.Multiple(() =>
        {
            Assert.That(announced.GetProperty("files").GetInt64(), Is.EqualTo(80));
            Assert.That(
                json.GetProperty("files").GetProperty("quarantined").GetInt64(),
                Is.EqualTo(announced.GetProperty("quarantined").GetInt64()));
            Assert.That(Sql.Rows(_folder["readings.db"], "select cast(count(*) as text) from Reading").Single(),
                Is.EqualTo(
                    announced.GetProperty("distinctReadings").GetInt64().ToString(System.Globalization.CultureInfo.InvariantCulture)));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Wrong_numbers_for_generate_are_refused(CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, "generate", "--to", "x", "--loggers", "0", "--bad", "5%");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(2));
            Assert.That(
                run.StandardError,
                Does.Contain("--loggers: found '0', allowed is").And.Contains("--bad: found '5%', allowed is a share, 0 to 1."));
        });
    }

    [TestCase("--help", "Examples:")]
    [TestCase("--help", "130 stopped")]
    [TestCase("--version", "0.")]
    [CancelAfter(120_000)]
    public async Task Help_and_version_exit_0(string option, string expected, CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, option);

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.Zero);
            Assert.That(run.StandardOutput, Does.Contain(expected));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Every_command_has_help_with_examples(
        [Values("run", "check", "status", "retry", "schema", "generate")] string command, CancellationToken token)
    {
        DynamoResult help = await _folder.RunAsync(token, command, "--help");

        Assert.Multiple(() =>
        {
            Assert.That(help.ExitCode, Is.Zero);
            Assert.That(help.StandardOutput, Does.Contain($"Examples:\n  dynamo {command}"));
        });
    }
}
