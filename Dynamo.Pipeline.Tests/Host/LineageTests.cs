using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>Which files readings are from in a database of an older version, and while others use it.</summary>
public sealed class LineageTests
{
    private DynamoFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new DynamoFolder();

    [TearDown]
    public void Remove() => _folder.Dispose();

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
    public async Task Rows_of_a_file_that_replace_each_other_are_reported(CancellationToken token)
    {
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:00Z,2", "L1,flow,2026-01-01T00:15Z,2");

        DynamoResult run = await _folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlite:readings.db");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.StandardOutput, Does.Contain("a.csv: 1 of 3 rows replaced each other"));
        Assert.That(Sql.Rows(_folder["readings.db"], "select RowsCollided from ImportRun"), Is.EqualTo(new[] { "1" }));
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
    public async Task Files_of_a_version_that_did_not_record_what_they_replaced_are_named_by_undo_with_the_remedy(CancellationToken token)
    {
        string[] place = ["--source", "inbox", "--sink", "sqlite:readings.db"];
        _folder.Put("a.csv", "L1,flow,2026-01-01T00:00Z,1");
        await _folder.ImportAsync(token);
        OlderDatabase.ToOne(_folder["readings.db"]);
        _folder.Put("b.csv", "L1,flow,2026-01-01T00:15Z,2");
        await _folder.ImportAsync(token);

        DynamoResult one = await _folder.RunAsync(token, ["undo", "a.csv", .. place]);
        DynamoResult both = await _folder.RunAsync(token, ["undo", "--since", "1d", "--json", .. place]);

        Assert.That((one.ExitCode, both.ExitCode), Is.EqualTo((1, 1)), one.StandardError + both.StandardError);
        Assert.That(one.StandardOutput, Does.Contain("1 file that a version imported which did not record")
            .And.Contains("  a.csv  imported").And.Contains("corrected and with a new time"));
        Assert.That(DynamoFolder.Json(both).GetProperty("unrecorded")[0].GetString(), Is.EqualTo("a.csv"));
        Assert.That(DynamoFolder.Json(both).GetProperty("files")[0].GetString(), Is.EqualTo("b.csv"));
        Assert.That(Sql.Rows(_folder["readings.db"], "select Path from ImportedFile"), Is.EqualTo(new[] { "a.csv" }));
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
}
