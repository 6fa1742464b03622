using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>Which old records are removed from a ledger, and which never.</summary>
public abstract class RetentionContract
{
    protected const string Source = "memory:";

    private static readonly DateTime s_first = new(2025, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    protected abstract IBatchSink<Reading> NewSink(TimeProvider clock);

    protected abstract ILedger NewLedger();

    protected abstract RowMap<Reading> Map { get; }

    /// <summary>One column of a query over <c>{ledger}</c>, <c>{runs}</c>, <c>{rejects}</c>, as text.</summary>
    protected abstract IReadOnlyList<string> Query(string sql);

    protected abstract void Execute(string sql);

    [Test, CancelAfter(60_000)]
    public async Task Entries_go_by_age_but_not_of_files_at_the_source_or_in_quarantine_or_with_the_highest_number(CancellationToken token)
    {
        await ImportAsync(0, token, ("old.csv", 1), ("listed.csv", 2), ("sub/below.csv", 3), ("bad.csv", double.NaN));
        await ImportAsync(400, token, ("young.csv", 5));

        PrunedLedger pruned = await PruneAsync(Files(300, "listed.csv", "sub"), token);
        IReadOnlyList<string> first = Paths();
        PrunedLedger all = await PruneAsync(Files(1000), token);

        Assert.Multiple(() =>
        {
            Assert.That(pruned, Is.EqualTo(new PrunedLedger(new Pruned(1, s_first), Pruned.Nothing, Pruned.Nothing)));
            Assert.That(first, Is.EquivalentTo(new[] { "listed.csv", "sub/below.csv", "bad.csv", "young.csv" }));
            Assert.That(all.Files.Count, Is.EqualTo(2));
            Assert.That(Paths(), Is.EquivalentTo(new[] { "bad.csv", "young.csv" }), "the highest number would be given again");
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task An_entry_stays_as_long_as_a_reading_names_its_file_unless_that_is_set(CancellationToken token)
    {
        await ImportAsync(0, token, ("replaced.csv", 1), ("named.csv", 2));
        await ImportAsync(1, token, ("newer.csv", 1));
        await ImportAsync(2, token, ("last.csv", 9));

        await PruneAsync(Files(300) with { KeepsLineage = true }, token);
        IReadOnlyList<string> kept = Paths();
        await PruneAsync(Files(300), token);

        Assert.That(kept, Is.EquivalentTo(new[] { "named.csv", "newer.csv", "last.csv" }));
        Assert.That(Paths(), Is.EqualTo(new[] { "last.csv" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task Rejects_go_by_the_age_of_their_file_or_run_but_not_those_of_files_in_quarantine(CancellationToken token)
    {
        await ImportAsync(0, token, [("old.csv", 1), ("old.csv", double.NaN), ("bad.csv", double.NaN)]);
        await ImportAsync(0, token, [("gone.csv", 2), ("gone.csv", double.NaN)]);
        await ImportAsync(400, token, [("young.csv", 3), ("young.csv", double.NaN)]);
        Execute("DELETE FROM {entries} WHERE Path = 'gone.csv'");

        PrunedLedger early = await PruneAsync(new LedgerRetention(Source) { RejectsBeforeUtc = s_first.AddDays(-1) }, token);
        PrunedLedger pruned = await PruneAsync(new LedgerRetention(Source) { RejectsBeforeUtc = s_first.AddDays(300) }, token);

        Assert.That((early.Rejects.Count, pruned.Rejects.Count), Is.EqualTo((0, 2)));
        Assert.That(Query("SELECT Path FROM {rejects}"), Is.EquivalentTo(new[] { "bad.csv", "young.csv" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task Runs_go_by_age_but_not_those_that_go_on_nor_the_newest_of_a_source(CancellationToken token)
    {
        for (int day = 0; day < 3; day++) await ImportAsync(day, token, ($"{day}.csv", day));
        Execute("UPDATE {runs} SET Outcome = 'running' WHERE RunId = (SELECT MIN(RunId) FROM {runs})");
        IReadOnlyList<string> runs = Query("SELECT RunId FROM {runs} ORDER BY RunId");

        PrunedLedger pruned = await PruneAsync(new LedgerRetention(Source) { RunsBeforeUtc = s_first.AddDays(300) }, token);

        Assert.That(pruned.Runs, Is.EqualTo(new Pruned(1, s_first.AddDays(1))));
        Assert.That(Query("SELECT RunId FROM {runs} ORDER BY RunId"), Is.EqualTo(new[] { runs[0], runs[2] }));
        Assert.That(Paths(), Has.Count.EqualTo(3), "entries stay without their run");
    }

    [Test, CancelAfter(60_000)]
    public async Task Nothing_of_another_source_goes_and_a_dry_run_changes_nothing(CancellationToken token)
    {
        await ImportAsync(0, token, [("old.csv", 1), ("old.csv", double.NaN)]);
        await ImportAsync(1, token, ("last.csv", 2));
        LedgerRetention everything = Files(300) with { RejectsBeforeUtc = s_first.AddDays(300), RunsBeforeUtc = s_first.AddDays(300) };

        PrunedLedger others = await PruneAsync(everything with { Source = "MEMORY:" }, token);
        PrunedLedger would = await PruneAsync(everything with { DryRun = true }, token);
        IReadOnlyList<string> before = Paths();
        PrunedLedger did = await PruneAsync(everything, token);

        Assert.Multiple(() =>
        {
            Assert.That((others.Files.Count, others.Rejects.Count, others.Runs.Count), Is.EqualTo((0, 0, 0)));
            Assert.That(before, Is.EquivalentTo(new[] { "old.csv", "last.csv" }));
            Assert.That(would, Is.EqualTo(did));
            Assert.That((did.Files.Count, did.Rejects.Count, did.Runs.Count), Is.EqualTo((1, 1, 1)));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task A_reading_whose_entry_is_gone_says_that_and_what_its_file_had_replaced_can_still_come_back(CancellationToken token)
    {
        await ImportAsync(0, token, ("first.csv", 1));
        await ImportAsync(1, token, [("second.csv", 1), ("second.csv", 2)]);
        await ImportAsync(2, token, ("third.csv", 1));
        await ImportAsync(3, token, ("last.csv", 9));
        await PruneAsync(Files(300, "first.csv", "third.csv"), token);
        var ledger = (ILineage)NewLedger();

        IReadOnlyList<TracedRow> rows = await ledger.TraceAsync(Map, new Dictionary<string, string>(), 10, token);
        Undone plan = await ledger.PlanUndoAsync(Map, new UndoneFiles(Source) { Paths = ["third.csv"] }, token);

        Assert.That(rows.Select(row => (row.FileId, row.File?.File.Path)), Is.EqualTo(new (long?, string?)[]
        {
            (3, "third.csv"), (2, null), (4, "last.csv"),
        }));
        Assert.That(plan.Others.Select(file => file.File.Path), Is.EqualTo(new[] { "first.csv" }));
        Assert.That(Query("SELECT OlderFileId AS RunId FROM {pairs} WHERE NewerFileId = 2 OR OlderFileId = 2"), Is.Empty);
        Assert.That(Query("SELECT OlderFileId AS RunId FROM {pairs} WHERE NewerFileId = 3"), Is.EqualTo(new[] { "1" }));
    }

    [Test]
    public void Without_a_list_of_the_source_no_entry_goes() => Assert.That(
        () => NewLedger().PruneAsync(Map, new LedgerRetention(Source) { FilesBeforeUtc = s_first }),
        Throws.ArgumentException.With.Message.Contains("AtSource"));

    protected static LedgerRetention Files(int days, params string[] listed) => new(Source)
    {
        FilesBeforeUtc = s_first.AddDays(days),
        AtSource = ListedPaths.OfAsync(new MemorySource(listed.ToDictionary(path => path, _ => ""))).GetAwaiter().GetResult(),
        KeepsLineage = false,
    };

    protected Task<PrunedLedger> PruneAsync(LedgerRetention retention, CancellationToken token) =>
        NewLedger().PruneAsync(Map, retention, token);

    protected IReadOnlyList<string> Paths() => Query("SELECT Path FROM {ledger}");

    /// <summary>
    /// Imports files some days after the first, in one run. Each reading of a file has its number as its time, so the same number is the
    /// same key.
    /// </summary>
    protected async Task ImportAsync(int day, CancellationToken token, params (string Path, double Key)[] rows)
    {
        DateTime now = s_first.AddDays(day);
        await using IBatchSink<Reading> sink = NewSink(new FakeTimeProvider(now));
        await sink.PrepareAsync(new RunStart(Source, now, "h", "v", 3), token);
        FileRows<Reading>[] files = [.. rows.GroupBy(row => row.Path).Select(file =>
        {
            var batch = new RowBatch<Reading>();
            foreach ((int line, (_, double key)) in file.Index())
            {
                int minute = double.IsNaN(key) ? 1000 + line : (int)key;
                batch.Add(new Reading("L", "flow", s_first.AddMinutes(minute), double.IsNaN(key) ? key : day), line + 2);
            }
            return new FileRows<Reading>(new SourceFile(file.Key, 1, now), batch);
        })];
        await sink.WriteAsync(files, token);
        await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), token);
    }
}

/// <summary>The contract on SQLite.</summary>
public sealed class SqliteRetentionTests : RetentionContract
{
    private SqliteTestDatabase _database = null!;

    [SetUp]
    public void MakeFolder() => _database = new SqliteTestDatabase();

    [TearDown]
    public void RemoveFolder()
    {
        SqlitePrune.AtOnce = 5_000;
        _database.Dispose();
    }

    protected override RowMap<Reading> Map => ReadingTable.Default;

    protected override IBatchSink<Reading> NewSink(TimeProvider clock) =>
        new SqliteSink<Reading>(_database.Path, Map, new SqliteSinkOptions { TimeProvider = clock, Durable = false });

    protected override ILedger NewLedger() => new SqliteLedger(_database.Path);

    protected override IReadOnlyList<string> Query(string sql) => _database.Query(Named(sql));

    protected override void Execute(string sql) => _database.Execute(Named(sql));

    [Test, CancelAfter(60_000)]
    public async Task What_was_removed_before_an_interruption_stays_removed_and_the_next_call_goes_on(CancellationToken token)
    {
        await ImportAsync(0, token, [.. Enumerable.Range(0, 50).Select(i => ($"{i}.csv", (double)i))]);
        SqlitePrune.AtOnce = 1;
        using var stop = new CancellationTokenSource();

        var clock = new WatchedTime(DateTimeOffset.UnixEpoch);
        var ledger = new SqliteLedger(_database.Path, new SqliteSinkOptions { TimeProvider = clock });
        Task<PrunedLedger> pruning = ledger.PruneAsync(Map, Files(300), stop.Token);
        for (int pause = 0; pause < 3; pause++) clock.Advance(await clock.SomebodyWaitsAsync(TimeSpan.FromMinutes(1), token));
        await clock.SomebodyWaitsAsync(TimeSpan.FromMinutes(1), token);
        await stop.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => pruning);
        int left = Paths().Count;
        SqlitePrune.AtOnce = 7;
        PrunedLedger rest = await PruneAsync(Files(300), token);

        Assert.That(left, Is.EqualTo(46), "each of the small transactions was committed, and others could write");
        Assert.That(rest.Files.Count, Is.EqualTo(left - 1));
        Assert.That(Paths(), Has.Count.EqualTo(1));
    }

    [Test, CancelAfter(60_000)]
    public async Task Who_waits_for_another_writer_longer_than_set_says_so(CancellationToken token)
    {
        await ImportAsync(0, token, ("a.csv", 1), ("b.csv", 2));
        using var writer = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_database.Path};Pooling=False");
        writer.Open();
        using Microsoft.Data.Sqlite.SqliteTransaction writing = writer.BeginTransaction(deferred: false);
        var ledger = new SqliteLedger(_database.Path, new SqliteSinkOptions { BusyTimeout = TimeSpan.Zero });

        Assert.That(
            () => ledger.PruneAsync(Map, Files(300), token),
            Throws.TypeOf<SinkException>().With.Property("IsTransient").True.And.Message.Contains("Another program writes"));
        Assert.That(async () => (await ledger.PruneAsync(Map, Files(300) with { DryRun = true }, token)).Files.Count, Is.EqualTo(1));
    }

    private static string Named(string sql) => sql.Replace("{ledger}", "ImportedFile").Replace("{entries}", "ImportedFileEntry")
        .Replace("{runs}", "ImportRun").Replace("{rejects}", "RejectedRow").Replace("{pairs}", "FileOverlap")
        .Replace("SELECT RunId", "SELECT CAST(RunId AS TEXT)").Replace("SELECT OlderFileId", "SELECT CAST(OlderFileId AS TEXT)");
}

/// <summary>The contract on SQL Server.</summary>
public sealed class SqlServerRetentionTests : RetentionContract
{
    private SqlServerTestDatabase _database = null!;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    protected override RowMap<Reading> Map => _database.Map;

    protected override IBatchSink<Reading> NewSink(TimeProvider clock) =>
        _database.NewSink(change: o => o with { TimeProvider = clock });

    protected override ILedger NewLedger() => new SqlServerLedger(_database.ConnectionString, _database.Options);

    protected override IReadOnlyList<string> Query(string sql) =>
        sql.Contains("RunId", StringComparison.Ordinal)
            ? [.. _database.Query<long>(Named(sql)).Select(id => $"{id}")] : _database.Query<string>(Named(sql));

    protected override void Execute(string sql) => _database.Execute(Named(sql));

    private string Named(string sql) => sql.Replace("{ledger}", _database.Options.LedgerTable)
        .Replace("{entries}", _database.Options.LedgerTable).Replace("{runs}", _database.Options.RunTable)
        .Replace("{rejects}", _database.Options.RejectTable).Replace("{pairs}", _database.Options.OverlapTable)
        .Replace("SELECT OlderFileId", "SELECT CAST(OlderFileId AS bigint)");
}
