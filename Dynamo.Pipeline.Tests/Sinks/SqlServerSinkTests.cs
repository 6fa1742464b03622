namespace Dynamo.Pipeline.Tests;

/// <summary>The contract on the endpoint, or on the server that DYNAMO_TEST_SQLSERVER names.</summary>
public sealed class SqlServerSinkTests : BatchSinkContract
{
    private SqlServerTestDatabase _database = null!;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    protected override IBatchSink<Reading> NewSink(DuplicatePolicy policy = DuplicatePolicy.LastWins) => _database.NewSink(policy);

    protected override IReadOnlyList<Reading> StoredReadings() => _database.Readings();

    protected override long StoredRejects(string path) => _database.Rejects(path);

    protected override void RefuseValue(double value) => _database.RefuseValue(value);

    protected override TimeSpan Finest => _database.Finest;
}

/// <summary>The contract with rows that go straight into the table.</summary>
public sealed class SqlServerAppendTests : BatchSinkContract
{
    private SqlServerTestDatabase _database = null!;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    protected override IBatchSink<Reading> NewSink(DuplicatePolicy policy = DuplicatePolicy.LastWins) =>
        _database.NewSink(policy, o => o with { Append = true });

    protected override IReadOnlyList<Reading> StoredReadings() => _database.Readings();

    protected override long StoredRejects(string path) => _database.Rejects(path);

    protected override void RefuseValue(double value) => _database.RefuseValue(value);

    protected override TimeSpan Finest => _database.Finest;
}
