namespace Dynamo.Pipeline;

/// <summary>How far a run has come. Reported from a timer, never by two threads at once.</summary>
/// <param name="Books">The counts, which go on changing.</param>
/// <param name="Elapsed">Since the run began.</param>
/// <param name="ListingDone">Whether <see cref="RunBooks.Listed"/> is final, so that what remains is known.</param>
public readonly record struct PipelineProgress(RunBooks Books, TimeSpan Elapsed, bool ListingDone);
