using System.Globalization;

namespace Dynamo.Pipeline;

/// <summary>How a run ended and what it did.</summary>
/// <param name="Books">The counts at the end; they balance when the run completed.</param>
/// <param name="Elapsed">How long it took, the sink's preparation included.</param>
/// <param name="WasCancelled">Whether it was stopped before all files were listed. What was read is committed; the rest is imported by the next run.</param>
/// <param name="Notable">
/// Files that were quarantined, deferred, or loaded with rejected rows: the first 200 of this run, in the order of their verdicts. All are in the ledger and the reject table.
/// </param>
public sealed record PipelineResult(RunBooks Books, TimeSpan Elapsed, bool WasCancelled, IReadOnlyList<FileResult> Notable)
{
    /// <summary>The books, how long it took, and whether it was stopped early.</summary>
    /// <returns>One line for people.</returns>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Books}; {Elapsed.TotalSeconds:F2} s{(WasCancelled ? ", stopped early" : "")}");
}

/// <summary>How far a run has come. Reported from a timer, never by two threads at once.</summary>
/// <param name="Books">The counts at that moment.</param>
/// <param name="Elapsed">Since the run began.</param>
/// <param name="ListingDone">Whether <see cref="RunBooks.Listed"/> is final, so that what remains is known.</param>
public readonly record struct PipelineProgress(RunBooks Books, TimeSpan Elapsed, bool ListingDone);
