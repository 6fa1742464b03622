using System.Diagnostics;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>Readings of some series in a span of time, in any order.</summary>
internal delegate Task ReadSeries(
    IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, Action<int, DateTime, double> found,
    CancellationToken cancellationToken);

/// <summary>
/// Feeds history through the analysis of areas in the order of time, as if it came in live. It keeps nothing in the database.
/// </summary>
/// <param name="areas">The areas.</param>
/// <param name="read">Where readings come from. A month of an area is in memory at a time.</param>
internal sealed class Replay(IReadOnlyList<WatchedArea> areas, ReadSeries read)
{
    private static readonly TimeSpan s_portion = TimeSpan.FromDays(30), s_day = TimeSpan.FromDays(1), s_step = TimeSpan.FromMinutes(15);

    /// <summary>Goes through the readings.</summary>
    /// <param name="fromUtc">From then on.</param>
    /// <param name="beforeUtc">Up to then.</param>
    /// <param name="speed">How many times faster than the clock; <see langword="null"/>: as fast as it goes.</param>
    /// <param name="told">Gets each event that is new or has another state, in the order of time.</param>
    /// <param name="stopping">Ends it; what was gone through counts.</param>
    public async Task<IReadOnlyList<ReplayedArea>> RunAsync(
        DateTime fromUtc, DateTime beforeUtc, double? speed, Action<AreaEvent> told, CancellationToken stopping)
    {
        ReplayedArea[] replayed = [.. areas.Select(area => new ReplayedArea(area))];
        foreach (ReplayedArea one in replayed) await one.BeginAsync(stopping);
        TimeSpan window = speed is null ? s_day : s_step;
        long began = Stopwatch.GetTimestamp();
        for (DateTime portion = fromUtc; portion < beforeUtc; portion += s_portion)
        {
            DateTime end = Earlier(portion + s_portion, beforeUtc);
            foreach (ReplayedArea one in replayed) await one.LoadAsync(read, portion, end, stopping);
            for (DateTime at = portion; at < end; at += window)
            {
                if (stopping.IsCancellationRequested) return replayed;
                DateTime until = Earlier(at + window, end);
                if (speed is { } times)
                {
                    TimeSpan due = (until - fromUtc) / times - Stopwatch.GetElapsedTime(began);
                    if (due > TimeSpan.Zero) await Task.Delay(due, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
                foreach (AreaEvent one in (await StepAsync(replayed, until)).OrderBy(one => one.Event.Changed)) told(one);
            }
        }
        return replayed;

        static DateTime Earlier(DateTime one, DateTime other) => one < other ? one : other;
    }

    private static async Task<List<AreaEvent>> StepAsync(ReplayedArea[] replayed, DateTime untilUtc)
    {
        List<AreaEvent> changed = [];
        foreach (ReplayedArea one in replayed) changed.AddRange(await one.AdvanceAsync(untilUtc));
        return changed;
    }
}

/// <summary>An area that history goes through. Used by one thread at a time.</summary>
internal sealed class ReplayedArea
{
    private readonly AreaFeed _feed;
    private readonly List<(DateTime At, int Series, double Value)> _readings = [];
    private readonly List<AreaStep> _inflow = [];
    private readonly Dictionary<DateTime, AreaEvent> _first = [];
    private readonly Dictionary<DateTime, BurstState> _told = [];
    private int _next;

    public ReplayedArea(WatchedArea area) => (Area, _feed) = (area, new AreaFeed(area, new Nothing(), TimeProvider.System));

    public WatchedArea Area { get; }

    /// <summary>Each step's inflow and what was expected.</summary>
    public IReadOnlyList<AreaStep> Inflow => _inflow;

    /// <summary>The events as they were in the end, oldest first.</summary>
    public IReadOnlyList<AreaEvent> Events => _feed.View(hasDays: false).Events;

    /// <summary>The events as they were told first.</summary>
    public IEnumerable<BurstEvent> Told => Events.Select(one => _first.GetValueOrDefault(one.Event.Detected, one).Event);

    public Task BeginAsync(CancellationToken cancellationToken) => _feed.BeginAsync(cancellationToken);

    public async Task LoadAsync(ReadSeries read, DateTime fromUtc, DateTime beforeUtc, CancellationToken cancellationToken)
    {
        _readings.Clear();
        _next = 0;
        await read(Area.AllSeries, fromUtc, beforeUtc, (series, at, value) => _readings.Add((at, series, value)), cancellationToken);
        _readings.Sort();
    }

    /// <summary>Takes the readings before a time.</summary>
    /// <returns>The events that are new or have another state.</returns>
    public async Task<List<AreaEvent>> AdvanceAsync(DateTime untilUtc)
    {
        for (; _next < _readings.Count && _readings[_next].At < untilUtc; _next++)
            _feed.Add(_readings[_next].Series, _readings[_next].At, _readings[_next].Value);
        List<AreaEvent> news = [];
        if (await _feed.AdvanceAsync(CancellationToken.None) is { } change)
        {
            foreach (AreaEvent one in change.Events)
            {
                _first.TryAdd(one.Event.Detected, one);
                if (_told.TryGetValue(one.Event.Detected, out BurstState was) && was == one.Event.State) continue;
                _told[one.Event.Detected] = one.Event.State;
                news.Add(one);
            }
        }
        DateTime last = _inflow.Count == 0 ? DateTime.MinValue : _inflow[^1].StartUtc;
        _inflow.AddRange(_feed.View(hasDays: true).Recent.Where(step => step.StartUtc > last));
        return news;
    }

    /// <summary>A database in which nothing is and nothing stays: in the order of time nothing is asked for again.</summary>
    private sealed class Nothing : IBurstStore
    {
        public Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<IReadOnlyList<DateTime>> StatesAsync(string area, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<DateTime>>([]);

        public Task<byte[]?> StateAsync(string area, DateTime untilUtc, CancellationToken cancellationToken) =>
            Task.FromResult<byte[]?>(null);

        public Task<IReadOnlyList<AreaEvent>> EventsAsync(string? area, DateTime afterUtc, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<AreaEvent>>([]);

        public Task ReadAsync(
            IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc,
            Action<int, DateTime, double> found, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<long> CountAsync(
            IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc,
            CancellationToken cancellationToken) => Task.FromResult(0L);

        public Task<(DateTime Oldest, DateTime Newest)?> SpanAsync(
            IReadOnlyList<(string Logger, string Channel)> series, CancellationToken cancellationToken) =>
            Task.FromResult<(DateTime, DateTime)?>(null);

        public Task SaveAsync(AreaChange change, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<IReadOnlyList<AreaEvent>> UntoldAsync(string area, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<AreaEvent>>([]);

        public Task ToldAsync(IReadOnlyList<AreaEvent> events, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
