namespace Dynamo.Pipeline;

/// <summary>
/// Records what the readers and writers of a run do, and when. Its memory is bounded: spans that do not fit are dropped and counted.
/// Set it as <see cref="PipelineOptions.Trace"/>, for one run at a time. Thread-safe.
/// </summary>
internal sealed class TraceRecorder
{
    private readonly TraceEvent[] _events;
    private readonly TimeProvider _time;
    private readonly long _began;
    private readonly Lock _lock = new();
    private readonly List<bool> _readers = [];
    private readonly List<bool> _writers = [];
    private int _count;
    private int _chunks;
    private int _batches;

    /// <summary>Begins to record.</summary>
    /// <param name="capacity">The most spans to keep, about 80 bytes each without the names of their files. Default 200,000.</param>
    /// <param name="time">The clock. Default: the system's.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is not positive.</exception>
    public TraceRecorder(int capacity = 200_000, TimeProvider? time = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _events = new TraceEvent[capacity];
        _time = time ?? TimeProvider.System;
        _began = _time.GetTimestamp();
    }

    /// <summary>The recorded spans, in the order in which they ended. Read it when the run is over.</summary>
    public ReadOnlySpan<TraceEvent> Events => _events.AsSpan(0, Math.Min(Volatile.Read(ref _count), _events.Length));

    /// <summary>How many spans were dropped because there was no room for them.</summary>
    public int Dropped => Math.Max(0, Volatile.Read(ref _count) - _events.Length);

    internal TimeSpan Now => _time.GetElapsedTime(_began);

    internal TraceLane Reads(IReadOnlyList<SourceFile> chunk) =>
        new(this, TraceKind.Chunk, Take(_readers), Interlocked.Increment(ref _chunks), chunk.Count, chunk.Sum(file => file.Size));

    internal TraceLane Writes<TRow>(IReadOnlyList<FileRows<TRow>> batch) =>
        new(this, TraceKind.Batch, Take(_writers), Interlocked.Increment(ref _batches), batch.Count, batch.Sum(rows => rows.File.Size));

    internal void Add(TraceEvent span)
    {
        // The count must not overflow: a negative one would be an index.
        int index = Volatile.Read(ref _count) == int.MaxValue ? int.MaxValue : Interlocked.Increment(ref _count) - 1;
        if (index < _events.Length) _events[index] = span;
    }

    internal void Leave(TraceKind kind, int lane)
    {
        lock (_lock) (kind == TraceKind.Batch ? _writers : _readers)[lane] = false;
    }

    /// <summary>Takes the first free lane. A block has no workers with names, only a number of tasks at once.</summary>
    private int Take(List<bool> lanes)
    {
        lock (_lock)
        {
            int free = lanes.IndexOf(false);
            if (free < 0) lanes.Add(true);
            else lanes[free] = true;
            return free < 0 ? lanes.Count - 1 : free;
        }
    }
}

/// <summary>The time that a reader or writer spends on one message. Used by one thread at a time.</summary>
internal sealed class TraceLane(TraceRecorder recorder, TraceKind kind, int lane, int number, int files, long bytes) : IDisposable
{
    private readonly TimeSpan _start = recorder.Now;
    private TimeSpan _last = recorder.Now;

    /// <summary>A file of the chunk is finished. Its span begins where the file before it ended.</summary>
    public void Finished(SourceFile file)
    {
        TimeSpan now = recorder.Now;
        recorder.Add(new TraceEvent(TraceKind.File, lane, number, _last, now, file.Path, 1, file.Size));
        _last = now;
    }

    public void Dispose()
    {
        recorder.Add(new TraceEvent(kind, lane, number, _start, recorder.Now, null, files, bytes));
        recorder.Leave(kind, lane);
    }
}

/// <summary>What a span of a run's time was spent on.</summary>
internal enum TraceKind
{
    /// <summary>A reader worked on a chunk: a message of files.</summary>
    Chunk,

    /// <summary>A reader opened and parsed a file of its chunk.</summary>
    File,

    /// <summary>A writer worked on a batch: its transaction, and sending it to the step after the commit.</summary>
    Batch,
}

/// <summary>A span of a run's time.</summary>
/// <param name="kind">What the time was spent on.</param>
/// <param name="lane">Which reader or writer, from 0. There are as many lanes as worked at the same time at most.</param>
/// <param name="number">The number of the chunk or batch, from 1, in the order in which they began.</param>
/// <param name="start">When it began, counted from the start of the recording.</param>
/// <param name="end">When it ended, counted from the start of the recording.</param>
/// <param name="path">The path of the file, or <see langword="null"/> for a chunk or a batch.</param>
/// <param name="files">How many files it contains.</param>
/// <param name="bytes">The bytes of these files.</param>
internal readonly struct TraceEvent(
    TraceKind kind, int lane, int number, TimeSpan start, TimeSpan end, string? path, int files, long bytes)
{
    public TraceKind Kind => kind;

    public int Lane => lane;

    public int Number => number;

    public TimeSpan Start => start;

    public TimeSpan End => end;

    public string? Path => path;

    public int Files => files;

    public long Bytes => bytes;
}
