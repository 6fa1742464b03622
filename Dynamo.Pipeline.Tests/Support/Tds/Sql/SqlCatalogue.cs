using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The catalogue views as tables of the store, kept by the statements that create and drop: so they follow a transaction like
/// everything else. Base tables are described in
/// <c>sys.…</c>, a session's temporary tables in <c>tempdb.sys.…</c>.
/// </summary>
internal static class SqlCatalogue
{
    private const string Text = "nvarchar(128) COLLATE TDS_TEXT";

    private static readonly (string Name, string Columns)[] Tables =
    [
        ("sys.objects",
            $"object_id int PRIMARY KEY, name {Text}, schema_id int, parent_object_id int, type char(2), type_desc {Text}, "
                + "is_ms_shipped bit, principal_id int"),
        ("sys.columns",
            $"object_id int, column_id int, name {Text}, system_type_id tinyint, user_type_id int, max_length smallint, "
                + $"precision tinyint, scale tinyint, collation_name {Text}, is_nullable bit, is_identity bit, is_computed bit, "
                + $"default_object_id int, declared {Text}, spelled {Text}"),
        ("sys.indexes",
            $"object_id int, index_id int, name {Text}, type tinyint, type_desc {Text}, is_unique bit, is_primary_key bit, "
                + "is_unique_constraint bit, " +
            $"is_disabled bit, ignore_dup_key bit, has_filter bit, filter_definition {Text}"),
        ("sys.index_columns",
            "object_id int, index_id int, index_column_id int, column_id int, key_ordinal tinyint, is_descending_key bit, "
                + "is_included_column bit"),
        ("sys.check_constraints", $"object_id int, name {Text}, parent_object_id int, definition {Text}, is_disabled bit"),
        ("sys.default_constraints", $"object_id int, name {Text}, parent_object_id int, parent_column_id int, definition {Text}"),
        ("sys.computed_columns", $"object_id int, column_id int, name {Text}, definition {Text}, is_persisted bit"),
        ("sys.identity_columns", $"object_id int, column_id int, name {Text}"),
        ("sys.triggers", $"object_id int, name {Text}, parent_id int, is_disabled bit, is_instead_of_trigger bit"),
    ];

    private static readonly (string Name, TdsKind Kind, int Id)[] Types =
    [
        ("tinyint", TdsKind.TinyInt, 48), (
            "smallint", TdsKind.SmallInt, 52), ("int", TdsKind.Int, 56), ("bigint", TdsKind.BigInt, 127), ("bit", TdsKind.Bit, 104),
        ("real", TdsKind.Real, 59), ("float", TdsKind.Float, 62), (
            "decimal", TdsKind.Decimal, 106), ("date", TdsKind.Date, 40), ("time", TdsKind.Time, 41),
        ("smalldatetime", TdsKind.SmallDateTime, 58), ("datetime", TdsKind.DateTime, 61), ("datetime2", TdsKind.DateTime2, 42), (
            "datetimeoffset", TdsKind.DateTimeOffset, 43),
        ("char", TdsKind.Char, 175), ("varchar", TdsKind.VarChar, 167), ("nchar", TdsKind.NChar, 239), (
            "nvarchar", TdsKind.NVarChar, 231), ("binary", TdsKind.Binary, 173),
        ("varbinary", TdsKind.VarBinary, 165), ("uniqueidentifier", TdsKind.Guid, 36),
    ];

    public static void CreateMain(StoreConnection store)
    {
        foreach ((string name, string columns) in Tables) store.Run($"CREATE TABLE main.\"{name}\" ({columns})");
        store.Run($"CREATE TABLE main.\"sys.types\" (name {Text}, system_type_id tinyint, user_type_id int, schema_id int)");
        foreach ((string name, TdsKind _, int id) in Types) store.Run($"INSERT INTO main.\"sys.types\" VALUES ('{name}', {id}, {id}, 4)");
        store.Run($"CREATE TABLE main.\"sys.schemas\" (name {Text}, schema_id int, principal_id int)");
        store.Run("INSERT INTO main.\"sys.schemas\" VALUES ('dbo', 1, 1), ('ops', 5, 7), ('staging', 6, 1)");
        store.Run("CREATE VIEW main.\"sys.tables\" AS SELECT * FROM \"sys.objects\" WHERE type = 'U '");
        store.Run("CREATE VIEW main.\"sys.all_columns\" AS SELECT * FROM \"sys.columns\"");
        store.Run(
            "CREATE VIEW main.\"INFORMATION_SCHEMA.TABLES\" AS SELECT 'test' AS TABLE_CATALOG, s.name AS TABLE_SCHEMA, o.name AS "
                + "TABLE_NAME, 'BASE TABLE' AS TABLE_TYPE " +
            "FROM \"sys.objects\" o JOIN \"sys.schemas\" s ON s.schema_id = o.schema_id WHERE o.type = 'U '");
        store.Run(
            "CREATE VIEW main.\"INFORMATION_SCHEMA.COLUMNS\" AS SELECT 'test' AS TABLE_CATALOG, s.name AS TABLE_SCHEMA, o.name AS "
                + "TABLE_NAME, c.name AS COLUMN_NAME, " +
            "c.column_id AS ORDINAL_POSITION, iif(c.is_nullable, 'YES', 'NO') AS IS_NULLABLE, t.name AS DATA_TYPE, " +
            "CASE WHEN t.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN c.max_length / 2 WHEN t.name IN ('char', 'varchar', "
                + "'nchar', 'nvarchar', 'binary', 'varbinary') THEN c.max_length END AS CHARACTER_MAXIMUM_LENGTH, " +
            "c.precision AS NUMERIC_PRECISION, c.scale AS NUMERIC_SCALE, c.scale AS DATETIME_PRECISION, c.collation_name AS "
                + "COLLATION_NAME " +
            "FROM \"sys.columns\" c JOIN \"sys.objects\" o ON o.object_id = c.object_id JOIN \"sys.schemas\" s ON s.schema_id = "
                + "o.schema_id JOIN \"sys.types\" t ON t.user_type_id = c.user_type_id");
    }

