using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Host;

/// <summary>What is known of one logger.</summary>
/// <param name="Name">Its name.</param>
/// <param name="LastUtc">The time of its newest reading, which a wrong clock may have put into the future.</param>
/// <param name="Interval">How far apart its deliveries usually are; <see langword="null"/> while there were too few to tell.</param>
internal readonly record struct LoggerState(string Name, DateTime LastUtc, TimeSpan? Interval)
{
    /// <summary>When it was last heard of: the time of its newest reading, but not later than something of it was imported.</summary>
    public DateTime HeardUtc { get; init; } = LastUtc;

    /// <summary>The source of what it delivered last; <see langword="null"/>: it is not known.</summary>
    public string? Source { get; init; }

    /// <summary>When its next reading was, or is, due.</summary>
    public DateTime? DueUtc => HeardUtc + Interval;
}

/// <summary>Whether a logger delivers as it should.</summary>
internal enum Lateness
{
    InTime,

    /// <summary>Nothing of it is there, but its source was not seen whole since something was due.</summary>
    ImportLate,

    Late,
}

/// <summary>How many loggers are late, of how many that is not known, and some of the first, those that are due for longest.</summary>
internal readonly record struct LateOnes(int Count, int ImportLate, IReadOnlyList<LoggerState> First);

/// <summary>
/// How often a logger delivers, learned from its last deliveries: the median of the times between their newest readings. Not the time
/// between two readings, because many loggers record each minute and send four times an hour. Nor the times of arrival, which an outage
/// moves. Of fewer than three deliveries after the first, nothing is concluded. Not thread-safe.
/// </summary>
internal sealed class LoggerPace(string name)
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

    public string Name => name;

    /// <summary>The source of what it delivered last, as far as it is known.</summary>
    public string? Source { get; set; }

    public DateTime LastUtc { get; private set; }

    /// <summary>When something of it was imported last, as far as it is known.</summary>
    public DateTime? ImportedUtc { get; private set; }

    /// <summary>From the newest readings of the last deliveries, in any order.</summary>
    public static LoggerPace Of(LoggerDeliveries known)
    {
        var pace = new LoggerPace(known.Logger) { Source = known.Source };
        pace.Delivered(known.Newest, known.ImportedUtc);
        return pace;
    }

    /// <summary>Found when it is asked for, which is seldom beside the deliveries.</summary>
    public TimeSpan? Interval
    {
        get
        {
            int known = Math.Min(_count, Most);
            if (known < Fewest) return null;
            if (_usual == 0)
            {
                Span<int> sorted = stackalloc int[known];
                _intervals.AsSpan(0, known).CopyTo(sorted);
                sorted.Sort();
                _usual = sorted[known / 2];
            }
            return TimeSpan.FromSeconds(_usual);
        }
    }

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

    /// <summary>The file has ended, and is imported.</summary>
    public void Delivered(DateTime importedUtc)
    {
        Imported(importedUtc);
        Learn(_newestOfSeries, importedUtc);
        if (_newest > LastUtc) LastUtc = _newest;
        (_newest, _newestOfSeries) = (default, default);
    }

    /// <summary>
    /// The newest readings of the last deliveries, in any order, and when the last of them was imported, if that is known.
    /// </summary>
    public void Delivered(IEnumerable<DateTime> newest, DateTime? importedUtc)
    {
        if (importedUtc is { } imported) Imported(imported);
        foreach (DateTime time in newest.Order()) Learn(time, importedUtc ?? DateTime.MaxValue);
    }

    private void Imported(DateTime atUtc)
    {
        if (ImportedUtc is not { } known || atUtc > known) ImportedUtc = atUtc;
    }

    /// <summary>
    /// A delivery whose newest reading is of this time. One that is not newer than those before tells nothing, unless a wrong clock had
    /// put those into the future: then it begins anew.
    /// </summary>
    private void Learn(DateTime newest, DateTime importedUtc)
    {
        if (newest == default) return;
        bool isAnew = newest < _lastOfSeries && _lastOfSeries > importedUtc;
        if (newest <= _lastOfSeries && !isAnew) return;
        if (_lastOfSeries != default && !isAnew)
        {
            _intervals[_count++ % Most] = (int)Math.Clamp((newest - _lastOfSeries).TotalSeconds, 1, int.MaxValue);
            if (_count == 2 * Most) _count = Most;
            _usual = 0;
        }
        _lastOfSeries = newest;
        if (newest > LastUtc) LastUtc = newest;
    }
}

