using Dapper;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Reads the tables that a <see cref="SqlServerSink{TRow}"/> keeps. Every call opens a connection, and is tried again after a transient
/// error. Safe for concurrent use, also during a run.
/// </summary>
public sealed class SqlServerLedger : ILedger, ILineage, IDeliveries
{
    private readonly SqlServerDb _db;
    private readonly LedgerSql _sql;

    /// <summary>Names the database. Nothing is opened yet.</summary>
    /// <param name="connectionString">The connection string, as for <see cref="SqlServerSink{TRow}"/>.</param>
    /// <param name="options">The schema and the names of the tables; the defaults when null.</param>
    /// <exception cref="ArgumentException">
    /// The connection string cannot be read, or says how to log in although there is an
    /// <see cref="SqlServerSinkOptions.AccessTokenCallback"/>.
    /// </exception>
    public SqlServerLedger(string connectionString, SqlServerSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        _db = SqlServerConnectionText.Read(connectionString, options ?? new SqlServerSinkOptions());
        _sql = new LedgerSql
        {
            Ledger = Quoted(_db.Options.LedgerTable),
            Runs = Quoted(_db.Options.RunTable),
            Rejects = Quoted(_db.Options.RejectTable),
            IsFile = "FileKey = @Key",
            Key = ", FileKey",
            Top = "TOP (@Most)",
            Output = "OUTPUT deleted.RunId",
        };
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken = default) =>
        ReadAsync<IReadOnlyList<ImportedRun>>(async (connection, token) =>
        {
            // Workers began after the run that they are part of, so all of them come before it.
            for (long asked = most; ; asked *= 4)
            {
                var question = new LedgerQuestion(most: (int)Math.Min(asked, int.MaxValue)) { Cancellation = token };
                ImportedRun[] rows = [.. (await connection.QueryAsync<RunRow>(
                    _sql.LastRuns, question, commandTimeout: _db.CommandSeconds).ConfigureAwait(false)).Select(row => row.ToRun())];
                ILookup<long?, ImportedRun> workers = rows.Where(row => row.PartOf is not null).ToLookup(row => row.PartOf);
                ImportedRun[] runs = [.. rows.Where(row => row.PartOf is null).Take(most)
                    .Select(row => workers[row.RunId].ToArray() is { Length: > 0 } own ? row with { Workers = own } : row)];
                if (runs.Length == most || rows.Length < question.Most) return runs;
            }
        }, cancellationToken);

    /// <inheritdoc/>
    public Task<LedgerTotals> TotalsAsync(string? source, CancellationToken cancellationToken = default) => ReadAsync(
        (connection, token) => connection.QuerySingleAsync<LedgerTotals>(
            _sql.Totals, new LedgerQuestion(source) { Cancellation = token }, commandTimeout: _db.CommandSeconds),
        cancellationToken);

