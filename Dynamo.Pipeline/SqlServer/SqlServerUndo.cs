using System.Globalization;
using Dapper;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Traces rows to their files, and takes back what files brought, in one transaction. On a connection of its own; used by one thread.
/// </summary>
internal sealed class SqlServerUndo(SqlServerDb db, SqlConnection connection, SqlTransaction transaction, CancellationToken cancellation)
{
    private const int MostInAList = 1000, MostPaths = 200;

    private const string Chosen = "(SELECT FileId FROM #Undone)", MakeChosen = "CREATE TABLE #Undone (FileId int NOT NULL PRIMARY KEY)";

    /// <summary>Names and paths are compared letter by letter, whatever the database's collation.</summary>
    private const string Exactly = $"COLLATE {SqlServerText.Exact}";

    private readonly SqlServerSinkOptions _options = db.Options;
    private readonly string _ledger = Quoted(db, db.Options.LedgerTable);
    private readonly string _runs = Quoted(db, db.Options.RunTable);
    private readonly string _rejects = Quoted(db, db.Options.RejectTable);
    private readonly string _overlaps = Quoted(db, db.Options.OverlapTable);
    private readonly string _fileId = SqlServerText.Quote(db.Options.FileColumn);

    private string Rejected => $"""
        SELECT r.RejectId FROM {_rejects} AS r
        INNER JOIN {_ledger} AS f ON f.RunId = r.RunId AND f.Path = r.Path {Exactly}
        WHERE f.FileId IN {Chosen}
        """;

    /// <summary>The file that wins and the one that loses, under the policy.</summary>
    private (string Winner, string Loser) Roles =>
        _options.Duplicates == DuplicatePolicy.FirstWins ? ("OlderFileId", "NewerFileId") : ("NewerFileId", "OlderFileId");

    public async Task<IReadOnlyList<TracedRow>> TraceAsync<TRow>(RowMap<TRow> map, IReadOnlyDictionary<string, string> key, int most)
    {
        List<SqlServerTableColumn> table = await CheckAsync(map).ConfigureAwait(false);
        RowColumn<TRow>[] keys = [.. map.Columns.Where(c => c.IsKey)];
        var conditions = new List<string>();
        var values = new List<(string, object?)> { ("@Most", most) };
        foreach ((string name, string value) in key)
        {
            RowColumn<TRow> column = keys.FirstOrDefault(c => c.Name == name)
                ?? throw new ArgumentException($"The key of {map.Name} has no column {name}.", nameof(key));
            string parameter = string.Create(CultureInfo.InvariantCulture, $"@k{conditions.Count}");
            conditions.Add($"{SqlServerText.Quote(name)} = {Converted(column.Kind, parameter, Find(table, name)!.Declared)}");
            values.Add((parameter, value));
        }
        string where = conditions.Count == 0 ? "" : $"WHERE {string.Join(" AND ", conditions)} ";
        string order = keys.Length == 0 ? "" : $"ORDER BY {string.Join(", ", keys.Select(c => $"{SqlServerText.Quote(c.Name)} DESC"))}";
        int width = map.Columns.Count;
        List<(string?[] Values, long File)> found = await QueryAsync(
            $"SELECT TOP (@Most) {string.Join(", ", map.Columns.Select(c => SqlServerText.Quote(c.Name)))}, {_fileId} "
            + $"FROM {Quoted(db, map.Name)} {where}{order}",
            row => (Enumerable.Range(0, width).Select(i => Shown(row.GetValue(i))).ToArray(), row.IsDBNull(width) ? 0 : Whole(row, width)),
            [.. values]).ConfigureAwait(false);
        found.Reverse();
        var files = new Dictionary<long, DeliveredFile>();
        foreach (long[] some in found.Select(row => row.File).Where(id => id > 0).Distinct().Chunk(MostInAList))
            foreach (DeliveredFile file in await FilesAsync($"f.FileId IN ({List(some)})").ConfigureAwait(false))
                files[file.FileId] = file;
        return [.. found.Select(row => new TracedRow(row.Values, files.GetValueOrDefault(row.File))
        {
            FileId = row.File > 0 ? row.File : null,
        })];
    }

    public async Task<IReadOnlyList<DeliveredFile>> OlderAsync(long fileId)
    {
        IEnumerable<DeliveredFile> files = await FilesAsync(
            $"f.FileId IN (SELECT OlderFileId FROM {_overlaps} WHERE NewerFileId = {List([fileId])})").ConfigureAwait(false);
        return [.. files.OrderByDescending(f => f.File.ModifiedUtc).ThenByDescending(f => f.File.Path, StringComparer.Ordinal)];
    }

