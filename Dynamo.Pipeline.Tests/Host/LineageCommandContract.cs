using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo lineage</c> and <c>dynamo undo</c> as a user runs them, over either database.</summary>
public abstract class LineageCommandContract
{
    private DynamoFolder _folder = null!;

    private protected DynamoFolder Folder => _folder;

    /// <summary>What <c>--sink</c> names.</summary>
    protected abstract string Sink { get; }

    protected virtual RowMap<Reading> Map => ReadingTable.Default;

    /// <summary>The statement that adds the column of the files to the table of readings.</summary>
    protected abstract string AddColumn { get; }

    [SetUp]
    public void Create() => _folder = new DynamoFolder();

    [TearDown]
    public void Remove() => _folder.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task A_wrong_zone_of_some_days_is_repaired_by_one_command(CancellationToken token)
    {
        string[] options = ["--source", "inbox", "--sink", Sink, "--after", "archive"];
        _folder.Put("before.csv", "L1,flow,2026-06-01T00:00Z,1", "L1,flow,2026-06-01T04:00Z,5");
        await RunAsync(token, ["run", .. options]);
        string wrong = """{ "format": { "zone": "UTC" } }""", right = """{ "format": { "zone": "Europe/Berlin" } }""";
        await File.WriteAllTextAsync(_folder["wrong.json"], wrong, token);
        await File.WriteAllTextAsync(_folder["right.json"], right, token);
        // The second reading, taken for UTC, replaces one that is right.
        Later("late.csv", "L1,flow,2026-06-01 03:00,3", "L1,flow,2026-06-01 04:00,4");
        await RunAsync(token, ["run", .. options, "--config", "wrong.json"]);
        string[] before = Readings();

        DynamoResult undo = await RunAsync(token, ["undo", "--run", "2", "--reimport", .. options, "--config", "right.json"]);

        Assert.Multiple(() =>
        {
            Assert.That(undo.ExitCode, Is.Zero, undo.StandardError + undo.StandardOutput);
            Assert.That(before, Is.EqualTo(new[] { "00:00 1 before.csv", "03:00 3 late.csv", "04:00 4 late.csv" }));
            Assert.That(Readings(), Is.EqualTo(new[]
            {
                "00:00 1 before.csv", "01:00 3 late.csv", "02:00 4 late.csv", "04:00 5 before.csv",
            }));
            Assert.That(Archived(), Is.EqualTo(new[] { "before.csv", "late.csv" }));
            Assert.That(Directory.GetFiles(_folder["inbox"]), Is.Empty);
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_file_that_should_never_have_come_is_taken_back_and_what_it_replaced_is_restored(CancellationToken token)
    {
        string[] options = ["--source", "inbox", "--sink", Sink, "--after", "archive"];
        _folder.Put("good.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:15Z,2");
        await RunAsync(token, ["run", .. options]);
        Later("bad.csv", "L1,flow,2026-01-01T00:15Z,99", "L1,flow,2026-01-01T00:30Z,99");
        await RunAsync(token, ["run", .. options]);

        DynamoResult dry = await RunAsync(token, ["undo", "bad.csv", "--dry-run", .. options]);
        string[] before = Readings();
        JsonElement undo = DynamoFolder.Json(await RunAsync(token, ["undo", "bad.csv", "--restore", "--json", .. options]));

        Assert.Multiple(() =>
        {
            Assert.That(dry.StandardOutput, Does.Contain("Would take back 1 file with 2 readings").And.Contains("good.csv"));
            Assert.That(before, Has.Length.EqualTo(3));
            Assert.That(undo.GetProperty("readings").GetInt64(), Is.EqualTo(2));
            Assert.That(undo.GetProperty("importedAgain").GetInt64(), Is.EqualTo(1));
            Assert.That(Readings(), Is.EqualTo(new[] { "00:00 1 good.csv", "00:15 2 good.csv" }));
        });
    }

    /// <summary>The steps of undo, each of which a kill may be the last one of: files go back, the commit, the import.</summary>
    [Test, CancelAfter(120_000)]
    public async Task Undo_that_was_killed_on_either_side_of_its_commit_loses_nothing(CancellationToken token)
    {
        string[] options = ["--source", "inbox", "--sink", Sink, "--after", "archive"];
        _folder.Put("good.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:15Z,2");
        await RunAsync(token, ["run", .. options]);
        Later("bad.csv", "L1,flow,2026-01-01T00:15Z,99");
        await RunAsync(token, ["run", .. options]);
        string[] before = Readings();
        var source = new FolderSource(_folder["inbox"], new FolderSourceOptions { AfterCommit = AfterCommit.Archive });
        ILineage ledger = NewLedger();
        var files = new UndoneFiles(source.Name) { Paths = ["bad.csv"] };
        DeliveredFile good = (await ledger.PlanUndoAsync(Map, files, token)).Others.Single();

        string? obstacle = new FolderArchive(source).BringBack(good.File, good.ImportedUtc);
        DynamoResult run = await RunAsync(token, ["run", .. options]);
        string[] beforeCommit = Readings(), archived = Archived();
        new FolderArchive(source).BringBack(good.File, good.ImportedUtc);
        await ledger.UndoAsync(Map, files, [good.FileId], token);
        await RunAsync(token, ["run", .. options]);

        Assert.Multiple(() =>
        {
            Assert.That((obstacle, run.ExitCode), Is.EqualTo(((string?)null, 0)), run.StandardError);
            Assert.That(beforeCommit, Is.EqualTo(before), "the file that came back counts as imported");
            Assert.That(archived, Is.EqualTo(new[] { "bad.csv", "good.csv" }));
            Assert.That(Readings(), Is.EqualTo(new[] { "00:00 1 good.csv", "00:15 2 good.csv" }));
            Assert.That(Archived(), Is.EqualTo(new[] { "bad.csv", "good.csv" }));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_reading_is_shown_with_its_file_line_and_run_and_with_what_it_replaced(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:15Z,2");
        await RunAsync(token, "run", "--source", "inbox", "--sink", Sink, "--after", "archive");
        Later("b.csv", "L1,flow,2026-01-01T00:15Z,3");
        await RunAsync(token, "run", "--source", "inbox", "--sink", Sink, "--after", "archive");

        DynamoResult shown = await RunAsync(
            token, "lineage", "L1", "--at", "2026-01-01T01:15+01:00", "--source", "inbox", "--sink", Sink);

        Assert.Multiple(() =>
        {
            Assert.That(shown.ExitCode, Is.Zero, shown.StandardError);
            Assert.That(shown.StandardOutput, Does.Contain("2026-01-01 00:15:00").And.Contains("from      b.csv, line 2"));
            Assert.That(shown.StandardOutput, Does.Contain("by run 2 on").And.Contains("replaced  a.csv, line 3: 2"));
            Assert.That(shown.StandardOutput, Does.Not.Contain("00:00:00  1"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_reading_tells_by_which_settings_it_was_read_and_no_secret(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2026-06-01 03:00,3");
        const string Settings = """{ "format": { "zone": "Europe/Berlin" }, "sftp": { "password": "hush" } }""";
        await File.WriteAllTextAsync(_folder["zone.json"], Settings, token);
        await RunAsync(
            token, "run", "--source", "inbox", "--sink", Sink, "--config", "zone.json", "--batch-rows", "7");

        DynamoResult text = await RunAsync(token, "lineage", "L1", "--sink", Sink);
        DynamoResult json = await RunAsync(token, "lineage", "L1", "--sink", Sink, "--json");

        Assert.That(
            text.StandardOutput,
            Does.Contain("format:zone: Europe/Berlin").And.Contain("batchRows: 7").And.Contain("sftp:password: ***"));
        Assert.That(
            DynamoFolder.Json(json).GetProperty("readings")[0].GetProperty("from").GetProperty("settings").GetString(),
            Does.Contain("source: ").And.Contain("format:zone: Europe/Berlin").And.Not.Contain("hush"));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_table_of_others_making_stays_as_it_is_and_check_says_what_is_lost(CancellationToken token)
    {
        CreateTable();
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1");

        JsonElement run = DynamoFolder.Json(await RunAsync(token, "run", "--source", "inbox", "--sink", Sink, "--json"));
        DynamoResult check = await RunAsync(token, "check", "--source", "inbox", "--sink", Sink);
        DynamoResult undo = await RunAsync(token, "undo", "a.csv", "--source", "inbox", "--sink", Sink);

        Assert.Multiple(() =>
        {
            Assert.That(run.GetProperty("rows").GetProperty("inserted").GetInt64(), Is.EqualTo(1));
            Assert.That(check.StandardOutput, Does.Contain(AddColumn));
            Assert.That((undo.ExitCode, undo.StandardError), Is.EqualTo((4, undo.StandardError)));
            Assert.That(undo.StandardError, Does.Contain(
                "has no column FileId, so its rows do not say of which file they are. "
                + $"Add it for what is imported from then on: {AddColumn}"));
            Assert.That(CountReadings(), Is.EqualTo(1));
        });
    }

    protected abstract ILineage NewLedger();

    /// <summary>Time, value and file of each reading.</summary>
    protected abstract string[] Readings();

    /// <summary>Makes a table of readings without a column for their files.</summary>
    protected abstract void CreateTable();

    protected abstract long CountReadings();

    private protected virtual Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        _folder.RunAsync(token, arguments);

    private void Later(string name, params string[] rows)
    {
        _folder.Put(name, rows);
        File.SetLastWriteTimeUtc(_folder[Path.Join("inbox", name)], new DateTime(2025, 6, 1, 0, 0, 0, DateTimeKind.Utc));
    }

    private string[] Archived() =>
        [.. Directory.GetFiles(_folder["inbox/archive"], "*", SearchOption.AllDirectories)
            .Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}

/// <summary>The commands over SQLite.</summary>
public sealed class SqliteLineageCommandTests : LineageCommandContract
{
    protected override string Sink => "sqlite:readings.db";

    protected override string AddColumn => "ALTER TABLE \"Reading\" ADD COLUMN \"FileId\" INTEGER";

    protected override ILineage NewLedger() => new SqliteLedger(Folder["readings.db"]);

    protected override string[] Readings() => [.. Sql.Rows(Folder["readings.db"], """
        select strftime('%H:%M', TimestampUtc) || ' ' || cast(Value as integer) || ' ' || Path
        from Reading join ImportedFile using (FileId) order by 1
        """)];

    protected override void CreateTable() => Sql.Execute(
        Folder["readings.db"],
        "create table Reading (Logger text, Channel text, TimestampUtc text, Value real, primary key (Logger, Channel, TimestampUtc))");

    protected override long CountReadings() => Sql.Rows(Folder["readings.db"], "select 1 from Reading").Length;
}

/// <summary>The commands over SQL Server, in the words that they use over SQLite.</summary>
[Soak]
public sealed class SqlServerLineageCommandTests : LineageCommandContract
{
    private SqlServerTestDatabase _database = null!;

    protected override string Sink => "sqlserver";

    protected override RowMap<Reading> Map => _database.Map;

    protected override string AddColumn => $"ALTER TABLE [dbo].[{Map.Name}] ADD [FileId] int NULL";

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    protected override ILineage NewLedger() => new SqlServerLedger(_database.ConnectionString, _database.Options);

    protected override string[] Readings() => [.. _database.Query<(DateTime At, double Value, string Path)>($"""
        SELECT r.TimestampUtc, r.Value, f.Path
        FROM {Map.Name} AS r INNER JOIN {_database.Options.LedgerTable} AS f ON f.FileId = r.FileId
        """).Select(r => FormattableString.Invariant($"{r.At:HH:mm} {r.Value} {r.Path}")).Order(StringComparer.Ordinal)];

    protected override void CreateTable() => _database.Execute($"""
        CREATE TABLE {Map.Name} (Logger nvarchar(50) NOT NULL, Channel nvarchar(50) NOT NULL, TimestampUtc datetime2(7) NOT NULL,
          Value float NOT NULL, PRIMARY KEY (Logger, Channel, TimestampUtc))
        """);

    protected override long CountReadings() => _database.Scalar<int>($"SELECT COUNT(*) FROM {Map.Name}");

    private protected override Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        Folder.RunAsync(_database.Variables, token, arguments);
}
