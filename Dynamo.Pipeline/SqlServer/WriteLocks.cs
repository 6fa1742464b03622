using System.Globalization;
using System.Numerics;
using System.Text;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Who may write to a table, by application locks that end with their transaction. A merge announces itself to the table and locks
/// the parts of the keys it touches; one that
/// touches most of them locks the table. They are taken before any row's, the parts in their order: so nobody waits for one who
/// waits for him. Appends go side by side, but
/// not beside merges.
/// </summary>
internal sealed class WriteLocks<TRow>(SqlServerDb db, SqlServerTarget<TRow> target)
{
    /// <summary>From so many parts on, one lock of the table costs less.</summary>
    private const int Most = SqlServerKeyParts<TRow>.Count / 2;

    /// <summary>Any error ends the whole transaction, whichever kind it is: half a statement is never kept.</summary>
    private const string Settings = "SET XACT_ABORT ON; SET NOCOUNT ON;";

    private readonly string _lock = SqlServerText.LockName("write", target.Name);

    /// <summary>Waits for the turn of a merge that touches these parts.</summary>
    public Task MergeAsync(SqlConnection connection, SqlTransaction transaction, int parts, CancellationToken cancellationToken)
    {
        if (!target.Plan.MergesSideBySide || BitOperations.PopCount((uint)parts) > Most)
            return TakeAsync(connection, transaction, Statement("", "Exclusive"), cancellationToken);
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
        List<long> got = await db.QueryAsync(
            connection, transaction, $"{Settings} DECLARE @got int; {statements} SELECT @got", r => SqlServerQueries.Whole(r, 0),
            cancellationToken).ConfigureAwait(false);
        if (got[0] < 0)
            throw new SinkException(
                $"Another writer of {target.Name} in {db.Name} took longer than CommandTimeout.") { IsTransient = true };
    }
}
