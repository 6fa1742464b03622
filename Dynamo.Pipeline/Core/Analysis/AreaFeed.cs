namespace Dynamo.Pipeline.Analysis;

/// <summary>
/// Brings the readings of an area into steps, in the order of time, and to its detector. What comes late takes the detector back to a state
/// before it, from where the database is read again: events are a function of what is in the table, not of when it came. Not thread-safe.
/// </summary>
internal sealed class AreaFeed(WatchedArea area, IBurstStore store, TimeProvider time)
{
    /// <summary>A step that lacks a series is taken when the area has readings so much later.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromHours(1);

    /// <summary>After a start, so much is read again: a batch that was committed and never seen may have corrected readings.</summary>
    private static readonly TimeSpan s_again = TimeSpan.FromDays(1);

    /// <summary>So far back readings are counted, to find those of a batch that was committed and never seen.</summary>
    private const int CountedDays = 42;

    /// <summary>So many days are kept to be looked at.</summary>
    private const int RecentDays = 7;

    /// <summary>How much is read at once.</summary>
    private static readonly TimeSpan s_portion = TimeSpan.FromDays(30);

    private readonly IReadOnlyList<(string Logger, string Channel)> _series = area.AllSeries;
    private readonly SortedDictionary<DateTime, Step> _pending = [];
    private readonly double[] _lastLevels = [.. area.Inflow.Select(_ => double.NaN)];
    private readonly SortedDictionary<DateTime, int> _counts = [];
    private readonly Dictionary<DateTime, AreaEvent> _events = [];
    private readonly HashSet<DateTime> _doubtful = [];
    private readonly List<AreaState> _newStates = [];
    private readonly List<DateTime> _outdated = [];
    private readonly Dictionary<DateTime, AreaEvent> _changed = [];
    private readonly Lock _gate = new();
    private readonly Queue<AreaStep> _recent = new();
    private AreaStep _last;
    private List<DateTime> _states = [];
    private BurstDetector _detector = new(area.DetectorOptions);
    private DateTime _next, _newest;
    private DateTime? _again;
    private bool _differs;

    public WatchedArea Area => area;

    /// <summary>What is known of the area, with the last days or without. Any thread may ask.</summary>
    public AreaView View(bool hasDays)
    {
        lock (_gate)
        {
            AreaEvent[] events = [.. _events.Values.OrderBy(one => one.Event.Detected)];
            return new AreaView(area, _detector.Until, _detector.IsLearning, _last, hasDays ? [.. _recent] : [], events);
        }
    }

    private TimeSpan StepTime => area.Options.Step;

    /// <summary>A reading that is later than that is one of a wrong clock: it does not end steps.</summary>
    private DateTime Latest => time.GetUtcNow().UtcDateTime + s_grace;

