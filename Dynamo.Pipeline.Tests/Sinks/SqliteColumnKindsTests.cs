using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>Every kind of column in SQLite.</summary>
public sealed class SqliteColumnKindsTests : ColumnKindsContract
{
    private static readonly RowMap<Sample> s_map = MapOf("Sample");

    private SqliteTestDatabase _database = null!;

    [SetUp]
    public void MakeFolder() => _database = new SqliteTestDatabase();

    [TearDown]
    public void RemoveFolder() => _database.Dispose();

    [Test, CancelAfter(60_000)]
    public async Task Values_are_stored_as_the_documentation_says()
    {
        await WriteAsync("a.csv", Usual with { Price = -12.500m, Sent = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.FromHours(14)) });

        const string query = "SELECT typeof(IsOn) || IsOn || ', ' || typeof(Price) || Price || ', ' || Sent || ', ' || Batch FROM Sample";
        Assert.That(
            _database.Query(query), Is.EqualTo(new[] { "integer1, text-12.5, 2026-02-28 22:00:00, 6f9619ff-8b86-d011-b42d-00c04fc964ff" }));
    }

    [TestCase("79228162514264337593543950335")]
    [TestCase("-7.9228162514264337593543950335")]
    [TestCase("-0.0000000000000000000000000001")]
    [TestCase("1000")]
    [TestCase("0")]
    [CancelAfter(60_000)]
    public async Task A_decimal_keeps_every_digit_and_no_zero_at_its_end(string text)
    {
        decimal number = decimal.Parse(text, CultureInfo.InvariantCulture);
        decimal same = text.Contains('.') ? number : number * 1.0m;

        await WriteAsync("a.csv", Usual with { Price = number }, Usual with { Number = 2, Price = same });

        Assert.That(_database.Query("SELECT Price FROM Sample"), Is.EqualTo(new[] { text, text }));
    }

    [TestCase("Price", "DECIMAL(10,2)", "TEXT")]
    [TestCase("Price", "REAL", "TEXT")]
    [TestCase("IsOn", "TEXT", "INTEGER")]
    [TestCase("IsOn", "DOUBLE", "INTEGER")]
    [TestCase("Batch", "INTEGER", "TEXT")]
    [CancelAfter(60_000)]
    public void A_column_that_would_change_the_value_is_refused_by_name(string column, string found, string expected)
    {
        _database.Execute(With(SqliteDdl.Of(s_map), $"\"{column}\"", found));

        SinkException error = Assert.ThrowsAsync<SinkException>(async () => await WriteAsync("a.csv", Usual))!;

        Assert.That(error.Message, Does.Contain($"the column Sample.{column} has another type: found {found}, expected {expected}"));
    }

    [TestCase("IsOn", "BOOLEAN")]
    [TestCase("Batch", "UNIQUEIDENTIFIER")]
    [TestCase("Price", "BLOB")]
    [TestCase("Sent", "DATETIME")]
    [CancelAfter(60_000)]
    public async Task A_column_that_keeps_the_value_as_it_is_may_be_called_something_else(string column, string type)
    {
        _database.Execute(With(SqliteDdl.Of(s_map), $"\"{column}\"", type));

        await WriteAsync("a.csv", Usual);

        Assert.That(Stored(), Is.EqualTo(new[] { Usual }));
    }

    [Test, NonParallelizable, CancelAfter(60_000)]
    public void Binding_a_row_makes_no_objects()
    {
        SqliteBinder<Sample>[] binders = [.. s_map.Columns.Select(SqliteBinder<Sample>.For)];
        using SqliteDb db = SqliteDb.Open(":memory:", create: true);
        using SqliteStatement statement = db.Prepare($"SELECT {string.Join(',', binders.Select(_ => '?'))}");
        var sparse = new Sample("B", 1, 0, false, DateTimeOffset.UnixEpoch, Guid.Empty) { Since = DateTime.UnixEpoch };
        long allocated = long.MaxValue;

        // The first rounds make room for the text.
        for (int round = 0; round < 20 && allocated > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++) Bind(i % 2 == 0 ? sparse : Usual);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.That(allocated, Is.Zero);

        void Bind(Sample row)
        {
            for (int i = 0; i < binders.Length; i++)
                if (binders[i].Bind(statement, i + 1, row) is { } problem) Assert.Fail(problem);
            statement.Reset();
        }
    }

    protected override IBatchSink<Sample> NewSink(DuplicatePolicy policy = DuplicatePolicy.LastWins) =>
        new SqliteSink<Sample>(_database.Path, s_map, new SqliteSinkOptions { Duplicates = policy });

    protected override IReadOnlyList<Sample> Stored()
    {
        using var db = new SqliteConnection($"Data Source={_database.Path};Pooling=False");
        db.Open();
        return Read(db, s_map);
    }
}
