using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>
/// Looks at a database as a run would, and changes nothing in it: would its tables take the rows, how would they be written, and which files does its ledger have?
/// Safe for concurrent use.
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class SqlServerInspection<TRow>
{
    private readonly SqlServerDb _db;
    private readonly RowMap<TRow> _map;

    /// <summary>Names the database. Nothing is opened yet.</summary>
    /// <param name="connectionString">The connection string, as for <see cref="SqlServerSink{TRow}"/>.</param>
    /// <param name="map">The table and its columns.</param>
    /// <param name="options">As the run will have them; the defaults when null.</param>
    /// <exception cref="ArgumentException">The connection string cannot be read, or says how to log in although there is an AccessTokenCallback; or two tables have the same name.</exception>
    public SqlServerInspection(string connectionString, RowMap<TRow> map, SqlServerSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        ArgumentNullException.ThrowIfNull(map);
        _map = map;
        SqlServerSinkOptions all = options ?? new SqlServerSinkOptions();
        SqlServerDdl.RefuseConflicts(map, all);
        _db = SqlServerConnectionText.Read(connectionString, all);
    }

    /// <summary>The server and the database, such as <c>sqlserver:db1/Water</c>: no user, no password.</summary>
    public string Name => _db.Name;

    /// <summary>Connects, and compares the tables with the row map.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How rows would be written, or <see langword="null"/> when the first run creates the row table.</returns>
    /// <exception cref="SinkException">A run would fail: no connection, no login, or a table that does not fit.</exception>
    public Task<SqlServerPlan?> CheckAsync(CancellationToken cancellationToken) => _db.RetryAsync("checking its tables", async (connection, token) =>
        (await new SqlServerSchemaCheck<TRow>(_db, _map).CheckAsync(connection, token).ConfigureAwait(false))?.Plan, cancellationToken);

    /// <summary>Asks the ledger which of these files are done. A database without a ledger has none.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>.</param>
    /// <param name="files">The files.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>In step with <paramref name="files"/>: the entry, or <see langword="null"/>.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public Task<LedgerEntry?[]> LookUpAsync(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(files);
        return _db.RetryAsync("reading the ledger", (connection, token) => LookUpAsync(connection, source, files, token), cancellationToken);
    }

    /// <summary>Keeps runs of a source from beginning until the result is disposed, for maintenance.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The claim.</returns>
    /// <exception cref="AlreadyRunningException">A run holds this source and database.</exception>
    /// <exception cref="SinkException">The database cannot be reached.</exception>
    public async Task<IAsyncDisposable> ClaimAsync(string source, CancellationToken cancellationToken) =>
        await _db.GuardAsync("claiming the source", () => SqlServerClaim.TakeAsync(_db, source, cancellationToken), cancellationToken).ConfigureAwait(false);

    private async Task<LedgerEntry?[]> LookUpAsync(SqlConnection connection, string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        var entries = new LedgerEntry?[files.Count];
        string table = SqlServerText.Quote(_db.Options.Schema, _db.Options.LedgerTable);
        if (!await _db.HasAsync(connection, table, cancellationToken).ConfigureAwait(false)) return entries;
        var ledger = new SqlServerLedgerTable(_db.Options, source, runId: 0);
        foreach ((int at, LedgerEntry entry) in await ledger.FindAsync(_db, connection, null, files, cancellationToken).ConfigureAwait(false))
            entries[at] = entry;
        return entries;
    }
}
