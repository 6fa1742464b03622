using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>Transactions whose end never hides the first error.</summary>
internal static class SqlServerTransaction
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public static async Task<SqlTransaction> BeginAsync(SqlConnection connection, CancellationToken cancellationToken) =>
        (SqlTransaction)await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Commits by a statement: it has the statements' time-out, and what it leaves can be closed. SqlClient's own commit takes the time-out of connecting, and keeps the socket, and
    /// with it the server's locks, when no answer comes.
    /// </summary>
    public static Task CommitAsync(SqlServerDb db, SqlTransaction transaction, CancellationToken cancellationToken) =>
        db.ExecuteAsync(transaction.Connection, transaction, "COMMIT TRANSACTION", cancellationToken);

    /// <summary>Rolls back what the server has not rolled back itself, but on a connection that was given up: it is closed by its owner. Never throws, and waits only so long.</summary>
    public static Task UndoAsync(SqlTransaction transaction, bool isAbandoned = false) => isAbandoned ? Task.CompletedTask : Task.WhenAny(Task.Run(() => Undo(transaction)), Task.Delay(s_patience));

    private static void Undo(SqlTransaction transaction)
    {
        try
        {
            if (transaction.Connection is not null) transaction.Rollback();
            transaction.Dispose();
        }
#pragma warning disable CA1031 // The transaction is gone, the connection is broken, or SqlClient trips over either (a NullReferenceException was seen): the server rolls back all the same.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