    public static void CreateTemporary(StoreConnection store)
    {
        foreach ((string name, string columns) in Tables) store.Run($"CREATE TEMP TABLE \"tempdb.{name}\" ({columns})");
        store.Run("CREATE TEMP VIEW \"tempdb.sys.tables\" AS SELECT * FROM \"tempdb.sys.objects\"");
    }

    public static int? ObjectId(StoreConnection store, string flat)
    {
        (string schema, string name) = SqlNames.Split(flat);
        object? id = store.Scalar(
            $"SELECT object_id FROM \"{Prefix(flat)}sys.objects\" WHERE name = @name AND schema_id = @schema", ("@name", name), (
                "@schema", (long)SchemaId(schema)));
        return id is long found ? (int)found : null;
    }

    public static List<SqlTableColumn> Columns(StoreConnection store, string flat)
    {
        int id = ObjectId(store, flat) ?? throw ServerError.InvalidObject(flat);
        string sql =
            $"SELECT spelled, declared, is_nullable, is_identity, is_computed FROM \"{Prefix(flat)}sys.columns\" WHERE object_id = {id} "
                + "ORDER BY column_id";
        return [.. store.Rows(sql).Select(row => new SqlTableColumn((string)row[0]!, TdsType.Parse((string)row[1]!))
        {
            Nullable = (long)row[2]! != 0,
            Identity = (long)row[3]! != 0,
            Computed = (long)row[4]! != 0 ? "computed" : null,
        })];
    }

    public static void Add(StoreConnection store, SqlTable table)
    {
        string sys = Prefix(table.Name) + "sys.";
        (string schema, string name) = SqlNames.Split(table.Name);
        int id = NewId(store, sys, table.Temporary);
        store.Run(
            $"INSERT INTO \"{sys}objects\" VALUES (@id, @name, @schema, 0, 'U ', 'USER_TABLE', 0, NULL)", ("@id", (long)id),
            ("@name", name),
            ("@schema", (long)SchemaId(schema)));
        for (int i = 0; i < table.Columns.Count; i++) AddColumn(store, sys, id, i + 1, table.Columns[i]);
        if (!table.Keys.Any(k => k.Clustered))
            store.Run($"INSERT INTO \"{sys}indexes\" VALUES ({id}, 0, NULL, 0, 'HEAP', 0, 0, 0, 0, 0, 0, NULL)");
        foreach (SqlTableKey key in table.Keys) AddKey(store, table, key, id);
        foreach (SqlTableCheck check in table.Checks) AddCheck(store, table.Name, check);
    }

    public static void AddSequence(StoreConnection store, string flat)
    {
        (string schema, string name) = SqlNames.Split(flat);
        store.Run(
            $"INSERT INTO \"sys.objects\" VALUES ({NewId(store, "sys.", temporary: false)}, @name, @schema, 0, 'SO', 'SEQUENCE_OBJECT', 0, "
                + "NULL)",
            ("@name", name), ("@schema", (long)SchemaId(schema)));
    }

    public static void AddCheck(StoreConnection store, string flat, SqlTableCheck check)
    {
        string sys = Prefix(flat) + "sys.";
        int id = NewId(store, sys, SqlNames.IsTemporary(flat));
        store.Run(
            $"INSERT INTO \"{sys}check_constraints\" VALUES ({id}, @name, {ObjectId(store, flat)}, @text, 0)", ("@name", check.Name),
            ("@text", check.Condition));
    }

