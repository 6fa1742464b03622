namespace Dynamo.Pipeline.Sqlite;

/// <summary>Creates what is missing and refuses what does not fit, before the first row. Runs inside a transaction.</summary>
internal sealed class SqliteSchemaCheck<TRow>(SqliteDb db, RowMap<TRow> map, SqliteSinkOptions options)
{
    private const string Doing = "checking its tables";

    /// <summary>Whether the row table has a column for each row's file.</summary>
    public bool HasFiles { get; private set; }

    public void Run()
    {
        long found = RefuseNewer();
        bool created = false;
        if (found is > 0 and < SqliteSchema.Version)
        {
            if (!options.CreateTables)
                throw Misfit($"it was written by an older version of this library: found schema {found}, expected {SqliteSchema.Version}, "
                    + $"and {OptionName.Of(nameof(SqliteSinkOptions.CreateTables))} is off. "
                    + "Set it for one run, which brings the tables up to date");
            db.Execute(SqliteSchema.Upgrade(map, options, found), "bringing its tables up to date");
        }
        foreach ((string table, string sql) in SqliteSchema.Tables(map, options))
            created |= Create(table, sql);
        if (options.CreateTables && IsOfOlderVersion())
            db.Execute(SqliteSchema.AddFileColumn(map, options), "bringing its tables up to date");
        CheckRows();
        CheckOwn();
        if (created) db.Execute($"{SqliteSchema.Indexes(options)};{SqliteSchema.SetVersion(options)}", "creating its tables");
    }

    /// <summary>
    /// Whether the row table is just as a version created it that kept no file for each row. Others' tables stay as they are.
    /// </summary>
    private bool IsOfOlderVersion()
    {
        string query = $"SELECT sql FROM sqlite_master WHERE type = 'table' AND name = {SqliteSchema.Literal(map.Name)}";
        string older = SqliteSchema.Rows(map, fileColumn: null);
        return older != SqliteSchema.Rows(map, options.FileColumn) && Names(query).Contains(older);
    }

    private long RefuseNewer()
    {
        if (TypeOf(options.SchemaTable) is null) return 0;
        long found = db.Number($"SELECT max(Version) FROM {SqliteSchema.Quote(options.SchemaTable)}") ?? 0;
        if (found <= SqliteSchema.Version) return found;
        throw Misfit($"it was written by a newer version of this library: found schema {found}, expected at most {SqliteSchema.Version}. "
            + "Update the program, or name another database");
    }

    private bool Create(string table, string sql)
    {
        string? type = TypeOf(table);
        bool isView = sql.StartsWith("CREATE VIEW", StringComparison.Ordinal);
        if (type == "table" || (isView && type == "view")) return false;
        if (type is not null) throw Misfit($"{table} is a {type}, expected a table");
        if (!options.CreateTables) 
            throw Misfit($"the table {table} is missing and {OptionName.Of(nameof(SqliteSinkOptions.CreateTables))} is off. "
                + $"Create it: {sql}");
        db.Execute(sql, $"creating the table {table}");
        return true;
    }

    private void CheckRows()
    {
        Dictionary<string, Found> columns = ColumnsOf(map.Name);
        foreach (RowColumn<TRow> column in map.Columns)
        {
            string expected = SqliteSchema.TypeOf(column.Kind);
            if (!columns.Remove(column.Name, out Found? found))
                throw Misfit(
                    $"the table {map.Name} has no column {column.Name}; found {List(ColumnsOf(map.Name).Keys)}, expected {expected}");
            if (!Takes(found.Type, column.Kind))
                throw Misfit($"the column {map.Name}.{column.Name} has another type: found {found.Type}, expected {expected}");
        }
        HasFiles = columns.Remove(options.FileColumn, out Found? file) && Takes(file.Type, ColumnKind.WholeNumber);
        if (columns.FirstOrDefault(c => c.Value.IsRequired) is { Key: { } required })
            throw Misfit($"the column {map.Name}.{required} must not be null and has no default, and the row map does not fill it");
        RefuseOtherKey();
    }

