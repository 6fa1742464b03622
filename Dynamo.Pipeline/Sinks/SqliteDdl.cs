namespace Dynamo.Pipeline;

/// <summary>The definition of the tables a <see cref="SqliteSink{TRow}"/> writes to, for those who create tables themselves.</summary>
public static class SqliteDdl
{
    /// <summary>The statements that create all tables in an empty database, ready for the <c>sqlite3</c> shell.</summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The table of the rows.</param>
    /// <param name="options">The names of the other tables; the defaults when null.</param>
    /// <returns>The script.</returns>
    public static string Of<TRow>(RowMap<TRow> map, SqliteSinkOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        SqliteSinkOptions names = options ?? new SqliteSinkOptions();
        IEnumerable<string> statements = SqliteSchema.Tables(map, names).Select(t => t.Sql)
            .Append(SqliteSchema.RejectIndex(names)).Append(SqliteSchema.SetVersion(names));
        return string.Join(";\n\n", statements) + ";\n";
    }

    internal static void RefuseSameNames<TRow>(RowMap<TRow> map, SqliteSinkOptions options)
    {
        string? twice = SqliteSchema.Tables(map, options).GroupBy(t => t.Table, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1)?.Key;
        if (twice is not null) throw new ArgumentException($"Two tables are named {twice}. Give the row map or the options other names.", nameof(options));
    }
}
