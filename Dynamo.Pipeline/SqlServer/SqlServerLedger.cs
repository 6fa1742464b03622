using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;
using static Dynamo.Pipeline.SqlServer.SqlServerQueries;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>Looks into the tables a <see cref="SqlServerSink{TRow}"/> keeps, while a run writes or not. Safe for concurrent use.</summary>
public sealed class SqlServerLedger
{
    private const string Quarantined = "Outcome = N'quarantined'";

    private readonly SqlServerDb _db;

    /// <summary>Names the database. Nothing is opened yet.</summary>
    /// <param name="connectionString">The connection string, as for <see cref="SqlServerSink{TRow}"/>.</param>
    /// <param name="options">The schema and the names of the tables; the defaults when null.</param>
    /// <exception cref="ArgumentException">
    /// The connection string cannot be read, or says how to log in although there is an <see cref="SqlServerSinkOptions.AccessTokenCallback"/>.
    /// </exception>
    public SqlServerLedger(string connectionString, SqlServerSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        _db = SqlServerConnectionText.Read(connectionString, options ?? new SqlServerSinkOptions());
    }

    private string Ledger => SqlServerText.Quote(_db.Options.Schema, _db.Options.LedgerTable);

    /// <summary>The last runs, newest first.</summary>
    /// <param name="most">How many at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The runs.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public async Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken)
    {
        string sql = $"SELECT TOP (@most) RunId, Source, StartedUtc, EndedUtc, Outcome, Host, {string.Join(", ", SqlServerRun.Counts)} "
            + $"FROM {SqlServerText.Quote(_db.Options.Schema, _db.Options.RunTable)} ORDER BY RunId DESC";
        return await ReadAsync(sql, RunOf, cancellationToken, ("@most", most)).ConfigureAwait(false);
    }

    /// <summary>The sums over all files of a source, or of all.</summary>
    /// <param name="source">The source's name, or null for all.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The sums.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public async Task<LedgerTotals> TotalsAsync(string? source, CancellationToken cancellationToken)
    {
        string sql = "SELECT COALESCE(SUM(CASE WHEN Outcome = N'loaded' THEN 1 ELSE 0 END), 0) AS Loaded, COALESCE(SUM(CASE WHEN Outcome = N'quarantined' THEN 1 ELSE 0 END), 0) AS Quarantined, "
            + $"COALESCE(SUM(Rows), 0) AS RowsRead, COALESCE(SUM(Rejected), 0) AS Rejected FROM {Ledger}{(source is null ? "" : " WHERE Source = @source")}";
        List<LedgerTotals> sums = await ReadAsync(sql, r => new LedgerTotals(Whole(r, 0), Whole(r, 1), Whole(r, 2), Whole(r, 3)), cancellationToken, Named(source)).ConfigureAwait(false);
        return sums[0];
    }

