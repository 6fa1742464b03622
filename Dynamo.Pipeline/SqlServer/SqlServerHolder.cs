using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Asks, after a statement waited too long for a lock, which session of another program holds one. Needs a right that an importer seldom
/// has (VIEW SERVER STATE), and a server that keeps such a view: without them, nobody is named. Safe for concurrent use.
/// </summary>
internal static class SqlServerHolder
{
    private const int Seconds = 5;

    private const string Question = """
        SELECT TOP (1) s.session_id AS Id, s.host_name AS Host, s.program_name AS Program, s.login_name AS Login
        FROM sys.dm_tran_locks AS l INNER JOIN sys.dm_exec_sessions AS s ON s.session_id = l.request_session_id
        WHERE l.resource_type = 'OBJECT' AND l.request_status = 'GRANT' AND l.resource_database_id = DB_ID()
          AND l.resource_associated_entity_id IN (OBJECT_ID(@Rows), OBJECT_ID(@Ledger), OBJECT_ID(@Runs), OBJECT_ID(@Rejects),
            OBJECT_ID(@Overlaps), OBJECT_ID(@Versions))
          AND (s.host_process_id <> @Process OR s.host_name <> @Machine) ORDER BY s.session_id
        """;

    /// <returns>The session in words, or null if the server does not tell.</returns>
    public static async Task<string?> AskAsync(SqlServerDb db, CancellationToken cancellationToken)
    {
        if (db.Objects is not { } tables) return null;
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(TimeSpan.FromSeconds(Seconds));
            SqlConnection connection = await db.OpenAsync(lasting: false, patience.Token).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                var asked = new HolderQuestion(tables, Environment.ProcessId, Environment.MachineName)
                {
                    Cancellation = patience.Token,
                };
                HolderRow? found = await connection.QueryFirstOrDefaultAsync<HolderRow>(
                    Question, asked, commandTimeout: Seconds).ConfigureAwait(false);
                return found is null ? null : $"session {found.Id} ({found.Program} on {found.Host}, user {found.Login})";
            }
        }
        catch (Exception error) when (error is SqlException or SinkException or InvalidOperationException or OperationCanceledException)
        {
            return null;
        }
    }
}
