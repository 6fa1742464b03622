namespace Dynamo.Pipeline.Host;

/// <summary>A database of SQL Server or Azure SQL.</summary>
internal sealed class SqlServerStore : IStore
{
    private readonly string _connection;
    private readonly RowMap<Reading> _table;
    private readonly SqlServerSinkOptions _options;
    private readonly SqlServerInspection<Reading> _inspection;

    /// <exception cref="SettingsException">The connection string is missing or cannot be read.</exception>
    public SqlServerStore(HostSettings settings, RowMap<Reading> table)
    {
        (_connection, _table) = (SqlServerConnection.Of(settings), table);
        _options = AccessTokens.Applied(settings);
        _inspection = Composition.Checked("sqlserver", () => new SqlServerInspection<Reading>(_connection, table, _options));
    }

    public string Name => _inspection.Name;

    public string Shown => Host.Shown.Name(Name);

    public string Argument => "sqlserver";

    public long? Bytes => null;

    public IBatchSink<Reading> Sink() => new SqlServerSink<Reading>(_connection, _table, _options);

    public async Task<StoreTrial> CheckAsync(CancellationToken cancellationToken) =>
        await _inspection.CheckAsync(cancellationToken) is { } plan ? new StoreTrial(true, plan) : new StoreTrial(false);

    public Task<LedgerEntry?[]> LookUpAsync(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        _inspection.LookUpAsync(source, files, cancellationToken);

    public Task<IAsyncDisposable> LeaseAsync(string source, CancellationToken cancellationToken) =>
        _inspection.LeaseAsync(source, cancellationToken);
}
