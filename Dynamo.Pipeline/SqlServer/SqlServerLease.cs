using System.Data;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The right to import one source into one database: an application lock of a session that is used for nothing else. The server
/// releases it when the connection ends, for whatever reason. If it is lost during a run, two runs at once are still safe: the key of
/// the ledger decides about every file.
/// </summary>
internal sealed class SqlServerLease : IAsyncDisposable
{
    /// <summary>How long to wait, because the server needs a moment to notice that a killed run is gone.</summary>
    private const int PatienceMilliseconds = 1000;

    private readonly SqlConnection _connection;

    private SqlServerLease(SqlConnection connection) => _connection = connection;

    public static async Task<SqlServerLease> TakeAsync(SqlServerDb db, string source, CancellationToken cancellationToken)
    {
        SqlConnection connection = await db.OpenAsync(lasting: true, cancellationToken).ConfigureAwait(false);
        try
        {
            string ledger = SqlServerText.Quote(db.Options.Schema, db.Options.LedgerTable);
            if (await LockAsync(connection, SqlServerText.LockName("run", $"{ledger}\0{source}"), cancellationToken).ConfigureAwait(false))
                return new SqlServerLease(connection);
            throw new AlreadyRunningException($"Another run imports {source} into {db.Name}. Wait until it has ended.");
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<bool> LockAsync(SqlConnection connection, string name, CancellationToken cancellationToken)
    {
        SqlCommand command = SqlServerQueries.Command(connection, null, "sp_getapplock", 30,
            ("@Resource", name), ("@LockMode", "Exclusive"), ("@LockOwner", "Session"), ("@LockTimeout", PatienceMilliseconds));
        await using (command.ConfigureAwait(false))
        {
            command.CommandType = CommandType.StoredProcedure;
            SqlParameter result = command.Parameters.Add("@Result", SqlDbType.Int);
            result.Direction = ParameterDirection.ReturnValue;
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            return (int)result.Value >= 0;
        }
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
