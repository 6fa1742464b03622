namespace Dynamo.Pipeline.Tests;

/// <summary>Tables that somebody else made.</summary>
public sealed class SqlServerTableShapeTests
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    private SqlServerTestDatabase _database = null!;

    private string Table => _database.Map.Name;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase() => await _database.DisposeAsync();

    [Test, CancelAfter(60_000)]
    public async Task Other_names_types_and_columns_are_filled_as_they_are(CancellationToken token)
    {
        // Not every server takes a closing bracket in a name.
        string close = _database.Takes("SELECT 1 AS [a]]b]") ? "]" : "";
        string name = $"{Table} of [O'Brien{close} \"x\"", quoted = SqlServerText.Quote("dbo", name), sensor = $"sensor's [name{close}",
            logger = SqlServerText.Quote(sensor);
        RowMap<Reading> map = RowMap<Reading>.Table(name).Key(sensor, r => r.Logger).Key("At", r => r.TimestampUtc)
            .Column("Level", r => r.Value);
        _database.Execute($"""
            CREATE TABLE {quoted} (Id bigint IDENTITY(1,1) NOT NULL, Level decimal(9,2) NOT NULL, [At] datetime2(0) NOT NULL,
                {logger} varchar(20) NOT NULL,
              Doubled AS (Level * 2), Site nvarchar(20) NOT NULL, Added int NOT NULL DEFAULT 7, PRIMARY KEY ({logger}, [At]))
            """);
        try
        {
            await using var sink = new SqlServerSink<Reading>(
                _database.ConnectionString, map,
                _database.Options with { CreateTables = true, Constants = new Dictionary<string, string> { ["site"] = "North'; --" } });
            await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), token);

            FileResult first = (
                await sink.WriteAsync(
                    [File("a", ("L1", 0, 1.25), ("L2", 0, 2), ("L3", 0, 1e9), ("L4", 0, 0.001), ("Ł5", 0, 1), (new string('x', 21), 0, 1))],
                    token))[0];
            FileResult second = (await sink.WriteAsync([File("b", ("L1", 0, 1.5), ("L2", 0, 2), ("L2", 1, 3))], token))[0];

            Assert.Multiple(() =>
            {
                Assert.That(first.Inserted, Is.EqualTo(2));
                Assert.That(
                    first.Rejects.Select(r => (r.Line, r.Column)),
                    Is.EqualTo(new (long?, string?)[] { (4, "Level"), (5, "Level"), (6, sensor), (7, sensor) }));
                Assert.That((second.Inserted, second.Updated, second.Unchanged), Is.EqualTo((1L, 1L, 1L)));
                Assert.That(
                    _database.Query<(string, double, int, string)>(
                        $"SELECT {logger}, CAST(Level AS float), Added, Site FROM {quoted} ORDER BY 1, 2"),
                    Is.EqualTo(new[] { ("L1", 1.5, 7, "North'; --"), ("L2", 2.0, 7, "North'; --"), ("L2", 3.0, 7, "North'; --") }));
            });
        }
        finally
        {
            _database.Execute($"DROP TABLE {quoted}");
        }
    }

    private const string Good = "Logger nvarchar(50) NOT NULL, Channel nvarchar(50) NOT NULL, TimestampUtc datetime2(7) NOT NULL";

    [TestCase($"{Good}, Valu float NOT NULL, PRIMARY KEY (Logger, Channel, TimestampUtc)", "no column Value", "did you mean Valu?")]
    [TestCase($"{Good}, Value nvarchar(20) NOT NULL, PRIMARY KEY (Logger, Channel, TimestampUtc)",
        "Value has another type: found nvarchar(20)", "such as float")]
    [TestCase($"{Good}, Raw float NOT NULL, Value AS (Raw * 2), PRIMARY KEY (Logger, Channel, TimestampUtc)", "computed or an identity",
        "the row map must not")]
    [TestCase($"{Good}, Value float NOT NULL, Site int NOT NULL, PRIMARY KEY (Logger, Channel, TimestampUtc)",
        "Site must not be null and has no default", "Constants")]
    [TestCase($"{Good}, Value float NOT NULL", "has another key", "unique index over (Logger, Channel, TimestampUtc)")]
    [TestCase($"{Good}, Value float NOT NULL, PRIMARY KEY (Logger, TimestampUtc)", "has another key", "set Append")]
    [CancelAfter(60_000)]
    public async Task A_table_that_does_not_fit_is_refused_before_the_first_row_with_what_to_do(
        string columns, string said, string remedy, CancellationToken token)
    {
        _database.Execute($"CREATE TABLE {Table} ({columns})");
        await using SqlServerSink<Reading> sink = _database.NewSink();

        SinkException error = Assert.ThrowsAsync<SinkException>(
            async () => await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), token))!;

        Assert.That(error.Message, Does.Contain(said).And.Contains(remedy));
        Assert.That(error.IsTransient, Is.False);
    }

    [Test]
    public void Writers_locks_and_their_reasons_follow_from_the_catalogue()
    {
        SqlServerTable bare = SqlServerTable.Of(_database.Map);
        SqlServerIndex key = new(
            "PK", "CLUSTERED", true, false,
            ["Logger", "Channel", "TimestampUtc"]), other = new("UQ", "NONCLUSTERED", true, false, ["Value"]);
        SqlServerIndex store = new("CS", "CLUSTERED COLUMNSTORE", false, false, []);
        var append = new SqlServerSinkOptions { Append = true };

        Assert.Multiple(() =>
        {
            Assert.That(
                Plan(bare with { Indexes = [key] }),
                Is.EqualTo(
                    (4, true, false, "4 writers: each merges keys of its own, told apart by Logger, so that two never meet in a key")));
            Assert.That(
                Plan(bare with { Indexes = [key], Triggers = 1 }),
                Is.EqualTo(
                    (2, false, false,
                        "2 writers: one stages its batch while the other merges; merges take turns, since a trigger may touch any row")));
            Assert.That(Plan(bare with { Indexes = [key, other] }).Reason, Does.Contain("different keys may meet in the unique index UQ"));
            Assert.That(
                Plan(bare with { Indexes = [key with { Kind = "NONCLUSTERED" }, store] }),
                Is.EqualTo((1, false, false, "1 writer: merges take turns, since a columnstore locks many rows at once")));
            Assert.That(Plan(bare, append).Reason, Does.Contain("bulk update locks of the table"));
            Assert.That(Plan(bare, append).LocksTable, Is.True);
            Assert.That(
                Plan(bare with { Indexes = [key] }, append),
                Is.EqualTo(
                    (4, false, false,
                        "4 writers, appending under row locks: a lock of the table would make them take turns, since it has a "
                            + "clustered key")));
        });
    }

    private (int Writers, bool SideBySide, bool LocksTable, string Reason) Plan(SqlServerTable table, SqlServerSinkOptions? options = null)
    {
        var target = new SqlServerTarget<Reading>(_database.Map, table, options ?? new SqlServerSinkOptions(), TdsDialect.SqlServer);
        SqlServerPlan plan = target.Plan;
        return (plan.Writers, plan.MergesSideBySide, plan.LocksTable, plan.Reasons[0]);
    }

    private static FileRows<Reading> File(string path, params (string Logger, int Minute, double Value)[] readings)
    {
        var rows = new RowBatch<Reading>();
        for (int i = 0; i < readings.Length; i++)
            rows.Add(new Reading(readings[i].Logger, "flow", s_noon.AddMinutes(readings[i].Minute), readings[i].Value), i + 2);
        return new FileRows<Reading>(new SourceFile(path, 100, s_noon), rows);
    }
}
