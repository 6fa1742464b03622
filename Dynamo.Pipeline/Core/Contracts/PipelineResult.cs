using System.Globalization;

namespace Dynamo.Pipeline;

/// <summary>What a run did and how it ended. Immutable.</summary>
/// <param name="Books">The counts at the end. They balance if the run completed.</param>
/// <param name="Elapsed">How long the run took, including the preparation of the sink.</param>
/// <param name="WasCancelled">
/// Whether the run was stopped before all files were imported. What was read is committed; the next run imports the rest.
/// </param>
/// <param name="Notable">
/// The first 200 files that were quarantined, deferred, or loaded with rejected, flagged or collided rows, in the order in which they were
/// finished. A database sink has all quarantined files in its ledger and all rejected rows in its table of rejects.
/// </param>
public sealed record PipelineResult(RunBooks Books, TimeSpan Elapsed, bool WasCancelled, IReadOnlyList<FileResult> Notable)
{
    /// <summary>How often a batch was written again after an error of the sink.</summary>
    public int Retries { get; init; }

    /// <summary>Why a batch was written again the last time; <see langword="null"/> if none was.</summary>
    public string? LastRetry { get; init; }

    /// <summary>The books, the elapsed time, and whether the run was stopped early.</summary>
    /// <returns>One line for people.</returns>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Books}; {Elapsed.TotalSeconds:F2} s{(WasCancelled ? ", stopped early" : "")}");
}

/// <summary>How far a run has come. Reported from a timer, never by two threads at once.</summary>
/// <param name="Books">The counts at that moment.</param>
/// <param name="Elapsed">The time since the run began.</param>
/// <param name="ListingDone">Whether <see cref="RunBooks.Listed"/> is final. If so, the number of remaining files is known.</param>
public readonly record struct PipelineProgress(RunBooks Books, TimeSpan Elapsed, bool ListingDone)
{
    /// <summary>
    /// What the sink waits for, such as a lock of another writer, or why a batch is written again; <see langword="null"/> if a batch was
    /// written since.
    /// </summary>
    public string? Waiting { get; init; }

    /// <summary>The steps of the graph in their order, your own blocks among them.</summary>
    public IReadOnlyList<StepProgress> Steps { get => field ?? []; init; }

    /// <summary>Grows with every step of progress, also within a file.</summary>
    internal long Moves { get; init; }

    /// <summary>Whether somebody waits who ends that by itself.</summary>
    internal bool IsPatient { get; init; }

    /// <summary>
    /// Until when everything that landed at the source is imported; <see langword="null"/>: it was not seen whole, or this is no watch.
    /// </summary>
    internal DateTime? SeenUtc { get; init; }

    /// <summary>How many files a watch knows of that wait to be read. Zero for a run.</summary>
    public long Backlog { get; init; }

    /// <summary>How often a batch was written again up to now. When it grows, <see cref="Waiting"/> says why.</summary>
    public int Retries { get; init; }
}
