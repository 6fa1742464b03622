namespace Dynamo.Pipeline.Analysis;

/// <summary>An event of an area, and where to look.</summary>
/// <param name="Area">The area's name.</param>
/// <param name="Event">The event.</param>
/// <param name="Places">The places of its area of interest, the likeliest first; empty: not known.</param>
public sealed record AreaEvent(string Area, BurstEvent Event, IReadOnlyList<RankedPlace> Places);

/// <summary>A state of the analysis of an area, to go on from.</summary>
/// <param name="untilUtc">The time it is at: readings from there on are not in it.</param>
/// <param name="state">The state.</param>
public sealed class AreaState(DateTime untilUtc, byte[] state)
{
    /// <summary>The time it is at: readings from there on are not in it.</summary>
    public DateTime UntilUtc => untilUtc;

    /// <summary>The state.</summary>
    public byte[] State => state;
}

/// <summary>What the analysis of an area has to be kept, together or not at all.</summary>
/// <param name="area">The area's name.</param>
/// <param name="events">Events that are new or have changed. A key that is there already is the same event.</param>
/// <param name="gone">Keys of events that later readings have taken back.</param>
/// <param name="states">States to go on from.</param>
/// <param name="outdated">Times of states that are not needed any more, or are no longer true.</param>
public sealed class AreaChange(
    string area, IReadOnlyList<AreaEvent> events, IReadOnlyList<DateTime> gone, IReadOnlyList<AreaState> states,
    IReadOnlyList<DateTime> outdated)
{
    /// <summary>The area's name.</summary>
    public string Area => area;

    /// <summary>Events that are new or have changed. A key that is there already is the same event.</summary>
    public IReadOnlyList<AreaEvent> Events => events;

    /// <summary>Keys of events that later readings have taken back.</summary>
    public IReadOnlyList<DateTime> Gone => gone;

    /// <summary>States to go on from.</summary>
    public IReadOnlyList<AreaState> States => states;

    /// <summary>Times of states that are not needed any more, or are no longer true.</summary>
    public IReadOnlyList<DateTime> Outdated => outdated;
}

/// <summary>
/// Where <see cref="BurstWatch"/> keeps events and its states, and reads readings. Its methods are called by one thread at a time.
/// </summary>
public interface IBurstStore
{
    /// <summary>Makes the tables if they are missing.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    Task PrepareAsync(CancellationToken cancellationToken);

    /// <summary>The times of the states that are kept of an area, oldest first.</summary>
    /// <param name="area">The area's name.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<IReadOnlyList<DateTime>> StatesAsync(string area, CancellationToken cancellationToken);

    /// <summary>One of these states.</summary>
    /// <param name="area">The area's name.</param>
    /// <param name="untilUtc">Its time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<byte[]?> StateAsync(string area, DateTime untilUtc, CancellationToken cancellationToken);

    /// <summary>Events, by when they were detected. None where the tables are missing.</summary>
    /// <param name="area">The area's name; <see langword="null"/>: all areas.</param>
    /// <param name="afterUtc">Those that were detected after this time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<IReadOnlyList<AreaEvent>> EventsAsync(string? area, DateTime afterUtc, CancellationToken cancellationToken);

    /// <summary>The readings of some series.</summary>
    /// <param name="series">Loggers and their channels.</param>
    /// <param name="fromUtc">From this time on.</param>
    /// <param name="beforeUtc">Before this time.</param>
    /// <param name="found">Gets each reading with the number of its series, in any order.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task ReadAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, Action<int, DateTime, double> found,
        CancellationToken cancellationToken);

    /// <summary>How many readings some series have.</summary>
    /// <param name="series">Loggers and their channels.</param>
    /// <param name="fromUtc">From this time on.</param>
    /// <param name="beforeUtc">Before this time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<long> CountAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, CancellationToken cancellationToken);

    /// <summary>The oldest and the newest reading of some series.</summary>
    /// <param name="series">Loggers and their channels.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Their times; <see langword="null"/>: there are none.</returns>
    Task<(DateTime Oldest, DateTime Newest)?> SpanAsync(IReadOnlyList<(string Logger, string Channel)> series,
        CancellationToken cancellationToken);

    /// <summary>Keeps a change, in a transaction of its own.</summary>
    /// <param name="change">The change.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task SaveAsync(AreaChange change, CancellationToken cancellationToken);

    /// <summary>Events of an area that nobody was told of in the state they are in, by when they were detected.</summary>
    /// <param name="area">The area's name.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<IReadOnlyList<AreaEvent>> UntoldAsync(string area, CancellationToken cancellationToken);

    /// <summary>Notes that events were told of in the state they have here.</summary>
    /// <param name="events">The events.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task ToldAsync(IReadOnlyList<AreaEvent> events, CancellationToken cancellationToken);
}
