using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>How a watch looks for files. A wrong value is refused when it is set. Immutable.</summary>
public sealed record WatchOptions
{
    /// <summary>
    /// The shortest time between two listings of a source that is not told what lands: a server, a network share. Default 5 s. While
    /// nothing new comes, the time grows up to five times as long, but not around the time at which the next files are expected, as far as
    /// the last waves tell. A new file is seen up to that much later.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan Poll { get; init => field = Positive(value); } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The time between two listings of a source that is told what lands, a local folder. Default 1 min. They find what nobody told:
    /// after an overflow, or when another machine writes to a share.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan Sweep { get; init => field = Positive(value); } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The longest pause before a source or sink that failed is tried again. Default 10 s: it goes on that long after an outage is over,
    /// at most. The first pause is a second, and each one is twice as long as the one before.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan LongestPause { get; init => field = Positive(value); } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A wave is reported when nothing waits any longer, and after this time at the latest. Default 10 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan LongestWave { get; init => field = Positive(value); } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A file that changed no longer ago than this comes before older ones. Default 15 min. After an outage, what lands now is imported
    /// now, and the backlog beside it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan FreshFor { get; init => field = Positive(value); } = TimeSpan.FromMinutes(15);

    private static TimeSpan Positive(TimeSpan value, [CallerMemberName] string name = "") =>
        value > TimeSpan.Zero && value.TotalMilliseconds < int.MaxValue
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be more than zero and less than 24 days.");
}
