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
            .. options is { Procedure: null, Append: false } ? [(objects.Overlaps, "SELECT"), (objects.Overlaps, "INSERT")] : Array.Empty<(string, string)>(),
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