    /// <summary>Takes up the state that is kept, or begins with all readings there are.</summary>
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<AreaEvent> kept = await store.EventsAsync(area.Name, DateTime.MinValue, cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            foreach (AreaEvent known in kept) _events[known.Event.Detected] = known;
        }
        _states = [.. await store.StatesAsync(area.Name, cancellationToken).ConfigureAwait(false)];
        await TakeUpAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Goes back to the newest state, but for a day, that has seen all readings before it which are in the table.</summary>
    private async Task TakeUpAsync(CancellationToken cancellationToken)
    {
        _differs = false;
        DateTime from = DateTime.MinValue;
        foreach (DateTime until in _states.AsEnumerable().Reverse().SkipWhile(until => until > _states[^1] - s_again).ToArray())
        {
            if (!Restore(await store.StateAsync(area.Name, until, cancellationToken).ConfigureAwait(false))) continue;
            long count = await store.CountAsync(_series, until.AddDays(-CountedDays), until, cancellationToken).ConfigureAwait(false);
            // Fewer: the oldest ones were deleted since.
            if (count > _counts.Sum(day => day.Value)) continue;
            from = until;
            break;
        }
        _next = default;
        await GoBackAsync(from, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes a reading that is in the table now and was not before.</summary>
    public void Add(int series, DateTime at, double value)
    {
        DateTime start = StartOf(at);
        if (at > _newest && at <= Latest) _newest = at;
        if (start < _next) Again(at);
        else Pending(start).Add(series, value);
    }

    /// <summary>Readings from a time on have changed, nobody knows how: the table is read again.</summary>
    public void Again(DateTime from)
    {
        if (_again is not { } known || from < known) _again = from;
    }

    /// <summary>Readings have changed, nobody knows which: those that the table has more of are found.</summary>
    public void Differs() => _differs = true;

    /// <summary>Whether something came since the last call of <see cref="AdvanceAsync"/>.</summary>
    public bool HasNews => _differs || _again is not null || _pending.Count > 0;

    /// <summary>Takes the steps that are complete.</summary>
    /// <returns>What has to be kept; <see langword="null"/>: nothing.</returns>
    public async Task<AreaChange?> AdvanceAsync(CancellationToken cancellationToken)
    {
        if (_differs) await TakeUpAsync(cancellationToken).ConfigureAwait(false);
        if (_again is { } from) await GoBackAsync(StartOf(from), cancellationToken).ConfigureAwait(false);
        TakeSteps();
        DateTime[] gone = [.. _doubtful.Where(key => key <= (_detector.Until ?? DateTime.MinValue))];
        foreach (DateTime key in gone)
        {
            _doubtful.Remove(key);
            lock (_gate) _events.Remove(key);
        }
        if (_changed.Count == 0 && gone.Length == 0 && _newStates.Count == 0 && _outdated.Count == 0) return null;
        AreaChange change = new(area.Name, [.. _changed.Values], gone, [.. _newStates], [.. _outdated]);
        _changed.Clear();
        _newStates.Clear();
        _outdated.Clear();
        return change;
    }

    private async Task GoBackAsync(DateTime to, CancellationToken cancellationToken)
    {
        _again = null;
        if (to < _next || _next == default) await RestoreAsync(to, cancellationToken).ConfigureAwait(false);
        _pending.Clear();
        if (await store.SpanAsync(_series, cancellationToken).ConfigureAwait(false) is not { } span) return;
        _newest = span.Newest < Latest ? span.Newest : Latest;
        DateTime from = _next == default ? StartOf(span.Oldest) : _next;
        if (_next == default) _next = from;
        while (from <= _newest)
        {
            DateTime before = from + s_portion;
            await store.ReadAsync(_series, from, before, (series, at, value) => Pending(StartOf(at)).Add(series, value), cancellationToken)
                .ConfigureAwait(false);
            from = before;
            TakeSteps();
        }
    }

    private async Task RestoreAsync(DateTime to, CancellationToken cancellationToken)
    {
        bool isRestored = false;
        while (!isRestored && _states.FindLastIndex(state => state <= to) is >= 0 and int index)
        {
            // Later ones hold what is no longer true.
            foreach (DateTime wrong in _states[(index + 1)..]) Drop(wrong);
            DateTime until = _states[index];
            byte[]? state = _newStates.Find(kept => kept.UntilUtc == until)?.State
                ?? await store.StateAsync(area.Name, until, cancellationToken).ConfigureAwait(false);
            isRestored = Restore(state);
            if (!isRestored) Drop(until);
        }
        if (!isRestored)
        {
            foreach (DateTime wrong in _states.ToArray()) Drop(wrong);
            _detector = new BurstDetector(area.DetectorOptions);
            Array.Fill(_lastLevels, double.NaN);
            _counts.Clear();
        }
        _next = _detector.Until ?? default;
        lock (_gate)
        {
            AreaStep[] before = [.. _recent.Where(step => step.StartUtc < _next)];
            _recent.Clear();
            foreach (AreaStep step in before) _recent.Enqueue(step);
        }
        foreach (AreaEvent told in _events.Values)
            if (told.Event.Detected > _next) _doubtful.Add(told.Event.Detected);
    }

    private bool Restore(byte[]? state)
    {
        if (state is null) return false;
        try
        {
            using var from = new MemoryStream(state);
            using var reader = new BinaryReader(from);
            if (reader.ReadInt32() != _series.Count) return false;
            double[] levels = [.. _lastLevels.Select(_ => reader.ReadDouble())];
            List<(DateTime, int)> counts = [];
            for (int left = reader.ReadInt32(); left > 0; left--) counts.Add((new DateTime(reader.ReadInt64(), DateTimeKind.Utc),
                reader.ReadInt32()));
            if (BurstDetector.Restore(from, area.DetectorOptions) is not { } detector) return false;
            _detector = detector;
            levels.CopyTo(_lastLevels, 0);
            _counts.Clear();
            foreach ((DateTime day, int count) in counts) _counts[day] = count;
            return true;
        }
        catch (EndOfStreamException)
        {
            return false;
        }
    }

    private void Drop(DateTime state)
    {
        _states.Remove(state);
        if (_newStates.RemoveAll(kept => kept.UntilUtc == state) == 0) _outdated.Add(state);
    }

    private void TakeSteps()
    {
        while (_pending.Count > 0)
        {
            (DateTime start, Step step) = _pending.First();
            if (!step.IsComplete && _newest < start + StepTime + s_grace) return;
            _pending.Remove(start);
            if (start < _next) continue;
            _counts[start.Date] = _counts.GetValueOrDefault(start.Date) + step.Count;
            double[] pressures = [.. Enumerable.Range(area.Inflow.Count, area.Pressures.Count).Select(step.Mean)];
            double inflow = Inflow(step, start);
            foreach (BurstEvent told in _detector.Add(start, inflow, pressures)) Tell(told);
            lock (_gate)
            {
                _last = new AreaStep(start, (float)inflow, (float)_detector.Expected);
                _recent.Enqueue(_last);
                while (_recent.Peek().StartUtc < start.AddDays(-RecentDays)) _recent.Dequeue();
            }
            DateTime before = _next;
            _next = start + StepTime;
            if (before.Date == _next.Date || before == default) continue;
            while (_counts.Count > 0 && _counts.First().Key < _next.AddDays(-CountedDays)) _counts.Remove(_counts.First().Key);
            Keep();
        }
    }

    private double Inflow(Step step, DateTime start)
    {
        double sum = 0;
        for (int i = 0; i < area.Inflow.Count; i++)
        {
            double value = step.Mean(i);
            InflowPart part = area.Inflow[i];
            if (!part.IsTankLevel)
            {
                sum += part.Factor * value;
                continue;
            }
            bool isNext = start == _next;
            sum -= part.Factor * (isNext ? value - _lastLevels[i] : double.NaN) / StepTime.TotalHours;
            _lastLevels[i] = value;
        }
        return sum;
    }

    private void Tell(BurstEvent told)
    {
        _doubtful.Remove(told.Detected);
        AreaEvent? was = _events.GetValueOrDefault(told.Detected);
        bool isLocated = was is not null && was.Event.Drops.SequenceEqual(told.Drops)
            && was.Event.Sensitivities.SequenceEqual(told.Sensitivities);
        AreaEvent now = new(area.Name, told, isLocated ? was!.Places : told.Drops.Count == 0 ? [] : area.Locate(told)?.Places ?? []);
        lock (_gate) _events[told.Detected] = now;
        _changed[told.Detected] = now;
    }

    /// <summary>Of the last eight days each, of the five weeks before one a week.</summary>
    private void Keep()
    {
        using var saved = new MemoryStream();
        using (var writer = new BinaryWriter(saved, System.Text.Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(_series.Count);
            foreach (double level in _lastLevels) writer.Write(level);
            writer.Write(_counts.Count);
            foreach ((DateTime day, int count) in _counts)
            {
                writer.Write(day.Ticks);
                writer.Write(count);
            }
        }
        _detector.Save(saved);
        _newStates.Add(new AreaState(_next, saved.ToArray()));
        _states.Add(_next);
        foreach (DateTime state in _states.ToArray())
        {
            double days = (_next - state).TotalDays;
            bool isWeekly = state.Date.Ticks / TimeSpan.TicksPerDay % 7 == 0;
            if (days > 8.5 && !isWeekly || days > 42) Drop(state);
        }
    }

    private Step Pending(DateTime start)
    {
        if (!_pending.TryGetValue(start, out Step? step)) _pending[start] = step = new Step(_series.Count);
        return step;
    }

    private DateTime StartOf(DateTime time) => new(time.Ticks - time.Ticks % StepTime.Ticks, DateTimeKind.Utc);

    private sealed class Step(int series)
    {
        private readonly double[] _sums = new double[series];
        private readonly int[] _counts = new int[series];

        public void Add(int one, double value)
        {
            _sums[one] += value;
            _counts[one]++;
        }

        public double Mean(int one) => _counts[one] == 0 ? double.NaN : _sums[one] / _counts[one];

        public int Count => _counts.Sum();

        public bool IsComplete => Array.TrueForAll(_counts, count => count > 0);
    }
}

/// <summary>What is known of an area at some time.</summary>
/// <param name="area">The area.</param>
/// <param name="untilUtc">The end of the last step; <see langword="null"/>: none.</param>
/// <param name="isLearning">Whether it still learns what is usual.</param>
/// <param name="last">The last step.</param>
/// <param name="recent">The last days, as far as this process has seen them.</param>
/// <param name="events">The events, oldest first.</param>
internal sealed class AreaView(
    WatchedArea area, DateTime? untilUtc, bool isLearning, AreaStep last, IReadOnlyList<AreaStep> recent, IReadOnlyList<AreaEvent> events)
{
    public WatchedArea Area => area;

    public DateTime? UntilUtc => untilUtc;

    public bool IsLearning => isLearning;

    public AreaStep Last => last;

    public IReadOnlyList<AreaStep> Recent => recent;

    public IReadOnlyList<AreaEvent> Events => events;
}

/// <summary>A step's inflow, and what was expected.</summary>
internal readonly struct AreaStep(DateTime startUtc, float inflow, float expected)
{
    public DateTime StartUtc => startUtc;

    public float Inflow => inflow;

    /// <summary>No number while it learns.</summary>
    public float Expected => expected;
}
