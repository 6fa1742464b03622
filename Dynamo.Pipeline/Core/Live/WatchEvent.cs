namespace Dynamo.Pipeline;

/// <summary>
/// What a watch tells, in the order in which it happened: <see cref="WatchStarted"/>, <see cref="WaveCommitted"/>,
/// <see cref="OutageBegan"/>, <see cref="OutageEnded"/>. The end is the result of the call. Immutable.
/// </summary>
/// <param name="AtUtc">When it happened, in UTC.</param>
public abstract record WatchEvent(DateTime AtUtc);

/// <summary>The sink is ready, and the source is looked at from now on.</summary>
/// <param name="AtUtc">When it happened, in UTC.</param>
/// <param name="Source">The name of the source.</param>
/// <param name="Sink">The name of the sink.</param>
/// <param name="IsTold">Whether the source is told what lands. Otherwise it is listed again and again.</param>
public sealed record WatchStarted(DateTime AtUtc, string Source, string Sink, bool IsTold) : WatchEvent(AtUtc);

/// <summary>Files that came close together are committed, and completed at the source.</summary>
/// <param name="AtUtc">When the last of them was committed, in UTC.</param>
/// <param name="Books">The counts of this wave alone.</param>
/// <param name="Elapsed">The time from the first file that was seen to the last commit.</param>
/// <param name="Lag">
/// How old the oldest of the loaded files was when its rows were committed, by its time of last change: what a person waits for who looks
/// at the newest reading. Zero if the wave has no loaded file.
/// </param>
/// <param name="Waiting">How many files are known to wait, the backlog.</param>
public sealed record WaveCommitted(DateTime AtUtc, RunBooks Books, TimeSpan Elapsed, TimeSpan Lag, long Waiting) : WatchEvent(AtUtc);

/// <summary>The source or the sink fails. The watch tries again until it is stopped.</summary>
/// <param name="AtUtc">When it happened, in UTC.</param>
/// <param name="Name">The name of the source or sink.</param>
/// <param name="Reason">What is wrong, without secrets.</param>
public sealed record OutageBegan(DateTime AtUtc, string Name, string Reason) : WatchEvent(AtUtc);

/// <summary>The source or the sink works again.</summary>
/// <param name="AtUtc">When it happened, in UTC.</param>
/// <param name="Name">The name of the source or sink.</param>
/// <param name="Lasted">How long it failed.</param>
public sealed record OutageEnded(DateTime AtUtc, string Name, TimeSpan Lasted) : WatchEvent(AtUtc);