    /// <summary>What would be taken back. Changes nothing but a temporary table.</summary>
    public async Task<Undone> PlanAsync<TRow>(RowMap<TRow> map, UndoneFiles files)
    {
        await CheckAsync(map).ConfigureAwait(false);
        List<DeliveredFile> unrecorded = await ChooseAsync(files).ConfigureAwait(false);
        (string winner, string loser) = Roles;
        List<DeliveredFile> chosen = await FilesAsync($"f.FileId IN {Chosen}").ConfigureAwait(false);
        List<DeliveredFile> others = await FilesAsync(
            $"f.FileId IN (SELECT o.{loser} FROM {_overlaps} AS o WHERE o.{winner} IN {Chosen}) AND f.FileId NOT IN {Chosen}")
            .ConfigureAwait(false);
        return new Undone(
            [.. chosen.OrderBy(f => f.ImportedUtc).ThenBy(f => f.File.Path, StringComparer.Ordinal)],
            await CountAsync($"{Quoted(db, map.Name)} WHERE {_fileId} IN {Chosen}").ConfigureAwait(false),
            await CountAsync($"({Rejected}) AS r").ConfigureAwait(false),
            [.. others.OrderBy(f => f.File.ModifiedUtc).ThenBy(f => f.File.Path, StringComparer.Ordinal)])
        {
            Unrecorded = [.. unrecorded.OrderBy(f => f.ImportedUtc).ThenBy(f => f.File.Path, StringComparer.Ordinal)],
        };
    }

    /// <summary>In a transaction, which the caller commits.</summary>
    public async Task<Undone> UndoAsync<TRow>(RowMap<TRow> map, UndoneFiles files, IEnumerable<long> again)
    {
        // A batch that has met rows of these files must be written before they go, or meet none of them.
        await new WriteLocks<TRow>(db, Quoted(db, map.Name), isShared: false).TableAsync(connection, transaction, cancellation)
            .ConfigureAwait(false);
        Undone undone = await PlanAsync(map, files).ConfigureAwait(false);
        await RemovePairsAsync().ConfigureAwait(false);
        await ExecuteAsync($"""
            DELETE FROM {Quoted(db, map.Name)} WHERE {_fileId} IN {Chosen};
            DELETE FROM {_rejects} WHERE RejectId IN ({Rejected});
            DELETE FROM {_ledger} WHERE FileId IN {Chosen};
            """).ConfigureAwait(false);
        foreach (long[] some in again.Chunk(MostInAList))
            await ExecuteAsync(
                $"UPDATE {_ledger} SET Outcome = N'{LedgerOutcome.Requeued}' "
                + $"WHERE Outcome = N'{LedgerOutcome.Loaded}' AND FileId IN ({List(some)})").ConfigureAwait(false);
        return undone;
    }

    /// <summary>Removes the pairs of entries that go in the same transaction.</summary>
    /// <param name="where">Which entries of the ledger.</param>
    /// <param name="values">Its parameters.</param>
    public async Task ForgetPairsAsync(string where, params (string Name, object? Value)[] values)
    {
        await ExecuteAsync(MakeChosen).ConfigureAwait(false);
        await ExecuteAsync(
            $"INSERT INTO #Undone (FileId) SELECT FileId FROM {_ledger} WHERE FileId IS NOT NULL AND {where}", values)
            .ConfigureAwait(false);
        await RemovePairsAsync().ConfigureAwait(false);
        await ExecuteAsync("DROP TABLE #Undone").ConfigureAwait(false);
    }

    private async Task RemovePairsAsync()
    {
        await LeadPastAsync().ConfigureAwait(false);
        await ExecuteAsync($"DELETE FROM {_overlaps} WHERE NewerFileId IN {Chosen} OR OlderFileId IN {Chosen}").ConfigureAwait(false);
    }

