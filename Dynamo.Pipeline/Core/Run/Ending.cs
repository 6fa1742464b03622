namespace Dynamo.Pipeline.Run;

/// <summary>
/// How a run ends early, within the stop deadline. It begins when the caller stops the run, or at the first error, and has three steps.
/// After three quarters of the deadline (at once after an error), <see cref="Aborting"/> ends reading and writing, and the sink rolls
/// back. After nine tenths, <see cref="Leaving"/> ends what follows a commit. Then the run closes its row in the sink, whoever still
/// works (<see cref="HasLeft"/>). When <see cref="IsOver"/> ends, the run returns in any case. Thread-safe.
/// </summary>
/// <remarks>
/// The tokens go to code of the user. A callback that it hangs on them may throw or block, so they are cancelled on a thread of the pool,
/// and nothing here waits for it. Their sources have no timers, and are not disposed: code that was given up may still ask them.
/// </remarks>
internal sealed class Ending(TimeSpan deadline, TimeProvider time) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<ITimer> _timers = [];
#pragma warning disable CA2213 // See the remarks.
    private readonly CancellationTokenSource _aborting = new(), _leaving = new(), _over = new();
#pragma warning restore CA2213
    private readonly TaskCompletionSource _hasLeft = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _isOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _hasBegun, _isDisposed;

    /// <summary>Ends listing, reading and writing.</summary>
    public CancellationToken Aborting => _aborting.Token;

    /// <summary>Ends the completion at the source and the blocks after the commit.</summary>
    public CancellationToken Leaving => _leaving.Token;

    /// <summary>Ends the closing of the run's row.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>Completes when nobody waits for steps any longer: the rest of the time is for closing the run.</summary>
    public Task HasLeft => _hasLeft.Task;

    /// <summary>Completes when the deadline has passed. A run that does not end early never comes there.</summary>
    public Task IsOver => _isOver.Task;

    /// <summary>The caller stops the run: what was read is still written.</summary>
    public void Stop() => Begin(abortNow: false);

    /// <summary>An error: nothing more is read or written.</summary>
    public void Abort()
    {
        Begin(abortNow: true);
        Cancel(_aborting);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (ITimer timer in _timers) timer.Dispose();
        }
    }

    private void Begin(bool abortNow)
    {
        lock (_gate)
        {
            if (_hasBegun || _isDisposed) return;
            _hasBegun = true;
            if (!abortNow) After(0.75 * deadline, () => Cancel(_aborting));
            After(0.9 * deadline, () => Cancel(_leaving));
            After(0.95 * deadline, () => _hasLeft.TrySetResult());
            After(deadline, () =>
            {
                _isOver.TrySetResult();
                Cancel(_over);
            });
        }
    }

    private void After(TimeSpan wait, Action then) => _timers.Add(time.CreateTimer(_ => then(), null, wait, Timeout.InfiniteTimeSpan));

    private static void Cancel(CancellationTokenSource source) => _ = source.CancelAsync().ContinueWith(
        done => _ = done.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
