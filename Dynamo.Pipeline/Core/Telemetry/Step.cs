namespace Dynamo.Pipeline.Telemetry;

/// <summary>
/// The room Telemetry says what a run does while it goes on: its steps, its measurements, its traces and its log. Run, Live and the sources
/// and sinks call it, on any thread; it names none of them, and costs next to nothing while nobody listens.
/// This type is a step of the graph: who works in it, who waits for the step after it, and for how long they did. It is told once for each
/// chunk or batch, not for each row. Thread-safe.
/// </summary>
internal sealed class Step(string name, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly long _began = time.GetTimestamp();
    private long _at = time.GetTimestamp();
    private int _busy, _blocked;
    private bool _hasNoRoom, _isMeasured;
    private long _busyTime, _blockedTime, _workersTime;

    /// <summary>How many messages it works on at once, at most.</summary>
    public Func<int> Workers { get; set; } = static () => 1;

    /// <summary>How many messages wait for it; <see langword="null"/>: nobody knows.</summary>
    public Func<int>? Waiting { get; set; }

    public bool IsOwnBlock { get; init; }

    /// <summary>A worker begins. Dispose it when the message is done.</summary>
    public Span Work()
    {
        Change(busy: 1, blocked: 0);
        return new Span(this, busy: -1, blocked: 0);
    }

    /// <summary>A worker waits for the step after this one. Dispose it when there is room.</summary>
    public Span Wait()
    {
        Change(busy: -1, blocked: 1);
        return new Span(this, busy: 1, blocked: -1);
    }

    /// <summary>The step takes no message although not all its workers have one: what it has done is not taken from it.</summary>
    public bool HasNoRoom
    {
        set
        {
            lock (_gate)
            {
                Count();
                _hasNoRoom = value;
            }
        }
    }

    /// <summary>What it does and did, with its queue, which does not answer while a sink that hangs chooses a writer.</summary>
    public StepProgress Progress()
    {
        // Not while those who work wait for this.
        int? queue = Waiting?.Invoke();
        return Times() with { Waiting = queue };
    }

    /// <summary>The same without its queue.</summary>
    public StepProgress Times()
    {
        lock (_gate)
        {
            Count();
            return new StepProgress(name)
            {
                Workers = Workers(),
                Working = _busy,
                Busy = Time(_busyTime),
                Blocked = Time(_blockedTime),
                Idle = Time(Math.Max(0, _workersTime - _busyTime - _blockedTime)),
                IsMeasured = _isMeasured,
                IsOwnBlock = IsOwnBlock,
            };
        }
    }

    private void Change(int busy, int blocked)
    {
        lock (_gate)
        {
            Count();
            _isMeasured = true;
            (_busy, _blocked) = (_busy + busy, _blocked + blocked);
        }
    }

    /// <summary>Adds what was the case since the last change.</summary>
    private void Count()
    {
        long now = time.GetTimestamp(), since = now - _at;
        if (since <= 0) return;
        _at = now;
        int most = Math.Max(Workers(), _busy + _blocked);
        _busyTime += _busy * since;
        _blockedTime += (_hasNoRoom ? most - _busy : _blocked) * since;
        _workersTime += most * since;
    }

    /// <summary>Its name and its queue.</summary>
    public override string ToString() => Waiting is null ? name : $"{Waiting()} to {name}";

    private TimeSpan Time(long ticks) => time.GetElapsedTime(_began, _began + ticks);

    /// <summary>A part of a worker's time.</summary>
    internal readonly struct Span(Step step, int busy, int blocked) : IDisposable
    {
        public void Dispose() => step.Change(busy, blocked);
    }
}
