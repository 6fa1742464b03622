namespace Dynamo.Pipeline.Run;

/// <summary>
/// Reports progress from a timer, and once more at the end. Only one report runs at a time: if it takes longer
/// than the interval, the next ones are skipped. A report that throws or hangs is an error of the run.
/// </summary>
internal sealed class ProgressReporter : IAsyncDisposable
{
    private readonly PipelineRun _run;
    private readonly IProgress<PipelineProgress>? _progress;
    private readonly ITimer? _timer;
    private readonly Lock _gate = new();
    private Task _reporting = Task.CompletedTask;
    private bool _isOver;

    public ProgressReporter(PipelineRun run, IProgress<PipelineProgress>? progress)
    {
        (_run, _progress) = (run, progress);
        if (progress is null) return;
        _timer = run.Options.TimeProvider.CreateTimer(_ => Begin(), null, run.Options.ProgressInterval, run.Options.ProgressInterval);
    }

    /// <summary>The report that is under way, or the last one.</summary>
    internal Task Reporting
    {
        get
        {
            lock (_gate) return _reporting;
        }
    }

    /// <summary>Reports for the last time. Waits for a report that hangs no longer than the stop deadline.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_timer is null) return;
        _timer.Dispose();
        using var done = new CancellationTokenSource();
        Task deadline = Task.Delay(_run.Options.StopDeadline, _run.Options.TimeProvider, done.Token);
        for (int reports = 0; reports < 2; reports++)
        {
            Task report = Reporting;
            await Task.WhenAny(report, deadline).ConfigureAwait(false);
            if (!report.IsCompleted)
            {
                _run.Fail(new PipelineException(
                    $"The progress ({_progress!.GetType().Name}, an IProgress) does not return from its report."));
                break;
            }
            if (reports == 0) Begin();
        }
        lock (_gate) _isOver = true;
        await done.CancelAsync().ConfigureAwait(false);
    }

    private void Begin()
    {
        lock (_gate)
        {
            if (!_isOver && _reporting.IsCompleted) _reporting = Task.Run(Report);
        }
    }

    private void Report()
    {
        try
        {
            _progress!.Report(_run.Progress());
        }
        catch (Exception error)
        {
            lock (_gate) _isOver = true;
            _run.Fail(new PipelineException($"The progress ({_progress!.GetType().Name}, an IProgress) failed: {error.Message}", error));
        }
    }
}
