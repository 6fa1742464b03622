using System.Collections.Concurrent;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>
/// Writes batches. Rows are staged first, outside any transaction; one transaction then merges them and writes ledger and rejects. It is undone and made again without what it
/// found to be bad, on the rows that are still staged, until nothing bad is left. Safe for concurrent use: the transactions take turns by an application lock, taken before
/// anything else, so that they cannot deadlock among themselves.
/// </summary>
internal sealed class SqlServerBatch<TRow>(SqlServerDb db, SqlServerTarget<TRow> target, SqlServerLedgerTable ledger, int maxBadRows)
{
    private const int MostAttempts = 10_000, MostResolutions = 3, MostFruitless = 5;

    private readonly SqlServerMergeSql<TRow> _sql = new(target, db.Options);
    private readonly SqlServerCopy<TRow> _copy = new(db, target);

    /// <summary>
    /// Merges take turns; appends go side by side, but not beside a merge, and take turns at the ledger. The first lock always comes before any row's, the second after all:
    /// so nobody waits for one who waits for him.
    /// </summary>
    private readonly string _turn = SqlServerText.LockName("write", target.Name), _ledgerTurn = SqlServerText.LockName("ledger", target.Name);

    /// <summary>Files whose commit was not answered, with what they became if it happened.</summary>
    private readonly ConcurrentDictionary<SourceFile, FileResult> _inDoubt = new();

