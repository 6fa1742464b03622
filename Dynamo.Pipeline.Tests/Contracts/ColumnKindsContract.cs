using System.Data.Common;

namespace Dynamo.Pipeline.Tests;

/// <summary>A row with every kind of column that a map knows: what a sink's database must keep of it, and take for the same.</summary>
[TestFixture]
public abstract class ColumnKindsContract
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly Guid s_id = new("6f9619ff-8b86-d011-b42d-00c04fc964ff");

    protected static readonly Sample Usual = new("A", 1, 1.5m, true, new DateTimeOffset(s_noon), s_id)
    {
        Note = "n", Whole = 2, MaybeWhole = 3, Level = 0.5, MaybeLevel = 1.5,
        Price = 12.25m, MaybePrice = -0.1m, IsOn = true, MaybeOn = false, Batch = s_id, MaybeBatch = s_id,
        Since = s_noon, MaybeSince = s_noon.AddTicks(10), Sent = new DateTimeOffset(s_noon), MaybeSent = new DateTimeOffset(s_noon),
    };

    protected static RowMap<Sample> MapOf(string table) => RowMap<Sample>.Table(table)
        .Key("Name", s => s.Name).Key("Number", s => s.Number).Key("Exact", s => s.Exact)
        .Key("IsLast", s => s.IsLast).Key("At", s => s.At).Key("Id", s => s.Id)
        .Column("Note", s => s.Note).Column("Whole", s => s.Whole).Column("MaybeWhole", s => s.MaybeWhole)
        .Column("Level", s => s.Level).Column("MaybeLevel", s => s.MaybeLevel)
        .Column("Price", s => s.Price).Column("MaybePrice", s => s.MaybePrice)
        .Column("IsOn", s => s.IsOn).Column("MaybeOn", s => s.MaybeOn)
        .Column("Since", s => s.Since).Column("MaybeSince", s => s.MaybeSince)
        .Column("Sent", s => s.Sent).Column("MaybeSent", s => s.MaybeSent)
        .Column("Batch", s => s.Batch).Column("MaybeBatch", s => s.MaybeBatch);

    /// <summary>A new sink on the test's own table; called several times in a test.</summary>
    protected abstract IBatchSink<Sample> NewSink(DuplicatePolicy policy = DuplicatePolicy.LastWins);

    /// <summary>The table's rows, in any order.</summary>
    protected abstract IReadOnlyList<Sample> Stored();

    [Test, CancelAfter(60_000)]
    public async Task Every_kind_of_value_is_read_back_as_it_was()
    {
        var east = new DateTimeOffset(2026, 3, 2, 2, 0, 0, TimeSpan.FromHours(14));
        var ones = new Guid([.. Enumerable.Repeat((byte)0xFF, 16)]);
        Sample[] rows =
        [
            Usual,
            Usual with { Exact = decimal.MaxValue, IsLast = false, Price = decimal.MinValue },
            Usual with { Exact = decimal.MinValue, Price = 0.000000001m, MaybePrice = 1.000m, IsOn = false, MaybeOn = true },
            Usual with { Exact = -0.0m, Price = -0.00m, Id = Guid.Empty, Batch = ones, MaybeBatch = Guid.Empty },
            Usual with { Id = ones, At = east, Sent = east, MaybeSent = east.AddTicks(10) },
            Usual with { At = DateTimeOffset.MinValue, Sent = DateTimeOffset.MaxValue },
            new Sample("B", long.MinValue, 0, false, new DateTimeOffset(s_noon), Guid.Empty) { Since = s_noon },
        ];

        FileResult result = await WriteAsync("a.csv", rows);

        Assert.That((result.Inserted, result.Rejected), Is.EqualTo((rows.Length, 0)), () => string.Join('\n', result.Rejects));
        Assert.That(Stored(), Is.EquivalentTo(rows));
    }

    [Test, CancelAfter(60_000)]
    public async Task Equal_values_are_unchanged_however_they_are_written()
    {
        Sample again = Usual with
        {
            Exact = 1.500m, Price = 12.2500m, MaybePrice = -0.10m,
            At = Usual.At.ToOffset(TimeSpan.FromHours(14)), Sent = Usual.Sent.ToOffset(TimeSpan.FromHours(-12)),
        };
        Sample zero = Usual with { Number = 2, Price = 0m }, minus = zero with { Price = -0.00m };

        // Twice in a file, in another file of the same batch, and in a batch of its own.
        FileResult[] first = await WriteAsync(DuplicatePolicy.LastWins, File("a.csv", Usual, again, zero), File("b.csv", again, minus));
        FileResult second = await WriteAsync("c.csv", again, minus, zero);

        Assert.That(first.Select(Counts), Is.EqualTo(new[] { (2L, 0L, 1L, 0L), (0L, 0L, 2L, 0L) }));
        Assert.That(Counts(second), Is.EqualTo((0L, 0L, 3L, 0L)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_row_that_differs_in_one_value_is_updated()
    {
        Sample[] before = [.. Enumerable.Range(0, 8).Select(i => Usual with { Number = i })];
        Sample[] after =
        [
            before[0] with { Price = 12.250000001m }, before[1] with { MaybePrice = null },
            before[2] with { IsOn = false }, before[3] with { MaybeOn = null },
            before[4] with { Sent = Usual.Sent.ToOffset(TimeSpan.FromHours(1)).AddTicks(10) }, before[5] with { MaybeSent = null },
            before[6] with { Batch = Guid.Empty }, before[7] with { MaybeBatch = null },
        ];

        await WriteAsync("a.csv", before);
        FileResult changed = await WriteAsync("b.csv", after), back = await WriteAsync("c.csv", before);

        Assert.That(Counts(changed), Is.EqualTo((0L, 8L, 0L, 0L)));
        Assert.That(Counts(back), Is.EqualTo((0L, 8L, 0L, 0L)));
        Assert.That(Stored(), Is.EquivalentTo(before));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_key_differs_when_any_of_its_values_does([Values] DuplicatePolicy policy)
    {
        Sample[] rows =
        [
            Usual, Usual with { Number = 2 }, Usual with { Exact = 1.500000001m }, Usual with { IsLast = false },
            Usual with { At = Usual.At.AddTicks(10) }, Usual with { Id = Guid.Empty },
        ];

        FileResult first = (await WriteAsync(policy, File("a.csv", rows)))[0];
        FileResult second = (await WriteAsync(policy, File("b.csv", Usual with { Exact = 1.50m, Note = "other" })))[0];

        Assert.That(Counts(first), Is.EqualTo((6L, 0L, 0L, 0L)));
        Assert.That(Counts(second), Is.EqualTo(policy switch
        {
            DuplicatePolicy.LastWins => (0L, 1L, 0L, 0L),
            DuplicatePolicy.FirstWins => (0L, 0L, 1L, 0L),
            _ => (0L, 0L, 0L, 1L),
        }));
        if (policy != DuplicatePolicy.Reject) return;
        Assert.That(second.Rejects.Single().Found, Is.EqualTo($"A, 1, 1.5, true, 2026-03-01 12:00:00, {s_id}"));
    }

    protected static FileRows<Sample> File(string path, params Sample[] samples)
    {
        var rows = new RowBatch<Sample>();
        for (int i = 0; i < samples.Length; i++) rows.Add(samples[i], i + 2);
        return new FileRows<Sample>(new SourceFile(path, 100, s_noon), rows);
    }

    protected async Task<FileResult> WriteAsync(string path, params Sample[] samples) =>
        (await WriteAsync(DuplicatePolicy.LastWins, File(path, samples)))[0];

    protected async Task<FileResult[]> WriteAsync(DuplicatePolicy policy, params FileRows<Sample>[] files)
    {
        await using IBatchSink<Sample> sink = NewSink(policy);
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), default);
        return await sink.WriteAsync(files, default);
    }

    /// <summary>The table's rows, as the database's own provider reads them.</summary>
    protected static List<Sample> Read(DbConnection db, RowMap<Sample> map)
    {
        using DbCommand command = db.CreateCommand();
        command.CommandText = $"SELECT {string.Join(", ", map.Columns.Select(c => $"[{c.Name}]"))} FROM {map.Name}";
        using DbDataReader row = command.ExecuteReader();
        var found = new List<Sample>();
        while (row.Read())
        {
            (DateTimeOffset at, Guid id) = (Moment(row.GetDateTime(4)), row.GetGuid(5));
            found.Add(new Sample(row.GetString(0), row.GetInt64(1), row.GetDecimal(2), row.GetBoolean(3), at, id)
            {
                Note = row.IsDBNull(6) ? null : row.GetString(6),
                Whole = row.GetInt64(7),
                MaybeWhole = row.IsDBNull(8) ? null : row.GetInt64(8),
                Level = row.GetDouble(9),
                MaybeLevel = row.IsDBNull(10) ? null : row.GetDouble(10),
                Price = row.GetDecimal(11),
                MaybePrice = row.IsDBNull(12) ? null : row.GetDecimal(12),
                IsOn = row.GetBoolean(13),
                MaybeOn = row.IsDBNull(14) ? null : row.GetBoolean(14),
                Since = row.GetDateTime(15),
                MaybeSince = row.IsDBNull(16) ? null : row.GetDateTime(16),
                Sent = Moment(row.GetDateTime(17)),
                MaybeSent = row.IsDBNull(18) ? null : Moment(row.GetDateTime(18)),
                Batch = row.GetGuid(19),
                MaybeBatch = row.IsDBNull(20) ? null : row.GetGuid(20),
            });
        }
        return found;
    }

    /// <summary>The first of the statements that create our tables, with another type for one column.</summary>
    protected static string With(string ddl, string quoted, string type)
    {
        string sql = ddl.Split(';')[0];
        string line = sql.Split('\n').Select(l => l.Trim()).First(l => l.StartsWith(quoted + " ", StringComparison.Ordinal));
        return sql.Replace($"{quoted} {line.Split(' ')[1]}", $"{quoted} {type}", StringComparison.Ordinal);
    }

    private static DateTimeOffset Moment(DateTime utc) => new(DateTime.SpecifyKind(utc, DateTimeKind.Utc));

    private static (long, long, long, long) Counts(FileResult r) => (r.Inserted, r.Updated, r.Unchanged, r.Rejected);

    /// <summary>Equal by value: a moment by its instant, a decimal without the zeros at its end.</summary>
    public sealed record Sample(string Name, long Number, decimal Exact, bool IsLast, DateTimeOffset At, Guid Id)
    {
        public string? Note { get; init; }

        public long Whole { get; init; }

        public long? MaybeWhole { get; init; }

        public double Level { get; init; }

        public double? MaybeLevel { get; init; }

        public decimal Price { get; init; }

        public decimal? MaybePrice { get; init; }

        public bool IsOn { get; init; }

        public bool? MaybeOn { get; init; }

        public DateTime Since { get; init; }

        public DateTime? MaybeSince { get; init; }

        public DateTimeOffset Sent { get; init; }

        public DateTimeOffset? MaybeSent { get; init; }

        public Guid Batch { get; init; }

        public Guid? MaybeBatch { get; init; }
    }
}
