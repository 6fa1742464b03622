using System.Globalization;
using Dapper;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Looks into the tables that a <see cref="SqliteSink{TRow}"/> keeps. Every call opens the database, and closes it again; it is never
/// created. Safe for concurrent use, while a run writes or not. A call blocks its thread for as long as SQLite works; the token is heard
/// between statements.
/// </summary>
public sealed class SqliteLedger : ILedger, ILineage, IDeliveries
{
    private readonly string _path;
    private readonly SqliteSinkOptions _options;
    private readonly LedgerSql _sql;

    /// <summary>Names the database. Nothing is opened yet.</summary>
    /// <param name="path">The database file.</param>
    /// <param name="options">The names of the tables; the defaults when null.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    public SqliteLedger(string path, SqliteSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        (_path, _options) = (Path.GetFullPath(path), options ?? new SqliteSinkOptions());
        _sql = new LedgerSql
        {
            Ledger = SqliteSchema.Quote(_options.LedgerTable),
            Runs = SqliteSchema.Quote(_options.RunTable),
            Rejects = SqliteSchema.Quote(_options.RejectTable),
            Entries = SqliteSchema.Quote(SqliteSchema.Entries(_options)),
            IsFile = $"SourceId = (SELECT SourceId FROM {SqliteSchema.Quote(SqliteSchema.Sources(_options))} WHERE Name = @Source) "
                + "AND Path = @Path AND Size = @Size AND ModifiedTicks = @ModifiedTicks",
            Limit = "LIMIT @Most",
            Returning = "RETURNING RunId",
        };
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken = default) =>
        UseAsync<IReadOnlyList<ImportedRun>>(SqliteOpenMode.ReadOnly, async db =>
        {
            var question = new LedgerQuestion(most: most) { Cancellation = cancellationToken };
            return [.. (await db.QueryAsync<RunRow>(_sql.LastRuns, question).ConfigureAwait(false)).Select(row => row.ToRun())];
        });

    /// <inheritdoc/>
    public Task<LedgerTotals> TotalsAsync(string? source, CancellationToken cancellationToken = default) =>
        UseAsync(SqliteOpenMode.ReadOnly, db =>
            db.QuerySingleAsync<LedgerTotals>(_sql.Totals, new LedgerQuestion(source) { Cancellation = cancellationToken }));

    /// <inheritdoc/>
    public Task<long> CountQuarantinedAsync(string? source, CancellationToken cancellationToken = default) =>
        UseAsync(SqliteOpenMode.ReadOnly, db =>
            db.ExecuteScalarAsync<long>(_sql.QuarantineCount, new LedgerQuestion(source) { Cancellation = cancellationToken }));

    /// <summary>
    /// The newest time in the row table: how far behind the data is. Along the primary key it looks only at the last row of each series
    /// (each combination of the key columns before the time), so that the cost grows with the series and not with the rows. Under another
    /// key the whole table is read.
    /// </summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The row table. The first time in its key is meant.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The time in UTC, or <see langword="null"/> where there is none: an empty table, or a key without a time.</returns>
    /// <exception cref="SinkException">The database cannot be read, or has no such table.</exception>
    public Task<DateTime?> NewestAsync<TRow>(RowMap<TRow> map, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        RowColumn<TRow>? time = map.Columns.FirstOrDefault(c => c is { IsKey: true, Kind: ColumnKind.DateTimeUtc });
        if (time is null) return Task.FromResult<DateTime?>(null);
        return UseAsync(SqliteOpenMode.ReadOnly, async db =>
        {
            var table = new NamedTable(map.Name) { Cancellation = cancellationToken };
            IEnumerable<string> key = await db.QueryAsync<string>(SqliteNewest.KeyColumns, table).ConfigureAwait(false);
            string query = SqliteNewest.Query(map.Name, [.. key], time.Name);
            return Time(await db.ExecuteScalarAsync<string?>(query, table).ConfigureAwait(false));
        });
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<QuarantinedEntry>> QuarantinedAsync(
        string? source, int most, CancellationToken cancellationToken = default) =>
        UseAsync<IReadOnlyList<QuarantinedEntry>>(SqliteOpenMode.ReadOnly, async db =>
        {
            var question = new LedgerQuestion(source, most) { Cancellation = cancellationToken };
            return [.. (await db.QueryAsync<QuarantineRow>(_sql.Quarantine, question).ConfigureAwait(false)).Select(row => row.ToEntry())];
        });

    /// <inheritdoc/>
    public async Task<int> RetryAsync(string source, IReadOnlyCollection<SourceFile>? files, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        files ??= [.. (await QuarantinedAsync(source, int.MaxValue, cancellationToken).ConfigureAwait(false)).Select(entry => entry.File)];
        return await UseAsync(SqliteOpenMode.ReadWrite, async db =>
        {
            using SqliteTransaction transaction = db.BeginTransaction(deferred: false);
            int forgotten = 0;
            foreach (SourceFile file in files)
            {
                var key = new LedgerFile(source, file.Path, file.Size, file.ModifiedUtc.Ticks) { Cancellation = cancellationToken };
                await db.ExecuteAsync(_sql.ForgetRejects, key, transaction).ConfigureAwait(false);
                forgotten += (await db.QueryAsync<long>(_sql.ForgetFile, key, transaction).ConfigureAwait(false)).Count();
            }
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            return forgotten;
        }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<TracedRow>> TraceAsync<TRow>(
        RowMap<TRow> map, IReadOnlyDictionary<string, string> key, int most, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(key);
        return VisitAsync(undo => undo.Trace(map, key, most), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeliveredFile>> OlderAsync(long fileId, CancellationToken cancellationToken = default) =>
        VisitAsync(undo => undo.Older(fileId), cancellationToken);

    /// <inheritdoc/>
    public Task<Undone> PlanUndoAsync<TRow>(RowMap<TRow> map, UndoneFiles files, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(files);
        return VisitAsync(undo => undo.Plan(map.Name, files), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<Undone> UndoAsync<TRow>(
        RowMap<TRow> map, UndoneFiles files, IReadOnlyCollection<long> again, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(again);
        CheckThere(cancellationToken);
        using SqliteDb db = SqliteDb.Open(_path, create: false);
        db.Execute($"PRAGMA busy_timeout={Wait}; PRAGMA synchronous=FULL; BEGIN IMMEDIATE", "opening it");
        try
        {
            Undone undone = new SqliteUndo(db, _options).Undo(map.Name, files, again);
            cancellationToken.ThrowIfCancellationRequested();
            db.Commit("taking files back");
            return Task.FromResult(undone);
        }
        finally
        {
            db.Rollback();
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The source was not listed.</exception>
    public async Task<PrunedLedger> PruneAsync<TRow>(
        RowMap<TRow> map, LedgerRetention retention, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(retention);
        retention.Check();
        CheckThere(cancellationToken);
        if (retention.DryRun)
        {
            return await SqliteVisit.ReadAsync(_path, async uri =>
            {
                using SqliteDb reading = SqliteDb.OpenToRead(uri, _path);
                reading.Execute($"PRAGMA temp_store=MEMORY; PRAGMA busy_timeout={Wait}; BEGIN", "reading it");
                return await new SqlitePrune(reading, _options, retention).RunAsync(map.Name, cancellationToken).ConfigureAwait(false);
            }).ConfigureAwait(false);
        }
        SqliteVisit.CheckWritable(_path);
        using SqliteDb db = SqliteDb.Open(_path, create: false);
        db.Execute($"PRAGMA busy_timeout={Wait}; PRAGMA synchronous=FULL", "opening it");
        return await new SqlitePrune(db, _options, retention).RunAsync(map.Name, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads one state of the database, keeps no run from writing meanwhile, and leaves nothing beside it.</summary>
    Task IDeliveries.DeliveriesAsync<TRow>(
        RowMap<TRow> map, int most, DateTime nowUtc, DeliveriesFound found, CancellationToken cancellationToken) =>
        ReadAsync(db =>
        {
            new SqliteDeliveries(db, _options).Read(map, most, nowUtc, found, cancellationToken);
            return true;
        }, cancellationToken);

    private Task<T> VisitAsync<T>(Func<SqliteUndo, T> read, CancellationToken cancellationToken) =>
        ReadAsync(db => read(new SqliteUndo(db, _options)), cancellationToken);

    private Task<T> ReadAsync<T>(Func<SqliteDb, T> read, CancellationToken cancellationToken)
    {
        CheckThere(cancellationToken);
        return SqliteVisit.ReadAsync(_path, uri =>
        {
            using SqliteDb db = SqliteDb.OpenToRead(uri, _path);
            db.Execute($"PRAGMA temp_store=MEMORY; PRAGMA busy_timeout={Wait}; BEGIN", "reading it");
            return Task.FromResult(read(db));
        });
    }

    private int Wait => (int)_options.BusyTimeout.TotalMilliseconds;

    private void CheckThere(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!File.Exists(_path))
            throw new SinkException($"The database {_path} does not exist. Run an import first, or name another file.");
    }

    /// <summary>A time of the row table, which others may have written too: with an offset, for one.</summary>
    private static DateTime? Time(string? text) => text is null
        ? null
        : DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);

    private async Task<T> UseAsync<T>(SqliteOpenMode mode, Func<SqliteConnection, Task<T>> use)
    {
        CheckThere(default);
        try
        {
            return mode == SqliteOpenMode.ReadOnly
                ? await SqliteVisit.ReadAsync(_path, uri => UseAsync(uri, mode, use)).ConfigureAwait(false)
                : await UseAsync(_path, mode, use).ConfigureAwait(false);
        }
        catch (SqliteException e) when (e.Message.Contains($"no such table: {SqliteSchema.Entries(_options)}", StringComparison.Ordinal)
            && mode == SqliteOpenMode.ReadWrite)
        {
            throw new SinkException(SqliteSchema.OlderVersion(_path), e);
        }
        catch (SqliteException e) when (e.Message.Contains("no such table", StringComparison.Ordinal))
        {
            throw new SinkException($"The database {_path} has no table {_options.LedgerTable}: no import has run into it. "
                + "Run one first, or name another file or table.", e);
        }
        catch (SqliteException e)
        {
            string doing = mode == SqliteOpenMode.ReadOnly ? "reading its status" : "changing its ledger";
            throw SqliteFault.Of(e.SqliteExtendedErrorCode, e.Message, _path, doing);
        }
    }

    private async Task<T> UseAsync<T>(string address, SqliteOpenMode mode, Func<SqliteConnection, Task<T>> use)
    {
        var connection = new SqliteConnectionStringBuilder
        {
            DataSource = address,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = Math.Max(1, (int)_options.BusyTimeout.TotalSeconds),
        };
        using var db = new SqliteConnection(connection.ToString());
        await db.OpenAsync().ConfigureAwait(false);
        return await use(db).ConfigureAwait(false);
    }
}

/// <summary>The query for the newest time of a table.</summary>
internal static class SqliteNewest
{
    /// <summary>The primary key's columns in the key's order.</summary>
    public const string KeyColumns = "SELECT name FROM pragma_table_info(@Name) WHERE pk > 0 ORDER BY pk";

    /// <summary>
    /// SQLite cannot skip along an index from one value to the next. So the next value is sought for each column of the key in turn, and in
    /// each series the last time. (A comparison of row values would do it in one go, but SQLite seeks with its first column only.)
    /// </summary>
    /// <param name="table">The table.</param>
    /// <param name="key">Its primary key's columns in the key's order.</param>
    /// <param name="time">The column of the time.</param>
    public static string Query(string table, string[] key, string time)
    {
        string from = SqliteSchema.Quote(table), newest = SqliteSchema.Quote(time);
        string[] series = [.. key.TakeWhile(column => !column.Equals(time, StringComparison.OrdinalIgnoreCase)).Select(SqliteSchema.Quote)];
        // Without the time in the key there is nothing to seek along; with it in front, SQLite itself reads one row.
        if (series.Length == key.Length || series.Length == 0) return $"SELECT max({newest}) FROM {from}";
        string levels = string.Join(", ", series.Select((_, level) => Level(from, series, level)));
        string last = $"SELECT max({newest}) FROM {from} WHERE {Same(series, series.Length)}";
        return $"WITH RECURSIVE {levels} SELECT max(({last})) FROM {Name(series.Length - 1)} AS s WHERE {IsValue(series, series.Length)}";
    }

    /// <summary>All values of the key's first columns, from those of one column fewer.</summary>
    private static string Level(string from, string[] series, int level)
    {
        string column = series[level], before = string.Concat(series.Take(level).Select(above => $"s.{above}, "));
        string smallest = $"SELECT min({column}) FROM {from}", same = Same(series, level);
        string first = level == 0
            ? $"SELECT ({smallest})"
            : $"SELECT {before}({smallest} WHERE {same}) FROM {Name(level - 1)} AS s WHERE {IsValue(series, level)}";
        string greater = $"{smallest} WHERE {same}{(level == 0 ? "" : " AND ")}{column} > s.{column}";
        string next = $"SELECT {before}({greater}) FROM {Name(level)} AS s WHERE {IsValue(series, level + 1)}";
        return $"{Name(level)}({string.Join(", ", series.Take(level + 1))}) AS ({first} UNION ALL {next})";
    }

    /// <summary>Behind the last value comes a null.</summary>
    private static string IsValue(string[] series, int columns) => $"s.{series[columns - 1]} IS NOT NULL";

    private static string Same(string[] series, int columns) =>
        string.Join(" AND ", series.Take(columns).Select(column => $"{column} = s.{column}"));

    private static string Name(int level) => $"\"series {level + 1}\"";
}
