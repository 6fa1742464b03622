using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>Creates missing tables and refuses tables that do not fit, before the first row.</summary>
internal sealed class SqlServerSchemaCheck<TRow>(SqlServerDb db, RowMap<TRow> map)
{
    /// <summary>The server's error for a table that another run created in the meantime.</summary>
    private const int ExistsAlready = 2714;

    private readonly SqlServerSinkOptions _options = db.Options;

    /// <summary>Creates the missing tables if the options allow it, and describes the row table.</summary>
    public async Task<SqlServerTarget<TRow>> RunAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        SqlServerCatalogue.ObjectsRow found = await FindAsync(connection, cancellationToken).ConfigureAwait(false);
        foreach ((string table, string sql) in SqlServerSchema.Tables(map, _options))
        {
            if (Exists(found, table)) continue;
            if (!_options.CreateTables)
                throw Misfit($"the table {_options.Schema}.{table} is missing and CreateTables is off. Create it: {sql}");
            await CreateAsync(connection, sql, cancellationToken).ConfigureAwait(false);
            if (table == _options.RejectTable)
                await CreateAsync(connection, SqlServerSchema.RejectIndex(_options), cancellationToken).ConfigureAwait(false);
        }
        return await CompareAsync(connection, found, cancellationToken).ConfigureAwait(false)
            ?? throw Misfit($"the table {_options.Schema}.{map.Name} is missing");
    }

    /// <summary>Compares without creating anything. Null if the row table is missing and a run would create it.</summary>
    public async Task<SqlServerTarget<TRow>?> CheckAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        SqlServerCatalogue.ObjectsRow found = await FindAsync(connection, cancellationToken).ConfigureAwait(false);
        return await CompareAsync(connection, found, cancellationToken).ConfigureAwait(false);
    }

    private Task<SqlServerCatalogue.ObjectsRow> FindAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        var objects = new RunObjects(
            Quoted(_options.Procedure ?? map.Name), Quoted(_options.LedgerTable), Quoted(_options.RunTable), Quoted(_options.RejectTable))
        {
            Cancellation = cancellationToken,
        };
        return connection.QuerySingleAsync<SqlServerCatalogue.ObjectsRow>(
            SqlServerCatalogue.Objects, objects, commandTimeout: db.CommandSeconds);
    }

    private bool Exists(SqlServerCatalogue.ObjectsRow found, string table) =>
        (table == _options.LedgerTable ? found.Ledger
        : table == _options.RunTable ? found.Runs
        : table == _options.RejectTable ? found.Rejects
        : found.Rows) is not null;

    private async Task<SqlServerTarget<TRow>?> CompareAsync(
        SqlConnection connection, SqlServerCatalogue.ObjectsRow found, CancellationToken cancellationToken)
    {
        TdsDialect dialect = TdsDialect.Of(found.Answer);
        foreach ((string table, string sql) in SqlServerSchema.Tables(map, _options).Where(t => t.Table != map.Name))
            await CheckOwnAsync(connection, table, sql, cancellationToken).ConfigureAwait(false);
        if (_options.Procedure is { } procedure)
            return found.Rows is not null
                ? new SqlServerTarget<TRow>(map, SqlServerTable.Of(map), _options, dialect)
                : throw Misfit($"the procedure {Quoted(procedure)} is missing, or this user may not see it");
        if (await SqlServerTable.ReadAsync(db, connection, Quoted(map.Name), cancellationToken).ConfigureAwait(false) is not { } rows)
            return _options.CreateTables
                ? null
                : throw Misfit($"the table {_options.Schema}.{map.Name} is missing and CreateTables is off");
        foreach (RowColumn<TRow> column in map.Columns)
            CheckColumn(column, rows);
        CheckOthers(rows);
        CheckKey(rows);
        return new SqlServerTarget<TRow>(map, rows, _options, dialect);
    }

    private string Quoted(string name) => SqlServerText.Quote(_options.Schema, name);

    private async Task CreateAsync(SqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        try
        {
            await db.ExecuteAsync(connection, null, sql, cancellationToken).ConfigureAwait(false);
        }
        catch (SqlException error) when (error.Number == ExistsAlready)
        {
            // Another run created it first.
        }
    }

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
        SqlServerTableColumn? required = rows.Columns.FirstOrDefault(c => c is { IsNullable: false, IsFilled: false }
            && !_options.Constants.ContainsKey(c.Name) && !map.Columns.Any(m => m.Name.Equals(c.Name, StringComparison.OrdinalIgnoreCase)));
        if (required is not null)
            throw Misfit(
                $"the column {map.Name}.{required.Name} must not be null and has no default, "
                + "and neither the row map nor Constants fill it");
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
            + "Create one, or set Append when no row ever comes twice");
    }

    private async Task CheckOwnAsync(SqlConnection connection, string table, string sql, CancellationToken cancellationToken)
    {
        List<SqlServerTableColumn> found = await SqlServerTable.ColumnsAsync(
            db, connection, Quoted(table), cancellationToken).ConfigureAwait(false);
        if (found.Count == 0)
        {
            if (_options.CreateTables) return;
            throw Misfit($"the table {_options.Schema}.{table} is missing and CreateTables is off. Create it: {sql}");
        }
        IEnumerable<string> lines = sql.Split('\n').Skip(1).Select(line => line.Trim());
        foreach (string line in lines.Where(line => line.Length > 1 && !line.StartsWith("CONSTRAINT", StringComparison.Ordinal)))
        {
            string column = line.Split(' ')[0];
            if (!found.Any(c => c.Name.Equals(column, StringComparison.OrdinalIgnoreCase)))
                throw Misfit($"the table {table} is not ours: it has no column {column}. Name another table in the options");
        }
    }

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
