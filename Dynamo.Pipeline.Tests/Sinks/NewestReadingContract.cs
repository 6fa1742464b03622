using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Which reading stays is a fact of the files: any sizes, readers, writers, order of listing and number of runs give the same table, and
/// every reading knows its file.
/// </summary>
public abstract class NewestReadingContract
{
    private static readonly DateTime s_day = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>A file of the generated deliveries. Several have the same time; then the path decides.</summary>
    private protected sealed record Delivery(string Path, int Day, (int Key, int Value)[] Rows)
    {
        public SourceFile File => new(Path, Text.Length, s_day.AddDays(Day));

        public string Text => "logger,channel,timestamp,value\n" + string.Concat(
            Rows.Select(r => FormattableString.Invariant($"L{r.Key % 2},flow,{s_day.AddMinutes(r.Key):yyyy-MM-ddTHH:mm:ss}Z,{r.Value}\n")));

        public static DateTime Time(int key) => s_day.AddMinutes(key);

        public override string ToString() => $"{Path} of day {Day}: {string.Join(" ", Rows.Select(r => $"{r.Key}={r.Value}"))}";
    }

    /// <summary>How a set of files is imported.</summary>
    private protected sealed record Way(
        int[] Runs, int BatchRows, int BatchFiles, int Readers, int Writers, int Message, bool Streamed, int Order);

    private protected static readonly Gen<Delivery[]> Deliveries =
        from count in Gen.Choose(1, 9)
        from files in Gen.CollectToArray(Enumerable.Range(0, count).Select(i =>
            from day in Gen.Choose(0, 3)
            from rows in (from key in Gen.Choose(0, 7) from value in Gen.Choose(0, 3) select (key, value)).ArrayOf(6)
            select new Delivery($"{(char)('a' + ((i * 5) % 9))}.csv", day, rows)))
        select files;

    private protected static readonly Gen<Way> Ways =
        from runs in Gen.Choose(0, 2).ArrayOf(9)
        from rows in Gen.Elements(1, 3, 7, 50_000)
        from batchFiles in Gen.Elements(1, 2, 1000)
        from readers in Gen.Choose(1, 3)
        from writers in Gen.Choose(1, 3)
        from message in Gen.Elements(1, 2, 100)
        from streamed in Gen.Frequency((3, Gen.Constant(false)), (1, Gen.Constant(true)))
        from order in Gen.Choose(0, 1000)
        select new Way(runs, rows, batchFiles, readers, writers, message, streamed, order);

    /// <summary>How many generated cases a property has.</summary>
    protected virtual int Cases => 30;

    protected abstract IBatchSink<Reading> NewSink(DuplicatePolicy policy, int writers);

    /// <summary>Time, value and the path of the file of each reading.</summary>
    protected abstract IReadOnlyList<string> Stored();

    /// <summary>Removes all rows and what the ledger knows.</summary>
    protected abstract void Clear();

