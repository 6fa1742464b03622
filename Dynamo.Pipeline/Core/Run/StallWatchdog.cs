namespace Dynamo.Pipeline.Run;

/// <summary>Fails a run in which nothing has moved for the stall timeout. The error shows the depths of all queues.</summary>
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
                + "A linked block, the source or the sink hangs. What is committed is safe; the next run goes on from there."));
        _seen = moves;
    }
}
