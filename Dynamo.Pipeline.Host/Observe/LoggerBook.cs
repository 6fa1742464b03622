namespace Dynamo.Pipeline.Host;

/// <summary>What is known of one logger.</summary>
/// <param name="Name">Its name.</param>
/// <param name="LastUtc">The time of its newest reading.</param>
/// <param name="Interval">How far apart its deliveries usually are; <see langword="null"/> while there were too few to tell.</param>
internal readonly record struct LoggerState(string Name, DateTime LastUtc, TimeSpan? Interval)
{
    /// <summary>When its next reading was, or is, due.</summary>
    public DateTime? DueUtc => LastUtc + Interval;
}

/// <summary>
/// How often a logger delivers, learned from its last deliveries: the median of the times between their newest readings. Not the time
/// between two readings, because many loggers record each minute and send four times an hour. Nor the times of arrival, which an outage
/// moves. Of fewer than three deliveries after the first, nothing is concluded. Not thread-safe.
/// </summary>
internal sealed class LoggerPace
{
    private const int Most = 7, Fewest = 3;

    // Seconds. An interval is at least one.
    private readonly int[] _intervals = new int[Most];
    private int _count, _usual;

    // Of a file that is gone through.
    private DateTime _newest, _newestOfSeries;

    // Several series of a logger may come in files of their own, a moment apart. One of them tells the interval.
    private string? _channel;
    private DateTime _lastOfSeries;

    public DateTime LastUtc { get; private set; }

    /// <summary>From the newest readings of the last deliveries, in any order.</summary>
    public static LoggerPace Of(IEnumerable<DateTime> newest)
    {
        var pace = new LoggerPace();
        foreach (DateTime time in newest.Order()) pace.Delivered(time);
        return pace;
    }

    public TimeSpan? Interval => _usual == 0 ? null : TimeSpan.FromSeconds(_usual);

    /// <summary>A reading of a file.</summary>
    /// <returns>Whether it is the first one of this file.</returns>
    public bool Read(string channel, DateTime at)
    {
        _channel ??= channel;
        bool isFirst = _newest == default;
        if (at > _newest) _newest = at;
        if (at > _newestOfSeries && _channel == channel) _newestOfSeries = at;
        return isFirst;
    }

    /// <summary>The file has ended.</summary>
    public void Delivered()
    {
        DateTime newest = _newest;
        Delivered(_newestOfSeries);
        if (newest > LastUtc) LastUtc = newest;
        (_newest, _newestOfSeries) = (default, default);
    }

    /// <summary>A delivery whose newest reading is of this time. One that is not newer than those before tells nothing.</summary>
    public void Delivered(DateTime newest)
    {
        if (newest <= _lastOfSeries) return;
        if (_lastOfSeries != default) _intervals[_count++ % Most] = (int)Math.Clamp((newest - _lastOfSeries).TotalSeconds, 1, int.MaxValue);
        _lastOfSeries = newest;
        if (newest > LastUtc) LastUtc = newest;
        if (_count == 2 * Most) _count = Most;
        int known = Math.Min(_count, Most);
        if (known < Fewest) return;
        Span<int> sorted = stackalloc int[known];
        _intervals.AsSpan(0, known).CopyTo(sorted);
        sorted.Sort();
        _usual = sorted[known / 2];
    }
}

/// <summary>
/// The loggers that this process knows: those in the database when it began, and those it imported since. At most 200,000; of more, the
/// first that came. Thread-safe.
/// </summary>
/// <param name="rule">Who counts as late.</param>
internal sealed class LoggerBook(LateRule rule)
{
    public const int Most = 200_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LoggerPace> _loggers = new(StringComparer.Ordinal);
    private readonly List<LoggerPace> _delivered = [];
    private bool _isBehind;

    public int Count
    {
        get
        {
            lock (_gate) return _loggers.Count;
        }
    }

