using System.Collections.Concurrent;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The ledger's part of a batch: which of its files are known, their entries, the commit, and the result of a commit that was not
/// answered. The unique key of the ledger decides about every file, whoever writes it. Safe for concurrent use.
/// </summary>
internal sealed class SqlServerCommit<TRow>(SqlServerDb db, SqlServerLedgerTable ledger, SqlServerCopy<TRow> copy)
{
    private const int DuplicateKey = 2627, DuplicateIndex = 2601;

    /// <summary>Files whose commit was not answered, with their results in case it happened.</summary>
    private readonly ConcurrentDictionary<SourceFile, FileResult> _inDoubt = new();

    /// <summary>Whether a commit of these files was not answered, so that the next attempt must ask the ledger.</summary>
    public bool IsInDoubt(IEnumerable<SourceFile> files) => files.Any(_inDoubt.ContainsKey);

    /// <summary>
    /// Looks up the numbers of files that were imported before and are imported again: their content is new, or they were taken back so
    /// that what they replaced, or what replaced them, is imported anew. What they brought has these numbers.
    /// </summary>
    public async Task KeepNumbersAsync(SqlServerWriting<TRow> writing)
    {
        int[] again = writing.Places(w => writing.IsContested || w.Rows.HasNewContent || ledger.IsRequeued(w.File));
        if (again.Length == 0) return;
        Dictionary<int, SqlServerEntry> found = await ledger.FindAllAsync(
            db, writing.Connection, null, [.. again.Select(at => writing.Ordered[at].File)], writing.Cancellation).ConfigureAwait(false);
        foreach ((int i, SqlServerEntry entry) in found)
            if (entry.FileId is { } number && !writing.Twins.Contains(writing.Ordered[again[i]])
                && (entry.IsRequeued || writing.Ordered[again[i]].Rows.HasNewContent))
                writing.Kept[again[i]] = number;
    }

    /// <summary>
    /// Marks the files that are in the ledger, and waits for entries that another transaction is about to commit. It asks only if
    /// another run may have entered one: the files were looked up when they were listed, and if another run entered one after that,
    /// the key of the ledger refuses it.
    /// </summary>
    public async Task FindKnownAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction)
    {
        if (!writing.IsContested) return;
        FileWork<TRow>[] offered = [.. writing.Ordered.Where(w => w.Outcome != FileOutcome.Deferred && !writing.Twins.Contains(w))];
        Dictionary<int, LedgerEntry> known = await ledger.FindAsync(
            db, writing.Connection, transaction, [.. offered.Select(w => w.File)], writing.Cancellation).ConfigureAwait(false);
        for (int i = 0; i < offered.Length; i++)
            offered[i].IsKnown = known.TryGetValue(i, out LedgerEntry? entry) && IsOf(entry, offered[i]);
    }

    /// <summary>Whether an entry is of this very content, and not of one that had its path, size and time before.</summary>
    private static bool IsOf(LedgerEntry entry, FileWork<TRow> work) =>
        !work.Rows.HasNewContent || entry.ContentHash == work.Rows.ContentHash;

    /// <returns>
    /// False if another transaction entered one of the files first. Then nothing is committed, and the next attempt finds the entry.
    /// </returns>
    public async Task<bool> CommitAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction)
    {
        writing.IsCommitting = true;
        FileWork<TRow>[] entered = [.. writing.Ordered.Where(w => w.Outcome != FileOutcome.Deferred && !w.IsKnown)];
        try
        {
            IEnumerable<SourceFile> replaced = entered
                .Where(w => w.Rows.HasNewContent || ledger.IsRequeued(w.File)).Select(w => w.File);
            await ledger.ForgetAsync(db, writing.Connection, transaction, replaced, writing.Cancellation).ConfigureAwait(false);
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
        {
            _inDoubt.TryRemove(work.File, out _);
            ledger.Imported(work.File);
        }
        return true;
    }

    /// <summary>
    /// The results of the files if a commit that was not answered happened; null if it did not. The query waits for the locks of the
    /// entries. So it waits for a commit that is still running, and a commit that has not happened by then cannot happen any more:
    /// the server held its locks until it gave the transaction up.
    /// </summary>
    public async Task<FileResult[]?> ResolveAsync(SqlConnection connection, FileWork<TRow>[] works, CancellationToken cancellationToken)
    {
        SourceFile[] files = [.. works.Select(w => w.File)];
        if (!IsInDoubt(files)) return null;
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            Dictionary<int, LedgerEntry> found = await ledger.FindAsync(
                db, connection, transaction, files, cancellationToken).ConfigureAwait(false);
            var remembered = new FileResult?[files.Length];
            for (int i = 0; i < files.Length; i++)
                _inDoubt.TryRemove(files[i], out remembered[i]);
            // It was one transaction, so one entry proves them all.
            bool happened = found.Any(entry => remembered[entry.Key] is not null && IsOf(entry.Value, works[entry.Key]));
            return happened ? [.. files.Select((f, i) => remembered[i] ?? new FileResult(f, FileOutcome.AlreadyLoaded))] : null;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }
}

/// <summary>Begins and ends transactions. The end never hides an earlier error.</summary>
internal static class SqlServerTransaction
{
    private static readonly TimeSpan s_longestCommit = TimeSpan.FromSeconds(30);

    public static async Task<SqlTransaction> BeginAsync(SqlConnection connection, CancellationToken cancellationToken) =>
        (SqlTransaction)await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Commits with a statement. If the server does not answer, a statement is told to stop, and the connection can be closed after
    /// that. <c>SqlTransaction.Commit</c> keeps the socket instead, and with it the locks on the server (SqlClient 7.1.1, as 6.1.5: if
    /// a server is silent before a commit, the next batch is not written in 30 s). It cannot be cancelled, because that would leave
    /// one more commit in doubt. So it may not take as long as a merge may.
    /// </summary>
    public static async Task CommitAsync(SqlServerDb db, SqlTransaction transaction)
    {
        SqlConnection connection = transaction.Connection ?? throw new InvalidOperationException("The server has ended the transaction.");
        TimeSpan longest = db.Options.CommandTimeout < s_longestCommit ? db.Options.CommandTimeout : s_longestCommit;
        db.Waits(longest);
        SqlCommand command = SqlServerQueries.Command(connection, transaction, "COMMIT TRANSACTION", SqlServerText.Seconds(longest));
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>
    /// Rolls back, unless the transaction has ended, or the connection was given up: its owner closes it. Never throws. SqlClient 7.1.1
    /// can only block a thread for this, and breaks the connection if the server does not answer within <c>Connect Timeout</c>. It is
    /// waited for, because nobody else may use the connection before that.
    /// </summary>
    public static Task UndoAsync(SqlTransaction transaction, bool isAbandoned = false) =>
        isAbandoned || transaction.Connection is null ? Task.CompletedTask : Task.Run(() => Undo(transaction));

    private static void Undo(SqlTransaction transaction)
    {
        try
        {
            transaction.Rollback();
            transaction.Dispose();
        }
#pragma warning disable CA1031 // The transaction is gone, the connection broke, or SqlClient fails. The server rolls back in any case.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
