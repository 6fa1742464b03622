using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// <c>dynamo lineage</c> and <c>dynamo undo</c> as a user runs them, and a database of an older version.
/// </summary>
public sealed class LineageTests
{
    private DynamoFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new DynamoFolder();

    [TearDown]
    public void Remove() => _folder.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task A_wrong_zone_of_some_days_is_repaired_by_one_command(CancellationToken token)
    {
        string[] options = ["--source", "inbox", "--sink", "sqlite:readings.db", "--after", "archive"];
        _folder.Put("before.csv", "L1,flow,2026-06-01T00:00Z,1", "L1,flow,2026-06-01T04:00Z,5");
        await _folder.RunAsync(token, ["run", .. options]);
        string wrong = """{ "format": { "zone": "UTC" } }""", right = """{ "format": { "zone": "Europe/Berlin" } }""";
        await File.WriteAllTextAsync(_folder["wrong.json"], wrong, token);
        await File.WriteAllTextAsync(_folder["right.json"], right, token);
        // The second reading, taken for UTC, replaces one that is right.
        Later("late.csv", "L1,flow,2026-06-01 03:00,3", "L1,flow,2026-06-01 04:00,4");
        await _folder.RunAsync(token, ["run", .. options, "--config", "wrong.json"]);
        string[] before = Readings();

        DynamoResult undo = await _folder.RunAsync(token, ["undo", "--run", "2", "--reimport", .. options, "--config", "right.json"]);

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
        string[] options = ["--source", "inbox", "--sink", "sqlite:readings.db", "--after", "archive"];
        _folder.Put("good.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:15Z,2");
        await _folder.RunAsync(token, ["run", .. options]);
        Later("bad.csv", "L1,flow,2026-01-01T00:15Z,99", "L1,flow,2026-01-01T00:30Z,99");
        await _folder.RunAsync(token, ["run", .. options]);

        DynamoResult dry = await _folder.RunAsync(token, ["undo", "bad.csv", "--dry-run", .. options]);
        string[] before = Readings();
        JsonElement undo = DynamoFolder.Json(await _folder.RunAsync(token, ["undo", "bad.csv", "--restore", "--json", .. options]));

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
        string[] options = ["--source", "inbox", "--sink", "sqlite:readings.db", "--after", "archive"];
        _folder.Put("good.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:15Z,2");
        await _folder.RunAsync(token, ["run", .. options]);
        Later("bad.csv", "L1,flow,2026-01-01T00:15Z,99");
        await _folder.RunAsync(token, ["run", .. options]);
        string[] before = Readings();
        var source = new FolderSource(_folder["inbox"], new FolderSourceOptions { AfterCommit = AfterCommit.Archive });
        var ledger = new SqliteLedger(_folder["readings.db"]);
        var files = new UndoneFiles(source.Name) { Paths = ["bad.csv"] };
        DeliveredFile good = (await ledger.PlanUndoAsync(ReadingTable.Default, files, token)).Others.Single();

        string? obstacle = new FolderArchive(source).BringBack(good.File, good.ImportedUtc);
        DynamoResult run = await _folder.RunAsync(token, ["run", .. options]);
        string[] beforeCommit = Readings(), archived = Archived();
        new FolderArchive(source).BringBack(good.File, good.ImportedUtc);
        await ledger.UndoAsync(ReadingTable.Default, files, [good.FileId], token);
        await _folder.RunAsync(token, ["run", .. options]);

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
    public async Task Who_traces_a_reading_waits_for_no_run_and_keeps_none_waiting(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1");
        await _folder.ImportAsync(token);
        using var writer = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_folder["readings.db"]};Pooling=False");
        await writer.OpenAsync(token);
        using Microsoft.Data.Sqlite.SqliteCommand begin = writer.CreateCommand();
        begin.CommandText = "BEGIN IMMEDIATE";
        begin.ExecuteNonQuery();
        var ledger = new SqliteLedger(_folder["readings.db"], new SqliteSinkOptions { BusyTimeout = TimeSpan.Zero });

        IReadOnlyList<TracedRow> rows = await ledger.TraceAsync(
            ReadingTable.Default, new Dictionary<string, string> { ["Logger"] = "L1" }, 10, token);
        Undone plan = await ledger.PlanUndoAsync(
            ReadingTable.Default, new UndoneFiles("folder:" + _folder["inbox"]) { Paths = ["a.csv"] }, token);

        Assert.That((rows.Count, plan.Rows), Is.EqualTo((1, 1)));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_reading_is_shown_with_its_file_line_and_run_and_with_what_it_replaced(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:15Z,2");
        await _folder.ImportAsync(token, "--after", "archive");
        Later("b.csv", "L1,flow,2026-01-01T00:15Z,3");
        await _folder.ImportAsync(token, "--after", "archive");

        DynamoResult shown = await _folder.RunAsync(
            token, "lineage", "L1", "--at", "2026-01-01T01:15+01:00", "--source", "inbox", "--sink", "sqlite:readings.db");

        Assert.Multiple(() =>
        {
            Assert.That(shown.ExitCode, Is.Zero, shown.StandardError);
            Assert.That(shown.StandardOutput, Does.Contain("2026-01-01 00:15:00").And.Contains("from      b.csv, line 2"));
            Assert.That(shown.StandardOutput, Does.Contain("by run 2 on").And.Contains("replaced  a.csv, line 3: 2"));
            Assert.That(shown.StandardOutput, Does.Not.Contain("00:00:00  1"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Rows_of_a_file_that_replace_each_other_are_reported(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:00Z,2", "L1,flow,2026-01-01T00:15Z,2");

        DynamoResult run = await _folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlite:readings.db");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.StandardOutput, Does.Contain("a.csv: 1 of 3 rows replaced each other"));
        Assert.That(Sql.Rows(_folder["readings.db"], "select RowsCollided from ImportRun"), Is.EqualTo(new[] { "1" }));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_reading_tells_by_which_settings_it_was_read_and_no_secret(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2026-06-01 03:00,3");
        const string Settings = """{ "format": { "zone": "Europe/Berlin" }, "sftp": { "password": "hush" } }""";
        await File.WriteAllTextAsync(_folder["zone.json"], Settings, token);
        await _folder.RunAsync(
            token, "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--config", "zone.json", "--batch-rows", "7");

        DynamoResult text = await _folder.RunAsync(token, "lineage", "L1", "--sink", "sqlite:readings.db");
        DynamoResult json = await _folder.RunAsync(token, "lineage", "L1", "--sink", "sqlite:readings.db", "--json");

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
        Sql.Execute(_folder["readings.db"], "create table Reading (Logger text, Channel text, TimestampUtc text, Value real, "
            + "primary key (Logger, Channel, TimestampUtc))");
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1");

        JsonElement run = await _folder.ImportAsync(token);
        DynamoResult check = await _folder.RunAsync(token, "check", "--source", "inbox", "--sink", "sqlite:readings.db");
        DynamoResult undo = await _folder.RunAsync(token, "undo", "a.csv", "--source", "inbox", "--sink", "sqlite:readings.db");

        Assert.Multiple(() =>
        {
            Assert.That(run.GetProperty("rows").GetProperty("inserted").GetInt64(), Is.EqualTo(1));
            Assert.That(check.StandardOutput, Does.Contain("ALTER TABLE \"Reading\" ADD COLUMN \"FileId\" INTEGER"));
            Assert.That((undo.ExitCode, undo.StandardError), Is.EqualTo((4, undo.StandardError)));
            Assert.That(undo.StandardError, Does.Contain("has no column FileId"));
            Assert.That(Sql.Rows(_folder["readings.db"], "select count(*) from Reading"), Is.EqualTo(new[] { "1" }));
        });
    }

    /// <summary>The tables as version 2 created them, with readings of then.</summary>
    [Test, CancelAfter(120_000)]
    public async Task A_database_of_the_second_schema_is_brought_up_to_date_and_its_readings_count_as_older(CancellationToken token)
    {
        Sql.Execute(_folder["readings.db"], """
            CREATE TABLE "Reading" (
              "Logger" TEXT NOT NULL,
              "Channel" TEXT NOT NULL,
              "TimestampUtc" TEXT NOT NULL,
              "Value" REAL NOT NULL,
              PRIMARY KEY ("Logger", "Channel", "TimestampUtc")
            ) WITHOUT ROWID;
            CREATE TABLE ImportedFile (Source TEXT NOT NULL, Path TEXT NOT NULL, Size INTEGER NOT NULL, ModifiedUtc TEXT NOT NULL,
              RunId INTEGER NOT NULL, Outcome TEXT NOT NULL, Rows INTEGER NOT NULL, Inserted INTEGER NOT NULL, Updated INTEGER NOT NULL,
              Unchanged INTEGER NOT NULL, Rejected INTEGER NOT NULL, Reason TEXT, ImportedUtc TEXT NOT NULL,
              PRIMARY KEY (Source, Path, Size, ModifiedUtc)) WITHOUT ROWID;
            CREATE TABLE ImportRun (RunId INTEGER PRIMARY KEY AUTOINCREMENT, Source TEXT NOT NULL, StartedUtc TEXT NOT NULL, EndedUtc TEXT,
              Outcome TEXT NOT NULL, Host TEXT NOT NULL, Version TEXT NOT NULL, Listed INTEGER NOT NULL DEFAULT 0,
              Loaded INTEGER NOT NULL DEFAULT 0, AlreadyLoaded INTEGER NOT NULL DEFAULT 0, AlreadyQuarantined INTEGER NOT NULL DEFAULT 0,
              Quarantined INTEGER NOT NULL DEFAULT 0, Deferred INTEGER NOT NULL DEFAULT 0, RowsRead INTEGER NOT NULL DEFAULT 0,
              RowsInserted INTEGER NOT NULL DEFAULT 0, RowsUpdated INTEGER NOT NULL DEFAULT 0, RowsUnchanged INTEGER NOT NULL DEFAULT 0,
              RowsRejected INTEGER NOT NULL DEFAULT 0, RowsSkipped INTEGER NOT NULL DEFAULT 0, RowsFlagged INTEGER NOT NULL DEFAULT 0,
              Bytes INTEGER NOT NULL DEFAULT 0);
            CREATE TABLE RejectedRow (RejectId INTEGER PRIMARY KEY, RunId INTEGER NOT NULL, Source TEXT NOT NULL, Path TEXT NOT NULL,
              Line INTEGER, ColumnName TEXT, Problem TEXT NOT NULL, Found TEXT, Expected TEXT, Remedy TEXT, RawText TEXT);
            CREATE TABLE ImportSchema (Version INTEGER NOT NULL PRIMARY KEY) WITHOUT ROWID;
            INSERT INTO ImportSchema VALUES (2);
            INSERT INTO Reading VALUES ('L1', 'flow', '2026-01-01 00:00:00', 1), ('L1', 'flow', '2026-01-01 00:15:00', 1);
            """);
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,2");
        DynamoResult older = await _folder.RunAsync(token, "lineage", "L1", "--sink", "sqlite:readings.db");

        JsonElement run = await _folder.ImportAsync(token);
        DynamoResult lineage = await _folder.RunAsync(token, "lineage", "L1", "--sink", "sqlite:readings.db");

        Assert.Multiple(() =>
        {
            Assert.That((older.ExitCode, older.StandardError), Is.EqualTo((4, older.StandardError)));
            Assert.That(older.StandardError, Does.Contain("is of an older version"));
            Assert.That(run.GetProperty("rows").GetProperty("updated").GetInt64(), Is.EqualTo(1));
            Assert.That(
                Sql.Rows(_folder["readings.db"], "select Value || ' ' || ifnull(FileId, '') from Reading order by TimestampUtc"),
                Is.EqualTo(new[] { "2.0 1", "1.0 " }));
            Assert.That(lineage.StandardOutput, Does.Contain("from an unknown file"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_database_of_the_fourth_schema_is_brought_up_to_date_and_keeps_its_ledger(CancellationToken token)
    {
        string database = _folder["readings.db"], inbox = _folder["inbox"];
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1");
        _folder.Put("b.csv", "L1,flow,2026-01-01T00:00Z,2", "L1,flow,2026-01-01T00:15Z,3");
        _folder.PutText("bad.csv", "logger,channel,timestamp,value\nL1,flow,no time,1\n");
        File.SetLastWriteTimeUtc(Path.Join(inbox, "a.csv"), new DateTime(1969, 12, 31, 23, 59, 59, DateTimeKind.Utc).AddTicks(1_234_500));
        File.SetLastWriteTimeUtc(Path.Join(inbox, "b.csv"), new DateTime(2025, 6, 1, 12, 30, 0, DateTimeKind.Utc));
        string[] arguments = ["--source", "inbox", "--sink", "sqlite:readings.db", "--after", "keep"];
        await _folder.RunAsync(token, ["run", .. arguments]);
        const string Ledger = "select Source || Path || Size || ModifiedUtc || RunId || Outcome || Rows || ImportedUtc || FileId "
            + "from ImportedFile order by FileId";
        string[] before = [.. Sql.Rows(database, Ledger)];
        OlderDatabase.ToFour(database);

        DynamoResult dry = await _folder.RunAsync(token, ["run", .. arguments, "--dry-run", "--json"]);
        DynamoResult retry = await _folder.RunAsync(token, "retry", "--source", "inbox", "--sink", "sqlite:readings.db");
        DynamoResult status = await _folder.RunAsync(token, "status", "--sink", "sqlite:readings.db");
        string[] untouched = [.. Sql.Rows(database, Ledger)];
        DynamoResult run = await _folder.RunAsync(token, ["run", .. arguments, "--json"]);
        string[] after = [.. Sql.Rows(database, Ledger)];
        DynamoResult undo = await _folder.RunAsync(token, "undo", "b.csv", "--source", "inbox", "--sink", "sqlite:readings.db");

        using JsonDocument planned = JsonDocument.Parse(dry.StandardOutput), ran = JsonDocument.Parse(run.StandardOutput);
        Assert.Multiple(() =>
        {
            Assert.That(before, Has.Length.EqualTo(3));
            Assert.That(before, Has.Some.Contains("1969-12-31 23:59:59.12345"));
            Assert.That(Known(planned), Is.EqualTo(3), dry.StandardOutput);
            Assert.That((retry.ExitCode, retry.StandardError), Is.EqualTo((4, retry.StandardError)));
            Assert.That(retry.StandardError, Does.Contain("is of an older version. The next run brings it up to date"));
            Assert.That(status.ExitCode, Is.Zero, status.StandardError);
            Assert.That(untouched, Is.EqualTo(before));
            Assert.That(Known(ran), Is.EqualTo(3), run.StandardOutput);
            Assert.That(after, Is.EqualTo(before));
            Assert.That(undo.ExitCode, Is.Zero, undo.StandardError);
            Assert.That(Sql.Rows(database, "select FileId || ' ' || Value from Reading"), Is.Empty);
        });

        static long Known(JsonDocument json) => json.RootElement.GetProperty("files").GetProperty("alreadyLoaded").GetInt64();
    }

    private void Later(string name, params string[] rows)
    {
        _folder.Put(name, rows);
        File.SetLastWriteTimeUtc(_folder[Path.Join("inbox", name)], new DateTime(2025, 6, 1, 0, 0, 0, DateTimeKind.Utc));
    }

    private string[] Archived() =>
        ScratchFolder.Archived(_folder["inbox/archive"]);

    private string[] Readings() => [.. Sql.Rows(_folder["readings.db"], """
        select strftime('%H:%M', TimestampUtc) || ' ' || cast(Value as integer) || ' ' || Path
        from Reading join ImportedFile using (FileId) order by 1
        """)];
}
