namespace Dynamo.Pipeline.Run;

/// <summary>
/// Reports progress from a timer, and once more at the end. Only one report runs at a time: if it takes longer
/// than the interval, the next ones are skipped.
/// </summary>
internal sealed class ProgressReporter : IDisposable
{
    private readonly PipelineRun _run;
    private readonly IProgress<PipelineProgress>? _progress;
    private readonly ITimer? _timer;
    private readonly Lock _lock = new();
    private bool _disposed;

    public ProgressReporter(PipelineRun run, IProgress<PipelineProgress>? progress)
    {
        (_run, _progress) = (run, progress);
        if (progress is null) return;
        _timer = run.Options.TimeProvider.CreateTimer(_ => Report(), null, run.Options.ProgressInterval, run.Options.ProgressInterval);
    }

    public void Dispose()
    {
        _timer?.Dispose();
        lock (_lock)
        {
            if (_disposed) return;
            _disposed = true;
            _progress?.Report(_run.Progress());
        }
    }

    private void Report()
    {
        if (!_lock.TryEnter()) return;
        try
        {
            if (!_disposed) _progress?.Report(_run.Progress());
        }
        finally
        {
            _lock.Exit();
        }
    }
}
