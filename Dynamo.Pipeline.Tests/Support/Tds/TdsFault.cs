namespace Dynamo.Pipeline.Tests;

/// <summary>When a fault strikes.</summary>
public enum TdsMoment
{
    /// <summary>A client has sent its login.</summary>
    Login,

    /// <summary>A batch or RPC has arrived; nothing of it has run.</summary>
    Request,

    /// <summary>A batch or RPC has run; nothing of its answer has been sent.</summary>
    RequestDone,

    /// <summary>So many rows of a bulk load have been decoded.</summary>
    BulkRows,

    /// <summary>All rows of a bulk load have been stored; nothing has been answered.</summary>
    BulkEnd,

    /// <summary>A roll-back has been asked for; nothing of it has run.</summary>
    RollBack,

    /// <summary>A commit has been asked for. Nothing is committed; a dropped connection rolls back.</summary>
    BeforeCommit,

    /// <summary>
    /// The connection is gone while the server is committing: with <see cref="TdsFault.Drop"/>, first it drops, then it commits.
    /// </summary>
    DuringCommit,

    /// <summary>Committed, not answered.</summary>
    AfterCommit,

    /// <summary>Committed and answered.</summary>
    CommitAnswered,
}

/// <summary>What goes wrong.</summary>
internal sealed record TdsFault
{
    private TdsFault()
    {
    }

    public ServerError? Raised { get; private init; }

    public byte[]? Bytes { get; private init; }

    public TimeSpan Delay { get; private init; }

    public bool Drops { get; private init; }

    public bool Answers { get; private init; } = true;

    /// <summary>The connection is reset.</summary>
    public static TdsFault Drop { get; } = new() { Drops = true };

    /// <summary>The server is stuck: no answer until the client cancels, which it acknowledges.</summary>
    public static TdsFault NoAnswer { get; } = new() { Answers = false, Delay = Timeout.InfiniteTimeSpan };

    /// <summary>The server refuses with this error.</summary>
    public static TdsFault Error(int number) => new() { Raised = ServerError.Known(number) };

    /// <summary>The server refuses with this error.</summary>
    public static TdsFault Error(ServerError error) => new() { Raised = error };

    /// <summary>The server does what it is asked, later.</summary>
    public static TdsFault Slow(TimeSpan delay) => new() { Delay = delay };

    /// <summary>The server answers these bytes, which are no packet, and closes.</summary>
    public static TdsFault Garbage(int seed, int length = 512)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        bytes[0] = 0xFE;
        return new() { Bytes = bytes, Drops = true };
    }
}

/// <summary>The faults that are still to strike. Safe for concurrent use.</summary>
internal sealed class TdsFaultPlan
{
    private readonly List<Planned> _planned = [];
    private TaskCompletionSource _struck = NewSignal();

    public int Pending
    {
        get
        {
            lock (_planned) return _planned.Sum(p => p.Times);
        }
    }

    /// <summary>Ends when all that was planned has struck: the server has begun to be slow, or silent.</summary>
    public Task AllStruck
    {
        get
        {
            lock (_planned) return _struck.Task;
        }
    }

    public void Add(TdsMoment moment, TdsFault fault, string? sql, long afterRows, int times, int skip)
    {
        lock (_planned)
        {
            _planned.Add(new Planned(moment, fault, sql, afterRows) { Times = times, Skip = skip });
            if (_struck.Task.IsCompleted) _struck = NewSignal();
        }
    }

    public void Clear()
    {
        lock (_planned) _planned.Clear();
    }

    public TdsFault? Take(TdsMoment moment, string? sql = null, long rows = 0)
    {
        lock (_planned)
        {
            Planned? due = _planned.FirstOrDefault(p => p.Fits(moment, sql, rows));
            if (due is null) return null;
            if (due.Skip-- > 0) return null;
            if (--due.Times == 0) _planned.Remove(due);
            if (_planned.Count == 0) _struck.TrySetResult();
            return due.Fault;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record Planned(TdsMoment Moment, TdsFault Fault, string? Sql, long AfterRows)
    {
        public int Times { get; set; }

        public int Skip { get; set; }

        public bool Fits(TdsMoment moment, string? sql, long rows) =>
            moment == Moment && rows >= AfterRows && (Sql is null || sql?.Contains(Sql, StringComparison.OrdinalIgnoreCase) == true);
    }
}
