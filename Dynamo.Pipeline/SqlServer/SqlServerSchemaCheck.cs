using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>Creates missing tables and refuses tables that do not fit, before the first row.</summary>
internal sealed class SqlServerSchemaCheck<TRow>(SqlServerDb db, RowMap<TRow> map)
{
    /// <summary>SQL Server's errors for a table, an index, a column, or the row of the table of versions that is there already.</summary>
    private static readonly int[] s_existsAlready = [2714, 1913, 2705, 2627];

    private readonly SqlServerSinkOptions _options = db.Options;
    private static string CreateTables => OptionName.Of(nameof(SqlServerSinkOptions.CreateTables));

    private readonly RunObjects _objects = new(map.Name, db.Options);

    /// <summary>Creates the missing tables if the options allow it, and describes the row table.</summary>
    public async Task<SqlServerTarget<TRow>> RunAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        db.Objects = _objects;
        SqlServerCatalogue.ObjectsRow found = await FindAsync(connection, cancellationToken).ConfigureAwait(false);
        foreach ((string table, string sql) in SqlServerSchema.Tables(map, _options))
        {
            if (IdOf(found, table) is not null || (!_options.CreateTables && IsOfOlder(found, table))) continue;
            if (!_options.CreateTables)
                throw Misfit($"the table {_options.Schema}.{table} is missing and {CreateTables} is off. Create it: {sql}");
            await CreateAsync(connection, sql, Exists(table), cancellationToken).ConfigureAwait(false);
        }
        IReadOnlyList<(string Sql, string Exists)> older = await CheckOwnAsync(connection, found, cancellationToken).ConfigureAwait(false);
        int? version = found.Versions is null ? null : await VersionAsync(connection, cancellationToken).ConfigureAwait(false);
        if (version is null || older.Count > 0 || (version < SqlServerSchema.Version && _options.CreateTables))
            await UpgradeAsync(connection, older, cancellationToken).ConfigureAwait(false);
        return await CompareAsync(connection, found, cancellationToken).ConfigureAwait(false)
            ?? throw Misfit($"the table {_options.Schema}.{map.Name} is missing");
    }

    /// <summary>Compares without creating anything. Null if the row table is missing and a run would create it.</summary>
    public async Task<SqlServerTarget<TRow>?> CheckAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        SqlServerCatalogue.ObjectsRow found = await FindAsync(connection, cancellationToken).ConfigureAwait(false);
        await CheckOwnAsync(connection, found, cancellationToken).ConfigureAwait(false);
        await CheckRightsAsync(connection, found, cancellationToken).ConfigureAwait(false);
        if (found.Versions is not null) await VersionAsync(connection, cancellationToken).ConfigureAwait(false);
        SqlServerTarget<TRow>? target = await CompareAsync(connection, found, cancellationToken).ConfigureAwait(false);
        if (target is not null) target.ToCreate = MissingIn(found);
        return target;
    }

    /// <summary>Whether a table is missing because the database is of an older version.</summary>
    private bool IsOfOlder(SqlServerCatalogue.ObjectsRow found, string table) =>
        found.Ledger is not null && SqlServerSchema.IsLater(_options, table);

    private string[] MissingIn(SqlServerCatalogue.ObjectsRow found) =>
        [.. SqlServerSchema.Tables(map, _options).Select(t => t.Table).Where(table => IdOf(found, table) is null)];

    private async Task CheckRightsAsync(
        SqlConnection connection, SqlServerCatalogue.ObjectsRow found, CancellationToken cancellationToken)
    {
        string[] missing = MissingIn(found);
        List<string> lacking =
            await SqlServerRights.LackingAsync(db, connection, _objects, cancellationToken).ConfigureAwait(false);
        if (_options.Procedure is null)
            lacking.AddRange(await SqlServerRights.LackingToNumberAsync(
                db, connection, _objects.Rows, [.. map.Columns.Select(c => c.Name), .. _options.Constants.Keys, _options.FileColumn],
                cancellationToken).ConfigureAwait(false));
        if (lacking.Count > 0)
            throw Misfit($"this user lacks {string.Join(", ", lacking)}. Grant it; the documentation of the sink lists all that is needed");
        if (missing.Length == 0) return;
        lacking = await SqlServerRights.LackingToCreateAsync(db, connection, cancellationToken).ConfigureAwait(false);
        if (lacking.Count > 0)
            throw Misfit(
                $"{string.Join(", ", missing.Select(table => Quoted(db, table)))} {(missing.Length == 1 ? "is" : "are")} missing, and this "
                + $"user may not create tables: it lacks {string.Join(", ", lacking)}. dynamo schema prints the statements");
    }

    private Task<SqlServerCatalogue.ObjectsRow> FindAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        RunObjects objects = new(map.Name, db.Options) { Cancellation = cancellationToken };
        return connection.QuerySingleAsync<SqlServerCatalogue.ObjectsRow>(
            SqlServerCatalogue.Objects, objects, commandTimeout: db.CommandSeconds);
    }

    private int? IdOf(SqlServerCatalogue.ObjectsRow found, string table) =>
        table == _options.LedgerTable ? found.Ledger
        : table == _options.RunTable ? found.Runs
        : table == _options.RejectTable ? found.Rejects
        : table == _options.OverlapTable ? found.Overlaps
        : table == _options.SchemaTable ? found.Versions
        : found.Rows;

    private async Task<SqlServerTarget<TRow>?> CompareAsync(
        SqlConnection connection, SqlServerCatalogue.ObjectsRow found, CancellationToken cancellationToken)
    {
        TdsDialect dialect = TdsDialect.Of(found.Answer);
        if (_options.Procedure is { } procedure)
            return found.Rows is not null
                ? new SqlServerTarget<TRow>(map, SqlServerTable.Of(map), _options, dialect)
                : throw Misfit($"the procedure {_objects.Rows} is missing, or this user may not see it");
        if (await SqlServerTable.ReadAsync(db, connection, _objects.Rows, cancellationToken).ConfigureAwait(false) is not { } rows)
            return _options.CreateTables
                ? null
                : throw Misfit($"the table {_options.Schema}.{map.Name} is missing and {CreateTables} is off");
        foreach (RowColumn<TRow> column in map.Columns)
            CheckColumn(column, rows);
        CheckOthers(rows);
        CheckKey(rows);
        return new SqlServerTarget<TRow>(map, rows, _options, dialect);
    }

    private static string Quoted(SqlServerDb db, string name) => SqlServerText.Quote(db.Options.Schema, name);

    /// <summary>
    /// Creates something. If that fails and the thing is there, another run was first. Other servers have other errors for that, so it is
    /// looked for.
    /// </summary>
    private async Task CreateAsync(SqlConnection connection, string sql, string exists, CancellationToken cancellationToken)
    {
        try
        {
            await db.ExecuteAsync(connection, null, sql, cancellationToken).ConfigureAwait(false);
        }
        catch (SqlException error) when (s_existsAlready.Contains(error.Number))
        {
            // Another run created it first.
        }
        catch (SqlException) when (connection.State == System.Data.ConnectionState.Open)
        {
            if (!await IsThereAsync(connection, exists, cancellationToken).ConfigureAwait(false)) throw;
        }
    }

    private string Exists(string table) => $"SELECT 1 WHERE {Id(table)} IS NOT NULL";

    private string ExistsColumn(string table, string column) =>
        $"SELECT 1 FROM sys.columns WHERE object_id = {Id(table)} AND name = {SqlServerText.Literal(column)}";

    private string ExistsIndex(string table, string index) =>
        $"SELECT 1 FROM sys.indexes WHERE object_id = {Id(table)} AND name = {SqlServerText.Literal(index)}";

    private string Id(string table) => $"OBJECT_ID({SqlServerText.Literal(Quoted(db, table))})";

    private void CheckColumn(RowColumn<TRow> column, SqlServerTable rows)
    {
        if (rows.Find(column.Name) is not { } found)
        {
            string? near = SimilarName.Of(column.Name, [.. rows.Columns.Select(c => c.Name)]);
            throw Misfit(
                $"the table {map.Name} has no column {column.Name}; "
                + $"found {string.Join(", ", rows.Columns.Select(c => c.Name))}{(near is null ? "" : $" (did you mean {near}?)")}");
        }
        if (found.IsReadOnly)
            throw Misfit($"the column {map.Name}.{column.Name} is computed or an identity: the server fills it, so the row map must not");
        if (!Takes(found.Type, column.Kind))
            throw Misfit(
                $"the column {map.Name}.{column.Name} has another type: found {found.Declared}, expected one for {Expected(column.Kind)}");
    }

    private void CheckOthers(SqlServerTable rows)
    {
        foreach (string constant in _options.Constants.Keys)
            if (rows.Find(constant) is not { IsReadOnly: false }
                || map.Columns.Any(c => c.Name.Equals(constant, StringComparison.OrdinalIgnoreCase)))
                throw Misfit(
                    $"the constant column {constant} is missing in {map.Name}, filled by the server, or filled by the row map as well");
        SqlServerTableColumn? file = SqlServerTarget<TRow>.FileColumnOf(map, rows, _options);
        SqlServerTableColumn? required = rows.Columns.FirstOrDefault(c => c is { IsNullable: false, IsFilled: false }
            && !_options.Constants.ContainsKey(c.Name) && c != file
            && !map.Columns.Any(m => m.Name.Equals(c.Name, StringComparison.OrdinalIgnoreCase)));
        if (required is not null)
            throw Misfit(
                $"the column {map.Name}.{required.Name} must not be null and has no default, "
                + $"and neither the row map nor {OptionName.Of(nameof(SqlServerSinkOptions.Constants))} fill it");
    }

    /// <summary>
    /// Without a unique index over the key, another program could write two rows with one key, and a merge would be slow.
    /// </summary>
    private void CheckKey(SqlServerTable rows)
    {
        HashSet<string> key = map.Columns.Where(c => c.IsKey).Select(c => c.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (key.Count == 0 || _options.Append
            || rows.Indexes.Any(i => i is { IsUnique: true, IsFiltered: false } && key.SetEquals(i.Columns)))
            return;
        throw Misfit(
            $"the table {map.Name} has another key: expected a primary key or unique index over ({string.Join(", ", key)}). "
            + $"Create one, or set {OptionName.Of(nameof(SqlServerSinkOptions.Append))} when no row ever comes twice");
    }

    /// <summary>Refuses tables with our names that are not ours.</summary>
    /// <returns>The statements that bring tables of an older version up to date.</returns>
    private async Task<IReadOnlyList<(string Sql, string Exists)>> CheckOwnAsync(
        SqlConnection connection, SqlServerCatalogue.ObjectsRow found, CancellationToken cancellationToken)
    {
        IEnumerable<SqlServerCatalogue.OwnColumnRow> rows = await connection.QueryAsync<SqlServerCatalogue.OwnColumnRow>(
            SqlServerCatalogue.OwnColumns, new RunObjects(map.Name, db.Options) { Cancellation = cancellationToken },
            commandTimeout: db.CommandSeconds).ConfigureAwait(false);
        ILookup<int, string> columns = rows.ToLookup(row => row.TableId, row => row.Name);
        var older = new List<(string Sql, string Exists)>();
        foreach ((string table, string sql) in SqlServerSchema.Tables(map, _options).Where(t => t.Table != map.Name))
        {
            if (IdOf(found, table) is not { } id)
            {
                if (_options.CreateTables) continue;
                if (IsOfOlder(found, table))
                {
                    older.Add((sql, Exists(table)));
                    continue;
                }
                throw Misfit($"the table {_options.Schema}.{table} is missing and {CreateTables} is off. Create it: {sql}");
            }
            IEnumerable<string> lines = sql.Split('\n').Skip(1).Select(line => line.Trim().TrimEnd(','));
            foreach (string line in lines.Where(line => line.Length > 1 && !line.StartsWith("CONSTRAINT", StringComparison.Ordinal)))
            {
                string column = line.Split(' ')[0];
                if (columns[id].Contains(column, StringComparer.OrdinalIgnoreCase)) continue;
                if (!SqlServerSchema.IsLater(_options, table, column))
                    throw Misfit($"the table {table} is not ours: it has no column {column}. Name another table in the options");
                older.Add(($"ALTER TABLE {Quoted(db, table)} ADD {line}", ExistsColumn(table, column)));
            }
        }
        return older.Count == 0 || _options.CreateTables
            ? older
            : throw Misfit(
                $"its tables are of an older version and {CreateTables} is off. Bring them up to date: "
                + string.Join("; ", [.. older.Select(o => o.Sql), .. SqlServerSchema.Indexes(_options).Select(i => i.Sql),
                    SqlServerSchema.UpdateVersion(_options)]));
    }

    /// <summary>The version of our tables, or null if they do not tell yet. A newer one is refused.</summary>
    private async Task<int?> VersionAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        var question = new LedgerQuestion { Cancellation = cancellationToken };
        int? version = await connection.ExecuteScalarAsync<int?>(
            $"SELECT MAX(Version) FROM {_objects.Versions}", question, commandTimeout: db.CommandSeconds).ConfigureAwait(false);
        if (version > SqlServerSchema.Version)
            throw Misfit(
                $"it was written by a newer version of this library: found schema {version}, expected at most {SqlServerSchema.Version}. "
                + "Update the program, or name another database");
        return version;
    }

    /// <summary>
    /// Completes our own tables. The row of the table of versions comes last: if a run ends before that, the next one does all of it again.
    /// </summary>
    private async Task UpgradeAsync(
        SqlConnection connection, IReadOnlyList<(string Sql, string Exists)> older, CancellationToken cancellationToken)
    {
        foreach ((string sql, string exists) in older)
            await CreateAsync(connection, sql, exists, cancellationToken).ConfigureAwait(false);
        if (_options.CreateTables)
            foreach ((string table, string name, string sql) in SqlServerSchema.Indexes(_options))
                if (!await IsThereAsync(connection, ExistsIndex(table, name), cancellationToken).ConfigureAwait(false))
                    await CreateAsync(connection, sql, ExistsIndex(table, name), cancellationToken).ConfigureAwait(false);
        string any = $"SELECT 1 FROM {_objects.Versions}", insert = SqlServerSchema.InsertVersion(_options);
        await CreateAsync(connection, insert, any, cancellationToken).ConfigureAwait(false);
        await db.ExecuteAsync(connection, null, SqlServerSchema.UpdateVersion(_options), cancellationToken).ConfigureAwait(false);
    }

    private async Task<bool> IsThereAsync(SqlConnection connection, string exists, CancellationToken cancellationToken) =>
        (await db.QueryAsync(connection, null, exists, row => row.GetInt32(0), cancellationToken).ConfigureAwait(false)).Count > 0;

    private static bool Takes(string type, ColumnKind kind) => kind switch
    {
        ColumnKind.Text => type is "nvarchar" or "varchar" or "nchar" or "char",
        ColumnKind.WholeNumber => type is "bigint" or "int" or "smallint" or "tinyint" or "decimal" or "numeric",
        ColumnKind.Number => type is "float" or "real" or "decimal" or "numeric",
        ColumnKind.Boolean => type is "bit",
        ColumnKind.Decimal => type is "decimal" or "numeric",
        ColumnKind.Guid => type is "uniqueidentifier",
        _ => type is "datetime2" or "datetime" or "datetimeoffset" or "smalldatetime" or "date",
    };

    private static string Expected(ColumnKind kind) => kind switch
    {
        ColumnKind.Text => "text, such as nvarchar(200)",
        ColumnKind.WholeNumber => "whole numbers, such as bigint",
        ColumnKind.Number => "numbers, such as float",
        ColumnKind.Boolean => "yes or no: bit",
        ColumnKind.Decimal => "decimals, such as decimal(38,9)",
        ColumnKind.Guid => "GUIDs: uniqueidentifier",
        _ => "times, such as datetime2(7)",
    };

    private SinkException Misfit(string what) => new($"{db.Name} cannot be used: {what}.");
}
