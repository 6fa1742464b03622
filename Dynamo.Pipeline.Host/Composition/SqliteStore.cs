namespace Dynamo.Pipeline.Host;

/// <summary>A database file.</summary>
internal sealed class SqliteStore(HostSettings settings, RowMap<Reading> table) : IStore
{
    private readonly string _path = Path.GetFullPath(settings.Database);

    public string Name => "sqlite:" + _path;

    public string Shown => Host.Shown.Path(_path);

    public long? Bytes => new FileInfo(_path).Length;

    public IBatchSink<Reading> Sink() =>
        Composition.Checked("table", () => new SqliteSink<Reading>(settings.Database, table, settings.Sqlite));

    public Task<StoreTrial> CheckAsync(CancellationToken cancellationToken)
    {
        SqliteInspection<Reading> database = Inspection();
        bool hasFiles = database.Check();
        string? missing = hasFiles ? null
            : $"{table.Name} has no column {settings.Sqlite.FileColumn}: the reading that is written later wins, not that of the "
                + $"newer file, and none can be traced or taken back. Add it: {SqliteSchema.AddFileColumn(table, settings.Sqlite)}";
        return Task.FromResult(new StoreTrial(database.Exists, Missing: missing));
    }

    public Task<LedgerEntry?[]> LookUpAsync(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        Inspection().LookUpAsync(source, files, cancellationToken);

    public Task<IAsyncDisposable> LeaseAsync(string source, CancellationToken cancellationToken)
    {
        return Task.FromResult<IAsyncDisposable>(new Held(Inspection().Lease(source)));
    }

    public Task<bool> IsLeasedAsync(string source, CancellationToken cancellationToken) => Task.FromResult(Inspection().IsLeased(source));

    public TimeSpan BetweenTurns => TimeSpan.FromSeconds(1);

    private SqliteInspection<Reading> Inspection() =>
        Composition.Checked("table", () => new SqliteInspection<Reading>(settings.Database, table, settings.Sqlite));

    private sealed class Held(SqliteLease lease) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            lease.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
