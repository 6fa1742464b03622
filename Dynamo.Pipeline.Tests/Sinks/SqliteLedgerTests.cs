namespace Dynamo.Pipeline.Tests;

/// <summary>What the host asks the tables.</summary>
public sealed class SqliteLedgerTests
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, 123, DateTimeKind.Utc);
    private SqliteTestDatabase _database = null!;

    [SetUp]
    public void MakeFolder() => _database = new SqliteTestDatabase();

    [TearDown]
    public void RemoveFolder() => _database.Dispose();

    [Test, CancelAfter(60_000)]
    public async Task Status_is_read_and_a_quarantined_file_can_be_retried()
    {
        FileRows<Reading> good = NewFile("good.csv", 1), bad = NewFile("bad.csv", double.NaN), worse = NewFile("worse.csv", double.NaN);
        await Import(good, bad, worse);
        var ledger = new SqliteLedger(_database.Path);
        IReadOnlyList<ImportedRun> runs = await ledger.RunsAsync(5, default);
        IReadOnlyList<QuarantinedEntry> quarantined = await ledger.QuarantinedAsync("s", 10, default);
        Assert.That(runs.Single(), Has.Property("Outcome").EqualTo("completed").And.Property("StartedUtc").EqualTo(s_noon));
        Assert.That(await ledger.TotalsAsync(null, default), Is.EqualTo(new LedgerTotals(1, 2, 3, 2)));
        Assert.That(await ledger.NewestAsync(ReadingTable.Default, default), Is.EqualTo(s_noon));
        Assert.That(quarantined.Select(q => q.File), Is.EqualTo(new[] { bad.File, worse.File }));
        Assert.That(quarantined[0].Defect.Column, Is.EqualTo("Value"));
        Assert.That(await ledger.RetryAsync("s", [bad.File, good.File, worse.File with { Size = 2 }], default), Is.EqualTo(1));
        Assert.That(_database.Query("SELECT DISTINCT Path FROM RejectedRow"), Is.EqualTo(new[] { "worse.csv" }));
        Assert.That(await ledger.RetryAsync("s", null, default), Is.EqualTo(1));
        Assert.That(await ledger.TotalsAsync("s", default), Is.EqualTo(new LedgerTotals(1, 0, 1, 0)));
    }

    [Test]
    public async Task A_run_is_read_back_with_all_its_books()
    {
        var books = new RunBooks
        {
            Listed = 1, Loaded = 2, AlreadyLoaded = 3, AlreadyQuarantined = 4, Quarantined = 5, Deferred = 6, Bytes = 7, RowsRead = 8,
            RowsInserted = 9, RowsUpdated = 10, RowsUnchanged = 11, RowsRejected = 12, RowsSkipped = 13, RowsFlagged = 14,
        };
        await using (var sink = new SqliteSink<Reading>(_database.Path, ReadingTable.Default))
        {
            await sink.PrepareAsync(new RunStart("s", s_noon, "h", "v", 3), default);
            await sink.EndRunAsync(RunOutcome.Cancelled, books, default);
        }

        ImportedRun run = (await new SqliteLedger(_database.Path).RunsAsync(5, default)).Single();

        Assert.That((run.Books, run.Source, run.Outcome, run.Host), Is.EqualTo((books, "s", "cancelled", "h")));
        Assert.That(
            (run.StartedUtc, run.StartedUtc.Kind, run.EndedUtc!.Value.Kind), Is.EqualTo((s_noon, DateTimeKind.Utc, DateTimeKind.Utc)));
    }

    [TestCase("PRIMARY KEY (Logger, Channel, TimestampUtc)")]
    [TestCase("PRIMARY KEY (TimestampUtc, Logger, Channel)")]
    [TestCase("PRIMARY KEY (Channel, TimestampUtc, Logger)")]
    [TestCase("UNIQUE (Logger, Channel, TimestampUtc)")]
    public async Task The_newest_time_is_found_under_any_key(string key)
    {
        _database.Execute(
            $"CREATE TABLE Reading (Logger TEXT NOT NULL, Channel TEXT NOT NULL, TimestampUtc TEXT NOT NULL, Value REAL NOT NULL, {key})");
        var ledger = new SqliteLedger(_database.Path);
        Assert.That(await ledger.NewestAsync(ReadingTable.Default, default), Is.Null, "of no row");
        _database.Execute("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999) "
            + "INSERT INTO Reading SELECT 'L' || (i % 37), 'c' || (i % 3), strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', ((i * 7919) % "
            + "5000) || ' minutes'), i FROM n");
        Assert.That(await ledger.NewestAsync(ReadingTable.Default, default), Is.EqualTo(new DateTime(2026, 1, 1).AddMinutes(4999)));
    }

    [Test]
    public void A_database_without_tables_says_that_no_import_has_run()
    {
        using var folder = new ScratchFolder();
        Sql.Execute(folder["other.db"], "create table Other(Id)");

        Assert.That(
            () => new SqliteLedger(folder["other.db"]).TotalsAsync(null, default),
            Throws.TypeOf<SinkException>().With.Message.Contains("no import has run"));
    }

    [Test]
    public void A_lease_is_the_same_through_a_link_to_the_database()
    {
        _database.Execute("CREATE TABLE T (A)");
        string link = Path.Combine(_database.Folder, "link.db");
        File.CreateSymbolicLink(link, _database.Path);
        var direct = new SqliteInspection<Reading>(_database.Path, ReadingTable.Default, new SqliteSinkOptions());
        var linked = new SqliteInspection<Reading>(link, ReadingTable.Default, new SqliteSinkOptions());
        using SqliteLease lease = direct.Lease("s");
        Assert.That(() => linked.Lease("s"), Throws.InstanceOf<AlreadyRunningException>());
    }

    [Test, CancelAfter(60_000)]
    public void A_database_that_is_not_there_is_named_and_not_created()
    {
        Assert.That(
            async () => await new SqliteLedger(_database.Path).RunsAsync(1, default),
            Throws.InstanceOf<SinkException>().With.Message.Contains("does not exist"));
        Assert.That(Directory.GetFiles(_database.Folder), Is.Empty);
    }

    private static FileRows<Reading> NewFile(string name, double value)
    {
        var rows = new RowBatch<Reading>();
        rows.Add(new Reading("L", "flow", s_noon, value), 2);
        return new FileRows<Reading>(new SourceFile(name, 1, s_noon), rows);
    }

    private async Task Import(params FileRows<Reading>[] files)
    {
        await using var sink = new SqliteSink<Reading>(_database.Path, ReadingTable.Default);
        await sink.PrepareAsync(new RunStart("s", s_noon, "h", "v", 3), default);
        await sink.WriteAsync(files, default);
        await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), default);
    }
}