/// <summary>
/// The loggers that this process knows: those in the database when it began, and those it imported since. At most 200,000; of more, the
/// first that came. Whoever goes through all of them holds up the import for a portion of them only. Thread-safe.
/// </summary>
/// <param name="rule">Who counts as late.</param>
internal sealed class LoggerBook(LateRule rule)
{
    public const int Most = 200_000;

    private const int Portion = 4_096;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LoggerPace> _loggers = new(StringComparer.Ordinal);
    private readonly List<LoggerPace> _inOrder = [], _delivered = [];
    private bool _isBehind, _isLoaded;
    private long _looks;

    public int Count
    {
        get
        {
            lock (_gate) return _loggers.Count;
        }
    }

    /// <summary>How many loggers were looked at, by all who asked.</summary>
    public long Looks => Volatile.Read(ref _looks);

    /// <summary>What a batch brought. Rows of streamed files are not in it: the database has to be asked for their loggers.</summary>
    public void Committed(CommittedBatch<Reading> batch, DateTime nowUtc, string? source = null)
    {
        lock (_gate)
        {
            foreach (FileRows<Reading> file in batch.Loaded)
            {
                if (file.IsStreamed) IsBehind = true;
                else Committed(file.Batch.RowSpan, source, nowUtc);
            }
        }
    }

    /// <summary>Until when the sources were seen whole: late is measured against that.</summary>
    public SeenSources Seen { get; } = new();

    /// <summary>Whether something was committed that only the database knows.</summary>
    public bool IsBehind { get => Volatile.Read(ref _isBehind); set => Volatile.Write(ref _isBehind, value); }

    /// <summary>Whether the database was read, so that those who are not here are nowhere.</summary>
    public bool IsLoaded { get => Volatile.Read(ref _isLoaded); set => Volatile.Write(ref _isLoaded, value); }

    /// <summary>What the database knows of a logger.</summary>
    public void Known(LoggerDeliveries logger)
    {
        lock (_gate)
        {
            if (Pace(logger.Logger) is not { } pace) return;
            pace.Source ??= logger.Source;
            pace.Delivered(logger.Newest, logger.ImportedUtc);
        }
    }

    /// <summary>Whether a logger delivers as it should.</summary>
    public Lateness Of(LoggerState logger, DateTime nowUtc) => rule.Of(logger, nowUtc, Seen.Until(logger.Source, nowUtc));

    /// <summary>All loggers, or those whose name contains a text, by name.</summary>
    public IReadOnlyList<LoggerState> Find(string? text, int most)
    {
        var first = new FirstOf<LoggerPace>(
            most, (one, other) => string.Compare(one.Name, other.Name, StringComparison.OrdinalIgnoreCase));
        Look(one =>
        {
            if (string.IsNullOrEmpty(text) || one.Name.Contains(text, StringComparison.OrdinalIgnoreCase)) first.Offer(one);
        });
        LoggerPace[] found = first.Sorted();
        lock (_gate) return [.. found.Select(rule.Of)];
    }

    /// <summary>One of those that are known; <see langword="null"/>: it is not.</summary>
    public LoggerState? Of(string name)
    {
        lock (_gate) return _loggers.TryGetValue(name, out LoggerPace? pace) ? rule.Of(pace) : null;
    }

