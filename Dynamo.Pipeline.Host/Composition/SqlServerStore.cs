namespace Dynamo.Pipeline.Host;

/// <summary>A database of SQL Server or Azure SQL.</summary>
internal sealed class SqlServerStore : IStore
{
    private readonly string _connection;
    private readonly RowMap<Reading> _table;
    private readonly SqlServerSinkOptions _options;
    private readonly SqlServerInspection<Reading> _inspection;
    private readonly SqlServerLedger _ledger;

    /// <exception cref="SettingsException">The connection string is missing or cannot be read.</exception>
    public SqlServerStore(HostSettings settings, RowMap<Reading> table)
    {
        _table = table;
        _connection = SqlServerConnection.Of(settings);
        _options = AccessTokens.Of(settings) is { } tokens ? settings.SqlServer with { AccessTokenCallback = tokens.GetAsync } : settings.SqlServer;
        try
        {
            _inspection = new SqlServerInspection<Reading>(_connection, table, _options);
            _ledger = new SqlServerLedger(_connection, _options);
        }
        catch (ArgumentException error)
        {
            throw new SettingsException("sqlserver", error.Message.Split(" (Parameter ", 2)[0]);
        }
    }

    public string Name => _inspection.Name;

    public string Shown => Host.Shown.Name(Name);

    public string Argument => "sqlserver";

    public long? Bytes => null;

    public IBatchSink<Reading> Sink() => new SqlServerSink<Reading>(_connection, _table, _options);

    public async Task<StoreTrial> CheckAsync(CancellationToken cancellationToken) => await _inspection.CheckAsync(cancellationToken) is { } plan ? new StoreTrial(true, plan) : new StoreTrial(false);

    public Task<LedgerEntry?[]> LookUpAsync(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) => _inspection.LookUpAsync(source, files, cancellationToken);

    public Task<IAsyncDisposable> LeaseAsync(string source, CancellationToken cancellationToken) => _inspection.LeaseAsync(source, cancellationToken);

    public Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken) => _ledger.RunsAsync(most, cancellationToken);

    public Task<LedgerTotals> TotalsAsync(CancellationToken cancellationToken) => _ledger.TotalsAsync(null, cancellationToken);

    public Task<DateTime?> NewestAsync(CancellationToken cancellationToken) => _ledger.NewestAsync(_table, cancellationToken);

    public Task<IReadOnlyList<QuarantinedEntry>> QuarantinedAsync(string? source, int most, CancellationToken cancellationToken) => _ledger.QuarantinedAsync(source, most, cancellationToken);

    public Task<int> RetryAsync(string source, IReadOnlyCollection<SourceFile> files, CancellationToken cancellationToken) => _ledger.RetryAsync(source, files, cancellationToken);
}
