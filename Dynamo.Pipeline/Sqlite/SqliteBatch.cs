using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Writes a batch in one transaction. The first pass expects every file to be good. If one turns out to be bad, everything is rolled back,
/// and a careful pass puts each file into a savepoint of its own. A streamed file is not read again: it is entered as what it turned out to
/// be.
/// </summary>
internal sealed class SqliteBatch<TRow>(
    SqliteDb db,
    SqliteLedgerWriter ledger,
    SqliteLineage lineage,
    SqliteRowWriter<TRow> rows,
    SqliteRejectWriter rejects,
    int maxBadRows,
    Func<CancellationToken, ValueTask> begin)
{
    private const int MostRestarts = 100, RowsBetweenChecks = 4096;

    private CancellationToken _cancellation;

    /// <summary>The files as they came: roughly the order of the ledger's key.</summary>
    private FileWork<TRow>[] _works = [];

    /// <summary>The same in the order in which their rows are written: the newest last, so that it wins.</summary>
    private FileWork<TRow>[] _ordered = [];

    public async ValueTask<FileWork<TRow>[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        _cancellation = cancellationToken;
        _works = [.. files.Select(f => new FileWork<TRow>(f))];
        _ordered = [.. _works.OrderBy(w => w.File.ModifiedUtc).ThenBy(w => w.File.Path, StringComparer.Ordinal).ThenBy(w => w.File.Size)];
        foreach (FileWork<TRow> work in _works)
            work.JudgeEarly(maxBadRows);
        bool careful = false;
        for (int restarts = 0; !await TryPassAsync(careful, restarts).ConfigureAwait(false); restarts++)
            careful = true;
        return _works;
    }

    /// <summary>One transaction. True when it is committed, false when it must be done again with what was learnt.</summary>
    private async ValueTask<bool> TryPassAsync(bool careful, int restarts)
    {
        await begin(_cancellation).ConfigureAwait(false);
        try
        {
            if (!await PassAsync(careful).ConfigureAwait(false)) return false;
            _cancellation.ThrowIfCancellationRequested();
            db.Commit("committing");
            foreach (FileWork<TRow> work in _works) lineage.Imported(work.File);
            return true;
        }
        catch (TransactionEndedException) when (restarts < MostRestarts)
        {
            return false;
        }
        catch (TransactionEndedException e)
        {
            throw new SinkException($"{e.Message} More than {MostRestarts} rows of one batch ended its transaction: "
                + "use RAISE(ABORT) in the table's triggers instead of RAISE(ROLLBACK).", e);
        }
        finally
        {
            db.Rollback();
        }
    }

    private async ValueTask<bool> PassAsync(bool careful)
    {
        foreach (FileWork<TRow> work in _works)
        {
            work.Restart();
            if (work.Rows.HasNewContent && !work.IsKnown) lineage.Requeue(work.File, ledger.Requeue(work.File));
            else if (work.Rows.IsStreamed && !work.IsKnown) work.IsKnown = ledger.Has(work.File);
        }
        lineage.Number(_works);
        rows.Begin(careful);
        foreach (FileWork<TRow> work in _ordered)
            if (IsOffered(work) && !await WriteFileAsync(work, careful).ConfigureAwait(false))
                return false;
        rows.Flush();
        FileWork<TRow>[] offered = [.. _works.Where(IsOffered)];
        if (offered.Any(w => w.IsLoading && w.IsBad(maxBadRows))) return false;
        foreach (FileWork<TRow> work in offered)
            if (lineage.IsRequeued(work.File, out _)) ledger.Forget(work.File);
        if (!ledger.Enter(offered)) return false;
        lineage.Write(_works);
        return true;
    }

    private static bool IsOffered(FileWork<TRow> work) => !work.IsKnown && work.Outcome != FileOutcome.Deferred;

    /// <summary>False when the pass cannot be kept.</summary>
    private ValueTask<bool> WriteFileAsync(FileWork<TRow> work, bool careful)
    {
        _cancellation.ThrowIfCancellationRequested();
        if (work.Outcome == FileOutcome.Quarantined) rejects.WriteKept(work);
        if (!work.IsLoading) return ValueTask.FromResult(true);
        if (work.Rows.IsStreamed) return WriteStreamAsync(work);
        if (careful) WriteCarefully(work);
        else Write(work, work.Rows.Batch);
        return ValueTask.FromResult(careful || work.Rejected <= maxBadRows);
    }

    private void WriteCarefully(FileWork<TRow> work)
    {
        db.Execute("SAVEPOINT one_file", "writing rows");
        Write(work, work.Rows.Batch);
        rows.Flush();
        if (work.JudgeLate(maxBadRows))
        {
            db.Execute("ROLLBACK TO one_file", "taking a bad file back");
            rejects.WriteKept(work);
        }
        db.Execute("RELEASE one_file", "writing rows");
    }

    private async ValueTask<bool> WriteStreamAsync(FileWork<TRow> work)
    {
        try
        {
            await foreach (RowBatch<TRow> portion in work.Rows.ReadAsync(_cancellation).ConfigureAwait(false))
            {
                Write(work, portion);
                rows.Flush();
                if (work.Rejected > maxBadRows) break;
            }
        }
        catch (BadFileException e)
        {
            work.Quarantine(e.Defect);
            return false;
        }
        catch (FileChangedException e)
        {
            work.Defer(new Defect(e.Message));
            return false;
        }
        return !work.JudgeLate(maxBadRows);
    }

    private void Write(FileWork<TRow> work, RowBatch<TRow> portion)
    {
        foreach (Defect defect in portion.Rejects)
            rejects.Add(work, defect);
        ReadOnlySpan<TRow> values = portion.RowSpan;
        ReadOnlySpan<long> lines = portion.LineSpan;
        for (int i = 0; i < values.Length; i++)
        {
            rows.Add(work, values[i], lines[i]);
            if (i % RowsBetweenChecks == RowsBetweenChecks - 1) _cancellation.ThrowIfCancellationRequested();
        }
    }
}
