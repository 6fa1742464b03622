using System.Data;
using System.Data.Common;
using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The right to import one source into one database: an application lock of a session that is used for nothing else. It is given back
/// when the run ends; if the run is killed, the server releases it when it notices that the connection is gone. If it is lost during a
/// run, two runs at once are still safe: the key of the ledger decides about every file.
/// </summary>
/// <remarks>
/// A dispatcher's process may hang, or be cut off, and keep its session. So its row in the run table says until when it holds the source,
/// by the server's clock, and it renews that. When the time has passed, another dispatcher closes the row and has the source, without the
/// lock if need be; the old one notices that its row is closed.
/// </remarks>
internal sealed class SqlServerLease : IAsyncDisposable
{
    /// <summary>How long to wait, because the server needs a moment to notice that a killed run is gone.</summary>
    private const int PatienceMilliseconds = 1000;

    /// <summary>SQL Server's error for a column that is not there.</summary>
    private const int InvalidColumn = 207;

    /// <summary>How long giving it back may hold anybody up.</summary>
    private static readonly TimeSpan s_longestRelease = TimeSpan.FromSeconds(1);

    private readonly SqlConnection _connection;
    private readonly string _name;
    private readonly CancellationTokenSource _ended = new(), _lost = new();
    private Task _renewing = Task.CompletedTask;

    private SqlServerLease(SqlConnection connection, string name) => (_connection, _name) = (connection, name);

    /// <summary>Cancelled when another has taken the source.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <exception cref="AlreadyRunningException">Another holds the source.</exception>
    public static async Task<SqlServerLease> TakeAsync(SqlServerDb db, string source, CancellationToken cancellationToken)
    {
        SqlConnection connection = await db.OpenAsync(lasting: true, cancellationToken).ConfigureAwait(false);
        try
        {
            string name = NameOf(db, source);
            bool isFree = await LockAsync(connection, name, cancellationToken).ConfigureAwait(false);
            RunRow? holder = await HolderAsync(db, connection, source, cancellationToken).ConfigureAwait(false);
            if (isFree && holder?.LeaseUntilUtc is null) return new SqlServerLease(connection, name);
            bool hasPassed = holder?.LeaseUntilUtc is { } until
                && until <= await NowAsync(db, connection, cancellationToken).ConfigureAwait(false);
            if (hasPassed && (isFree || (db.Options.LeaseFor is not null
                && await CloseAsync(db, connection, holder!, cancellationToken).ConfigureAwait(false))))
                return new SqlServerLease(connection, name);
            string by = holder is null ? "" : FormattableString.Invariant(
                $" ({(holder.LeaseUntilUtc is null ? "on" : "a dispatcher on")} {holder.Host}, since {holder.StartedUtc:u})");
            throw new AlreadyRunningException($"Another run{by} imports {source} into {db.Name}. Wait until it has ended.");
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Until when a dispatcher that begins or renews now has the source; null for all others.</summary>
    public static async Task<DateTime?> UntilAsync(SqlServerDb db, SqlConnection connection, CancellationToken cancellationToken) =>
        db.Options.LeaseFor is { } time ? await NowAsync(db, connection, cancellationToken).ConfigureAwait(false) + time : null;

    /// <summary>Renews the claim of a dispatcher from now on.</summary>
    public void Renew(SqlServerDb db, long runId)
    {
        if (db.Options.LeaseFor is { } time && _renewing.IsCompleted) _renewing = Task.Run(() => RenewAsync(db, runId, time / 3));
    }

    /// <summary>Whether somebody has the lock.</summary>
    public static async Task<bool> IsTakenAsync(
        SqlServerDb db, SqlConnection connection, string source, CancellationToken cancellationToken)
    {
        List<int> free = await db.QueryAsync(
            connection, null, "SELECT APPLOCK_TEST(N'public', @name, N'Exclusive', N'Session')", row => row.GetInt32(0), cancellationToken,
            ("@name", NameOf(db, source))).ConfigureAwait(false);
        return free[0] == 0;
    }

    private static string NameOf(SqlServerDb db, string source) =>
        SqlServerText.LockName("run", $"{SqlServerText.Quote(db.Options.Schema, db.Options.LedgerTable)}\0{source}");

    /// <summary>
    /// Gives it back, so that the next run need not wait until a busy server notices the closed connection. A server that does not answer
    /// holds nobody up.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Task releasing = Task.Run(ReleaseAsync);
        await Task.WhenAny(releasing, Task.Delay(s_longestRelease)).ConfigureAwait(false);
        await SqlServerDb.CloseAsync(_connection, releasing.IsCompleted ? null : releasing).ConfigureAwait(false);
        _ended.Dispose();
        _lost.Dispose();
    }

    private async Task ReleaseAsync()
    {
        try
        {
            if (_connection.State != ConnectionState.Open) return;
            SqlCommand command = SqlServerQueries.Command(
                _connection, null, "sp_releaseapplock", SqlServerText.Seconds(s_longestRelease), ("@Resource", _name),
                ("@LockOwner", "Session"));
            command.CommandType = CommandType.StoredProcedure;
            await using (command.ConfigureAwait(false))
                await command.ExecuteNonQueryAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is DbException or InvalidOperationException or IOException or NullReferenceException)
        {
            // The connection is closed next, and with it goes the lock, unless another has taken the source without it.
        }
    }

    private async Task RenewAsync(SqlServerDb db, long runId, TimeSpan every)
    {
        while (!_ended.IsCancellationRequested)
        {
            await Task.Delay(every, db.Options.TimeProvider, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                SqlConnection connection = await db.OpenAsync(lasting: false, _ended.Token).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    var row = new RunRow
                    {
                        RunId = runId,
                        LeaseUntilUtc = await UntilAsync(db, connection, _ended.Token).ConfigureAwait(false),
                        Cancellation = _ended.Token,
                    };
                    string table = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
                    string sql = $"""
                        UPDATE {table} SET LeaseUntilUtc = @LeaseUntilUtc OUTPUT inserted.RunId
                        WHERE RunId = @RunId AND Outcome = N'running'
                        """;
                    if ((await connection.QueryAsync<long>(sql, row, commandTimeout: db.CommandSeconds).ConfigureAwait(false)).Any())
                        continue;
                }
                await _lost.CancelAsync().ConfigureAwait(false);
                return;
            }
            catch (Exception error) when (error is SqlException or SinkException or InvalidOperationException or OperationCanceledException)
            {
                // It is tried again. Whoever takes the source in the meantime closes the row.
            }
        }
    }

