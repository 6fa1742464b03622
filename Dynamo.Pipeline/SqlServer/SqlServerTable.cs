using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>A column, as the catalogue describes it.</summary>
/// <param name="Name">Its name, as the server spells it.</param>
/// <param name="Type">The type's name.</param>
/// <param name="Bytes">The length in bytes, -1 for <c>max</c>.</param>
/// <param name="Precision">All digits.</param>
/// <param name="Scale">The digits after the point, also of seconds.</param>
/// <param name="IsNullable">Whether it may be null.</param>
/// <param name="IsFilled">Whether the server fills it: it is an identity, computed, or has a default.</param>
/// <param name="IsReadOnly">Whether only the server can fill it.</param>
/// <param name="Collation">The collation of a text column.</param>
internal sealed record SqlServerTableColumn(
    string Name, string Type, int Bytes, int Precision, int Scale, bool IsNullable, bool IsFilled, bool IsReadOnly, string? Collation)
{
    /// <summary>The longest text, in UTF-16 units (<c>nvarchar</c>) or bytes (<c>varchar</c>).</summary>
    public int Length => Bytes < 0 ? int.MaxValue : Type.StartsWith('n') ? Bytes / 2 : Bytes;

    public string Declared => Type switch
    {
        "nvarchar" or "nchar" or "varchar" or "char" => $"{Type}({(Bytes < 0 ? "max" : FormattableString.Invariant($"{Length}"))})",
        "decimal" or "numeric" => FormattableString.Invariant($"{Type}({Precision},{Scale})"),
        "datetime2" or "datetimeoffset" or "time" => FormattableString.Invariant($"{Type}({Scale})"),
        _ => Type,
    };
}

/// <summary>An index of a table.</summary>
internal sealed record SqlServerIndex(string Name, string Kind, bool IsUnique, bool IsFiltered, IReadOnlyList<string> Columns)
{
    public bool IsClustered => Kind.StartsWith("CLUSTERED", StringComparison.OrdinalIgnoreCase);

    public bool IsColumnstore => Kind.Contains("COLUMNSTORE", StringComparison.OrdinalIgnoreCase);
}

/// <summary>What the catalogue says about a table.</summary>
internal sealed record SqlServerTable(IReadOnlyList<SqlServerTableColumn> Columns, IReadOnlyList<SqlServerIndex> Indexes, int Triggers)
{
    /// <summary>Reads the catalogue. Null if there is no such table.</summary>
    /// <param name="db">The database.</param>
    /// <param name="connection">An open connection.</param>
    /// <param name="table">The quoted name with its schema.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<SqlServerTable?> ReadAsync(
        SqlServerDb db, SqlConnection connection, string table, CancellationToken cancellationToken)
    {
        List<SqlServerTableColumn> columns = await ColumnsAsync(db, connection, table, cancellationToken).ConfigureAwait(false);
        if (columns.Count == 0) return null;
        var named = new NamedObject(table) { Cancellation = cancellationToken };
        SqlServerCatalogue.IndexRow[] rows = [.. await connection.QueryAsync<SqlServerCatalogue.IndexRow>(
            SqlServerCatalogue.Indexes, named, commandTimeout: db.CommandSeconds).ConfigureAwait(false)];
        IEnumerable<SqlServerCatalogue.IndexRow> columnstores = await connection.QueryAsync<SqlServerCatalogue.IndexRow>(
            SqlServerCatalogue.Columnstores, named, commandTimeout: db.CommandSeconds).ConfigureAwait(false);
        int triggers = await connection.ExecuteScalarAsync<int>(
            SqlServerCatalogue.Triggers, named, commandTimeout: db.CommandSeconds).ConfigureAwait(false);
        IEnumerable<SqlServerIndex> indexes = rows.GroupBy(row => row.Id)
            .Select(index => index.First().ToIndex([.. index.Select(row => row.ColumnName!)]));
        IEnumerable<SqlServerIndex> others = columnstores.Where(index => rows.All(row => row.Id != index.Id))
            .Select(index => index.ToIndex([]));
        return new SqlServerTable(columns, [.. indexes, .. others], triggers);
    }

    /// <summary>Reads the columns only. None if there is no such table.</summary>
    public static async Task<List<SqlServerTableColumn>> ColumnsAsync(
        SqlServerDb db, SqlConnection connection, string table, CancellationToken cancellationToken, SqlTransaction? transaction = null)
    {
        var named = new NamedObject(table) { Cancellation = cancellationToken };
        IEnumerable<SqlServerCatalogue.ColumnRow> rows = await connection.QueryAsync<SqlServerCatalogue.ColumnRow>(
            SqlServerCatalogue.Columns, named, transaction, commandTimeout: db.CommandSeconds).ConfigureAwait(false);
        return [.. rows.Select(row => row.ToColumn())];
    }

    /// <summary>A table that takes every value of the map. A procedure gets its rows in such a table.</summary>
    public static SqlServerTable Of<TRow>(RowMap<TRow> map) => new([.. map.Columns.Select(c => c.Kind switch
    {
        ColumnKind.Text => new SqlServerTableColumn(c.Name, "nvarchar", 8000, 0, 0, c.IsNullable, false, false, SqlServerText.Exact),
        ColumnKind.WholeNumber => new SqlServerTableColumn(c.Name, "bigint", 8, 19, 0, c.IsNullable, false, false, null),
        ColumnKind.Number => new SqlServerTableColumn(c.Name, "float", 8, 53, 0, c.IsNullable, false, false, null),
        ColumnKind.Boolean => new SqlServerTableColumn(c.Name, "bit", 1, 1, 0, c.IsNullable, false, false, null),
        ColumnKind.Decimal => new SqlServerTableColumn(
            c.Name, "decimal", 17, SqlServerSchema.DecimalPrecision, SqlServerSchema.DecimalScale, c.IsNullable, false, false, null),
        ColumnKind.Guid => new SqlServerTableColumn(c.Name, "uniqueidentifier", 16, 0, 0, c.IsNullable, false, false, null),
        _ => new SqlServerTableColumn(c.Name, "datetime2", 8, 27, 7, c.IsNullable, false, false, null),
    })], [], 0);

    public SqlServerTableColumn? Find(string name) =>
        Columns.FirstOrDefault(c => c.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}

