using System.Runtime.ExceptionServices;

namespace Dynamo.Pipeline;

/// <summary>Rows of one file that are in memory.</summary>
/// <param name="File">The file's place in the batch.</param>
/// <param name="Rows">The rows.</param>
/// <param name="Before">Rows of the file before these.</param>
internal readonly record struct StagedPiece<TRow>(int File, RowBatch<TRow> Rows, long Before);

/// <summary>
/// The rows of a batch on their way into bulk copies, those that do not fit left out and counted. One bulk copy takes what is in memory: all files that are, or a piece of a
/// streamed one. So no bulk copy waits for a source, and no error of a source passes through SqlClient. Rows of a file come in one stretch, in
/// the order of the files' names, which keeps a logger's together: the server then writes its indexes in order. Which row counts as the last one is said by its place.
/// </summary>
internal sealed class SqlServerFeed<TRow>(SqlServerWriting<TRow> writing, SqlServerTarget<TRow> target)
{
    private readonly FileWork<TRow>[] _works = writing.Ordered;

    /// <summary>The parts of the keys that were admitted.</summary>
    public int Parts { get; private set; }

    /// <summary>What one bulk copy takes, after the other; the one before is over when the next is asked for. Not by name where a trigger sees the rows as they come.</summary>
    public async IAsyncEnumerable<IReadOnlyList<StagedPiece<TRow>>> ReadAsync(bool byName)
    {
        var held = new List<StagedPiece<TRow>>();
        foreach (int i in Enumerable.Range(0, _works.Length).OrderBy(i => byName ? _works[i].File.Path : "", StringComparer.Ordinal))
        {
            if (!_works[i].IsLoading) continue;
            if (!_works[i].Rows.IsStreamed)
            {
                Count(_works[i], _works[i].Rows.Rows);
                held.Add(new(i, _works[i].Rows.Rows, 0));
                continue;
            }
            await foreach (StagedPiece<TRow> piece in StreamAsync(i).ConfigureAwait(false))
                yield return [piece];
            Judge(_works[i]);
        }
        if (held.Count > 0) yield return held;
        foreach (StagedPiece<TRow> piece in held)
            Judge(_works[piece.File]);
    }

    public bool Admit(int file, TRow row, long line)
    {
        writing.ThrowIfOver();
        FileWork<TRow> work = _works[file];
        if (target.Judge(row, line) is { } defect)
        {
            work.Count(defect);
            return false;
        }
        work.Ordinal++;
        if (target.Plan.MergesSideBySide) Parts |= target.Parts.Of(row);
        return true;
    }

    /// <summary>Gathers the portions of a streamed file: each bulk copy costs two round trips, and a columnstore wants many rows at once.</summary>
    private async IAsyncEnumerable<StagedPiece<TRow>> StreamAsync(int file)
    {
        FileWork<TRow> work = _works[file];
        var rows = new RowBatch<TRow>();
        long before = 0;
        IAsyncEnumerator<RowBatch<TRow>> portions = work.Rows.ReadAsync(writing.Cancellation).GetAsyncEnumerator(writing.Cancellation);
        bool isRead = false;
        try
        {
            while (work.Rejected <= writing.MaxBadRows && await NextAsync(work, portions).ConfigureAwait(false))
            {
                RowBatch<TRow> portion = portions.Current;
                Count(work, portion);
                for (int i = 0; i < portion.Rows.Count; i++)
                    rows.Add(portion.Rows[i], portion.Lines[i]);
                if (rows.Count < target.Plan.RowsAtOnce) continue;
                yield return new(file, rows, before);
                before += rows.Count;
                rows.Clear();
            }
            isRead = true;
        }
        finally
        {
            await CloseAsync(portions, isRead).ConfigureAwait(false);
        }
        if (work.IsLoading && rows.Count > 0) yield return new(file, rows, before);
    }

    /// <summary>An error of the source, unless another one is on its way, which it must not hide.</summary>
    private static async ValueTask CloseAsync(IAsyncEnumerator<RowBatch<TRow>> portions, bool isRead)
    {
        try
        {
            await portions.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (isRead) throw new SourceFaultException(ExceptionDispatchInfo.Capture(e));
        }
    }

    private static void Count(FileWork<TRow> work, RowBatch<TRow> rows)
    {
        foreach (Defect reject in rows.Rejects)
            work.Count(reject);
    }

    /// <summary>Whatever was staged counts as new until the server has said otherwise.</summary>
    private void Judge(FileWork<TRow> work)
    {
        if (!work.IsLoading) return;
        work.Inserted = work.Ordinal;
        work.JudgeLate(writing.MaxBadRows);
    }

    private static async ValueTask<bool> NextAsync(FileWork<TRow> work, IAsyncEnumerator<RowBatch<TRow>> portions)
    {
        try
        {
            return await portions.MoveNextAsync().ConfigureAwait(false);
        }
        catch (BadFileException e)
        {
            work.Quarantine(e.Defect);
        }
        catch (FileChangedException e)
        {
            work.Defer(new Defect(e.Message));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new SourceFaultException(ExceptionDispatchInfo.Capture(e));
        }
        return false;
    }
}

/// <summary>Carries an error of a source past everything that would take it for one of the server.</summary>
internal sealed class SourceFaultException(ExceptionDispatchInfo fault) : Exception(fault.SourceException.Message, fault.SourceException)
{
    public void Rethrow() => fault.Throw();
}
