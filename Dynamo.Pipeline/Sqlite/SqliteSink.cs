namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// The door of this room, which keeps everything that knows SQLite: a pipeline calls the sink, from any thread, and the sink lets one
/// writer at a time into the database. It writes rows, together with the ledger of imported files, the runs and the rejected rows. All of a
/// batch is one transaction. The database is in WAL mode: others can read while a run writes. Runs of different sources can write to one
/// database at the same time; their batches take turns. Of a quarantined file, the first 1,000 rejects are recorded, and not its rows.
/// <code>
/// await using var sink = new SqliteSink&lt;Reading&gt;("readings.db", ReadingTable.Default);
/// </code>
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class SqliteSink<TRow> : IBatchSink<TRow>
{
    private static readonly TimeSpan s_longestWrite = TimeSpan.FromSeconds(10);

    private readonly string _path;
    private readonly RowMap<TRow> _map;
    private readonly SqliteSinkOptions _options;
    private readonly SemaphoreSlim _oneWriter = new(1, 1);
    private SqliteSession<TRow>? _session;

    /// <summary>Names the database. Nothing is opened before <see cref="PrepareAsync"/>.</summary>
    /// <param name="path">The database file; it is created when it is missing, its folder is not.</param>
    /// <param name="map">The table and its columns.</param>
    /// <param name="options">How to write; the defaults when null.</param>
    /// <exception cref="ArgumentException">The path is empty, the map has no key column, or two tables have the same name.</exception>
    public SqliteSink(string path, RowMap<TRow> map, SqliteSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(map);
        _path = SqliteLease.Resolved(Path.GetFullPath(path));
        (_map, _options) = (map, options ?? new SqliteSinkOptions());
        if (!map.Columns.Any(c => c.IsKey))
            throw new ArgumentException($"The table {map.Name} has no key column, "
                + "so a row that comes twice could not be told from a new one. Add one with Key.", nameof(map));
        SqliteDdl.RefuseSameNames(map, _options);
    }

    /// <inheritdoc/>
    public string Name => $"sqlite:{_path}";

    /// <summary>1: SQLite has one writer.</summary>
    public int MaxWriters => 1;

    /// <summary>The copying of the WAL beside the writer. Between writes only.</summary>
    internal Task Copying => Session.Copying;

    private SqliteSession<TRow> Session =>
        _session ?? throw new InvalidOperationException("The sink is not prepared: call PrepareAsync first.");

    /// <inheritdoc/>
    /// <exception cref="AlreadyRunningException">
    /// Another run, of this process or another, imports the same source into this database.
    /// </exception>
    /// <exception cref="SinkException">
    /// The database cannot be opened or written, is not SQLite, is newer, or a table does not fit.
    /// </exception>
    public async ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (_session is not null)
            throw new AlreadyRunningException(
                $"This sink is in a run already. End it before another begins, or use a sink of its own for {run.Source}.");
        _session = await SqliteSession<TRow>.OpenAsync(_path, _map, _options, run, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Session.Find(files, cancellationToken));

    /// <inheritdoc/>
    public async ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        await _oneWriter.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Session.WriteAsync(files, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _oneWriter.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask ReportAsync(RunBooks books, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(books);
        await _oneWriter.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await Session.EndAsync(null, books, null, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _oneWriter.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken) =>
        EndRunAsync(outcome, books, null, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, string? reason, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(books);
        await _oneWriter.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await Session.EndAsync(outcome, books, reason, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await CloseAsync().ConfigureAwait(false);
            _oneWriter.Release();
        }
    }

    /// <summary>
    /// Rolls back what is not committed, brings the WAL into the database and releases the lease. A run that was not ended counts as
    /// interrupted. A write that hangs, because the file that it streams does not answer, is waited for ten seconds. Then the database
    /// stays open, and the lease taken, until the process ends.
    /// </summary>
    /// <returns>A task that completes when all is closed, or given up.</returns>
    public async ValueTask DisposeAsync()
    {
        // A writer that is still at work uses the session: to close it now would crash the process.
        if (!await _oneWriter.WaitAsync(s_longestWrite).ConfigureAwait(false)) return;
        try
        {
            await CloseAsync().ConfigureAwait(false);
        }
        finally
        {
            _oneWriter.Release();
        }
    }

    private ValueTask CloseAsync() => Interlocked.Exchange(ref _session, null)?.DisposeAsync() ?? ValueTask.CompletedTask;
}