    private void CheckOwn()
    {
        using SqliteDb expected = SqliteDb.Open(":memory:", create: true);
        foreach ((string table, string sql) in SqliteSchema.Tables(map, options).Skip(1))
        {
            expected.Execute(sql, Doing);
            Dictionary<string, Found> found = ColumnsOf(table);
            foreach ((string column, Found wanted) in ColumnsOf(table, expected))
                if (!found.TryGetValue(column, out Found? has) || !has.Type.Equals(wanted.Type, StringComparison.OrdinalIgnoreCase))
                    throw Misfit($"the table {table} is not ours: column {column} found {has?.Type ?? "nothing"}, expected {wanted.Type}. "
                        + "Name another table in the options");
        }
    }

    /// <summary>Duplicates are found by the table's own unique key. So there must be one over exactly the map's key columns.</summary>
    private void RefuseOtherKey()
    {
        HashSet<string> key = map.Columns.Where(c => c.IsKey).Select(c => c.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        string[] primary = [.. ColumnsOf(map.Name).Where(c => c.Value.InKey).Select(c => c.Key)];
        if (key.SetEquals(primary)) return;
        string table = SqliteSchema.Literal(map.Name);
        foreach (string index in Names($"SELECT name FROM pragma_index_list({table}) WHERE \"unique\" AND NOT partial"))
            if (key.SetEquals(Names($"SELECT coalesce(name, '') FROM pragma_index_info({SqliteSchema.Literal(index)})")))
                return;
        throw Misfit($"the table {map.Name} has another key: found primary key ({List(primary)}), "
            + $"expected a primary key or unique index over ({List(key)})");
    }

    private string? TypeOf(string table)
    {
        string name = SqliteSchema.Literal(table);
        return Names($"SELECT type FROM sqlite_master WHERE type IN ('table', 'view') AND name = {name} COLLATE NOCASE").FirstOrDefault();
    }

    private Dictionary<string, Found> ColumnsOf(string table, SqliteDb? at = null)
    {
        var columns = new Dictionary<string, Found>(StringComparer.OrdinalIgnoreCase);
        // An INTEGER primary key is the row's number: SQLite fills it.
        const string IsRequired = "\"notnull\" AND dflt_value IS NULL AND hidden = 0 AND NOT (pk = 1 AND upper(type) = 'INTEGER')";
        using SqliteStatement rows = (at ?? db).Prepare(
            $"SELECT name, type, pk, {IsRequired} FROM pragma_table_xinfo({SqliteSchema.Literal(table)})");
        while (rows.Next())
            columns[rows.Text(0) ?? ""] = new Found(rows.Text(1) ?? "", rows.Int64(2) > 0, rows.Int64(3) != 0);
        return columns;
    }

    private List<string> Names(string sql)
    {
        var names = new List<string>();
        using SqliteStatement rows = db.Prepare(sql);
        while (rows.Next())
            names.Add(rows.Text(0) ?? "");
        return names;
    }

    /// <summary>
    /// Whether a column of this declared type would keep our values as they are. SQLite derives an affinity from the words in the type
    /// (https://sqlite.org/datatype3.html, 3.1).
    /// </summary>
    private static bool Takes(string declared, ColumnKind kind)
    {
        bool Has(string word) => declared.Contains(word, StringComparison.OrdinalIgnoreCase);
        bool integer = Has("INT"), text = !integer && (Has("CHAR") || Has("CLOB") || Has("TEXT"));
        if (declared.Length == 0 || declared.Equals("ANY", StringComparison.OrdinalIgnoreCase) || (!integer && Has("BLOB"))) return true;
        bool real = !integer && !text && (Has("REAL") || Has("FLOA") || Has("DOUB"));
        return kind switch
        {
            // A column of numbers would keep the digits of a decimal as the nearest double.
            ColumnKind.Text or ColumnKind.Decimal => text,
            ColumnKind.DateTimeUtc or ColumnKind.Guid => !integer && !real,
            ColumnKind.WholeNumber or ColumnKind.Boolean => !text && !real,
            _ => !text && !integer,
        };
    }

    private static string List(IEnumerable<string> names) => string.Join(", ", names);

    private SinkException Misfit(string what) => new($"The database {db.Path} cannot be used: {what}.");

    private sealed record Found(string Type, bool InKey, bool IsRequired);
}
