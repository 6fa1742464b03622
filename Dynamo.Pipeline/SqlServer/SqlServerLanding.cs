using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Stages rows on a server whose catalogue does not list temporary tables: <c>SqlBulkCopy</c> asks it for the columns, and then
/// takes them for missing. There, rows land in a
/// table of the database and go on into the staging table inside the server. The table is made and dropped in one transaction:
/// nobody else sees it, and no crash leaves it behind.
/// </summary>
internal sealed class SqlServerLanding<TRow>(SqlServerDb db, SqlServerMergeSql<TRow> sql, SqlServerCopy<TRow> copy)
{
    /// <returns>The parts of the keys it touches.</returns>
    public async Task<int> StageAsync(SqlServerWriting<TRow> writing)
    {
        (SqlConnection connection, CancellationToken cancellationToken) = (writing.Connection, writing.Cancellation);
        string table = SqlServerText.Quote(db.Options.Schema, $"StagedRow_{Guid.NewGuid():N}");
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            await db.ExecuteAsync(connection, transaction, sql.CreateLike(table), cancellationToken).ConfigureAwait(false);
            int parts = await copy.StageAsync(writing, transaction, table).ConfigureAwait(false);
            await db.ExecuteAsync(
                connection, transaction, $"INSERT INTO {SqlServerMergeSql<TRow>.Staging} SELECT * FROM {table}; DROP TABLE {table}",
                cancellationToken).ConfigureAwait(false);
            await SqlServerTransaction.CommitAsync(db, transaction).ConfigureAwait(false);
            return parts;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction, writing.Abandoned is not null).ConfigureAwait(false);
        }
    }
}
