namespace Dynamo.Pipeline;

/// <summary>The definition of the tables a <see cref="SqlServerSink{TRow}"/> writes to, for those who create tables themselves.</summary>
public static class SqlServerDdl
{
    /// <summary>The statements that create all tables in a database without them, ready for <c>sqlcmd</c>. Connects to nothing.</summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The table of the rows.</param>
    /// <param name="options">The schema and the names of the other tables; the defaults when null.</param>
    /// <returns>The script.</returns>
    public static string Of<TRow>(RowMap<TRow> map, SqlServerSinkOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        SqlServerSinkOptions names = options ?? new SqlServerSinkOptions();
        IEnumerable<string> statements = SqlServerSchema.Tables(map, names).Select(t => t.Sql).Append(SqlServerSchema.RejectIndex(names));
        return string.Join(";\n\n", statements) + ";\n";
    }

    internal static void RefuseConflicts<TRow>(RowMap<TRow> map, SqlServerSinkOptions options)
    {
        string? twice = SqlServerSchema.Tables(map, options).GroupBy(t => t.Table, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1)?.Key;
        if (options.Procedure is not null && (options.Append || options.Duplicates != DuplicatePolicy.LastWins || options.Constants.Count > 0))
            throw new ArgumentException("A Procedure takes the rows as it likes: leave Append, Duplicates and Constants as they are.", nameof(options));
        if (twice is not null) throw new ArgumentException($"Two tables are named {twice}. Give the row map or the options other names.", nameof(options));
    }
}
