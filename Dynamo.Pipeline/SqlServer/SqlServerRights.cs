using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Which rights a run needs, and which of them this user lacks, by the server's own word (<c>HAS_PERMS_BY_NAME</c>). Changes nothing.
/// </summary>
internal static class SqlServerRights
{
    /// <summary>The rights to the tables and the procedure of a run.</summary>
    /// <param name="objects">Their quoted names.</param>
    /// <param name="options">The options of the sink.</param>
    public static IReadOnlyList<(string Table, string Right)> Needed(RunObjects objects, SqlServerSinkOptions options)
    {
        string[] rows = options.Procedure is not null ? ["EXECUTE"]
            : options.Append ? ["SELECT", "INSERT"]
            : ["SELECT", "INSERT", "UPDATE"];
        return
        [
            .. rows.Select(right => (objects.Rows, right)),
            (objects.Ledger, "SELECT"), (objects.Ledger, "INSERT"), (objects.Ledger, "DELETE"),
            (objects.Rejects, "SELECT"), (objects.Rejects, "INSERT"),
            (objects.Runs, "SELECT"), (objects.Runs, "INSERT"), (objects.Runs, "UPDATE"),
            .. options is { Procedure: null, Append: false }
                ? [(objects.Overlaps, "SELECT"), (objects.Overlaps, "INSERT")] : Array.Empty<(string, string)>(),
            (objects.Versions, "SELECT"), (objects.Versions, "UPDATE"),
        ];
    }

    /// <returns>The rights to objects that are there which this user lacks, such as <c>INSERT on [dbo].[RejectedRow]</c>.</returns>
    public static Task<List<string>> LackingAsync(
        SqlServerDb db, SqlConnection connection, RunObjects objects, CancellationToken cancellationToken)
    {
        IEnumerable<string> questions = Needed(objects, db.Options).Select(needed =>
        {
            string name = SqlServerText.Literal(needed.Table), what = SqlServerText.Literal($"{needed.Right} on {needed.Table}");
            return $"SELECT {what} AS Lacking WHERE OBJECT_ID({name}) IS NOT NULL "
                + $"AND HAS_PERMS_BY_NAME({name}, N'OBJECT', N'{needed.Right}') = 0";
        });
        return db.QueryAsync(connection, null, string.Join(" UNION ALL ", questions), row => row.GetString(0), cancellationToken);
    }

    /// <summary>
    /// The sequences behind defaults of columns that a run does not fill. A right to one is needed unless it has the owner of the table
    /// (NEXT VALUE FOR, "Ownership chains"). The server shows a default only to who has VIEW DEFINITION on the table; others are told by
    /// the first batch.
    /// </summary>
    /// <param name="db">The database.</param>
    /// <param name="connection">An open connection.</param>
    /// <param name="table">The quoted name of the row table.</param>
    /// <param name="filled">The columns that a run fills.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The rights that this user lacks, such as <c>UPDATE on [ops].[Numbers]</c>.</returns>
    public static async Task<List<string>> LackingToNumberAsync(
        SqlServerDb db, SqlConnection connection, string table, IReadOnlyCollection<string> filled, CancellationToken cancellationToken)
    {
        const string Defaults = """
            SELECT c.name, d.definition FROM sys.default_constraints AS d
            INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
            WHERE d.parent_object_id = OBJECT_ID(@table)
            """;
        List<(string Column, string? Definition)> defaults = await db.QueryAsync(
            connection, null, Defaults, row => (row.GetString(0), row.IsDBNull(1) ? null : row.GetString(1)), cancellationToken,
            ("@table", table)).ConfigureAwait(false);
        string[] sequences = [.. defaults.Where(d => !filled.Contains(d.Column, StringComparer.OrdinalIgnoreCase))
            .SelectMany(d => SequencesIn(d.Definition ?? "")).Distinct(StringComparer.OrdinalIgnoreCase)];
        if (sequences.Length == 0) return [];
        string owner = Owner(SqlServerText.Literal(table), SqlServerText.Literal(db.Options.Schema));
        IEnumerable<string> questions = sequences.Select(sequence =>
        {
            string name = SqlServerText.Literal(sequence), what = SqlServerText.Literal($"UPDATE on {sequence}");
            string schema = sequence.Contains("].[", StringComparison.Ordinal)
                ? SqlServerText.Literal(sequence[1..sequence.IndexOf("].[", StringComparison.Ordinal)])
                : SqlServerText.Literal(db.Options.Schema);
            return $"SELECT {what} AS Lacking WHERE COALESCE(HAS_PERMS_BY_NAME({name}, N'OBJECT', N'UPDATE'), 0) = 0 "
                + $"AND {Owner(name, schema)} <> {owner}";
        });
        return await db.QueryAsync(
            connection, null, string.Join(" UNION ALL ", questions), row => row.GetString(0), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The sequences that a default takes from, as the server writes them: <c>(NEXT VALUE FOR [ops].[Numbers])</c>.</summary>
    public static IEnumerable<string> SequencesIn(string definition)
    {
        const string Next = "NEXT VALUE FOR ";
        for (int at = 0; (at = definition.IndexOf(Next, at, StringComparison.OrdinalIgnoreCase)) >= 0;)
        {
            int start = at += Next.Length;
            while (at < definition.Length && definition[at] is ('[' or '.'))
                at = definition[at] == '.' ? at + 1 : EndOfName(definition, at);
            if (at > start) yield return definition[start..at];
        }
    }

    /// <summary>The place behind a name in brackets. A bracket in the name is doubled.</summary>
    private static int EndOfName(string text, int at)
    {
        for (at++; at < text.Length; at++)
        {
            if (text[at] != ']') continue;
            if (at + 1 == text.Length || text[at + 1] != ']') return at + 1;
            at++;
        }
        return at;
    }

    /// <summary>Whoever owns an object, or the schema of one that this user may not see.</summary>
    private static string Owner(string name, string schema) =>
        $"COALESCE((SELECT o.principal_id FROM sys.objects AS o WHERE o.object_id = OBJECT_ID({name})), "
        + $"(SELECT s.principal_id FROM sys.schemas AS s WHERE s.name = {schema}))";

    /// <returns>The rights to create tables which this user lacks.</returns>
    public static Task<List<string>> LackingToCreateAsync(SqlServerDb db, SqlConnection connection, CancellationToken cancellationToken)
    {
        string schema = SqlServerText.Literal(SqlServerText.Quote(db.Options.Schema));
        string sql = $"""
            SELECT N'CREATE TABLE' AS Lacking WHERE HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE') = 0
            UNION ALL SELECT N'ALTER on the schema ' + {schema} AS Lacking WHERE HAS_PERMS_BY_NAME({schema}, N'SCHEMA', N'ALTER') = 0
            """;
        return db.QueryAsync(connection, null, sql, row => row.GetString(0), cancellationToken);
    }
}
