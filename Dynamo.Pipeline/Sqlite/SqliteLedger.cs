using System.Globalization;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>Looks into the tables a <see cref="SqliteSink{TRow}"/> keeps, while a run writes or not. Every call opens the database anew; safe from several threads.</summary>
/// <param name="path">The database.</param>
/// <param name="options">The names of the tables; the defaults when null.</param>
public sealed class SqliteLedger(string path, SqliteSinkOptions? options = null)
{
    private static readonly string[] s_counts =
    [
        "Listed", "Loaded", "AlreadyLoaded", "AlreadyQuarantined", "Quarantined", "Deferred",
        "RowsRead", "RowsInserted", "RowsUpdated", "RowsUnchanged", "RowsRejected", "RowsSkipped", "RowsFlagged", "Bytes",
    ];

    private readonly SqliteSinkOptions _options = options ?? new SqliteSinkOptions();

    private string Ledger => SqliteSchema.Quote(_options.LedgerTable);

    private string Rejects => SqliteSchema.Quote(_options.RejectTable);

    /// <summary>The last runs, newest first.</summary>
    /// <param name="most">How many at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The runs.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken) => UseAsync<IReadOnlyList<ImportedRun>>(SqliteOpenMode.ReadOnly, async db =>
    {
        string sql = $"SELECT * FROM {SqliteSchema.Quote(_options.RunTable)} ORDER BY RunId DESC LIMIT @most";
        return await db.QueryAsync(sql, RunOf, cancellationToken, ("@most", most)).ConfigureAwait(false);
    });

    /// <summary>The sums over all files of a source, or of all.</summary>
    /// <param name="source">The source's name, or null for all.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The sums.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public Task<LedgerTotals> TotalsAsync(string? source, CancellationToken cancellationToken) => UseAsync(SqliteOpenMode.ReadOnly, async db =>
    {
        string sql = $"SELECT count(*) FILTER (WHERE Outcome = 'loaded') AS Loaded, count(*) FILTER (WHERE Outcome = 'quarantined') AS Quarantined, "
            + $"coalesce(sum(Rows), 0) AS Rows, coalesce(sum(Rejected), 0) AS Rejected FROM {Ledger} WHERE @source IS NULL OR Source = @source";
        List<LedgerTotals> sums = await db.QueryAsync(sql, r => new LedgerTotals(r.GetInt64(0), r.GetInt64(1), r.GetInt64(2), r.GetInt64(3)),
            cancellationToken, ("@source", source)).ConfigureAwait(false);
        return sums[0];
    });

    /// <summary>
    /// The newest time in the row table: how far behind the data is. Along the primary key it looks only at the last row of each series (each combination
    /// of the key columns before the time), so that the cost grows with the series and not with the rows; under another key the whole table is read.
    /// </summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The row table; its first time in the key is meant.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The time in UTC, or null for an empty table or a map without a time in its key.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public Task<DateTime?> NewestAsync<TRow>(RowMap<TRow> map, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(map);
        RowColumn<TRow>? time = map.Columns.FirstOrDefault(c => c is { IsKey: true, Kind: ColumnKind.DateTimeUtc });
        if (time is null) return Task.FromResult<DateTime?>(null);
        return UseAsync<DateTime?>(SqliteOpenMode.ReadOnly, async db =>
        {
            List<string> key = await db.QueryAsync("SELECT name FROM pragma_table_info(@table) WHERE pk > 0 ORDER BY pk", r => r.GetString(0),
                cancellationToken, ("@table", map.Name)).ConfigureAwait(false);
            List<DateTime?> newest = await db.QueryAsync(SqliteNewest.Query(map.Name, [.. key], time.Name), r => r.IsDBNull(0) ? (DateTime?)null : Time(r.GetString(0)),
                cancellationToken).ConfigureAwait(false);
            return newest.FirstOrDefault();
        });
    }

    /// <summary>The files in quarantine, oldest first.</summary>
    /// <param name="source">The source's name, or null for all.</param>
    /// <param name="most">How many at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The files.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public Task<IReadOnlyList<QuarantinedEntry>> QuarantinedAsync(string? source, int most, CancellationToken cancellationToken) =>
        UseAsync<IReadOnlyList<QuarantinedEntry>>(SqliteOpenMode.ReadOnly, async db =>
        {
            string sql = $"SELECT Source, Path, Size, ModifiedUtc, coalesce(Reason, '') AS Reason, ImportedUtc FROM {Ledger} "
                + "WHERE Outcome = 'quarantined' AND (@source IS NULL OR Source = @source) ORDER BY ImportedUtc, Path LIMIT @most";
            return await db.QueryAsync(sql, EntryOf, cancellationToken, ("@source", source), ("@most", most)).ConfigureAwait(false);
        });

    /// <summary>Forgets quarantined files and their rejects, so that the next run that finds them loads them. Loaded files are never forgotten.</summary>
    /// <param name="source">The source's name.</param>
    /// <param name="files">Which files, by path, size and time, or null for all in quarantine. Other versions of the same path stay as they are.</param>
    /// <param name="cancellationToken">Gives up and changes nothing.</param>
    /// <returns>How many files were forgotten.</returns>
    /// <exception cref="SinkException">The database cannot be written.</exception>
    public Task<int> RetryAsync(string source, IReadOnlyCollection<SourceFile>? files, CancellationToken cancellationToken) => UseAsync(SqliteOpenMode.ReadWrite, async db =>
    {
        using SqliteTransaction transaction = db.BeginTransaction(deferred: false);
        int forgotten = 0;
        foreach (SourceFile? file in files ?? (IEnumerable<SourceFile?>)[null])
        {
            const string Which = "Source = @source AND Outcome = 'quarantined' AND (@path IS NULL OR (Path = @path AND Size = @size AND ModifiedUtc = @modified))";
            (string, object?)[] these =
            [
                ("@source", source), ("@path", file?.Path), ("@size", file?.Size),
                ("@modified", file?.ModifiedUtc.ToString("yyyy-MM-dd HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture)),
            ];
            await db.ExecuteAsync($"DELETE FROM {Rejects} WHERE (RunId, Path) IN (SELECT RunId, Path FROM {Ledger} WHERE {Which})", transaction, cancellationToken, these).ConfigureAwait(false);
            forgotten += await db.ExecuteAsync($"DELETE FROM {Ledger} WHERE {Which}", transaction, cancellationToken, these).ConfigureAwait(false);
        }
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return forgotten;
    });

    private static ImportedRun RunOf(SqliteDataReader row) => new(
        (long)row["RunId"], (string)row["Source"], Time((string)row["StartedUtc"]), row["EndedUtc"] is string ended ? Time(ended) : null,
        (string)row["Outcome"], (string)row["Host"], s_counts.ToDictionary(c => c, c => Count(row, c)));

    /// <summary>0 where an older database has no such column.</summary>
    private static long Count(SqliteDataReader row, string name)
    {
        for (int i = 0; i < row.FieldCount; i++)
            if (row.GetName(i) == name) return row.GetInt64(i);
        return 0;
    }

    private static QuarantinedEntry EntryOf(SqliteDataReader row) => new(
        row.GetString(0), new SourceFile(row.GetString(1), row.GetInt64(2), Time(row.GetString(3))), DefectJson.Read(row.GetString(4)), Time(row.GetString(5)));

    private static DateTime Time(string text) =>
        DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);

    private async Task<T> UseAsync<T>(SqliteOpenMode mode, Func<SqliteConnection, Task<T>> use)
    {
        string full = Path.GetFullPath(path);
        if (!File.Exists(full)) throw new SinkException($"The database {full} does not exist. Run an import first, or name another file.");
        string connection = new SqliteConnectionStringBuilder
        {
            DataSource = full, Mode = mode, Pooling = false, DefaultTimeout = Math.Max(1, (int)_options.BusyTimeout.TotalSeconds),
        }.ToString();
        try
        {
            using var db = new SqliteConnection(connection);
            await db.OpenAsync().ConfigureAwait(false);
            return await use(db).ConfigureAwait(false);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == SqliteNative.Error && e.Message.Contains("no such table", StringComparison.Ordinal))
        {
            throw new SinkException($"The database {full} has no table {_options.LedgerTable}: no import has run into it. Run one first, or name another file or table.", e);
        }
        catch (SqliteException e)
        {
            throw SqliteFault.Of(e.SqliteExtendedErrorCode, e.Message, full, mode == SqliteOpenMode.ReadOnly ? "reading its status" : "changing its ledger");
        }
    }
}

