using Microsoft.Data.SqlClient;
using static Dynamo.Pipeline.SqlServer.SqlServerQueries;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>A column as the catalogue has it.</summary>
/// <param name="Name">Its name, in the catalogue's own spelling.</param>
/// <param name="Type">The type's name.</param>
/// <param name="Bytes">The length in bytes, -1 for <c>max</c>.</param>
/// <param name="Precision">Digits in all.</param>
/// <param name="Scale">Digits behind the point, also of seconds.</param>
/// <param name="IsNullable">Whether it may be null.</param>
/// <param name="IsFilled">Whether the server fills it: identity, computed, or with a default.</param>
/// <param name="IsReadOnly">Whether nobody else may.</param>
/// <param name="Collation">The collation of a text.</param>
internal sealed record SqlServerTableColumn(string Name, string Type, int Bytes, int Precision, int Scale, bool IsNullable, bool IsFilled, bool IsReadOnly, string? Collation)
{
    /// <summary>The longest text it takes, in UTF-16 units (of <c>nvarchar</c>) or bytes (of <c>varchar</c>).</summary>
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
    private const string ColumnsSql = """
        SELECT c.name, t.name, c.max_length, c.precision, c.scale, c.is_nullable, c.is_identity, c.is_computed, c.default_object_id, c.collation_name
        FROM sys.columns AS c INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID(@table) ORDER BY c.column_id
        """;

    private const string IndexesSql = """
        SELECT i.index_id, i.name, i.type_desc, i.is_unique, i.has_filter, c.name
        FROM sys.indexes AS i INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
        INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
        WHERE i.object_id = OBJECT_ID(@table) AND k.is_included_column = 0 ORDER BY i.index_id, k.key_ordinal
        """;

    private const string TriggersSql = "SELECT COUNT(*), CAST(SERVERPROPERTY('Babelfish') AS int) FROM sys.triggers WHERE parent_id = OBJECT_ID(@table) AND is_disabled = 0";

    private const string HeadsSql = "SELECT i.index_id, i.name, i.type_desc FROM sys.indexes AS i WHERE i.object_id = OBJECT_ID(@table) AND i.type_desc LIKE '%COLUMNSTORE%'";

    /// <summary>Whether the server can find equal times by their hash. Babelfish cannot: left to itself it joins by the other columns of a key and compares every time with every other.</summary>
    public bool HashesTimes { get; private init; } = true;

    /// <summary>Reads it, or null when there is no such table.</summary>
    /// <param name="db">The database.</param>
    /// <param name="connection">An open connection.</param>
    /// <param name="table">The quoted name with its schema.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<SqlServerTable?> ReadAsync(SqlServerDb db, SqlConnection connection, string table, CancellationToken cancellationToken)
    {
        List<SqlServerTableColumn> columns = await ColumnsAsync(db, connection, table, cancellationToken).ConfigureAwait(false);
        if (columns.Count == 0) return null;
        var keys = await db.QueryAsync(connection, null, IndexesSql, r => (Index: IndexOf(r), Id: Whole(r, 0), Unique: Truth(r, 3), Filter: Truth(r, 4), Column: r.GetString(5)),
            cancellationToken, ("@table", table)).ConfigureAwait(false);
        var heads = await db.QueryAsync(connection, null, HeadsSql, r => (Index: IndexOf(r), Id: Whole(r, 0)), cancellationToken, ("@table", table)).ConfigureAwait(false);
        var others = await db.QueryAsync(connection, null, TriggersSql, r => (Triggers: (int)Whole(r, 0), IsBabelfish: !r.IsDBNull(1) && Whole(r, 1) == 1), cancellationToken, ("@table", table)).ConfigureAwait(false);
        IEnumerable<SqlServerIndex> indexes = keys.GroupBy(k => k.Id).Select(g => g.First().Index with { IsUnique = g.First().Unique, IsFiltered = g.First().Filter, Columns = [.. g.Select(k => k.Column)] });
        return new SqlServerTable(columns, [.. indexes, .. heads.Where(h => keys.All(k => k.Id != h.Id)).Select(h => h.Index)], others[0].Triggers) { HashesTimes = !others[0].IsBabelfish };
    }

    /// <summary>The columns alone; none when there is no such table.</summary>
    public static Task<List<SqlServerTableColumn>> ColumnsAsync(SqlServerDb db, SqlConnection connection, string table, CancellationToken cancellationToken) =>
        db.QueryAsync(connection, null, ColumnsSql, ColumnOf, cancellationToken, ("@table", table));

    /// <summary>
    /// The same with its columns as a query names them: <c>SqlBulkCopy</c> knows a column by no other spelling, and not every server's catalogue keeps it.
    /// </summary>
    /// <param name="db">The database.</param>
    /// <param name="connection">An open connection.</param>
    /// <param name="table">The quoted name with its schema.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<SqlServerTable> SpelledAsync(SqlServerDb db, SqlConnection connection, string table, CancellationToken cancellationToken)
    {
        SqlCommand command = db.Command(connection, null, $"SELECT TOP (0) * FROM {table}");
        await using (command.ConfigureAwait(false))
        {
            SqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                string[] names = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)];
                return this with { Columns = [.. Columns.Select(c => names.Contains(c.Name) ? c : c with { Name = names.FirstOrDefault(n => n.Equals(c.Name, StringComparison.OrdinalIgnoreCase), c.Name) })] };
            }
        }
    }

    /// <summary>As wide as a map allows: what a procedure is handed.</summary>
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

    private static SqlServerTableColumn ColumnOf(SqlDataReader row)
    {
        bool computed = Truth(row, 6) || Truth(row, 7) || row.GetString(1) is "timestamp" or "rowversion";
        return new SqlServerTableColumn(row.GetString(0), row.GetString(1), (int)Whole(row, 2), (int)Whole(row, 3), (int)Whole(row, 4), Truth(row, 5),
            computed || Whole(row, 8) != 0, computed, row.IsDBNull(9) ? null : row.GetString(9));
    }

    private static SqlServerIndex IndexOf(SqlDataReader row) => new(row.IsDBNull(1) ? "" : row.GetString(1), row.GetString(2), false, false, []);

    public SqlServerTableColumn? Find(string name) => Columns.FirstOrDefault(c => c.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