    /// <summary>What a batch brought. Rows of streamed files are not in it: the database has to be asked for their loggers.</summary>
    public void Committed(CommittedBatch<Reading> batch)
    {
        lock (_gate)
        {
            foreach (FileRows<Reading> file in batch.Loaded)
            {
                if (file.IsStreamed) IsBehind = true;
                else Committed(file.Batch.RowSpan);
            }
        }
    }

    /// <summary>Whether something was committed that only the database knows.</summary>
    public bool IsBehind { get => Volatile.Read(ref _isBehind); set => Volatile.Write(ref _isBehind, value); }

    /// <summary>What the database knows of a logger: the newest readings of its last deliveries, in any order.</summary>
    public void Known(string logger, IEnumerable<DateTime> newest)
    {
        lock (_gate)
        {
            foreach (DateTime time in newest.Order()) Pace(logger)?.Delivered(time);
        }
    }

    /// <summary>All loggers, or those whose name contains a text, by name.</summary>
    public IReadOnlyList<LoggerState> Find(string? text, int most)
    {
        return [.. All(one => string.IsNullOrEmpty(text) || one.Name.Contains(text, StringComparison.OrdinalIgnoreCase))
            .OrderBy(one => one.Name, StringComparer.OrdinalIgnoreCase).Take(most)];
    }

    /// <summary>One of those that are known.</summary>
    public LoggerState Of(string name)
    {
        lock (_gate) return rule.Of(name, _loggers[name]);
    }

    /// <summary>How many are late, and those that are due for longest.</summary>
    public (int Count, IReadOnlyList<LoggerState> First) Late(DateTime nowUtc, int most = Most)
    {
        List<LoggerState> late = All(one => rule.IsLate(one, nowUtc));
        return (late.Count, [.. late.OrderBy(one => one.DueUtc).ThenBy(one => one.Name, StringComparer.Ordinal).Take(most)]);
    }

    /// <summary>The import waits while the loggers are gone through, so they are sorted by the caller, afterwards.</summary>
    private List<LoggerState> All(Func<LoggerState, bool> isMeant)
    {
        lock (_gate) return [.. _loggers.Select(one => rule.Of(one.Key, one.Value)).Where(isMeant)];
    }

    /// <summary>
    /// A file is one delivery of each of its loggers, in whatever order their rows are. Those of one mostly follow each other, so that
    /// there is one look-up for each of them.
    /// </summary>
    private void Committed(ReadOnlySpan<Reading> rows)
    {
        string? logger = null;
        LoggerPace? pace = null;
        foreach (ref readonly Reading row in rows)
        {
            if (!ReferenceEquals(row.Logger, logger)) pace = Pace(logger = row.Logger);
            if (pace is not null && pace.Read(row.Channel, row.TimestampUtc)) _delivered.Add(pace);
        }
        foreach (LoggerPace one in _delivered) one.Delivered();
        _delivered.Clear();
    }

    /// <returns><see langword="null"/>: there are too many.</returns>
    private LoggerPace? Pace(string logger)
    {
        if (_loggers.TryGetValue(logger, out LoggerPace? pace)) return pace;
        if (_loggers.Count == Most) return null;
        return _loggers[logger] = new LoggerPace();
    }
}

/// <summary>When a logger counts as late.</summary>
/// <param name="Intervals">After how many of its intervals without a reading. Default 2.</param>
/// <param name="Interval">The interval of all loggers. Default <see langword="null"/>: it is learned for each.</param>
internal sealed record LateRule(double Intervals = 2, TimeSpan? Interval = null)
{
    public LoggerState Of(string name, LoggerPace pace) => new(name, pace.LastUtc, Interval ?? pace.Interval);

    public bool IsLate(LoggerState logger, DateTime nowUtc) =>
        logger.Interval is { } interval && (nowUtc - logger.LastUtc).TotalSeconds > interval.TotalSeconds * Intervals;
}
