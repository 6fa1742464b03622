using System.Collections.Concurrent;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The ledger's part of a batch: which of its files are known, their entries, the commit, and what became of a commit that was not
/// answered. The ledger's unique key decides
/// about every file, whoever writes it. Safe for concurrent use.
/// </summary>
internal sealed class SqlServerCommit<TRow>(SqlServerDb db, SqlServerLedgerTable ledger, SqlServerCopy<TRow> copy)
{
    private const int DuplicateKey = 2627, DuplicateIndex = 2601;

    /// <summary>Files whose commit was not answered, with what they became if it happened.</summary>
    private readonly ConcurrentDictionary<SourceFile, FileResult> _inDoubt = new();

    /// <summary>Whether a new attempt can find out what became of the last one.</summary>
    public bool IsInDoubt(IEnumerable<SourceFile> files) => files.Any(_inDoubt.ContainsKey);

    /// <summary>
    /// Marks the files that are in the ledger, and waits for those that another transaction is about to enter. Only where there is
    /// reason to ask: whoever lists files has asked
    /// already, and should one have been entered since, the ledger's key refuses it.
    /// </summary>
    public async Task FindKnownAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction)
    {
        if (!writing.IsContested) return;
        FileWork<TRow>[] offered = [.. writing.Ordered.Where(w => w.Outcome != FileOutcome.Deferred && !writing.Twins.Contains(w))];
        Dictionary<int, LedgerEntry> known = await ledger.FindAsync(
            db, writing.Connection, transaction, [.. offered.Select(w => w.File)], writing.Cancellation).ConfigureAwait(false);
        for (int i = 0; i < offered.Length; i++)
            offered[i].IsKnown = known.ContainsKey(i);
    }

    /// <returns>
    /// False when another transaction was faster to enter one of the files: nothing is committed, and the next attempt finds it.
    /// </returns>
    public async Task<bool> CommitAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction)
    {
        writing.IsCommitting = true;
        FileWork<TRow>[] entered = [.. writing.Ordered.Where(w => w.Outcome != FileOutcome.Deferred && !w.IsKnown)];
        try
        {
            await ledger.WriteAsync(copy, writing, transaction, entered).ConfigureAwait(false);
        }
        catch (SqlException error) when (error.Number is DuplicateKey or DuplicateIndex)
        {
            writing.IsOvertaken = true;
            return false;
        }
        writing.Cancellation.ThrowIfCancellationRequested();
        foreach (FileWork<TRow> work in entered)
            _inDoubt[work.File] = work.Result();
        await SqlServerTransaction.CommitAsync(db, transaction).ConfigureAwait(false);
        foreach (FileWork<TRow> work in entered)
            _inDoubt.TryRemove(work.File, out _);
        return true;
    }

    /// <summary>
    /// What became of the files if a commit that was not answered happened; null when it did not. The question waits for the
    /// entries' locks: a commit that is still under way is
    /// waited for, and one that has not happened by then cannot happen any more, for its locks were held until the server gave it up.
    /// </summary>
    public async Task<FileResult[]?> ResolveAsync(SqlConnection connection, SourceFile[] files, CancellationToken cancellationToken)
    {
        if (!IsInDoubt(files)) return null;
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            Dictionary<int, LedgerEntry> found = await ledger.FindAsync(
                db, connection, transaction, files, cancellationToken).ConfigureAwait(false);
            var remembered = new FileResult?[files.Length];
            for (int i = 0; i < files.Length; i++)
                _inDoubt.TryRemove(files[i], out remembered[i]);
            // It was one transaction: one entry of its files stands for all.
            bool happened = found.Keys.Any(i => remembered[i] is not null);
            return happened ? [.. files.Select((f, i) => remembered[i] ?? new FileResult(f, FileOutcome.AlreadyLoaded))] : null;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }
}

/// <summary>Transactions whose end never hides the first error.</summary>
internal static class SqlServerTransaction
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10), s_longestCommit = TimeSpan.FromSeconds(30);

    public static async Task<SqlTransaction> BeginAsync(SqlConnection connection, CancellationToken cancellationToken) =>
        (SqlTransaction)await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Commits by a statement, which is told to stop when no answer comes, and leaves a connection that can be closed. SqlClient's
    /// own commit then keeps the socket, and with it the server's locks (7.1.1 as 6.1.5: the next batch is not through in 30 s when a
    /// server is silent before a commit). Not to be cancelled, since that is one more commit in doubt; so it is not waited for as long
    /// as a merge may be.
    /// </summary>
    public static async Task CommitAsync(SqlServerDb db, SqlTransaction transaction)
    {
        SqlConnection connection = transaction.Connection ?? throw new InvalidOperationException("The server has ended the transaction.");
        TimeSpan longest = db.Options.CommandTimeout < s_longestCommit ? db.Options.CommandTimeout : s_longestCommit;
        SqlCommand command = SqlServerQueries.Command(connection, transaction, "COMMIT TRANSACTION", SqlServerText.Seconds(longest));
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>
    /// Rolls back what the server has not rolled back itself, but on a connection that was given up: it is closed by its owner.
    /// Never throws, and waits only so long.
    /// </summary>
    public static Task UndoAsync(SqlTransaction transaction, bool isAbandoned = false) =>
        isAbandoned ? Task.CompletedTask : Task.WhenAny(Task.Run(() => Undo(transaction)), Task.Delay(s_patience));

    private static void Undo(SqlTransaction transaction)
    {
        try
        {
            if (transaction.Connection is not null) transaction.Rollback();
            transaction.Dispose();
        }
#pragma warning disable CA1031 // The transaction is gone, the connection is broken, or SqlClient fails: the server rolls back in any case.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
