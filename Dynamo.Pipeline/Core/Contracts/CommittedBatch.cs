namespace Dynamo.Pipeline;

/// <summary>A batch whose transaction is committed and whose files are completed at the source: what blocks linked after commit receive.</summary>
/// <typeparam name="TRow">The row.</typeparam>
/// <param name="Files">
/// The files with their rows. A streamed file has none any more: read them from the sink. See <see cref="Loaded"/> for those whose rows are in the sink.
/// </param>
/// <param name="Results">What became of each file, in step with <paramref name="Files"/>.</param>
public sealed record CommittedBatch<TRow>(IReadOnlyList<FileRows<TRow>> Files, IReadOnlyList<FileResult> Results)
{
    /// <summary>The files whose rows are in the sink since this batch; not those that were quarantined, deferred or loaded before.</summary>
    public IEnumerable<FileRows<TRow>> Loaded
    {
        get
        {
            for (int i = 0; i < Files.Count; i++)
                if (Results[i].Outcome == FileOutcome.Loaded) yield return Files[i];
        }
    }

    /// <summary>How many files, and the first of them.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Files.Count == 0 ? "a batch without files" : $"a batch of {Files.Count} files, the first {Files[0].File.Path}";
}
