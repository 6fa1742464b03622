using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>What files brought can be traced and taken back.</summary>
public abstract class LineageContract : NewestReadingContract
{
    protected virtual RowMap<Reading> Map => ReadingTable.Default;

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
            .Check(Config.QuickThrowOnFailure.WithMaxTest(SoakAttribute.Rounds(Math.Min(Cases, 10), Math.Max(Cases, 12), 300)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_dry_run_says_what_would_go_and_changes_nothing(CancellationToken token)
    {
        var original = new Delivery("a.csv", 0, [(1, 1), (2, 1)]);
        var wrong = new Delivery("b.csv", 1, [(2, 9), (3, 9)]);
        await ImportAsync(DuplicatePolicy.LastWins, [original, wrong], token);
        IReadOnlyList<string> before = Stored();

        Undone would = await NewLedger(DuplicatePolicy.LastWins)
            .PlanUndoAsync(Map, new UndoneFiles("memory:") { Paths = ["b.csv"] }, token);

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
            Map, new Dictionary<string, string> { ["Logger"] = "L0", ["Channel"] = "flow" }, 10, token);
        IReadOnlyList<DeliveredFile> older = await ledger.OlderAsync(rows[0].File!.FileId, token);

        Assert.Multiple(() =>
        {
            Assert.That(rows.Select(r => r.File!.File), Is.EqualTo(new[] { correction.File }));
            Assert.That(older.Select(f => f.File), Is.EqualTo(new[] { original.File }));
            Assert.That(rows[0].File!.RunId, Is.GreaterThan(older[0].RunId));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task Files_are_chosen_by_the_end_of_their_path_letter_by_letter(CancellationToken token)
    {
        string[] paths = ["a.csv", "A.csv", "ba.csv", "sub/a.csv", "a.csv ", "other.csv"];
        Delivery[] deliveries = [.. paths.Select((path, i) => new Delivery(path, 0, [(i, i)]))];
        await ImportAsync(DuplicatePolicy.LastWins, deliveries, token);

        Undone undone = await NewLedger(DuplicatePolicy.LastWins)
            .UndoAsync(Map, new UndoneFiles("memory:") { Paths = ["a.csv", "r.csv", "other.csv"] }, [], token);

        Assert.That(undone.Files.Select(f => f.File.Path), Is.EquivalentTo(new[] { "a.csv", "sub/a.csv", "other.csv" }));
        Assert.That(Stored(), Is.EqualTo(Expected(DuplicatePolicy.LastWins, deliveries[1..3].Append(deliveries[4]).ToArray())));
    }

    [Test, CancelAfter(60_000)]
    public async Task Files_are_chosen_by_source_run_and_time(CancellationToken token)
    {
        Delivery[] all = [new("a.csv", 0, [(1, 1)]), new("b.csv", 0, [(2, 1)]), new("c.csv", 0, [(3, 1)])];
        foreach (Delivery delivery in all) await ImportAsync(DuplicatePolicy.LastWins, [delivery], token);
        ILineage ledger = NewLedger(DuplicatePolicy.LastWins);
        var every = new UndoneFiles("memory:");
        IReadOnlyList<DeliveredFile> imported = (await ledger.PlanUndoAsync(Map, every, token)).Files;

        Undone run = await ledger.PlanUndoAsync(Map, every with { RunId = imported[1].RunId }, token);
        Undone since = await ledger.PlanUndoAsync(Map, every with { SinceUtc = imported[1].ImportedUtc }, token);
        Undone both = await ledger.PlanUndoAsync(
            Map, every with { SinceUtc = imported[1].ImportedUtc, RunId = imported[0].RunId, Paths = ["a.csv"] }, token);
        Undone other = await ledger.PlanUndoAsync(Map, new UndoneFiles("Memory:"), token);

        Assert.Multiple(() =>
        {
            Assert.That(imported.Select(f => f.File), Is.EqualTo(all.Select(d => d.File)));
            Assert.That((Names(run), run.Rows), Is.EqualTo(("b.csv", 1)));
            Assert.That((Names(since), since.Rows), Is.EqualTo(("b.csv c.csv", 2)));
            Assert.That((Names(both), Names(other)), Is.EqualTo(("", "")));
        });

        static string Names(Undone undone) => string.Join(" ", undone.Files.Select(f => f.File.Path));
    }

    /// <summary>The pairs of files lead past files that were taken back.</summary>
    [Test, CancelAfter(60_000)]
    public async Task A_file_that_others_had_replaced_is_named_also_after_these_are_gone(
        [Values(DuplicatePolicy.LastWins, DuplicatePolicy.FirstWins)] DuplicatePolicy policy, CancellationToken token)
    {
        Delivery[] all = [.. Enumerable.Range(0, 4).Select(day => new Delivery($"{day}.csv", day, [(1, day)]))];
        if (policy == DuplicatePolicy.FirstWins) Array.Reverse(all);
        foreach (Delivery delivery in all) await ImportAsync(policy, [delivery], token);
        ILineage ledger = NewLedger(policy);

        Undone between = await ledger.UndoAsync(Map, new UndoneFiles("memory:") { Paths = [all[1].Path, all[2].Path] }, [], token);
        Undone last = await ledger.PlanUndoAsync(Map, new UndoneFiles("memory:") { Paths = [all[3].Path] }, token);

        Assert.Multiple(() =>
        {
            Assert.That((between.Files.Count, between.Rows), Is.EqualTo((2, 0)));
            Assert.That(last.Others.Select(f => f.File), Is.EqualTo(new[] { all[0].File }));
            Assert.That(Stored(), Is.EqualTo(Expected(policy, [all[3]])));
        });
    }

    /// <summary>Where rows that come second are rejected, the file that came first is the one that had won.</summary>
    [Test, CancelAfter(60_000)]
    public async Task What_was_rejected_because_of_a_file_comes_back_when_that_file_is_taken_back(
        [Values] bool together, CancellationToken token)
    {
        var wrong = new Delivery("a.csv", 0, [(2, 9)]);
        var right = new Delivery("b.csv", 1, [(2, 1), (4, 1)]);
        foreach (Delivery[] files in together ? (Delivery[][])[[wrong, right]] : [[wrong], [right]])
            await ImportAsync(DuplicatePolicy.Reject, files, token);
        ILineage ledger = NewLedger(DuplicatePolicy.Reject);
        Undone plan = await ledger.PlanUndoAsync(Map, new UndoneFiles("memory:") { Paths = ["b.csv"] }, token);

        Undone undone = await ledger.PlanUndoAsync(Map, new UndoneFiles("memory:") { Paths = ["a.csv"] }, token);
        await ledger.UndoAsync(
            Map, new UndoneFiles("memory:") { Paths = ["a.csv"] }, [.. undone.Others.Select(f => f.FileId)], token);
        PipelineResult again = await ImportAsync(DuplicatePolicy.Reject, [right], token);

        Assert.Multiple(() =>
        {
            Assert.That((plan.Rows, plan.Rejects, plan.Others.Count), Is.EqualTo((1, 1, 0)));
            Assert.That((undone.Rows, undone.Rejects), Is.EqualTo((1, 0)));
            Assert.That(again.Books.Loaded, Is.EqualTo(1));
            Assert.That(Stored().Where(row => row.StartsWith("00:02", StringComparison.Ordinal)), Is.EqualTo(new[] { "00:02 1 b.csv" }));
        });
    }

    /// <summary>What an earlier content of a file brought stays the file's, and goes with it.</summary>
    [Test, CancelAfter(60_000)]
    public async Task A_file_with_new_content_keeps_its_readings_and_the_pairs_of_its_number(CancellationToken token)
    {
        var older = new Delivery("a.csv", 0, [(1, 1), (2, 1)]);
        var first = new Delivery("b.csv", 1, [(2, 2), (4, 2)]);
        await ImportAsync(DuplicatePolicy.LastWins, [older], token);
        await ImportAsync(DuplicatePolicy.LastWins, [first], token);
        var rows = new RowBatch<Reading>();
        rows.Add(new Reading("L0", "flow", Delivery.Time(4), 3), 2);
        await using (IBatchSink<Reading> sink = NewSink(DuplicatePolicy.LastWins, 1))
        {
            await sink.PrepareAsync(new RunStart("memory:", Delivery.Time(0), "host", "1.0", 100), token);
            FileResult[] written = await sink.WriteAsync([new FileRows<Reading>(first.File, rows) { HasNewContent = true }], token);
            await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), token);
            Assert.That((written[0].Inserted, written[0].Updated), Is.EqualTo((0, 1)));
        }

        IReadOnlyList<string> stored = Stored();
        Undone undone = await NewLedger(DuplicatePolicy.LastWins)
            .UndoAsync(Map, new UndoneFiles("memory:") { Paths = ["b.csv"] }, [], token);

        Assert.Multiple(() =>
        {
            Assert.That(stored, Is.EqualTo(new[] { "00:01 1 a.csv", "00:02 2 b.csv", "00:04 3 b.csv" }));
            Assert.That((undone.Files.Count, undone.Rows), Is.EqualTo((1, 2)));
            Assert.That(undone.Others.Select(f => f.File.Path), Is.EqualTo(new[] { "a.csv" }));
            Assert.That(Stored(), Is.EqualTo(new[] { "00:01 1 a.csv" }));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task A_reading_is_asked_for_by_its_key_only(CancellationToken token)
    {
        await ImportAsync(DuplicatePolicy.LastWins, [new Delivery("a.csv", 0, [(1, 1), (3, 3), (5, 5)])], token);
        ILineage ledger = NewLedger(DuplicatePolicy.LastWins);

        IReadOnlyList<TracedRow> last = await TraceAsync(2, ("Channel", "flow")), none = await TraceAsync(2, ("Channel", "Flow")),
            one = await TraceAsync(2, ("TimestampUtc", "2026-01-01 00:03:00"), ("Logger", "L1")),
            nonsense = await TraceAsync(2, ("TimestampUtc", "noon"));

        Assert.Multiple(() =>
        {
            Assert.That(
                last.Select(r => (r.Values[0], r.Values[2])),
                Is.EqualTo(new[] { ("L1", "2026-01-01 00:03:00"), ("L1", "2026-01-01 00:05:00") }));
            Assert.That(one.Select(r => r.Values[2]), Is.EqualTo(new[] { "2026-01-01 00:03:00" }));
            Assert.That((none.Count, nonsense.Count), Is.EqualTo((0, 0)));
            Assert.ThrowsAsync<ArgumentException>(() => TraceAsync(1, ("Value", "1")));
        });

        Task<IReadOnlyList<TracedRow>> TraceAsync(int most, params (string Column, string Value)[] key) =>
            ledger.TraceAsync(Map, key.ToDictionary(k => k.Column, k => k.Value), most, token);
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
        Undone plan = await ledger.PlanUndoAsync(Map, files);
        Undone undone = await ledger.UndoAsync(Map, files, [.. plan.Others.Select(f => f.FileId)]);
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
