using System.Globalization;
using System.Numerics;
using System.Text;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Decides who may write to a table, with application locks that end with their transaction. A merge takes an intent lock of the table
/// and locks the parts of the keys that it touches. If it touches most parts, it locks the table. The locks are taken before any lock
/// of a row, and the parts in their order, so that no two writers wait for each other. Appends run side by side, but not beside merges.
/// </summary>
/// <param name="db">The database.</param>
/// <param name="table">The table's name, quoted and with its schema.</param>
/// <param name="isShared">Whether merges of different keys go side by side.</param>
internal sealed class WriteLocks<TRow>(SqlServerDb db, string table, bool isShared)
{
    /// <summary>A merge of more parts locks the table, which costs less than so many locks.</summary>
    private const int Most = SqlServerKeyParts<TRow>.Count / 2;

    /// <summary>
    /// With these, every error ends the whole transaction, and no part of it is ever kept. And a statement that waits for a lock is ended
    /// by the server before the client ends it, so that its error says what was waited for.
    /// </summary>
    private string Settings => string.Create(
        CultureInfo.InvariantCulture, $"SET XACT_ABORT ON; SET NOCOUNT ON; SET LOCK_TIMEOUT {(int)(0.9 * Patience)};");

    private readonly string _lock = SqlServerText.LockName("write", table);

    /// <summary>Waits until nobody else writes to the table.</summary>
    public Task TableAsync(SqlConnection connection, SqlTransaction transaction, CancellationToken cancellationToken) =>
        TakeAsync(connection, transaction, Statement("", "Exclusive"), cancellationToken);

    /// <summary>Waits for the turn of a merge that touches these parts.</summary>
    public Task MergeAsync(SqlConnection connection, SqlTransaction transaction, int parts, CancellationToken cancellationToken)
    {
        if (!isShared || BitOperations.PopCount((uint)parts) > Most) return TableAsync(connection, transaction, cancellationToken);
        var sql = new StringBuilder(Statement("", "IntentExclusive"));
        for (int part = 0; part < SqlServerKeyParts<TRow>.Count; part++)
            if ((parts & (1 << part)) != 0) sql.Append(CultureInfo.InvariantCulture, $" IF @got >= 0 {Statement($":{part}", "Exclusive")}");
        return TakeAsync(connection, transaction, sql.ToString(), cancellationToken);
    }

    /// <summary>Waits until nobody merges.</summary>
    public Task AppendAsync(SqlConnection connection, SqlTransaction transaction, CancellationToken cancellationToken) =>
        TakeAsync(connection, transaction, Statement("", "Shared"), cancellationToken);

    private int Patience => (int)Math.Min(int.MaxValue, db.Options.CommandTimeout.TotalMilliseconds);

    private string Statement(string part, string mode) => string.Create(CultureInfo.InvariantCulture,
        $"EXEC @got = sp_getapplock @Resource = N'{_lock}{part}', "
        + $"@LockMode = N'{mode}', @LockOwner = N'Transaction', @LockTimeout = {Patience};");

    private async Task TakeAsync(
        SqlConnection connection, SqlTransaction transaction, string statements, CancellationToken cancellationToken)
    {
        List<int> got = await db.QueryAsync(
            connection, transaction, $"{Settings} DECLARE @got int; {statements} SELECT @got", row => row.GetInt32(0),
            cancellationToken).ConfigureAwait(false);
        if (got[0] < 0)
            throw new SinkException(
                $"Another writer of {table} in {db.Name} took longer than {OptionName.Of(nameof(SqlServerSinkOptions.CommandTimeout))}.")
            {
                IsTransient = true,
            };
    }
}
