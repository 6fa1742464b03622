using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The step "after commit": completes the files at the source, then sends the batch to the linked blocks
/// and gives its bytes back to the budget. What is committed gets here after an error too: it ends the run, not this step.
/// </summary>
internal sealed class Completion<TRow>(
    IFileSource source,
    PipelineRun run,
    ByteBudget budget,
    ITargetBlock<CommittedBatch<TRow>>[] afterCommit,
    Action<CommittedBatch<TRow>>? told,
    Step step)
{
    private readonly List<ITargetBlock<CommittedBatch<TRow>>> _listening = [.. afterCommit];
    private bool _sourceFailed;

    public async Task CompleteAsync(CommittedBatch<TRow> batch)
    {
        using Step.Span working = step.Work();
        List<CompletedFile> files = [];
        foreach (FileResult result in batch.Results)
        {
            if (result.Outcome != FileOutcome.Deferred)
                files.Add(new CompletedFile(result.File, result.Defect) { ImportedUtc = result.ImportedUtc });
        }
        bool isDone = !_sourceFailed && await AtTheSourceAsync(files).ConfigureAwait(false);
        run.Progressed();
        run.Watcher?.Completed(batch.Results, isDone);
        if (batch.Files.Count == 0) return;
        told?.Invoke(batch);
        foreach (ITargetBlock<CommittedBatch<TRow>> block in _listening.ToArray())
            await HandOnAsync(block, batch).ConfigureAwait(false);
        budget.Release(batch.Files.Sum(rows => ByteBudget.Weigh(rows.File, run.Options.StreamAbove)));
    }

    /// <returns>Whether they are completed.</returns>
    private async Task<bool> AtTheSourceAsync(List<CompletedFile> files)
    {
        try
        {
            await source.CompleteAsync(files, run.Leaving).ConfigureAwait(false);
            return true;
        }
        catch (SourceException error) when (run.Watcher is { } watch)
        {
            // The next sweep finds them, and the ledger knows them.
            watch.SourceFailed(error);
        }
        catch (Exception error) when (!run.Leaving.IsCancellationRequested)
        {
            // The next run completes them.
            _sourceFailed = true;
            const string Doing = "completing files after their commit";
            run.Fail(error is OperationCanceledException || Faults.IsForeign(error) ? Faults.OfSource(source, Doing, error) : error);
        }
        return false;
    }

    private async Task HandOnAsync(ITargetBlock<CommittedBatch<TRow>> block, CommittedBatch<TRow> batch)
    {
        try
        {
            using Step.Span waiting = step.Wait();
            await run.SendAsync(block, batch, run.Leaving).ConfigureAwait(false);
        }
        catch (Exception error) when (!run.Leaving.IsCancellationRequested)
        {
            _listening.Remove(block);
            run.Fail(error);
        }
    }
}