/// <summary>The queries of the catalogue.</summary>
internal static class SqlServerCatalogue
{
    public const string Columns = """
        SELECT c.name AS Name, t.name AS Type, c.max_length AS Bytes, c.precision AS Digits, c.scale AS Decimals, c.is_nullable AS Nullable,
          c.is_identity AS IsIdentity, c.is_computed AS IsComputed, c.default_object_id AS DefaultId, c.collation_name AS Collation
        FROM sys.columns AS c INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
        WHERE c.object_id = OBJECT_ID(@Name) ORDER BY c.column_id
        """;

    public const string Indexes = """
        SELECT i.index_id AS Id, i.name AS Name, i.type_desc AS Kind, i.is_unique AS IsUnique, i.has_filter AS IsFiltered,
          c.name AS ColumnName
        FROM sys.indexes AS i INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
        INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
        WHERE i.object_id = OBJECT_ID(@Name) AND k.is_included_column = 0 ORDER BY i.index_id, k.key_ordinal
        """;

    /// <summary>The columns of our own tables, one statement for all of them.</summary>
    public const string OwnColumns = """
        SELECT c.object_id AS TableId, c.name AS Name FROM sys.columns AS c
        WHERE c.object_id IN (OBJECT_ID(@Ledger), OBJECT_ID(@Runs), OBJECT_ID(@Rejects), OBJECT_ID(@Overlaps),
          OBJECT_ID(@Versions))
        """;

    /// <summary>A columnstore index over all columns has no rows in <c>sys.index_columns</c>.</summary>
    public const string Columnstores = """
        SELECT i.index_id AS Id, i.name AS Name, i.type_desc AS Kind FROM sys.indexes AS i
        WHERE i.object_id = OBJECT_ID(@Name) AND i.type_desc LIKE '%COLUMNSTORE%'
        """;

    public const string Triggers = "SELECT COUNT(*) FROM sys.triggers WHERE parent_id = OBJECT_ID(@Name) AND is_disabled = 0";

    /// <summary>Which objects of a run exist, and which dialect the server speaks: the first statement of a session.</summary>
    public const string Objects = $"""
        SELECT OBJECT_ID(@Rows) AS Rows, OBJECT_ID(@Ledger) AS Ledger, OBJECT_ID(@Runs) AS Runs, OBJECT_ID(@Rejects) AS Rejects,
          OBJECT_ID(@Overlaps) AS Overlaps, OBJECT_ID(@Versions) AS Versions, {TdsDialect.Question} AS Answer
        """;

    /// <summary>Whether there is a table, view or procedure of this quoted name that this user may see.</summary>
    public static async Task<bool> HasAsync(
        this SqlServerDb db, SqlConnection connection, string name, CancellationToken cancellationToken)
    {
        var named = new NamedObject(name) { Cancellation = cancellationToken };
        return await connection.ExecuteScalarAsync<int?>(
            "SELECT OBJECT_ID(@Name)", named, commandTimeout: db.CommandSeconds).ConfigureAwait(false) is not null;
    }

    internal sealed record ColumnRow(
        string Name, string Type, int Bytes, int Digits, int Decimals, bool? Nullable,
        bool? IsIdentity, bool? IsComputed, int? DefaultId, string? Collation)
    {
        public SqlServerTableColumn ToColumn()
        {
            bool isReadOnly = IsIdentity == true || IsComputed == true || Type is "timestamp" or "rowversion";
            bool isFilled = isReadOnly || DefaultId is not (null or 0);
            return new SqlServerTableColumn(Name, Type, Bytes, Digits, Decimals, Nullable == true, isFilled, isReadOnly, Collation);
        }
    }

    internal sealed record IndexRow(int Id, string? Name, string Kind, bool? IsUnique, bool? IsFiltered, string? ColumnName)
    {
        public SqlServerIndex ToIndex(IReadOnlyList<string> columns) =>
            new(Name ?? "", Kind, IsUnique == true, IsFiltered == true, columns);
    }

    /// <summary>The ids of the objects, null for those that are missing or hidden from this user.</summary>
    internal sealed record ObjectsRow(
        int? Rows, int? Ledger, int? Runs, int? Rejects, int? Overlaps, int? Versions, int? Answer);

    internal sealed record OwnColumnRow(int TableId, string Name);
}