    public async Task<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        bool append = db.Options.Append;
        for (int resolutions = 0; ; resolutions++)
        {
            FileWork<TRow>[] works = [.. files.Select(f => new FileWork<TRow>(f))];
            try
            {
                if (await db.GuardAsync("writing a batch", () => AttemptAsync(works, append, cancellationToken), cancellationToken).ConfigureAwait(false) is { } results) return results;
                append = false;
            }
            catch (SourceFaultException error)
            {
                error.Rethrow();
            }
            catch (SinkException) when (resolutions < MostResolutions && files.Any(f => _inDoubt.ContainsKey(f.File)))
            {
                // The commit's answer is lost: the next attempt begins with asking the ledger.
            }
        }
    }

    /// <summary>One connection's worth of attempts; null when rows that were to be appended must be staged.</summary>
    private async Task<FileResult[]?> AttemptAsync(FileWork<TRow>[] works, bool append, CancellationToken cancellationToken)
    {
        SqlConnection connection = await db.OpenAsync(lasting: false, cancellationToken).ConfigureAwait(false);
        bool isStuck = false;
        try
        {
            var writing = new Writing(works, [.. works.OrderBy(w => w.File.ModifiedUtc).ThenBy(w => w.File.Path, StringComparer.Ordinal)], connection, cancellationToken);
            return await AttemptAsync(writing, append).ConfigureAwait(false);
        }
        catch (Exception error) when (error is SqlException or InvalidOperationException or StalledConnectionException)
        {
            isStuck = error is StalledConnectionException;
            // The next attempt is not to get this connection out of the pool.
            if (error is not SqlException sql || SqlServerFault.Judge(sql) == SqlServerVerdict.Transient) SqlConnection.ClearPool(connection);
            throw;
        }
        finally
        {
            await SqlServerDb.CloseAsync(connection, isStuck).ConfigureAwait(false);
        }
    }

    private async Task<FileResult[]?> AttemptAsync(Writing writing, bool append)
    {
        if (await ResolvedAsync(writing).ConfigureAwait(false) is { } results) return results;
        foreach (FileWork<TRow> work in writing.Works)
            work.JudgeEarly(maxBadRows);
        MarkTwins(writing);
        if (append) return await AppendAsync(writing).ConfigureAwait(false) ? Done(writing) : null;
        await StageAsync(writing).ConfigureAwait(false);
        return Done(writing);
    }

    private FileResult[] Done(Writing writing)
    {
        foreach (FileWork<TRow> work in writing.Works)
            _inDoubt.TryRemove(work.File, out _);
        return [.. writing.Works.Select(w => w.Result())];
    }

    /// <summary>
    /// Whether a commit that was not answered happened. The question takes the locks of the ledger's keys: a commit that is still under way is waited for, and one that has not
    /// happened by then cannot happen any more, for its locks were held until the server gave it up.
    /// </summary>
    private async Task<FileResult[]?> ResolvedAsync(Writing writing)
    {
        if (!writing.Works.Any(w => _inDoubt.ContainsKey(w.File))) return null;
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(db, writing.Connection, writing.Cancellation).ConfigureAwait(false);
        try
        {
            await TakeTurnAsync(_turn, shared: false, writing.Connection, transaction, writing.Cancellation).ConfigureAwait(false);
            SourceFile[] files = [.. writing.Works.Select(w => w.File)];
            Dictionary<int, LedgerEntry> found = await ledger.FindAsync(db, writing.Connection, transaction, files, writing.Cancellation).ConfigureAwait(false);
            var remembered = new FileResult?[files.Length];
            for (int i = 0; i < files.Length; i++)
                _inDoubt.TryRemove(files[i], out remembered[i]);
            // It was one transaction: one entry of its files stands for all.
            bool happened = found.Keys.Any(i => remembered[i] is { Outcome: not (FileOutcome.AlreadyLoaded or FileOutcome.Deferred) });
            if (!happened) return null;
            return [.. files.Select((f, i) => remembered[i] ?? new FileResult(f, FileOutcome.AlreadyLoaded))];
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }

    private static void MarkTwins(Writing writing)
    {
        var seen = new HashSet<SourceFile>();
        foreach (FileWork<TRow> work in writing.Ordered)
            if (!seen.Add(work.File)) work.IsKnown = true;
        writing.Twins = [.. writing.Ordered.Where(w => w.IsKnown)];
    }

    private async Task<bool> AppendAsync(Writing writing)
    {
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(db, writing.Connection, writing.Cancellation).ConfigureAwait(false);
        try
        {
            await TakeTurnAsync(_turn, shared: true, writing.Connection, transaction, writing.Cancellation).ConfigureAwait(false);
            await _copy.AppendAsync(writing.Connection, transaction, writing.Ordered, maxBadRows, writing.Cancellation).ConfigureAwait(false);
            await TakeTurnAsync(_ledgerTurn, shared: false, writing.Connection, transaction, writing.Cancellation).ConfigureAwait(false);
            await FindKnownAsync(writing, transaction).ConfigureAwait(false);
            // What is in the table already cannot be taken out of it file by file.
            if (writing.Ordered.Any(w => w.Ordinal > 0 && !w.IsLoading)) return writing.Works is [{ Rows.IsStreamed: true, IsKnown: false }] && await CondemnAsync(writing, transaction).ConfigureAwait(false);
            await CommitAsync(writing, transaction).ConfigureAwait(false);
            return true;
        }
        catch (SqlException error) when (!writing.IsCommitting && SqlServerFault.Judge(error) == SqlServerVerdict.RowRefused)
        {
            return false;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }

    /// <summary>A streamed file that turned out bad is not read again: only its entry and rejects are written.</summary>
    private async Task<bool> CondemnAsync(Writing writing, SqlTransaction copied)
    {
        await SqlServerTransaction.UndoAsync(copied).ConfigureAwait(false);
        await db.ExecuteAsync(writing.Connection, null, _sql.Create, writing.Cancellation).ConfigureAwait(false);
        await MergeUntilGoodAsync(writing).ConfigureAwait(false);
        return true;
    }

    private async Task StageAsync(Writing writing)
    {
        await db.ExecuteAsync(writing.Connection, null, _sql.Create, writing.Cancellation).ConfigureAwait(false);
        if (writing.Ordered.Any(w => w.IsLoading)) await _copy.StageAsync(writing.Connection, writing.Ordered, maxBadRows, writing.Cancellation).ConfigureAwait(false);
        await MergeUntilGoodAsync(writing).ConfigureAwait(false);
    }

    private async Task MergeUntilGoodAsync(Writing writing)
    {
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            await DropBadFilesAsync(writing).ConfigureAwait(false);
            if (await TryMergeAsync(writing).ConfigureAwait(false)) return;
        }
        throw new SinkException($"{db.Name} refused a batch again and again, but none of its rows alone. Look at the triggers of {target.Name}.");
    }

    /// <summary>One transaction: true when it is committed, false when it has to be made again with what was learnt.</summary>
    private async Task<bool> TryMergeAsync(Writing writing)
    {
        SqlException refusal;
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(db, writing.Connection, writing.Cancellation).ConfigureAwait(false);
        try
        {
            await TakeTurnAsync(_turn, shared: false, writing.Connection, transaction, writing.Cancellation).ConfigureAwait(false);
            await FindKnownAsync(writing, transaction).ConfigureAwait(false);
            int[] known = [.. Enumerable.Range(0, writing.Ordered.Length).Where(i => writing.Ordered[i] is { IsKnown: true, Ordinal: > 0 })];
            if (known.Length > 0) await db.ExecuteAsync(writing.Connection, transaction, SqlServerMergeSql<TRow>.DropFiles(known), writing.Cancellation).ConfigureAwait(false);
            if (writing.Staged > 0)
            {
                SqlServerMerged merged = await new SqlServerMerge<TRow>(db, target, _sql).RunAsync(writing.Connection, transaction, writing.Cancellation).ConfigureAwait(false);
                if (!new SqlServerVerdicts<TRow>(writing.Ordered, merged, db.Options.Duplicates, maxBadRows).Apply()) return false;
                if (merged.Inserted != writing.Ordered.Where(w => w.IsLoading).Sum(w => w.Inserted))
                    throw Unbalanced();
            }
            await CommitAsync(writing, transaction).ConfigureAwait(false);
            return true;
        }
        catch (SqlException error) when (!writing.IsCommitting && SqlServerFault.Judge(error) == SqlServerVerdict.RowRefused)
        {
            refusal = error;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
        if (!await BisectAsync(writing).ConfigureAwait(false) && ++writing.Fruitless > MostFruitless) throw refusal;
        return false;
    }

    private SinkException Unbalanced() => db.Options.Procedure is { } procedure
        ? new SinkException($"The procedure {procedure} of {db.Name} does not account for each staged row exactly once: Inserted, Updated and Unchanged of a file must together be its rows in #StagedRow.")
        : new SinkException($"The rows of {target.Name} changed while {db.Name} merged a batch into them.") { IsTransient = true };

    private async Task TakeTurnAsync(string turn, bool shared, SqlConnection connection, SqlTransaction transaction, CancellationToken cancellationToken)
    {
        int patience = (int)Math.Min(int.MaxValue, db.Options.CommandTimeout.TotalMilliseconds);
        if (!await SqlServerClaim.LockAsync(connection, transaction, turn, shared, patience, cancellationToken).ConfigureAwait(false))
            throw new SinkException($"Another writer of {target.Name} in {db.Name} took longer than CommandTimeout.") { IsTransient = true };
    }

    private async Task FindKnownAsync(Writing writing, SqlTransaction transaction)
    {
        FileWork<TRow>[] offered = [.. writing.Ordered.Where(w => w.Outcome != FileOutcome.Deferred && !writing.Twins.Contains(w))];
        Dictionary<int, LedgerEntry> known = await ledger.FindAsync(db, writing.Connection, transaction, [.. offered.Select(w => w.File)], writing.Cancellation).ConfigureAwait(false);
        for (int i = 0; i < offered.Length; i++)
            offered[i].IsKnown = known.ContainsKey(i);
    }

    private async Task CommitAsync(Writing writing, SqlTransaction transaction)
    {
        // From here on nothing is a row's fault.
        writing.IsCommitting = true;
        FileWork<TRow>[] entered = [.. writing.Ordered.Where(w => w.Outcome != FileOutcome.Deferred && !w.IsKnown)];
        await ledger.WriteAsync(_copy, writing.Connection, transaction, entered, writing.Cancellation).ConfigureAwait(false);
        writing.Cancellation.ThrowIfCancellationRequested();
        foreach (FileWork<TRow> work in entered)
            _inDoubt[work.File] = work.Result();
        // Not to be cancelled: a cancelled commit is one more in doubt.
        await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Leaves the refused rows out; false when there are none, for what another program did to the table meanwhile was the reason.</summary>
    private async Task<bool> BisectAsync(Writing writing)
    {
        var merge = new SqlServerMerge<TRow>(db, target, _sql);
        List<(long, int)> rows = await SequencesAsync(writing).ConfigureAwait(false);
        if (await merge.TryAsync(writing.Connection, 0, long.MaxValue, writing.Cancellation).ConfigureAwait(false) is not { } error) return false;
        var search = new SqlServerBisection<TRow>(merge, writing.Connection, writing.Cancellation);
        await search.SearchAsync(rows, error, maxBadRows).ConfigureAwait(false);
        foreach ((long sequence, SqlException reason) in search.Found.OrderBy(f => f.Key))
        {
            (int file, Defect defect) = await merge.DescribeAsync(writing.Connection, sequence, reason, writing.Cancellation).ConfigureAwait(false);
            FileWork<TRow> work = writing.Ordered[file];
            work.Count(defect);
            work.Ordinal--;
        }
        foreach (long[] dropped in search.Found.Keys.Chunk(1000))
            await db.ExecuteAsync(writing.Connection, null, SqlServerMergeSql<TRow>.Drop(dropped), writing.Cancellation).ConfigureAwait(false);
        foreach (FileWork<TRow> work in writing.Ordered.Where(w => w.IsLoading && w.Rejected > 0))
        {
            work.Inserted = work.Ordinal;
            (work.Updated, work.Unchanged) = (0, 0);
            work.JudgeLate(maxBadRows);
        }
        return search.Found.Count > 0;
    }

    private async Task<List<(long, int)>> SequencesAsync(Writing writing)
    {
        var rows = new List<(long, int)>();
        SqlCommand command = db.Command(writing.Connection, null, SqlServerMergeSql<TRow>.Sequences);
        await using (command.ConfigureAwait(false))
        {
            SqlDataReader reader = await command.ExecuteReaderAsync(writing.Cancellation).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
                while (await reader.ReadAsync(writing.Cancellation).ConfigureAwait(false))
                    rows.Add((reader.GetInt64(0), reader.GetInt32(1)));
        }
        return rows;
    }

    /// <summary>Files that turned out bad have no staged rows any more.</summary>
    private async Task DropBadFilesAsync(Writing writing)
    {
        int[] bad = [.. Enumerable.Range(0, writing.Ordered.Length).Where(i => writing.Ordered[i] is { Outcome: not FileOutcome.Loaded, Ordinal: > 0 })];
        foreach (int[] some in bad.Chunk(1000))
            await db.ExecuteAsync(writing.Connection, null, SqlServerMergeSql<TRow>.DropFiles(some), writing.Cancellation).ConfigureAwait(false);
        foreach (int i in bad)
            writing.Ordered[i].Ordinal = 0;
    }

    /// <summary>What one attempt works on. <see cref="FileWork{TRow}.Ordinal"/> counts the rows a file has staged.</summary>
    private sealed record Writing(FileWork<TRow>[] Works, FileWork<TRow>[] Ordered, SqlConnection Connection, CancellationToken Cancellation)
    {
        /// <summary>Files that came twice; the second time they are known.</summary>
        public HashSet<FileWork<TRow>> Twins { get; set; } = [];

        public bool IsCommitting { get; set; }

        /// <summary>Refusals for which no row was found.</summary>
        public int Fruitless { get; set; }

        public long Staged => Ordered.Where(w => w.IsLoading).Sum(w => w.Ordinal);
    }
}
