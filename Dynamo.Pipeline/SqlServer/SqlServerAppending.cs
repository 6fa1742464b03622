using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>Copies a batch directly into the table, in one transaction with its ledger entries. Safe for concurrent use.</summary>
internal sealed class SqlServerAppending<TRow>(
    SqlServerDb db, WriteLocks<TRow> turns, SqlServerCopy<TRow> copy, SqlServerCommit<TRow> commit, SqlServerStaging<TRow> staging)
{
    /// <returns>
    /// False if nothing was written and the batch must be staged: a row was refused, or a file turned out to be bad or known.
    /// </returns>
    public async Task<bool> TryAsync(SqlServerWriting<TRow> writing)
    {
        await SqlServerFileNumbers.TakeAsync(db, writing).ConfigureAwait(false);
        try
        {
            if (await TryCopyAsync(writing).ConfigureAwait(false))
            {
                staging.HasWritten();
                return true;
            }
        }
        catch (SqlException error) when (!writing.IsCommitting && SqlServerFault.MayBeOfRow(error))
        {
            return false;
        }
        // A streamed file that turned out to be bad is not read again. Only its entry and its rejects are written.
        return writing.Works is [{ Rows.IsStreamed: true, Outcome: not FileOutcome.Loaded }]
            && !writing.IsOvertaken
            && await staging.CondemnAsync(writing).ConfigureAwait(false);
    }

    private async Task<bool> TryCopyAsync(SqlServerWriting<TRow> writing)
    {
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(writing.Connection, writing.Cancellation).ConfigureAwait(false);
        try
        {
            await turns.AppendAsync(writing.Connection, transaction, writing.Cancellation).ConfigureAwait(false);
            await commit.FindKnownAsync(writing, transaction).ConfigureAwait(false);
            if (writing.Ordered.Any(w => w.IsLoading)) await copy.AppendAsync(writing, transaction).ConfigureAwait(false);
            // Rows that are already in the table cannot be removed file by file.
            return !writing.Ordered.Any(w => w.Ordinal > 0 && !w.IsLoading)
                && await commit.CommitAsync(writing, transaction).ConfigureAwait(false);
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction, writing.Abandoned is not null).ConfigureAwait(false);
        }
    }
}
