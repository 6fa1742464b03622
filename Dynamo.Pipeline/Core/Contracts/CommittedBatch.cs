namespace Dynamo.Pipeline;

/// <summary>
/// A batch whose transaction is committed and whose files are completed at the source, unless the source failed. Blocks after the
/// commit receive it, several at the same time, so they must not change it.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
/// <param name="Files">
/// The files with their rows. The rows of a streamed file are no longer in memory: read them from the sink.
/// Use <see cref="Loaded"/> for the files whose rows are in the sink.
/// </param>
/// <param name="Results">The result of each file, in the same order as <paramref name="Files"/>.</param>
public sealed record CommittedBatch<TRow>(IReadOnlyList<FileRows<TRow>> Files, IReadOnlyList<FileResult> Results)
{
    /// <summary>The files whose rows this batch wrote, without those that were quarantined, deferred or loaded earlier.</summary>
    public IEnumerable<FileRows<TRow>> Loaded
    {
        get
        {
            for (int i = 0; i < Files.Count; i++)
                if (Results[i].Outcome == FileOutcome.Loaded) yield return Files[i];
        }
    }

    /// <summary>The number of files and the path of the first one.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Files.Count == 0
        ? "a batch without files"
        : $"a batch of {Files.Count} files, the first {Files[0].File.Path}";
}

/// <summary>What a crash leaves out of the batches that a block after the commit gets.</summary>
public enum Delivery
{
    /// <summary>
    /// Each batch at most once. A process that crashes, or a run that ends early and whose blocks do not keep up until its deadline, may
    /// have committed batches that the block never got, and no later run hands them over. Code that must see every reading reads the
    /// database.
    /// </summary>
    BestEffort,
}
