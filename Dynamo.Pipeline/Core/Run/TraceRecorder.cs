namespace Dynamo.Pipeline;

/// <summary>
/// Records what the readers and writers of a run do, and when, into memory that is bounded: what does not fit any more is counted and dropped.
/// Set it as <see cref="PipelineOptions.Trace"/>; for one run at a time. Thread-safe.
/// </summary>
public sealed class TraceRecorder
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
    /// <param name="capacity">How many spans are kept, some 80 bytes each beside the names of their files. Default 200,000.</param>
    /// <param name="time">The clock. Default: the system's.</param>
    public TraceRecorder(int capacity = 200_000, TimeProvider? time = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _events = new TraceEvent[capacity];
        _time = time ?? TimeProvider.System;
        _began = _time.GetTimestamp();
    }

    /// <summary>What was recorded, in the order in which it ended. To be read when the run is over.</summary>
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
        // The count stops growing far from where it would turn negative.
        int index = Volatile.Read(ref _count) == int.MaxValue ? int.MaxValue : Interlocked.Increment(ref _count) - 1;
        if (index < _events.Length) _events[index] = span;
    }

    internal void Leave(TraceKind kind, int lane)
    {
        lock (_lock) (kind == TraceKind.Batch ? _writers : _readers)[lane] = false;
    }

    /// <summary>The first lane that nobody uses: there are no workers with names behind a block, only so many at once.</summary>
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

/// <summary>A reader's or writer's time with one message. Used by one thread at a time.</summary>
internal sealed class TraceLane(TraceRecorder recorder, TraceKind kind, int lane, int number, int files, long bytes) : IDisposable
{
    private readonly TimeSpan _start = recorder.Now;
    private TimeSpan _last = recorder.Now;

    /// <summary>A file is done; it began when the one before was done.</summary>
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
public enum TraceKind
{
    /// <summary>A reader had a chunk: a message of files.</summary>
    Chunk,

    /// <summary>A reader opened and parsed a file of its chunk.</summary>
    File,

    /// <summary>A writer had a batch: its transaction, and the hand-over to what comes after the commit.</summary>
    Batch,
}

/// <summary>A span of a run's time.</summary>
/// <param name="Kind">What it was spent on.</param>
/// <param name="Lane">Which reader or writer, from 0: as many as ever worked at the same time.</param>
/// <param name="Number">The chunk, or the batch, from 1 in the order in which they were begun.</param>
/// <param name="Start">Since the recording began.</param>
/// <param name="End">Since the recording began.</param>
/// <param name="Path">The file, or <see langword="null"/> for a chunk or a batch.</param>
/// <param name="Files">Files in it.</param>
/// <param name="Bytes">Bytes in them.</param>
public readonly record struct TraceEvent(TraceKind Kind, int Lane, int Number, TimeSpan Start, TimeSpan End, string? Path, int Files, long Bytes);
