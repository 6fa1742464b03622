using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>Every kind of column on the endpoint, or on the server that DYNAMO_TEST_SQLSERVER names.</summary>
[TestFixture(false), TestFixture(true)]
public sealed class SqlServerColumnKindsTests(bool append) : ColumnKindsContract
{
    private SqlServerTestDatabase _database = null!;
    private RowMap<Sample> _map = null!;

    [SetUp]
    public void MakeDatabase()
    {
        _database = new SqlServerTestDatabase();
        _map = MapOf("Sample" + _database.Map.Name);
    }

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        if (_database.Endpoint is null) _database.Execute($"IF OBJECT_ID('{_map.Name}') IS NOT NULL DROP TABLE {_map.Name}");
        await _database.DisposeAsync();
    }

    [Test, CancelAfter(60_000)]
    public async Task A_decimal_that_the_column_would_round_or_refuse_is_rejected_by_name()
    {
        _database.Execute(With(Ddl, "[Price]", "decimal(6,2)"));
        Sample[] rows =
        [
            Usual with { Number = 2, Price = 9999.990m }, Usual with { Number = 3, Price = 0.001m },
            Usual with { Number = 4, Price = -10_000m }, Usual with { Number = 5, MaybePrice = 1.0000000001m },
        ];

        FileResult result = await WriteAsync("a.csv", rows);

        Assert.That(result.Inserted, Is.EqualTo(1));
        Assert.That(result.Rejects.Select(r => $"{r.Line} {r.Column}: {r.Problem}, {r.Found}, {r.Expected}"), Is.EqualTo(new[]
        {
            "3 Price: the number has more decimals than the column keeps, 0.001, what decimal(6,2) keeps",
            "4 Price: the number is out of range, -10000, what decimal(6,2) keeps",
            "5 MaybePrice: the number has more decimals than the column keeps, 1.0000000001, what decimal(38,9) keeps",
        }));
        Assert.That(Stored().Single().Price, Is.EqualTo(9999.99m));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_column_with_more_decimals_than_ours_takes_them_all()
    {
        _database.Execute(With(Ddl, "[Price]", "decimal(38,28)"));
        Sample row = Usual with { Price = -0.1234567890123456789012345678m };

        FileResult first = await WriteAsync("a.csv", row), second = await WriteAsync("b.csv", row);

        Assert.That((first.Inserted, second.Unchanged), Is.EqualTo((1, 1)));
        Assert.That(Stored().Single().Price, Is.EqualTo(row.Price));
    }

    [TestCase("Price", "float", "decimals, such as decimal(38,9)")]
    [TestCase("IsOn", "int", "yes or no: bit")]
    [TestCase("Batch", "char(36)", "GUIDs: uniqueidentifier")]
    [TestCase("Sent", "bigint", "times, such as datetime2(7)")]
    [CancelAfter(60_000)]
    public void A_column_of_another_type_is_refused_by_name(string column, string found, string expected)
    {
        _database.Execute(With(Ddl, $"[{column}]", found));

        SinkException error = Assert.ThrowsAsync<SinkException>(async () => await WriteAsync("a.csv", Usual))!;

        Assert.That(error.Message, Does.Contain($"{_map.Name}.{column} has another type: found {found}, expected one for {expected}"));
    }

    [Test]
    public void Keys_are_divided_by_a_GUID_where_no_text_or_number_comes_before_it()
    {
        RowMap<Sample> map = RowMap<Sample>.Table("T").Key("IsLast", s => s.IsLast).Key("Exact", s => s.Exact).Key("Id", s => s.Id);
        SqlServerTable table = SqlServerTable.Of(map);
        var parts = new SqlServerKeyParts<Sample>(map.Columns.Select(c => SqlServerColumn<Sample>.For(c, table.Find(c.Name)!)));
        // They differ in two bytes only.
        int[] many = [.. Enumerable.Range(0, 2000).Select(i => parts.Of(Usual with { Id = new Guid(i, 0, 0, new byte[8]) }))];

        Assert.That(parts.Column, Is.EqualTo("Id"));
        Assert.That(parts.Of(Usual), Is.EqualTo(parts.Of(Usual with { Exact = 7, IsLast = false })));
        int[] each = [.. many.GroupBy(p => p).Select(g => g.Count())];
        Assert.That(each, Has.Length.EqualTo(SqlServerKeyParts<Sample>.Count).And.All.GreaterThan(60));
    }

    [Test]
    public void Values_are_handed_to_a_bulk_copy_in_the_same_boxes_row_after_row()
    {
        var rows = new RowBatch<Sample>();
        rows.Add(Usual, 2);
        rows.Add(Usual with { Exact = 2, IsLast = false, Id = Guid.Empty }, 3);
        using var reader = new StagedRowReader<Sample>(_map.Columns, [new StagedPiece<Sample>(0, rows, 0)], (_, _, _) => true);
        int[] values = [.. Enumerable.Range(0, _map.Columns.Count).Where(i => _map.Columns[i].Kind != ColumnKind.Text)];

        reader.Read();
        object[] first = [.. values.Select(reader.GetValue)];
        reader.Read();

        for (int i = 0; i < values.Length; i++) Assert.That(reader.GetValue(values[i]), Is.SameAs(first[i]), _map.Columns[values[i]].Name);
        Assert.That((reader.GetDecimal(2), reader.GetBoolean(3), reader.GetGuid(5)), Is.EqualTo((2m, false, Guid.Empty)));
    }

    protected override IBatchSink<Sample> NewSink(DuplicatePolicy policy = DuplicatePolicy.LastWins) =>
        new SqlServerSink<Sample>(_database.ConnectionString, _map, _database.Options with { Duplicates = policy, Append = append });

    protected override IReadOnlyList<Sample> Stored()
    {
        using SqlConnection db = _database.Open();
        return Read(db, _map);
    }

    private string Ddl => SqlServerDdl.Of(_map, _database.Options);
}