    /// <summary>The newest time in the row table: how far behind the data is. Reads an index, or the whole table where none begins with the time.</summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The row table; its first time in the key is meant.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The time in UTC, or null for an empty table, a map without a time in its key, or where a procedure takes the rows.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public async Task<DateTime?> NewestAsync<TRow>(RowMap<TRow> map, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (_db.Options.Procedure is not null || map.Columns.FirstOrDefault(c => c is { IsKey: true, Kind: ColumnKind.DateTimeUtc }) is not { } time) return null;
        string sql = $"SELECT TOP (1) {SqlServerText.Quote(time.Name)} FROM {SqlServerText.Quote(_db.Options.Schema, map.Name)} ORDER BY {SqlServerText.Quote(time.Name)} DESC";
        List<DateTime> newest = await ReadAsync(sql, r => Utc(r, 0), cancellationToken).ConfigureAwait(false);
        return newest.Count == 0 ? null : newest[0];
    }

    /// <summary>The files in quarantine, oldest first.</summary>
    /// <param name="source">The source's name, or null for all.</param>
    /// <param name="most">How many at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The files.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public async Task<IReadOnlyList<QuarantinedEntry>> QuarantinedAsync(string? source, int most, CancellationToken cancellationToken)
    {
        string sql = $"SELECT TOP (@most) Source, Path, Size, ModifiedUtc, Reason, ImportedUtc FROM {Ledger} WHERE {Quarantined}{(source is null ? "" : " AND Source = @source")} ORDER BY ImportedUtc, Path";
        return await ReadAsync(sql, EntryOf, cancellationToken, [("@most", most), .. Named(source)]).ConfigureAwait(false);
    }

    /// <summary>Forgets quarantined files and their rejects, so that the next run that finds them loads them. Loaded files are never forgotten.</summary>
    /// <param name="source">The source's name.</param>
    /// <param name="files">Which files, by path, size and time, or null for all in quarantine. Other versions of the same path stay as they are.</param>
    /// <param name="cancellationToken">Gives up and changes nothing.</param>
    /// <returns>How many files were forgotten.</returns>
    /// <exception cref="SinkException">The database cannot be written.</exception>
    public async Task<int> RetryAsync(string source, IReadOnlyCollection<SourceFile>? files, CancellationToken cancellationToken)
    {
        IEnumerable<SourceFile> these = files ?? (await QuarantinedAsync(source, int.MaxValue, cancellationToken).ConfigureAwait(false)).Select(e => e.File);
        return await _db.RetryAsync("changing its ledger", (connection, token) => ForgetAsync(connection, source, [.. these], token), cancellationToken).ConfigureAwait(false);
    }

    private async Task<int> ForgetAsync(SqlConnection connection, string source, SourceFile[] files, CancellationToken cancellationToken)
    {
        string rejects = $"DELETE FROM {SqlServerText.Quote(_db.Options.Schema, _db.Options.RejectTable)} WHERE Source = @source AND Path = @path "
            + $"AND RunId IN (SELECT RunId FROM {Ledger} WHERE FileKey = @key AND {Quarantined})";
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            int forgotten = 0;
            foreach (SourceFile file in files)
            {
                (string, object?) key = ("@key", SqlServerText.FileKey(source, file));
                await _db.ExecuteAsync(connection, transaction, rejects, cancellationToken, ("@source", source), ("@path", file.Path), key).ConfigureAwait(false);
                forgotten += await ForgottenAsync(connection, transaction, key, cancellationToken).ConfigureAwait(false);
            }
            await SqlServerTransaction.CommitAsync(_db, transaction).ConfigureAwait(false);
            return forgotten;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }

    /// <summary>Counted by what the statement returns: the transaction does not count rows.</summary>
    private async Task<int> ForgottenAsync(SqlConnection connection, SqlTransaction transaction, (string, object?) key, CancellationToken cancellationToken) =>
        (await _db.QueryAsync(connection, transaction, $"DELETE FROM {Ledger} OUTPUT deleted.RunId WHERE FileKey = @key AND {Quarantined}", r => Whole(r, 0), cancellationToken, key).ConfigureAwait(false)).Count;

    private async Task<List<T>> ReadAsync<T>(string sql, Func<SqlDataReader, T> row, CancellationToken cancellationToken, params (string, object?)[] parameters)
    {
        try
        {
            return await _db.RetryAsync("reading its status", (connection, token) => _db.QueryAsync(connection, null, sql, row, token, parameters), cancellationToken).ConfigureAwait(false);
        }
        catch (SinkException error) when (error is { IsTransient: false, InnerException: SqlException })
        {
            // Servers do not agree on the error for a table that is not there.
            if (await HasTablesAsync(cancellationToken).ConfigureAwait(false)) throw;
            throw new SinkException($"{_db.Name} has no tables of an import in the schema {_db.Options.Schema} yet. Run an import first, or name another database, schema or tables.", error);
        }
    }

    private Task<bool> HasTablesAsync(CancellationToken cancellationToken) => _db.RetryAsync("looking for its tables", (connection, token) => _db.HasAsync(connection, Ledger, token), cancellationToken);

    private static (string, object?)[] Named(string? source) => source is null ? [] : [("@source", source)];

    private static ImportedRun RunOf(SqlDataReader row) => new(
        Whole(row, 0), row.GetString(1), Utc(row, 2), row.IsDBNull(3) ? null : Utc(row, 3), row.GetString(4), row.GetString(5),
        SqlServerRun.Counts.Index().ToDictionary(c => c.Item, c => Whole(row, 6 + c.Index)));

    private static QuarantinedEntry EntryOf(SqlDataReader row) => new(
        row.GetString(0), new SourceFile(row.GetString(1), Whole(row, 2), Utc(row, 3)), DefectJson.Read(row.IsDBNull(4) ? "" : row.GetString(4)), Utc(row, 5));
}