/// <summary>Short queries and commands. By hand rather than by a mapper: those compile code at run time, which a host that was compiled ahead cannot.</summary>
internal static class SqliteQueries
{
    /// <summary>All rows of a query.</summary>
    public static async Task<List<T>> QueryAsync<T>(
        this SqliteConnection db, string sql, Func<SqliteDataReader, T> row, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        using SqliteCommand command = Command(db, sql, null, parameters);
        using SqliteDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) rows.Add(row(reader));
        return rows;
    }

    /// <summary>A statement without a result; how many rows it changed.</summary>
    public static async Task<int> ExecuteAsync(
        this SqliteConnection db, string sql, SqliteTransaction transaction, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        using SqliteCommand command = Command(db, sql, transaction, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static SqliteCommand Command(SqliteConnection db, string sql, SqliteTransaction? transaction, (string Name, object? Value)[] parameters)
    {
        // The texts are the methods' own above; names of tables in them are quoted and values are parameters.
#pragma warning disable CA2100
        var command = new SqliteCommand(sql, db, transaction);
#pragma warning restore CA2100
        foreach ((string name, object? value) in parameters) command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }
}

/// <summary>The query for the newest time of a table.</summary>
internal static class SqliteNewest
{
    /// <summary>
    /// SQLite has no loose index scan of its own, so column by column of the key the next value is sought, and in each series the last time. (A comparison
    /// of row values would do it in one go, but SQLite seeks with its first column only.)
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
        return $"WITH RECURSIVE {levels} SELECT max((SELECT max({newest}) FROM {from} WHERE {Same(series, series.Length)})) FROM {Name(series.Length - 1)} AS s WHERE {Last(series, series.Length)}";
    }

    /// <summary>All values of the key's first columns, from those of one column fewer.</summary>
    private static string Level(string from, string[] series, int level)
    {
        string column = series[level], before = string.Concat(series.Take(level).Select(above => $"s.{above}, "));
        string and = level == 0 ? "" : " AND ";
        string first = level == 0
            ? $"SELECT (SELECT min({column}) FROM {from})"
            : $"SELECT {before}(SELECT min({column}) FROM {from} WHERE {Same(series, level)}) FROM {Name(level - 1)} AS s WHERE {Last(series, level)}";
        string next = $"SELECT {before}(SELECT min({column}) FROM {from} WHERE {Same(series, level)}{and}{column} > s.{column}) FROM {Name(level)} AS s WHERE {Last(series, level + 1)}";
        return $"{Name(level)}({string.Join(", ", series.Take(level + 1))}) AS ({first} UNION ALL {next})";
    }

    /// <summary>Behind the last value comes a null.</summary>
    private static string Last(string[] series, int columns) => $"s.{series[columns - 1]} IS NOT NULL";

    private static string Same(string[] series, int columns) => string.Join(" AND ", series.Take(columns).Select(column => $"{column} = s.{column}"));

    private static string Name(int level) => $"\"series {level + 1}\"";
}
