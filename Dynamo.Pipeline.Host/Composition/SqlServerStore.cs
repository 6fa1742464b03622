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

    public long? Bytes => null;

    public IBatchSink<Reading> Sink() => new SqlServerSink<Reading>(_connection, _table, _options);

    public async Task<StoreTrial> CheckAsync(CancellationToken cancellationToken)
    {
        if (await _inspection.CheckAsync(cancellationToken) is not { } target) return new StoreTrial(false);
        string? missing = target.FileColumn is not null || _options.Procedure is not null ? null
            : $"{_table.Name} has no column {_options.FileColumn}: the reading that is written later wins, not that of the "
                + "newer file, and none can be traced or taken back. "
                + $"Add it: ALTER TABLE {target.Name} ADD {SqlServerText.Quote(_options.FileColumn)} int NULL";
        return new StoreTrial(true, target.Plan, missing) { ToCreate = target.ToCreate };
    }

    public Task<LedgerEntry?[]> LookUpAsync(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        _inspection.LookUpAsync(source, files, cancellationToken);

    public Task<IAsyncDisposable> LeaseAsync(string source, CancellationToken cancellationToken) =>
        _inspection.LeaseAsync(source, cancellationToken);

    public Task<bool> IsLeasedAsync(string source, CancellationToken cancellationToken) =>
        _inspection.IsLeasedAsync(source, cancellationToken);

    /// <summary>A short question on a connection of the pool.</summary>
    public TimeSpan BetweenTurns => TimeSpan.FromSeconds(2);
}