    public static void AddKey(StoreConnection store, SqlTable table, SqlTableKey key, int id)
    {
        string sys = Prefix(table.Name) + "sys.";
        int index = key.Clustered
            ? 1
            : 1 + (int)(long)store.Scalar($"SELECT ifnull(max(index_id), 1) FROM \"{sys}indexes\" WHERE object_id = {id}")! is var next
                && next < 2
            ? 2
            : next;
        (int type, string description) = (key.Clustered, key.Columnstore) switch
        {
            (true, true) => (5, "CLUSTERED COLUMNSTORE"),
            (true, false) => (1, "CLUSTERED"),
            (false, true) => (6, "NONCLUSTERED COLUMNSTORE"),
            _ => (2, "NONCLUSTERED"),
        };
        store.Run(
            $"INSERT INTO \"{sys}indexes\" VALUES ({id}, {index}, @name, {type}, '{description}', {Bit(key.Unique)}, "
                + $"{Bit(key.Primary)}, {Bit(key is { Constraint: true, Primary: false })}, 0, 0, {Bit(key.Filter is not null)}, @filter)",
            ("@name", key.Name), ("@filter", key.Filter));
        if (key.Clustered) store.Run($"DELETE FROM \"{sys}indexes\" WHERE object_id = {id} AND index_id = 0");
        for (int i = 0; i < key.Columns.Count; i++)
        {
            store.Run(
                $"INSERT INTO \"{sys}index_columns\" SELECT {id}, {index}, {i + 1}, column_id, {i + 1}, "
                    + $"{Bit(key.Columns[i].Descending)}, 0 FROM \"{sys}columns\" WHERE object_id = {id} AND name = @name",
                ("@name", key.Columns[i].Column));
        }
    }

    public static void AddColumn(StoreConnection store, string flat, SqlTableColumn column)
    {
        string sys = Prefix(flat) + "sys.";
        int id = ObjectId(store, flat) ?? throw ServerError.InvalidObject(flat);
        AddColumn(store, sys, id, Columns(store, flat).Count + 1, column);
    }

    public static void Remove(StoreConnection store, string flat)
    {
        if (ObjectId(store, flat) is not int id) return;
        foreach ((string name, string columns) in Tables)
        {
            string key = name == "sys.triggers"
                ? "parent_id"
                : name is "sys.check_constraints" or "sys.default_constraints"
                ? "parent_object_id"
                : "object_id";
            store.Run($"DELETE FROM \"{Prefix(flat)}{name}\" WHERE {key} = {id}");
        }
    }

    public static string Prefix(string flat) =>
        SqlNames.IsTemporary(flat) || flat.StartsWith("tempdb.", StringComparison.OrdinalIgnoreCase) ? "tempdb." : "";

    public static int SchemaId(string schema) =>
        schema.ToUpperInvariant() switch { "DBO" => 1, "SYS" => 4, "OPS" => 5, "STAGING" => 6, _ => throw new ServerError(
            2760, $"The specified schema name \"{schema}\" does not exist.") };

    private static void AddColumn(StoreConnection store, string sys, int id, int ordinal, SqlTableColumn column)
    {
        TdsType type = column.Type;
        int typeId = Types.First(t => t.Kind == type.Kind).Id;
        string? collation = type.IsText ? column.Collation ?? "SQL_Latin1_General_CP1_CI_AS" : null;
        store.Run(
            $"INSERT INTO \"{sys}columns\" VALUES ({id}, {ordinal}, @name, {typeId}, {typeId}, {type.Length}, {type.Precision}, "
                + $"{type.Scale}, @collation, {Bit(column.Nullable)}, {Bit(column.Identity)}, {Bit(column.Computed is not null)}, "
                + $"{Bit(column.Default is not null)}, @declared, @spelled)",
            ("@name", store.IsBabelfish ? column.Name.ToLowerInvariant() : column.Name), ("@collation", collation),
            ("@declared", type.Declared), ("@spelled", column.Name));
        if (column.Identity) store.Run($"INSERT INTO \"{sys}identity_columns\" VALUES ({id}, {ordinal}, @name)", ("@name", column.Name));
        if (column.Default is not null)
            store.Run(
                $"INSERT INTO \"{sys}default_constraints\" VALUES ({-id - 100_000 - ordinal}, @name, {id}, {ordinal}, @text)",
                ("@name", "DF_" + column.Name), ("@text", column.Sequence is { } from ? $"(NEXT VALUE FOR {from})" : column.Default));
        if (column.Computed is not null)
            store.Run(
                $"INSERT INTO \"{sys}computed_columns\" VALUES ({id}, {ordinal}, @name, @text, 0)", ("@name", column.Name),
                ("@text", column.Computed));
    }

    private static int NewId(StoreConnection store, string sys, bool temporary)
    {
        string next = temporary ? "ifnull(min(object_id), -1000) - 1" : "ifnull(max(object_id), 1000) + 1";
        string all =
            $"SELECT object_id FROM \"{sys}objects\" UNION ALL SELECT object_id FROM \"{sys}check_constraints\" UNION ALL SELECT "
                + $"object_id FROM \"{sys}triggers\"";
        return Convert.ToInt32(store.Scalar($"SELECT {next} FROM ({all})"), CultureInfo.InvariantCulture);
    }

    private static int Bit(bool value) => value ? 1 : 0;
}
