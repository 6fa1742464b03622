using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The step "after commit": completes the files at the source, then sends the batch to the linked blocks
/// and gives its bytes back to the budget.
/// </summary>
internal sealed class Completion<TRow>(
    IFileSource source,
    PipelineRun run,
    ByteBudget budget,
    ITargetBlock<CommittedBatch<TRow>>[] afterCommit)
{
    public async Task CompleteAsync(CommittedBatch<TRow> batch)
    {
        List<CompletedFile> files = [];
        foreach (FileResult result in batch.Results)
        {
            if (result.Outcome != FileOutcome.Deferred) files.Add(new CompletedFile(result.File, result.Defect));
        }
        await AtTheSourceAsync(files).ConfigureAwait(false);
        run.Progressed();
        if (batch.Files.Count == 0) return;
        foreach (ITargetBlock<CommittedBatch<TRow>> block in afterCommit)
            await run.SendAsync(block, batch).ConfigureAwait(false);
        budget.Release(batch.Files.Sum(rows => ByteBudget.Weigh(rows.File, run.Options.StreamAbove)));
    }

    private async Task AtTheSourceAsync(List<CompletedFile> files)
    {
        try
        {
            await source.CompleteAsync(files, run.Aborting).ConfigureAwait(false);
        }
        catch (Exception error) when (Faults.IsForeign(error))
        {
            throw Faults.OfSource(source, "completing files after their commit", error);
        }
    }
}
