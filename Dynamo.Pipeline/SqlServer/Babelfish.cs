using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Babelfish, which is PostgreSQL: everything that the sink does there and not on SQL Server. Tried on Babelfish 4.2. Safe for
/// concurrent use.
/// </summary>
internal sealed class Babelfish : TdsDialect
{
    /// <summary>The number of all errors for which it has none of SQL Server's. A missing table is one of them.</summary>
    public const int NoNumber = 33557097;

    private Babelfish()
    {
    }

    public static Babelfish Instance { get; } = new();

    /// <summary>The catalogue has all names in lower case. A query has them as they were written.</summary>
    public override async Task<SqlServerTable> SpelledAsync(
        SqlServerDb db, SqlConnection connection, string name, SqlServerTable table, CancellationToken cancellationToken)
    {
        SqlCommand command = db.Command(connection, null, $"SELECT TOP (0) * FROM {name}");
        await using (command.ConfigureAwait(false))
        {
            SqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                string[] names = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)];
                return table with { Columns = [.. table.Columns.Select(c => c with { Name = Spelled(c.Name, names) })] };
            }
        }
    }

    /// <summary>
    /// Babelfish cannot find equal times by their hash. It would join by the other columns of a key, and compare every time of a
    /// logger with every other. Whole numbers it finds, so the join has the hour as well. Minutes would not fit into an <c>int</c>:
    /// a <c>datetime2</c> has too many years.
    /// </summary>
    public override string AlsoEqual(string type, string one, string other) => type == "datetime2"
        ? $" AND DATEDIFF(hour, '20000101', {one}) = DATEDIFF(hour, '20000101', {other})"
        : "";

    /// <summary>
    /// The catalogue does not list temporary tables. <c>SqlBulkCopy</c> asks it for the columns, and takes the table for missing.
    /// So the rows go into a table of the database first, and from there into the staging table. One transaction creates and drops
    /// that table: nobody else sees it, and a crash leaves nothing behind.
    /// </summary>
    public override async Task<int> StageAsync<TRow>(
        SqlServerDb db, SqlServerMergeSql<TRow> sql, SqlServerCopy<TRow> copy, SqlServerWriting<TRow> writing)
    {
        (SqlConnection connection, CancellationToken cancellationToken) = (writing.Connection, writing.Cancellation);
        string table = SqlServerText.Quote(db.Options.Schema, $"StagedRow_{Guid.NewGuid():N}");
        string move = $"INSERT INTO {SqlServerMergeSql<TRow>.Staging} SELECT * FROM {table}; DROP TABLE {table}";
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            await db.ExecuteAsync(connection, transaction, sql.CreateLike(table), cancellationToken).ConfigureAwait(false);
            int parts = await copy.StageAsync(writing, transaction, table).ConfigureAwait(false);
            await db.ExecuteAsync(connection, transaction, move, cancellationToken).ConfigureAwait(false);
            await SqlServerTransaction.CommitAsync(db, transaction).ConfigureAwait(false);
            return parts;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction, writing.Abandoned is not null).ConfigureAwait(false);
        }
    }

    /// <summary>It has dropped the transaction without telling the client, and takes no other one on that connection.</summary>
    public override bool SurvivesRefusal => false;

    /// <summary>PostgreSQL quotes names with double quotes.</summary>
    public override bool Names(string message, string column) =>
        base.Names(message, column) || message.Contains($"\"{column}\"", StringComparison.OrdinalIgnoreCase);

    private static string Spelled(string name, string[] names) =>
        names.Contains(name) ? name : names.FirstOrDefault(other => other.Equals(name, StringComparison.OrdinalIgnoreCase), name);
}
