namespace Dynamo.Pipeline;

/// <summary>
/// What one step of the graph does and did, at one moment. The three times are those of all its workers together, since the run began:
/// their sum grows by <see cref="Workers"/> seconds a second. The times of your own blocks are not known, only their queues. Immutable.
/// </summary>
/// <param name="Name">The step as the graph names it, such as <c>read_file</c>, or the type of your own block.</param>
public sealed record StepProgress(string Name)
{
    /// <summary>How many messages the step works on at once, at most.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>
    /// How many messages wait for it: files, chunks of them or batches, as the step takes them. <see langword="null"/> for a block that
    /// does not tell.
    /// </summary>
    public int? Waiting { get; init; }

    /// <summary>How many workers work at this moment.</summary>
    public int Working { get; init; }

    /// <summary>The time spent on work.</summary>
    public TimeSpan Busy { get; init; }

    /// <summary>The time spent waiting for the step after it, which had no room.</summary>
    public TimeSpan Blocked { get; init; }

    /// <summary>The time without anything to do.</summary>
    public TimeSpan Idle { get; init; }

    /// <summary>Whether the times are known.</summary>
    public bool IsMeasured { get; init; }

    /// <summary>Whether it is a block of the user.</summary>
    public bool IsOwnBlock { get; init; }
}
