using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>Transactions whose end never hides the first error.</summary>
internal static class SqlServerTransaction
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10), s_longestCommit = TimeSpan.FromSeconds(30);

    public static async Task<SqlTransaction> BeginAsync(SqlConnection connection, CancellationToken cancellationToken) =>
        (SqlTransaction)await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Commits by a statement, which is told to stop when no answer comes, and leaves a connection that can be closed. SqlClient's own commit then keeps the socket, and with it the
    /// server's locks. Not to be cancelled, since that is one more commit in doubt; so it is not waited for as long as a merge may be.
    /// </summary>
    public static async Task CommitAsync(SqlServerDb db, SqlTransaction transaction)
    {
        SqlConnection connection = transaction.Connection ?? throw new InvalidOperationException("The server has ended the transaction.");
        TimeSpan longest = db.Options.CommandTimeout < s_longestCommit ? db.Options.CommandTimeout : s_longestCommit;
        SqlCommand command = SqlServerQueries.Command(connection, transaction, "COMMIT TRANSACTION", SqlServerText.Seconds(longest));
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }

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
