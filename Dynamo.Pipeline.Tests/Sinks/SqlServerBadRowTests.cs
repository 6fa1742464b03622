namespace Dynamo.Pipeline.Tests;

/// <summary>One bad row among many is named and left out, whatever is wrong with it.</summary>
public sealed class SqlServerBadRowTests
{
    private const int Files = 100, RowsPerFile = 1000, BadFile = 61, BadRow = 377;

    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    private SqlServerTestDatabase _database = null!;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase() => await _database.DisposeAsync();

    private static FileRows<Reading>[] Batch(Func<Reading, Reading> spoil) => [.. Enumerable.Range(0, Files).Select(f =>
    {
        var rows = new RowBatch<Reading>();
        for (int i = 0; i < RowsPerFile; i++)
        {
            var row = new Reading($"L{f:00}", "flow", s_noon.AddSeconds(i), i);
            rows.Add(f == BadFile && i == BadRow ? spoil(row) : row, i + 2);
        }
        return new FileRows<Reading>(new SourceFile($"{f:00}.csv", 1, s_noon), rows);
    })];

    private async Task<FileResult> OnlyOneIsLeftOutAsync(
        Func<Reading, Reading> spoil, DuplicatePolicy policy = DuplicatePolicy.LastWins, string? define = null, int before = 0,
        string? shape = null)
    {
        if (shape is not null) Make(shape);
        await using SqlServerSink<Reading> sink = _database.NewSink(policy);
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), default);
        if (define is not null) _database.Execute(define);
        if (before > 0) await sink.WriteAsync([new FileRows<Reading>(new SourceFile("before.csv", 1, s_noon), Before())], default);
        FileResult[] results = await sink.WriteAsync(Batch(spoil), default);
        Assert.That(results.Sum(r => r.Inserted), Is.EqualTo((Files * RowsPerFile) - 1));
        Assert.That(results.Select(r => r.Rejected), Is.EqualTo(Enumerable.Range(0, Files).Select(f => f == BadFile ? 1L : 0L)));
        Assert.That(results[BadFile].Rejects.Single().Line, Is.EqualTo(BadRow + 2));
        Assert.That(_database.Scalar<int>($"SELECT COUNT(*) FROM {_database.Map.Name}"), Is.EqualTo((Files * RowsPerFile) - 1 + before));
        Assert.That(_database.Rejects($"{BadFile:00}.csv"), Is.EqualTo(1));
        return results[BadFile];
    }

    private static RowBatch<Reading> Before()
    {
        var rows = new RowBatch<Reading>();
        rows.Add(new Reading("before", "flow", s_noon, 1), 2);
        return rows;
    }

    [Test, CancelAfter(300_000)]
    public async Task A_text_that_is_too_long()
    {
        FileResult bad = await OnlyOneIsLeftOutAsync(r => r with { Channel = new string('x', 201) });
        Assert.That((bad.Rejects[0].Column, bad.Rejects[0].Expected), Is.EqualTo(("Channel", "at most 200 characters")));
    }

    [Test, CancelAfter(300_000)]
    public async Task A_number_that_is_out_of_range()
    {
        FileResult bad = await OnlyOneIsLeftOutAsync(r => r with { Value = 1e9 }, shape: "Value decimal(9,3) NOT NULL");
        Assert.That((bad.Rejects[0].Column, bad.Rejects[0].Problem), Is.EqualTo(("Value", "the number is out of range")));
    }

    [Test, CancelAfter(300_000)]
    public async Task A_key_that_is_there_under_the_reject_policy() =>
        await OnlyOneIsLeftOutAsync(_ => new Reading("before", "flow", s_noon, 2), DuplicatePolicy.Reject, before: 1);

    [Test, CancelAfter(300_000)]
    public async Task A_check_constraint()
    {
        FileResult bad = await OnlyOneIsLeftOutAsync(
            r => r with { Value = -1 },
            define: $"ALTER TABLE {_database.Map.Name} ADD CONSTRAINT CK_{_database.Map.Name} CHECK (Value >= 0)");
        // Servers spell names in their own case.
        Assert.That(bad.Rejects[0].Problem, Does.Contain("CK_").IgnoreCase);
    }

    [Test, CancelAfter(300_000)]
    public async Task A_trigger_that_throws()
    {
        string trigger =
            $"CREATE TRIGGER TR_{_database.Map.Name} ON {_database.Map.Name} AFTER INSERT, UPDATE AS IF EXISTS (SELECT 1 FROM inserted "
                + "WHERE Value < 0) THROW 50001, 'no negative flow', 1";
        FileResult bad = await OnlyOneIsLeftOutAsync(r => r with { Value = -1 }, define: trigger);
        Assert.That(bad.Rejects[0].Problem, Does.Contain("no negative flow"));
    }

    /// <summary>The table as somebody else made it.</summary>
    private void Make(string value) => _database.Execute($"""
        CREATE TABLE {_database.Map.Name} (Logger nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
            Channel nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
          TimestampUtc datetime2(7) NOT NULL, {value}, PRIMARY KEY (Logger, Channel, TimestampUtc))
        """);
}
