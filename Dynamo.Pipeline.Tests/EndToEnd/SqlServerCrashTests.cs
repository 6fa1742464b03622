using System.Collections.Concurrent;

namespace Dynamo.Pipeline.Tests;

/// <summary>The crash contract with SQL Server behind it: the client is killed, the server lives on.</summary>
[Soak, Order(1)]
internal sealed class SqlServerCrashTests() : CrashContract(rounds: SoakAttribute.Rounds(0, 4, 8), landed: SoakAttribute.Rounds(0, 6, 20))
{
    private readonly ConcurrentDictionary<string, SqlServerTestDatabase> _databases = new();

    [OneTimeTearDown]
    public async Task RemoveDatabases()
    {
        foreach (SqlServerTestDatabase database in _databases.Values) await database.DisposeAsync();
    }

    protected override string[] Source(string inbox) => ["--source", inbox];

    protected override string[] Sink(string folder) => ["--sink", "sqlserver"];

    protected override IReadOnlyDictionary<string, string?> Variables(string folder) => Of(folder).Variables;

    protected override bool HasDatabase(string folder) => Of(folder).HasTable(Of(folder).Map.Name);

    protected override bool HasRows(string folder) =>
        HasDatabase(folder) && Of(folder).Scalar<int>($"SELECT COUNT(*) FROM {Of(folder).Map.Name}") > 0;

    protected override void AssertLoaded(ImportOracle oracle, string folder, string context) =>
        oracle.AssertLoaded(Of(folder).Readings(), Of(folder).Ledger(), context);

    private SqlServerTestDatabase Of(string folder) => _databases.GetOrAdd(folder, _ => new SqlServerTestDatabase());
}
