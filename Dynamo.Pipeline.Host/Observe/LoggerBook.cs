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
internal sealed class LoggerPace(DateTime newest)
{
    private const int Most = 7, Fewest = 3;

    // Seconds. An interval is at least one.
    private readonly int[] _intervals = new int[Most];
    private int _count;

    public DateTime LastUtc { get; private set; } = newest;

    /// <summary>From the newest readings of the last deliveries, in any order.</summary>
    public static LoggerPace Of(IEnumerable<DateTime> newest)
    {
        DateTime[] times = [.. newest.Order()];
        var pace = new LoggerPace(times[0]);
        foreach (DateTime time in times) pace.Delivered(time);
        return pace;
    }

    public TimeSpan? Interval
    {
        get
        {
            int known = Math.Min(_count, Most);
            if (known < Fewest) return null;
            Span<int> sorted = stackalloc int[known];
            _intervals.AsSpan(0, known).CopyTo(sorted);
            sorted.Sort();
            return TimeSpan.FromSeconds(sorted[known / 2]);
        }
    }

    /// <summary>A delivery whose newest reading is of this time. One that is not newer than those before tells nothing.</summary>
    public void Delivered(DateTime newest)
    {
        if (newest <= LastUtc) return;
        _intervals[_count++ % Most] = (int)Math.Clamp((newest - LastUtc).TotalSeconds, 1, int.MaxValue);
        LastUtc = newest;
        if (_count == 2 * Most) _count = Most;
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

    public int Count
    {
        get
        {
            lock (_gate) return _loggers.Count;
        }
    }

    /// <summary>What a batch brought. Rows of streamed files are not in it; their loggers are known by their other files.</summary>
    public void Committed(CommittedBatch<Reading> batch)
    {
        lock (_gate)
        {
            foreach (FileRows<Reading> file in batch.Loaded) Committed(file.Batch.RowSpan);
        }
    }

    /// <summary>What the database knows of a logger: the newest readings of its last deliveries, in any order.</summary>
    public void Known(string logger, IEnumerable<DateTime> newest)
    {
        lock (_gate)
        {
            foreach (DateTime time in newest.Order()) Delivered(logger, time);
        }
    }

    /// <summary>All loggers, or those whose name contains a text, by name.</summary>
    public IReadOnlyList<LoggerState> Find(string? text, int most)
    {
        lock (_gate)
        {
            return [.. All().Where(one => string.IsNullOrEmpty(text) || one.Name.Contains(text, StringComparison.OrdinalIgnoreCase))
                .OrderBy(one => one.Name, StringComparer.OrdinalIgnoreCase).Take(most)];
        }
    }

    /// <summary>Those that are late, the latest first.</summary>
    public IReadOnlyList<LoggerState> Late(DateTime nowUtc)
    {
        lock (_gate)
        {
            return [.. All().Where(one => rule.IsLate(one, nowUtc))
                .OrderBy(one => one.DueUtc).ThenBy(one => one.Name, StringComparer.Ordinal)];
        }
    }

    private IEnumerable<LoggerState> All() => _loggers.Select(one => rule.Of(one.Key, one.Value));

    /// <summary>Rows of one logger mostly follow each other, so that there is one look-up for each of them.</summary>
    private void Committed(ReadOnlySpan<Reading> rows)
    {
        for (int i = 0; i < rows.Length;)
        {
            string logger = rows[i].Logger;
            DateTime newest = rows[i].TimestampUtc;
            for (i++; i < rows.Length && ReferenceEquals(rows[i].Logger, logger); i++)
                if (rows[i].TimestampUtc > newest) newest = rows[i].TimestampUtc;
            Delivered(logger, newest);
        }
    }

    private void Delivered(string logger, DateTime newest)
    {
        if (_loggers.TryGetValue(logger, out LoggerPace? pace)) pace.Delivered(newest);
        else if (_loggers.Count < Most) _loggers.Add(logger, new LoggerPace(newest));
    }
}

/// <summary>When a logger counts as late.</summary>
/// <param name="Intervals">After how many of its intervals without a reading. Default 2.</param>
/// <param name="Interval">The interval of all loggers. Default <see langword="null"/>: it is learned for each.</param>
internal sealed record LateRule(double Intervals = 2, TimeSpan? Interval = null)
{
    public LoggerState Of(string name, LoggerPace pace) => new(name, pace.LastUtc, Interval ?? pace.Interval);

    public bool IsLate(LoggerState logger, DateTime nowUtc) =>
        logger.Interval is { } interval && nowUtc - logger.LastUtc > interval * Intervals;
}
