namespace Dynamo.Pipeline.Run;

/// <summary>Ends a run in which nothing moves, with the depths of all queues: a hang is an error with a name.</summary>
internal sealed class StallWatchdog : IDisposable
{
    private readonly PipelineRun _run;
    private readonly Func<string> _depths;
    private readonly ITimer _timer;
    private long _seen = -1;

    public StallWatchdog(PipelineRun run, Func<string> depths)
    {
        (_run, _depths) = (run, depths);
        TimeSpan timeout = run.Options.StallTimeout;
        _timer = run.Options.TimeProvider.CreateTimer(_ => Look(), null, timeout, timeout);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        long moves = _run.Moves;
        if (moves == _seen)
            _run.Fail(new PipelineStalledException($"Nothing moved for {_run.Options.StallTimeout}: {_depths()}. {_run.Counter.Books()}. "
                + "A linked block, the source or the sink hangs; what is committed is safe, the next run goes on from there."));
        _seen = moves;
    }
}
