using System.Data;
using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>
/// The right to import one source into one database: an application lock of a session that nothing else uses, which the server releases when the connection ends, however it
/// ends. Should it be lost in the middle of a run, two runs at once are still safe: the ledger's key decides about every file.
/// </summary>
internal sealed class SqlServerClaim : IAsyncDisposable
{
    /// <summary>The server needs a moment to see that a killed run is gone.</summary>
    private const int PatienceMilliseconds = 1000;

    private readonly SqlConnection _connection;

    private SqlServerClaim(SqlConnection connection) => _connection = connection;

    public static async Task<SqlServerClaim> TakeAsync(SqlServerDb db, string source, CancellationToken cancellationToken)
    {
        SqlConnection connection = await db.OpenAsync(lasting: true, cancellationToken).ConfigureAwait(false);
        try
        {
            string ledger = SqlServerText.Quote(db.Options.Schema, db.Options.LedgerTable);
            if (await LockAsync(connection, null, SqlServerText.LockName("run", $"{ledger}\0{source}"), "Session", PatienceMilliseconds, cancellationToken).ConfigureAwait(false))
                return new SqlServerClaim(connection);
            throw new AlreadyRunningException($"Another run imports {source} into {db.Name}. Wait until it has ended.");
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Takes an exclusive application lock; false when another holds it for too long.</summary>
    public static async Task<bool> LockAsync(SqlConnection connection, SqlTransaction? transaction, string name, string owner, int milliseconds, CancellationToken cancellationToken)
    {
        var values = new DynamicParameters(new { Resource = name, LockMode = "Exclusive", LockOwner = owner, LockTimeout = milliseconds });
        values.Add("Result", dbType: DbType.Int32, direction: ParameterDirection.ReturnValue);
        var command = new CommandDefinition("sp_getapplock", values, transaction, (milliseconds / 1000) + 30, CommandType.StoredProcedure, cancellationToken: cancellationToken);
        await connection.ExecuteAsync(command).ConfigureAwait(false);
        return values.Get<int>("Result") >= 0;
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