    [Test, CancelAfter(300_000)]
    public void The_same_files_give_the_same_table_whatever_the_way(
        [Values(DuplicatePolicy.LastWins, DuplicatePolicy.FirstWins)] DuplicatePolicy policy)
    {
        Gen<(Delivery[], Way)> both = from d in Deliveries from w in Ways select (d, w);
        Prop.ForAll(Arb.From(both), x => Agrees(policy, x.Item1, x.Item2))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(SoakAttribute.Rounds(Cases / 2, Math.Max(Cases, 12), 400)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_late_delivery_of_an_old_file_does_not_replace_what_is_newer(CancellationToken token)
    {
        var correction = new Delivery("a.csv", 2, [(1, 20), (2, 20)]);
        var original = new Delivery("z.csv", 1, [(1, 10), (2, 20), (3, 10)]);

        await ImportAsync(DuplicatePolicy.LastWins, [correction], token);
        PipelineResult late = await ImportAsync(DuplicatePolicy.LastWins, [original], token);

        Assert.Multiple(() =>
        {
            Assert.That(Stored(), Is.EqualTo(Expected(DuplicatePolicy.LastWins, [correction, original])));
            Assert.That((late.Books.RowsInserted, late.Books.RowsUpdated, late.Books.RowsUnchanged), Is.EqualTo((1, 0, 2)));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task A_newer_file_with_the_same_value_is_the_readings_file_from_then_on(CancellationToken token)
    {
        var first = new Delivery("a.csv", 0, [(1, 10)]);
        var same = new Delivery("b.csv", 2, [(1, 10)]);
        var between = new Delivery("c.csv", 1, [(1, 99)]);

        await ImportAsync(DuplicatePolicy.LastWins, [first], token);
        await ImportAsync(DuplicatePolicy.LastWins, [same], token);
        await ImportAsync(DuplicatePolicy.LastWins, [between], token);

        Assert.That(Stored(), Is.EqualTo(Expected(DuplicatePolicy.LastWins, [first, same, between])));
    }

    [Test, CancelAfter(60_000)]
    public async Task Rows_of_a_file_that_replace_each_other_are_counted(CancellationToken token)
    {
        await ImportAsync(DuplicatePolicy.LastWins, [new Delivery("before.csv", 0, [(1, 0)])], token);
        PipelineResult result = await ImportAsync(
            DuplicatePolicy.LastWins,
            [
                new Delivery("a.csv", 0, [(1, 1), (2, 1), (1, 2), (1, 2), (4, 4)]),
                new Delivery("b.csv", 1, [(2, 1), (4, 5)]),
            ],
            token);

        Assert.That((result.Books.RowsCollided, result.Books.RowsRead), Is.EqualTo((2, 7)));
    }

    private protected void Agrees(DuplicatePolicy policy, Delivery[] deliveries, Way way)
    {
        Clear();
        var random = new Random(way.Order);
        foreach (IGrouping<int, (Delivery Delivery, int Run)> run in deliveries.Select((d, i) => (d, way.Runs[i])).GroupBy(x => x.Item2))
        {
            Delivery[] files = [.. run.Select(x => x.Delivery)];
            random.Shuffle(files);
            ImportAsync(policy, files, default, way).WaitAsync(TimeSpan.FromSeconds(60)).GetAwaiter().GetResult();
        }
        Assert.That(Stored(), Is.EqualTo(Expected(policy, deliveries)), $"{way}\n{string.Join("\n", deliveries.AsEnumerable())}");
    }

    private protected async Task<PipelineResult> ImportAsync(
        DuplicatePolicy policy, Delivery[] files, CancellationToken token, Way? way = null)
    {
        way ??= new Way([], 50_000, 1000, 2, 1, 100, Streamed: false, 0);
        var source = new MemorySource(files.ToDictionary(f => f.Path, f => f.Text))
        {
            OnList = file => files.First(f => f.Path == file.Path).File,
        };
        await using IBatchSink<Reading> sink = NewSink(policy, way.Writers);
        return await FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink, new PipelineOptions
        {
            Readers = way.Readers,
            FilesPerMessage = way.Message,
            BatchRows = way.BatchRows,
            BatchFiles = way.BatchFiles,
            StreamAbove = way.Streamed ? 60 : 1 << 20,
        }).RunAsync(cancellationToken: token);
    }

    private protected static string[] Expected(DuplicatePolicy policy, Delivery[] deliveries)
    {
        var ordered = deliveries.OrderBy(d => d.Day).ThenBy(d => d.Path, StringComparer.Ordinal)
            .SelectMany(d => d.Rows.Select(r => (d.Path, r.Key, r.Value)));
        return [.. ordered.GroupBy(r => r.Key)
            .Select(rows => policy == DuplicatePolicy.LastWins ? rows.Last() : rows.First())
            .Select(r => FormattableString.Invariant($"{s_day.AddMinutes(r.Key):HH:mm} {r.Value} {r.Path}")).Order(StringComparer.Ordinal)];
    }
}

/// <summary>The contract on SQL Server, with rows that are staged or copied straight into the table.</summary>
[TestFixture(false)]
[TestFixture(true)]
[Order(1)]
public sealed class SqlServerNewestReadingTests(bool append) : LineageContract
{
    private SqlServerTestDatabase _database = null!;

    [OneTimeSetUp]
    public void OnlyOneWay()
    {
        if (append) SoakAttribute.Require(byHand: true);
    }

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    /// <summary>A case takes the endpoint some 100 ms.</summary>
    protected override int Cases => 8;

    protected override IBatchSink<Reading> NewSink(DuplicatePolicy policy, int writers) =>
        _database.NewSink(policy, o => o with { Append = append, Writers = writers });

    protected override RowMap<Reading> Map => _database.Map;

    protected override ILineage NewLedger(DuplicatePolicy policy) =>
        new SqlServerLedger(_database.ConnectionString, _database.Options with { Duplicates = policy });

    protected override IReadOnlyList<string> Stored() => [.. _database.Query<(DateTime At, double Value, string? Path)>($"""
        SELECT r.TimestampUtc, r.Value, f.Path
        FROM {_database.Map.Name} AS r LEFT JOIN {_database.Options.LedgerTable} AS f ON f.FileId = r.FileId
        """).Select(r => FormattableString.Invariant($"{r.At:HH:mm} {r.Value} {r.Path}")).Order(StringComparer.Ordinal)];

    /// <summary>Removes all rows. The numbers of the files go on.</summary>
    protected override void Clear()
    {
        foreach (string table in (string[])
            [_database.Map.Name, _database.Options.LedgerTable, _database.Options.RejectTable, _database.Options.OverlapTable])
            if (_database.HasTable(table)) _database.Execute($"DELETE FROM {table}");
    }
}
