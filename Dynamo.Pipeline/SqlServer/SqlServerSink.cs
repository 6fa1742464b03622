namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Writes rows into a table of SQL Server or Azure SQL, together with the ledger of imported files, the runs and the rejected rows.
/// A batch streams by bulk copy into a temporary table of the session. Then one transaction updates and inserts, and writes ledger and
/// rejects, or does nothing at all. If the answer to a commit is lost, the sink asks the ledger what happened. Rows that the server
/// refuses are found by bisection, left out and reported. Several writers, processes and machines can write at the same time.
/// <code>
/// await using var sink = new SqlServerSink&lt;Reading&gt;("Server=db1;Database=Water;Integrated Security=true", ReadingTable.Default);
/// </code>
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class SqlServerSink<TRow> : IBatchSink<TRow>
{
    private readonly SqlServerDb _db;
    private readonly RowMap<TRow> _map;
    private SqlServerSession<TRow>? _session;
    private int _used;

    /// <summary>Names server and database. Nothing is opened before <see cref="PrepareAsync"/>.</summary>
    /// <param name="connectionString">
    /// A connection string of Microsoft.Data.SqlClient, with any authentication that it supports. Encryption is on unless it says
    /// otherwise.
    /// </param>
    /// <param name="map">The table and its columns.</param>
    /// <param name="options">How to write; the defaults when null.</param>
    /// <exception cref="ArgumentException">
    /// The connection string cannot be read, or says how to log in although the options have an
    /// <see cref="SqlServerSinkOptions.AccessTokenCallback"/>; the map has no key, but rows are not only appended; or two tables have
    /// the same name.
    /// </exception>
    public SqlServerSink(string connectionString, RowMap<TRow> map, SqlServerSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        ArgumentNullException.ThrowIfNull(map);
        _map = map;
        SqlServerSinkOptions all = options ?? new SqlServerSinkOptions();
        if (map.Columns.Count == 0) throw new ArgumentException($"The table {map.Name} has no column.", nameof(map));
        if (!all.Append && all.Procedure is null && !map.Columns.Any(c => c.IsKey))
            throw new ArgumentException(
                $"The table {map.Name} has no key column, so a row that comes twice could not be told from a new one. "
                + $"Add one with Key, or set {OptionName.Of(nameof(SqlServerSinkOptions.Append))}.",
                nameof(map));
        SqlServerDdl.RefuseConflicts(map, all);
        _db = SqlServerConnectionText.Read(connectionString, all);
    }

    /// <summary>The server and the database, such as <c>sqlserver:db1/Water</c>: no user, no password.</summary>
    public string Name => _db.Name;

    /// <summary>
    /// <see cref="SqlServerSinkOptions.Writers"/>. Once the sink is prepared, it may be fewer, because of the table's indexes and triggers.
    /// </summary>
    public int MaxWriters => _session?.Plan.Writers ?? _db.Options.Writers;

    /// <inheritdoc/>
    public int BatchRows => _session?.Plan.BatchRows ?? SqlServerPlan.CompressedRows;

    /// <summary>
    /// The number of the run in the run table; <see langword="null"/> before <see cref="PrepareAsync"/> and after the end. A dispatcher
    /// gives it to its workers, for <see cref="SqlServerSinkOptions.PartOfRun"/>.
    /// </summary>
    public long? RunId => _session?.RunId;

    /// <summary>
    /// Cancelled when another has taken the source, because the claim was not renewed for <see cref="SqlServerSinkOptions.LeaseFor"/>. It
    /// is never cancelled without that option, and not before <see cref="PrepareAsync"/>.
    /// </summary>
    public CancellationToken LeaseLost => _session?.LeaseLost ?? CancellationToken.None;

    private SqlServerSession<TRow> Session =>
        _session ?? throw new InvalidOperationException("The sink is not prepared: call PrepareAsync first.");

    /// <inheritdoc/>
    /// <exception cref="AlreadyRunningException">Another run imports the same source into this database.</exception>
    /// <exception cref="SinkException">The server cannot be reached, refuses the login, or a table does not fit.</exception>
    public async ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (Interlocked.Exchange(ref _used, 1) != 0)
            throw new AlreadyRunningException(
                $"This sink is in a run already. End it before another begins, or use a sink of its own for {run.Source}.");
        try
        {
            _session = await SqlServerSession<TRow>.OpenAsync(_db, _map, run, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (_session is null) Volatile.Write(ref _used, 0);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        await Session.FindAsync(files, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken) =>
        await Session.WriteAsync(files, cancellationToken).ConfigureAwait(false);

    /// <summary>Chooses the writer by the first key of the file's first row, as the locks of the table do.</summary>
    /// <param name="file">The file.</param>
    /// <param name="lanes">How many writers there are.</param>
    /// <returns>The writer, from 0 on.</returns>
    public int LaneOf(FileRows<TRow> file, int lanes) => Session.LaneOf(file, lanes);

    /// <inheritdoc/>
    public async ValueTask ReportAsync(RunBooks books, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(books);
        await Session.EndAsync(null, books, null, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken) =>
        EndRunAsync(outcome, books, null, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, string? reason, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(books);
        try
        {
            await Session.EndAsync(outcome, books, reason, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Releases the lease. A run that was not ended counts as interrupted.</summary>
    /// <returns>A task that completes when the connection is closed.</returns>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _session, null) is not { } session) return;
        await session.DisposeAsync().ConfigureAwait(false);
        Volatile.Write(ref _used, 0);
    }
}

/// <summary>Reads a connection string, and never shows any of it.</summary>
internal static class SqlServerConnectionText
{
    public static SqlServerDb Read(string connectionString, SqlServerSinkOptions options)
    {
        SqlServerDb db;
        try
        {
            db = new SqlServerDb(connectionString, options);
        }
        catch (Exception error) when (error is ArgumentException or FormatException or KeyNotFoundException)
        {
            // SqlClient's message may quote a part of the text, for example the end of a password with a semicolon in it.
#pragma warning disable CA2208 // The sink's constructor has this parameter.
            throw new ArgumentException(
                "The connection string of SQL Server cannot be read. "
                + "Check its keywords, and put values that hold a semicolon or quotes into quotes.",
                nameof(connectionString));
#pragma warning restore CA2208
        }
        if (options.AccessTokenCallback is not null && db.SaysHow)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(SqlServerSinkOptions.AccessTokenCallback))} brings the login: "
                + "take Authentication and Integrated Security out of the connection string.",
                nameof(options));
        return db;
    }
}
