namespace Dynamo.Pipeline;

/// <summary>How a run ended and what it did.</summary>
/// <param name="Books">The counts; they balance when the run completed.</param>
/// <param name="Elapsed">How long it took, the sink's preparation included.</param>
/// <param name="WasCancelled">Whether it was stopped before all files were listed. What was read is committed; the rest is imported by the next run.</param>
/// <param name="Notable">
/// Files that were quarantined, deferred, or loaded with rejected rows: the first 200 of this run, in the order of their verdicts. All are in the ledger and the reject table.
/// </param>
public sealed record PipelineResult(RunBooks Books, TimeSpan Elapsed, bool WasCancelled, IReadOnlyList<FileResult> Notable);