    /// <summary>How many are late, and those that are due for longest.</summary>
    public LateOnes Late(DateTime nowUtc, int most = Most)
    {
        int count = 0, importLate = 0;
        var first = new FirstOf<LoggerState>(most, (one, other) =>
            one.DueUtc != other.DueUtc ? Nullable.Compare(one.DueUtc, other.DueUtc) : string.CompareOrdinal(one.Name, other.Name));
        Look(one =>
        {
            LoggerState state = rule.Of(one);
            Lateness lateness = Of(state, nowUtc);
            if (lateness == Lateness.ImportLate) importLate++;
            if (lateness != Lateness.Late) return;
            count++;
            first.Offer(state);
        });
        return new LateOnes(count, importLate, first.Sorted());
    }

    /// <summary>Goes through all of them. They are never removed, and come at the end.</summary>
    private void Look(Action<LoggerPace> at)
    {
        for (int from = 0; ; from += Portion)
        {
            lock (_gate)
            {
                int to = Math.Min(from + Portion, _inOrder.Count);
                for (int i = from; i < to; i++) at(_inOrder[i]);
                _looks += Math.Max(0, to - from);
                if (to == _inOrder.Count) return;
            }
        }
    }

    /// <summary>
    /// A file is one delivery of each of its loggers, in whatever order their rows are. Those of one mostly follow each other, so that
    /// there is one look-up for each of them.
    /// </summary>
    private void Committed(ReadOnlySpan<Reading> rows, string? source, DateTime nowUtc)
    {
        string? logger = null;
        LoggerPace? pace = null;
        foreach (ref readonly Reading row in rows)
        {
            if (!ReferenceEquals(row.Logger, logger)) pace = Pace(logger = row.Logger);
            if (pace is not null && pace.Read(row.Channel, row.TimestampUtc)) _delivered.Add(pace);
        }
        foreach (LoggerPace one in _delivered)
        {
            one.Source = source;
            one.Delivered(nowUtc);
        }
        _delivered.Clear();
    }

    /// <returns><see langword="null"/>: there are too many.</returns>
    private LoggerPace? Pace(string logger)
    {
        if (_loggers.TryGetValue(logger, out LoggerPace? pace)) return pace;
        if (_loggers.Count == Most) return null;
        _loggers[logger] = pace = new LoggerPace(logger);
        _inOrder.Add(pace);
        return pace;
    }

    /// <summary>The first of many, in an order, without keeping or sorting all of them.</summary>
    private sealed class FirstOf<T>(int most, Comparison<T> order)
    {
        private readonly PriorityQueue<T, T> _last = new(Comparer<T>.Create((one, other) => order(other, one)));

        public void Offer(T one)
        {
            if (_last.Count < most) _last.Enqueue(one, one);
            else if (order(one, _last.Peek()) < 0) _last.EnqueueDequeue(one, one);
        }

        public T[] Sorted()
        {
            T[] all = [.. _last.UnorderedItems.Select(item => item.Element)];
            Array.Sort(all, order);
            return all;
        }
    }
}

/// <summary>When a logger counts as late.</summary>
/// <param name="Intervals">After how many of its intervals without a reading. Default 2.</param>
/// <param name="Interval">The interval of all loggers. Default <see langword="null"/>: it is learned for each.</param>
internal sealed record LateRule(double Intervals = 2, TimeSpan? Interval = null)
{
    public LoggerState Of(LoggerPace pace) => new(pace.Name, pace.LastUtc, Interval ?? pace.Interval)
    {
        HeardUtc = pace.ImportedUtc is { } imported && imported < pace.LastUtc ? imported : pace.LastUtc,
        Source = pace.Source,
    };

    /// <summary>The verdict. Pure.</summary>
    /// <param name="logger">The logger.</param>
    /// <param name="nowUtc">The time.</param>
    /// <param name="seenUtc">Until when its source was seen whole.</param>
    public Lateness Of(LoggerState logger, DateTime nowUtc, DateTime seenUtc) =>
        !IsMissed(logger, nowUtc) ? Lateness.InTime : IsMissed(logger, seenUtc) ? Lateness.Late : Lateness.ImportLate;

    private bool IsMissed(LoggerState logger, DateTime atUtc) =>
        logger.Interval is { } interval && (atUtc - logger.HeardUtc).TotalSeconds > interval.TotalSeconds * Intervals;
}
