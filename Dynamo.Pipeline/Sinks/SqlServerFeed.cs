using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Dynamo.Pipeline;

/// <summary>
/// The rows of a batch on their way into a bulk copy, those that do not fit left out and counted. An error of a source ends the rows and is kept, so that it never passes
/// through SqlClient. Rows of a file come in one stretch, in the order of the files.
/// </summary>
internal sealed class SqlServerFeed<TRow>(IReadOnlyList<FileWork<TRow>> works, SqlServerTarget<TRow> target, int maxBadRows, SqlServerStall stall)
{
    /// <summary>What went wrong at the source.</summary>
    public ExceptionDispatchInfo? Fault { get; private set; }

    /// <summary>The parts of the keys that were admitted.</summary>
    public int Parts { get; private set; }

    public async IAsyncEnumerable<(int File, RowBatch<TRow> Rows)> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (int i = 0; i < works.Count; i++)
        {
            FileWork<TRow> work = works[i];
            if (!work.IsLoading) continue;
            IAsyncEnumerator<RowBatch<TRow>> portions = work.Rows.ReadAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using (portions.ConfigureAwait(false))
            {
                while (work.Rejected <= maxBadRows && await NextAsync(work, portions).ConfigureAwait(false))
                {
                    foreach (Defect reject in portions.Current.Rejects)
                        work.Count(reject);
                    yield return (i, portions.Current);
                }
            }
            if (Fault is not null) yield break;
            Judge(work);
        }
    }

    public bool Admit(int file, TRow row, long line)
    {
        FileWork<TRow> work = works[file];
        if (target.Judge(row, line) is { } defect)
        {
            work.Count(defect);
            return false;
        }
        work.Ordinal++;
        if (target.Plan.MergesSideBySide) Parts |= target.Parts.Of(row);
        return true;
    }

    /// <summary>Whatever was staged counts as new until the server has said otherwise.</summary>
    private void Judge(FileWork<TRow> work)
    {
        if (!work.IsLoading) return;
        work.Inserted = work.Ordinal;
        work.JudgeLate(maxBadRows);
    }

    /// <summary>The time a source takes is not the bulk copy's.</summary>
    private async ValueTask<bool> NextAsync(FileWork<TRow> work, IAsyncEnumerator<RowBatch<TRow>> portions)
    {
        stall.Pause();
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
            Fault = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            stall.Restart();
        }
        return false;
    }
}

/// <summary>Carries an error of a source past everything that would take it for one of the server.</summary>
internal sealed class SourceFaultException(ExceptionDispatchInfo fault) : Exception(fault.SourceException.Message, fault.SourceException)
{
    public void Rethrow() => fault.Throw();
}

/// <summary>Cancels what makes no progress for too long; time spent elsewhere does not count.</summary>
internal sealed class SqlServerStall(TimeSpan longest, TimeProvider clock, CancellationToken stopping) : IDisposable
{
    private readonly CancellationTokenSource _quiet = new(longest, clock);
    private CancellationTokenSource? _either;

    public CancellationToken Token => (_either ??= CancellationTokenSource.CreateLinkedTokenSource(_quiet.Token, stopping)).Token;

    public void Pause() => _quiet.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Restart() => _quiet.CancelAfter(longest);

    public void Dispose()
    {
        _either?.Dispose();
        _quiet.Dispose();
    }
}
