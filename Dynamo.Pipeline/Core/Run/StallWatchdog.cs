namespace Dynamo.Pipeline.Run;

/// <summary>Fails a run in which nothing has moved for the stall timeout. The error shows the depths of all queues.</summary>
internal sealed class StallWatchdog : IDisposable
{
    /// <summary>How long the queues may take to answer: something that hangs may hold the lock of one.</summary>
    private static readonly TimeSpan s_answer = TimeSpan.FromSeconds(1);

    private readonly PipelineRun _run;
    private readonly ITimer _timer;
    private readonly long _looks;
    private long _seen = -1, _still;

    /// <param name="run">The run to watch.</param>
    /// <param name="longestWait">How long the source may be silent by itself.</param>
    public StallWatchdog(PipelineRun run, TimeSpan longestWait)
    {
        _run = run;
        TimeSpan timeout = run.Options.StallTimeout;
        _looks = 1 + (long)Math.Ceiling(Math.Max(0, longestWait / timeout));
        _timer = run.Options.TimeProvider.CreateTimer(_ => Look(), null, timeout, timeout);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        long moves = _run.Moves;
        bool isStill = moves == Interlocked.Exchange(ref _seen, moves) && !_run.IsPatient;
        if (!isStill) Volatile.Write(ref _still, 0);
        else if (Interlocked.Increment(ref _still) == _looks) _ = FailAsync();
    }

    private async Task FailAsync()
    {
        Task<string> asked = Task.Run(() => _run.Doing());
        await Task.WhenAny(asked, Task.Delay(s_answer)).ConfigureAwait(false);
        string doing = asked.IsCompletedSuccessfully ? await asked.ConfigureAwait(false) : "its queues do not answer";
        _run.Fail(new PipelineStalledException($"Nothing moved for {_run.Options.StallTimeout}: {doing}. {_run.Counter.Books()}. "
            + "A linked block, the source or the sink hangs. What is committed is safe; the next run goes on from there."));
    }
}
