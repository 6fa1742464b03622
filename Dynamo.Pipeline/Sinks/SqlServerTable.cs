using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

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

    private const string HeadsSql = "SELECT i.index_id, i.name, i.type_desc FROM sys.indexes AS i WHERE i.object_id = OBJECT_ID(@table) AND i.type_desc LIKE '%COLUMNSTORE%'";

    /// <summary>Reads it, or null when there is no such table.</summary>
    /// <param name="db">An open connection.</param>
    /// <param name="table">The quoted name with its schema.</param>
    /// <param name="transaction">The transaction, if there is one.</param>
    public static async Task<SqlServerTable?> ReadAsync(SqlConnection db, string table, SqlTransaction? transaction)
    {
        var named = new { table };
        var columns = await db.QueryAsync<(string, string, short, byte, byte, bool, bool, bool, int, string?)>(ColumnsSql, named, transaction).ConfigureAwait(false);
        SqlServerTableColumn[] found = [.. columns.Select(c => new SqlServerTableColumn(c.Item1, c.Item2, c.Item3, c.Item4, c.Item5, c.Item6, c.Item7 || c.Item8 || c.Item9 != 0, c.Item7 || c.Item8, c.Item10))];
        if (found.Length == 0) return null;
        var keys = (await db.QueryAsync<(int Id, string? Name, string Kind, bool Unique, bool Filter, string Column)>(IndexesSql, named, transaction).ConfigureAwait(false)).ToList();
        var heads = await db.QueryAsync<(int Id, string? Name, string Kind)>(HeadsSql, named, transaction).ConfigureAwait(false);
        int triggers = await db.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM sys.triggers WHERE parent_id = OBJECT_ID(@table) AND is_disabled = 0", named, transaction).ConfigureAwait(false);
        IEnumerable<SqlServerIndex> indexes = keys.GroupBy(k => k.Id).Select(g => new SqlServerIndex(g.First().Name ?? "", g.First().Kind, g.First().Unique, g.First().Filter, [.. g.Select(k => k.Column)]));
        return new SqlServerTable(found, [.. indexes, .. heads.Where(h => keys.All(k => k.Id != h.Id)).Select(h => new SqlServerIndex(h.Name ?? "", h.Kind, false, false, []))], triggers);
    }

    public SqlServerTableColumn? Find(string name) => Columns.FirstOrDefault(c => c.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