    /// <summary>
    /// Who lost to a file that goes, lost to those that this file lost to: the pairs must lead past it. Step by step, as a recursive query
    /// would follow every way, and there are more of them than pairs.
    /// </summary>
    private async Task LeadPastAsync()
    {
        (string winner, string loser) = Roles;
        await ExecuteAsync($"""
            CREATE TABLE #Past (Winner int NOT NULL, Met int NOT NULL, Step int NOT NULL, PRIMARY KEY (Winner, Met));
            INSERT INTO #Past (Winner, Met, Step)
            SELECT o.{winner}, o.{loser}, 0 FROM {_overlaps} AS o WHERE o.{loser} IN {Chosen} AND o.{winner} NOT IN {Chosen};
            """).ConfigureAwait(false);
        for (int step = 0; await CountAsync(string.Create(CultureInfo.InvariantCulture, $"#Past WHERE Step = {step}"))
            .ConfigureAwait(false) > 0; step++)
            await ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"""
                INSERT INTO #Past (Winner, Met, Step) SELECT DISTINCT p.Winner, o.{loser}, {step + 1}
                FROM #Past AS p INNER JOIN {_overlaps} AS o ON o.{winner} = p.Met
                WHERE p.Step = {step} AND p.Met IN {Chosen}
                  AND NOT EXISTS (SELECT 1 FROM #Past AS b WHERE b.Winner = p.Winner AND b.Met = o.{loser})
                """)).ConfigureAwait(false);
        await ExecuteAsync($"""
            INSERT INTO {_overlaps} ({winner}, {loser}) SELECT p.Winner, p.Met FROM #Past AS p
            WHERE p.Met NOT IN {Chosen} AND p.Met <> p.Winner
              AND NOT EXISTS (SELECT 1 FROM {_overlaps} AS o WHERE o.{winner} = p.Winner AND o.{loser} = p.Met);
            DROP TABLE #Past
            """).ConfigureAwait(false);
    }

    /// <summary>Names the files in a temporary table. The ledger is read from end to end, for some paths at once.</summary>
    /// <returns>The files that are meant, but of which it is not known which others they met.</returns>
    private async Task<List<DeliveredFile>> ChooseAsync(UndoneFiles files)
    {
        await ExecuteAsync(MakeChosen).ConfigureAwait(false);
        var values = new List<(string, object?)> { ("@Source", files.Source) };
        string which = $"f.Source = @Source {Exactly}";
        if (files.RunId is { } run) Add(" AND f.RunId = @Run", "@Run", run);
        if (files.SinceUtc is { } since) Add(" AND f.ImportedUtc >= @Since", "@Since", since);
        string from = $"(SELECT MIN(v.{SqlServerSchema.OverlapsFrom}) FROM {Quoted(db, _options.SchemaTable)} AS v)";
        var unrecorded = new Dictionary<SourceFile, DeliveredFile>();
        if (files.Paths is null) await AddAsync(which, values).ConfigureAwait(false);
        foreach (string[] some in (files.Paths ?? []).Chunk(MostPaths))
        {
            // The end of the path after a '/', which may be the whole path. With something behind it, blanks at the end count.
            string[] ends = [.. some.Select(path => $"/{path}|")];
            IEnumerable<string> ofPath = ends.Select((end, i) => string.Create(
                CultureInfo.InvariantCulture, $"RIGHT(N'/' + f.Path + N'|', {end.Length}) = @p{i} {Exactly}"));
            await AddAsync(
                $"{which} AND ({string.Join(" OR ", ofPath)})",
                [.. values, .. ends.Select((end, i) => (string.Create(CultureInfo.InvariantCulture, $"@p{i}"), (object?)end))])
                .ConfigureAwait(false);
        }
        return [.. unrecorded.Values];

        async Task AddAsync(string where, List<(string, object?)> parameters)
        {
            await ExecuteAsync(
                $"INSERT INTO #Undone (FileId) SELECT f.FileId FROM {_ledger} AS f WHERE {where} AND f.FileId >= {from} "
                + $"AND f.FileId NOT IN {Chosen}", [.. parameters]).ConfigureAwait(false);
            foreach (DeliveredFile file in await FilesAsync(
                $"{where} AND (f.FileId IS NULL OR f.FileId < {from})", [.. parameters]).ConfigureAwait(false))
                unrecorded[file.File] = file;
        }

        void Add(string condition, string name, object value)
        {
            which += condition;
            values.Add((name, value));
        }
    }

    private async Task<List<DeliveredFile>> FilesAsync(
        string where, params (string Name, object? Value)[] values) => await QueryAsync($"""
        SELECT f.FileId, f.Source, f.Path, f.Size, f.ModifiedUtc, f.Outcome, f.Rows, f.ImportedUtc, f.RunId, r.Host, r.Version, r.Settings,
          f.FileKey
        FROM {_ledger} AS f LEFT JOIN {_runs} AS r ON r.RunId = f.RunId WHERE {where}
        """, row =>
        {
            var kept = new SourceFile(row.GetString(2), row.GetInt64(3), LedgerTime.Utc(row.GetDateTime(4)));
            return new DeliveredFile(
                row.IsDBNull(0) ? 0 : Whole(row, 0), row.GetString(1),
                SqlServerText.ExactFile(row.GetString(1), kept, (byte[])row.GetValue(12)),
                row.GetString(5), row.GetInt64(6), LedgerTime.Utc(row.GetDateTime(7)), row.GetInt64(8), Text(row, 9), Text(row, 10))
            {
                Settings = Text(row, 11),
            };
        }, values).ConfigureAwait(false);

    /// <summary>Refuses what does not say of which file a row is.</summary>
    /// <returns>The columns of the row table.</returns>
    private async Task<List<SqlServerTableColumn>> CheckAsync<TRow>(RowMap<TRow> map)
    {
        if (_options.Procedure is { } procedure)
            throw new SinkException($"The procedure {procedure} of {db.Name} takes the rows, so they do not say of which file they are.");
        RunObjects objects = new(map.Name, _options) { Cancellation = cancellation };
        SqlServerCatalogue.ObjectsRow found = await connection.QuerySingleAsync<SqlServerCatalogue.ObjectsRow>(
            SqlServerCatalogue.Objects, objects, transaction, db.CommandSeconds).ConfigureAwait(false);
        if (found.Ledger is null || found.Runs is null || found.Versions is null)
            throw new SinkException($"{db.Name} has no tables of an import in the schema {_options.Schema} yet. "
                + "Run an import first, or name another database, schema or tables.");
        if (found.Overlaps is null || await CountAsync(
            $"{Quoted(db, _options.SchemaTable)} WHERE Version >= {SqlServerSchema.Version.ToString(CultureInfo.InvariantCulture)}")
            .ConfigureAwait(false) == 0)
            throw new SinkException($"{db.Name} is of an older version. The next run brings it up to date. "
                + "What a version imported that kept no file for each reading stays without one.");
        List<SqlServerTableColumn> columns =
            await SqlServerTable.ColumnsAsync(db, connection, objects.Rows, cancellation, transaction).ConfigureAwait(false);
        if (columns.Count == 0) throw new SinkException($"{db.Name} has no table {objects.Rows}: no import has run into it.");
        if (map.Columns.FirstOrDefault(c => Find(columns, c.Name) is null) is { } missing)
            throw new SinkException($"The table {map.Name} of {db.Name} has no column {missing.Name}.");
        if (SqlServerTarget<TRow>.FileColumnOf(map, new SqlServerTable(columns, [], 0), _options) is not null) return columns;
        throw new SinkException($"The table {map.Name} of {db.Name} has no column {_options.FileColumn}, so its rows do not say of which "
            + $"file they are. Add it for what is imported from then on: ALTER TABLE {objects.Rows} ADD {_fileId} int NULL");
    }

    private async Task<long> CountAsync(string of) =>
        (await QueryAsync($"SELECT COUNT_BIG(*) FROM {of}", row => row.GetInt64(0)).ConfigureAwait(false))[0];

    private Task<List<T>> QueryAsync<T>(string sql, Func<SqlDataReader, T> row, params (string Name, object? Value)[] values) =>
        db.QueryAsync(connection, transaction, sql, row, cancellation, values);

    private Task<int> ExecuteAsync(string sql, params (string Name, object? Value)[] values) =>
        db.ExecuteAsync(connection, transaction, sql, cancellation, values);

    /// <summary>
    /// A value of a key, given as text, in the column's own type. A text that is no such value is null, and equals nothing.
    /// </summary>
    private static string Converted(ColumnKind kind, string parameter, string declared) => kind switch
    {
        ColumnKind.Text => parameter,
        // Text in this form means the same in every language only as this type.
        ColumnKind.DateTimeUtc => $"TRY_CAST(TRY_CAST({parameter} AS datetime2(7)) AS {declared})",
        _ => $"TRY_CAST({parameter} AS {declared})",
    };

    /// <summary>A time as SQLite has it, and all else as it is.</summary>
    private static string? Shown(object value) => value switch
    {
        DBNull => null,
        DateTime time => Time(time),
        DateTimeOffset time => Time(time.UtcDateTime),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    private static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture);

    private static SqlServerTableColumn? Find(List<SqlServerTableColumn> columns, string name) =>
        columns.Find(c => c.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static long Whole(SqlDataReader row, int at) => Convert.ToInt64(row.GetValue(at), CultureInfo.InvariantCulture);

    private static string? Text(SqlDataReader row, int at) => row.IsDBNull(at) ? null : row.GetString(at);

    private static string List(IEnumerable<long> numbers) =>
        string.Join(", ", numbers.Select(n => n.ToString(CultureInfo.InvariantCulture)));

    private static string Quoted(SqlServerDb db, string table) => SqlServerText.Quote(db.Options.Schema, table);
}
