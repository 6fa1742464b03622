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
        Assert.That(await ledger.RetryAsync("s", ["bad.csv", "good.csv"], default), Is.EqualTo(1));
        Assert.That(_database.Query("SELECT DISTINCT Path FROM RejectedRow"), Is.EqualTo(new[] { "worse.csv" }));
        Assert.That(await ledger.RetryAsync("s", null, default), Is.EqualTo(1));
        Assert.That(await ledger.TotalsAsync("s", default), Is.EqualTo(new LedgerTotals(1, 0, 1, 0)));
    }

    [Test, CancelAfter(60_000)]
    public void A_database_that_is_not_there_is_named_and_not_created()
    {
        Assert.That(async () => await new SqliteLedger(_database.Path).RunsAsync(1, default), Throws.InstanceOf<SinkException>().With.Message.Contains("does not exist"));
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
        await sink.EndRunAsync("completed", new RunBooks(), default);
    }
}