    /// <summary>
    /// The run that holds the source, as far as the table tells: a database of an older version, or a new one, does not.
    /// </summary>
    private static async Task<RunRow?> HolderAsync(
        SqlServerDb db, SqlConnection connection, string source, CancellationToken cancellationToken)
    {
        string table = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
        string sql = $"""
            SELECT TOP (1) RunId, Host, StartedUtc, LeaseUntilUtc FROM {table}
            WHERE Source = @Source AND Outcome = N'running' AND PartOf IS NULL ORDER BY RunId DESC
            """;
        try
        {
            return await connection.QueryFirstOrDefaultAsync<RunRow>(
                sql, new RunRow { Source = source, Cancellation = cancellationToken }, commandTimeout: db.CommandSeconds)
                .ConfigureAwait(false);
        }
        catch (SqlException error) when (error.Number is InvalidColumn || TdsDialect.MayMissTable(error.Number))
        {
            return null;
        }
    }

    /// <summary>Closes the row of a holder whose time has passed. Of several that try, one does.</summary>
    private static async Task<bool> CloseAsync(
        SqlServerDb db, SqlConnection connection, RunRow holder, CancellationToken cancellationToken)
    {
        string table = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
        string sql = $"""
            UPDATE {table} SET Outcome = N'interrupted' OUTPUT inserted.RunId
            WHERE RunId = @RunId AND Outcome = N'running' AND LeaseUntilUtc = @LeaseUntilUtc
            """;
        var row = new RunRow { RunId = holder.RunId, LeaseUntilUtc = holder.LeaseUntilUtc, Cancellation = cancellationToken };
        IEnumerable<long> closed =
            await connection.QueryAsync<long>(sql, row, commandTimeout: db.CommandSeconds).ConfigureAwait(false);
        return closed.Any();
    }

    private static async Task<DateTime> NowAsync(SqlServerDb db, SqlConnection connection, CancellationToken cancellationToken) =>
        (await db.QueryAsync(connection, null, "SELECT SYSUTCDATETIME()", row => row.GetDateTime(0), cancellationToken)
            .ConfigureAwait(false))[0];

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
}