    /// <summary>
    /// The newest time in the row table: it shows how far behind the data is. Reads an index, or the whole table if no index begins with
    /// the time.
    /// </summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The row table. The first time in its key is used.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>
    /// The time in UTC, or <see langword="null"/> if there is none: the table is empty, its key has no time, or a procedure takes the rows.
    /// </returns>
    /// <exception cref="SinkException">The database cannot be read, or has no such table.</exception>
    public Task<DateTime?> NewestAsync<TRow>(RowMap<TRow> map, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        RowColumn<TRow>? time = map.Columns.FirstOrDefault(c => c is { IsKey: true, Kind: ColumnKind.DateTimeUtc });
        if (time is null || _db.Options.Procedure is not null) return Task.FromResult<DateTime?>(null);
        string column = SqlServerText.Quote(time.Name);
        string sql = $"SELECT TOP (1) {column} AS Utc FROM {Quoted(map.Name)} ORDER BY {column} DESC";
        return ReadAsync(async (connection, token) =>
        {
            NewestTime? newest = await connection.QueryFirstOrDefaultAsync<NewestTime>(
                sql, new LedgerQuestion { Cancellation = token }, commandTimeout: _db.CommandSeconds).ConfigureAwait(false);
            return newest?.Utc;
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<long> CountQuarantinedAsync(string? source, CancellationToken cancellationToken = default) => ReadAsync(
        (connection, token) => connection.ExecuteScalarAsync<long>(
            _sql.QuarantineCount, new LedgerQuestion(source) { Cancellation = token }, commandTimeout: _db.CommandSeconds),
        cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<QuarantinedEntry>> QuarantinedAsync(
        string? source, int most, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<QuarantineRow> rows = await QuarantineRowsAsync(source, most, cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => row.ToExactEntry())];
    }

    private Task<IReadOnlyList<QuarantineRow>> QuarantineRowsAsync(string? source, int most, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<QuarantineRow>>(async (connection, token) =>
        {
            var question = new LedgerQuestion(source, most) { Cancellation = token };
            IEnumerable<QuarantineRow> rows = await connection.QueryAsync<QuarantineRow>(
                _sql.Quarantine, question, commandTimeout: _db.CommandSeconds).ConfigureAwait(false);
            return [.. rows];
        }, cancellationToken);

    /// <inheritdoc/>
    public async Task<int> RetryAsync(string source, IReadOnlyCollection<SourceFile>? files, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        IEnumerable<LedgerFile> all = files is not null
            ? files.Select(file => new LedgerFile(source, file.Path, new FileHash(SqlServerText.FileKey(source, file))))
            : (await QuarantineRowsAsync(source, int.MaxValue, cancellationToken).ConfigureAwait(false))
                .Select(row => new LedgerFile(source, row.Path, new FileHash(row.FileKey)));
        LedgerFile[] forgotten = [.. all];
        return await _db.RetryAsync(
            "changing its ledger",
            (connection, token) => ForgetAsync(connection, forgotten, token),
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<TracedRow>> TraceAsync<TRow>(
        RowMap<TRow> map, IReadOnlyDictionary<string, string> key, int most, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(key);
        return VisitAsync(undo => undo.TraceAsync(map, key, most), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeliveredFile>> OlderAsync(long fileId, CancellationToken cancellationToken = default) =>
        VisitAsync(undo => undo.OlderAsync(fileId), cancellationToken);

    /// <inheritdoc/>
    public Task<Undone> PlanUndoAsync<TRow>(RowMap<TRow> map, UndoneFiles files, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(files);
        return VisitAsync(undo => undo.PlanAsync(map, files), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<Undone> UndoAsync<TRow>(
        RowMap<TRow> map, UndoneFiles files, IReadOnlyCollection<long> again, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(again);
        Undone? inDoubt = null;
        return _db.RetryAsync("taking files back", async (connection, token) =>
        {
            SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, token).ConfigureAwait(false);
            try
            {
                var undo = new SqlServerUndo(_db, connection, transaction, token);
            Undone undone = await undo.UndoAsync(map, files, again).ConfigureAwait(false);
                // If the answer to the last commit was lost, but its files are gone, it happened.
                if (inDoubt is { Files.Count: > 0 } && undone.Files.Count == 0) return inDoubt;
                token.ThrowIfCancellationRequested();
                inDoubt = undone;
                await SqlServerTransaction.CommitAsync(_db, transaction).ConfigureAwait(false);
                return undone;
            }
            finally
            {
                await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
            }
        }, cancellationToken);
    }

    /// <summary>Reads in a transaction that is rolled back, with its temporary tables.</summary>
    private Task<T> VisitAsync<T>(Func<SqlServerUndo, Task<T>> read, CancellationToken cancellationToken) =>
        ReadAsync(async (connection, token) =>
        {
            SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, token).ConfigureAwait(false);
            try
            {
                return await read(new SqlServerUndo(_db, connection, transaction, token)).ConfigureAwait(false);
            }
            finally
            {
                await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
            }
        }, cancellationToken);

    private async Task<int> ForgetAsync(SqlConnection connection, LedgerFile[] files, CancellationToken cancellationToken)
    {
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            int forgotten = 0;
            foreach (LedgerFile file in files)
            {
                var key = new LedgerFile(file.Source, file.Path, file.Key) { Cancellation = cancellationToken };
                await connection.ExecuteAsync(_sql.ForgetRejects, key, transaction, _db.CommandSeconds).ConfigureAwait(false);
                // The statement returns a row for each entry, so that no number of affected rows is needed.
                IEnumerable<long> runs = await connection.QueryAsync<long>(
                    _sql.ForgetFile, key, transaction, commandTimeout: _db.CommandSeconds).ConfigureAwait(false);
                forgotten += runs.Count();
            }
            await SqlServerTransaction.CommitAsync(_db, transaction).ConfigureAwait(false);
            return forgotten;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The source was not listed.</exception>
    public Task<PrunedLedger> PruneAsync<TRow>(
        RowMap<TRow> map, LedgerRetention retention, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(retention);
        retention.Check();
        var prune = new SqlServerPrune(_db, retention, map.Name);
        return ReadAsync(prune.RunAsync, cancellationToken, "removing old records");
    }

    Task IDeliveries.DeliveriesAsync<TRow>(
        RowMap<TRow> map, int most, DateTime nowUtc, DeliveriesFound found, CancellationToken cancellationToken)
    {
        var deliveries = new SqlServerDeliveries(_db, most, nowUtc, found);
        return ReadAsync((connection, token) => deliveries.ReadAsync(map, connection, token), cancellationToken);
    }

    private async Task<T> ReadAsync<T>(
        Func<SqlConnection, CancellationToken, Task<T>> read, CancellationToken cancellationToken, string doing = "reading its status")
    {
        try
        {
            return await _db.RetryAsync(doing, read, cancellationToken).ConfigureAwait(false);
        }
        catch (SinkException error) when (error.InnerException is SqlException sql && TdsDialect.MayMissTable(sql.Number))
        {
            // Another table may be missing, for example the row table.
            if (await HasTablesAsync(cancellationToken).ConfigureAwait(false)) throw;
            throw new SinkException($"{_db.Name} has no tables of an import in the schema {_db.Options.Schema} yet. "
                + "Run an import first, or name another database, schema or tables.", error);
        }
    }

    private Task<bool> HasTablesAsync(CancellationToken cancellationToken) =>
        _db.RetryAsync("looking for its tables", (connection, token) => _db.HasAsync(connection, _sql.Ledger, token), cancellationToken);

    private string Quoted(string table) => SqlServerText.Quote(_db.Options.Schema, table);
}
