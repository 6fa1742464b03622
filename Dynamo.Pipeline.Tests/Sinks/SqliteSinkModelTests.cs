using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>The sink against a dictionary: the same rows, the same counts, whatever the batches and duplicates.</summary>
public sealed class SqliteSinkModelTests
{
    private static readonly DateTime s_day = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Test, CancelAfter(300_000)]
    public void Counts_and_contents_are_those_of_a_dictionary([Values] DuplicatePolicy policy, [Values] bool withTrigger)
    {
        Gen<Reading> reading =
            from key in Gen.Choose(0, 150)
            from value in Gen.Frequency((8, Gen.Choose(0, 3).Select(v => (double)v)), (1, Gen.Constant(double.NaN)))
            select new Reading($"L{key % 3}", $"C{key % 5}", s_day.AddMinutes(key), value);
        Gen<Reading[]> file = from size in Gen.Frequency(
            (6, Gen.Choose(0, 4)), (1, Gen.Choose(20, 120))) from rows in reading.ArrayOf(size) select rows;
        Gen<Reading[][][]> batches = file.ArrayOf().Resize(12).ArrayOf().Resize(5);
        Prop.ForAll(Arb.From(batches), b => Agrees(policy, withTrigger, b)).Check(Config.QuickThrowOnFailure.WithMaxTest(40));
    }

    private static void Agrees(DuplicatePolicy policy, bool withTrigger, Reading[][][] batches)
    {
        using var database = new SqliteTestDatabase();
        var model = new Dictionary<(string, string, DateTime), double>();
        AgreesAsync(policy, withTrigger, batches, database, model).WaitAsync(TimeSpan.FromSeconds(60)).GetAwaiter().GetResult();
        Assert.That(database.Readings().ToDictionary(r => (r.Logger, r.Channel, r.TimestampUtc), r => r.Value), Is.EquivalentTo(model));
    }

    private static async Task AgreesAsync(
        DuplicatePolicy policy, bool withTrigger, Reading[][][] batches, SqliteTestDatabase database,
        Dictionary<(string, string, DateTime), double> model)
    {
        await using var sink = new SqliteSink<Reading>(
            database.Path, ReadingTable.Default, new SqliteSinkOptions { Duplicates = policy, Durable = false });
        await sink.PrepareAsync(new RunStart("s", s_day, "h", "v", 3), default);
        if (withTrigger) database.Execute("CREATE TRIGGER idle AFTER INSERT ON Reading BEGIN SELECT 1; END");
        int name = 0;
        foreach (Reading[][] batch in batches)
        {
            FileRows<Reading>[] files = [.. batch.Select(rows => NewFile(name++, rows))];
            FileResult[] results = await sink.WriteAsync(files, default);
            for (int i = 0; i < files.Length; i++)
                Assert.That(Counts(results[i]), Is.EqualTo(Expect(policy, batch[i], model)), $"file {i} of {batch.Length}");
        }
    }

    /// <summary>The rules in their simplest form. A bad file changes nothing.</summary>
    private static (FileOutcome, long, long, long, long) Expect(
        DuplicatePolicy policy, Reading[] rows, Dictionary<(string, string, DateTime), double> model)
    {
        var after = new Dictionary<(string, string, DateTime), double>(model);
        long inserted = 0, updated = 0, unchanged = 0, rejected = 0;
        foreach (Reading r in rows)
        {
            (string, string, DateTime) key = (r.Logger, r.Channel, r.TimestampUtc);
            if (double.IsNaN(r.Value)) rejected++;
            else if (after.TryAdd(key, r.Value)) inserted++;
            else if (policy == DuplicatePolicy.Reject) rejected++;
            else if (policy == DuplicatePolicy.FirstWins || after[key] == r.Value) unchanged++;
            else
            {
                after[key] = r.Value;
                updated++;
            }
        }
        if (rejected > 3 || (rejected > 0 && rejected == rows.Length)) return (FileOutcome.Quarantined, 0, 0, 0, rows.Length);
        foreach (var (key, value) in after)
            model[key] = value;
        return (FileOutcome.Loaded, inserted, updated, unchanged, rejected);
    }

    private static (FileOutcome, long, long, long, long) Counts(FileResult r) =>
        (r.Outcome, r.Inserted, r.Updated, r.Unchanged, r.Rejected);

    private static FileRows<Reading> NewFile(int name, Reading[] rows)
    {
        var batch = new RowBatch<Reading>();
        for (int i = 0; i < rows.Length; i++)
            batch.Add(rows[i], i + 2);
        return new FileRows<Reading>(new SourceFile($"{name:00000}.csv", 1, s_day), batch);
    }
}
