using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>What files brought can be traced and taken back.</summary>
public abstract class LineageContract : NewestReadingContract
{
    protected abstract ILineage NewLedger(DuplicatePolicy policy);

    /// <summary>
    /// Files are taken back, and those that they replaced are imported again, twice: the table is as if the first had never come.
    /// </summary>
    [Test, CancelAfter(300_000)]
    public void What_files_brought_can_be_taken_back(
        [Values(DuplicatePolicy.LastWins, DuplicatePolicy.FirstWins)] DuplicatePolicy policy)
    {
        Gen<(Delivery[], Way, int[], int[])> all =
            from d in Deliveries
            from w in Ways
            from first in Gen.Choose(0, 8).ArrayOf(3)
            from second in Gen.Choose(0, 8).ArrayOf(2)
            select (d, w, first, second);
        Prop.ForAll(Arb.From(all), x => IsTakenBack(policy, x.Item1, x.Item2, x.Item3, x.Item4))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(SoakAttribute.Rounds(10, 40, 300)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_dry_run_says_what_would_go_and_changes_nothing(CancellationToken token)
    {
        var original = new Delivery("a.csv", 0, [(1, 1), (2, 1)]);
        var wrong = new Delivery("b.csv", 1, [(2, 9), (3, 9)]);
        await ImportAsync(DuplicatePolicy.LastWins, [original, wrong], token);
        IReadOnlyList<string> before = Stored();

        Undone would = await NewLedger(DuplicatePolicy.LastWins)
            .PlanUndoAsync(ReadingTable.Default, new UndoneFiles("memory:") { Paths = ["b.csv"] }, token);

        Assert.Multiple(() =>
        {
            Assert.That(would.Files.Select(f => f.File), Is.EqualTo(new[] { wrong.File }));
            Assert.That((would.Rows, would.Rejects), Is.EqualTo((2, 0)));
            Assert.That(would.Others.Select(f => f.File), Is.EqualTo(new[] { original.File }));
            Assert.That(Stored(), Is.EqualTo(before));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task A_reading_is_traced_to_its_file_and_to_the_files_that_it_replaced(CancellationToken token)
    {
        var original = new Delivery("a.csv", 0, [(1, 1), (2, 1)]);
        var correction = new Delivery("b.csv", 1, [(2, 9)]);
        await ImportAsync(DuplicatePolicy.LastWins, [original], token);
        await ImportAsync(DuplicatePolicy.LastWins, [correction], token);
        ILineage ledger = NewLedger(DuplicatePolicy.LastWins);

        IReadOnlyList<TracedRow> rows = await ledger.TraceAsync(
            ReadingTable.Default, new Dictionary<string, string> { ["Logger"] = "L0", ["Channel"] = "flow" }, 10, token);
        IReadOnlyList<DeliveredFile> older = await ledger.OlderAsync(rows[0].File!.FileId, token);

        Assert.Multiple(() =>
        {
            Assert.That(rows.Select(r => r.File!.File), Is.EqualTo(new[] { correction.File }));
            Assert.That(older.Select(f => f.File), Is.EqualTo(new[] { original.File }));
            Assert.That(rows[0].File!.RunId, Is.GreaterThan(older[0].RunId));
        });
    }

    private void IsTakenBack(DuplicatePolicy policy, Delivery[] deliveries, Way way, int[] first, int[] second)
    {
        Agrees(policy, deliveries, way);
        foreach (int[] some in (int[][])[first, second])
        {
            string[] paths = [.. some.Where(i => i < deliveries.Length).Select(i => deliveries[i].Path).Distinct()];
            TakeBackAsync(policy, deliveries, paths).WaitAsync(TimeSpan.FromSeconds(60)).GetAwaiter().GetResult();
            deliveries = [.. deliveries.Where(d => !paths.Contains(d.Path))];
            Assert.That(
                Stored(), Is.EqualTo(Expected(policy, deliveries)),
                $"without {string.Join(" ", paths)}: {way}\n{string.Join("\n", deliveries.AsEnumerable())}");
        }
    }

    private async Task TakeBackAsync(DuplicatePolicy policy, Delivery[] deliveries, string[] paths)
    {
        ILineage ledger = NewLedger(policy);
        var files = new UndoneFiles("memory:") { Paths = paths };
        Undone plan = await ledger.PlanUndoAsync(ReadingTable.Default, files);
        Undone undone = await ledger.UndoAsync(ReadingTable.Default, files, [.. plan.Others.Select(f => f.FileId)]);
        Assert.That(undone.Files.Select(f => f.File.Path), Is.EquivalentTo(paths));
        Assert.That((undone.Rows, undone.Others), Is.EqualTo((plan.Rows, plan.Others)));
        Delivery[] again = [.. deliveries.Where(d => undone.Others.Any(o => o.File.Path == d.Path))];
        PipelineResult result = await ImportAsync(policy, again, default);
        Assert.That(result.Books.Loaded, Is.EqualTo(again.Length));
    }
}

/// <summary>The contract on SQLite.</summary>
[Order(1)]
public sealed class SqliteNewestReadingTests : LineageContract
{
    private SqliteTestDatabase _database = new();

    [TearDown]
    public void Remove() => Clear();

    protected override IBatchSink<Reading> NewSink(DuplicatePolicy policy, int writers) => new SqliteSink<Reading>(
        _database.Path, ReadingTable.Default, new SqliteSinkOptions { Duplicates = policy, Durable = false });

    protected override ILineage NewLedger(DuplicatePolicy policy) =>
        new SqliteLedger(_database.Path, new SqliteSinkOptions { Duplicates = policy });

    protected override IReadOnlyList<string> Stored() => _database.Query("""
        SELECT strftime('%H:%M', TimestampUtc) || ' ' || CAST(Value AS INTEGER) || ' ' || f.Path
        FROM Reading r JOIN ImportedFile f ON f.FileId = r.FileId ORDER BY 1
        """);

    protected override void Clear()
    {
        _database.Dispose();
        _database = new SqliteTestDatabase();
    }
}
