using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The step "list" of a run: all that the source has, once. Files that the source failed to give are offered again after all others.
/// </summary>
internal sealed class FileLister<TRow>(PipelineRun run, FileDispatch<TRow> dispatch)
{
    /// <summary>The pauses before files that the source failed to give are read again.</summary>
    private static readonly TimeSpan[] s_pauses = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)];

    /// <summary>Lists the source to its end, or until the run is asked to stop, then completes the readers' block.</summary>
    public async Task ListAsync(StartedListing listing)
    {
        using Step.Span working = run.Listing.Work();
        try
        {
            await foreach (SourceFile file in listing.FilesAsync().ConfigureAwait(false))
            {
                run.Counter.Listed();
                run.Progressed();
                if ((file.DeferReason ?? dispatch.EmptyReason(file)) is { } reason) run.Defer(file, reason);
                else await TakenAsync(dispatch.OfferAsync(file)).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (run.Stopping.IsCancellationRequested)
        {
            // The run imports what was listed so far; the next run lists the rest.
        }
        await TakenAsync(dispatch.FlushAsync()).ConfigureAwait(false);
        await ReadAgainAsync().ConfigureAwait(false);
        run.ListingDone = !run.Stopping.IsCancellationRequested;
        dispatch.Complete();
    }

    /// <summary>Waits until the next step has taken what it was offered.</summary>
    private ValueTask TakenAsync(Task offering)
    {
        return offering.IsCompletedSuccessfully ? ValueTask.CompletedTask : ForRoomAsync();

        async ValueTask ForRoomAsync()
        {
            using Step.Span waiting = run.Listing.Wait();
            await offering.ConfigureAwait(false);
        }
    }

    private async Task ReadAgainAsync()
    {
        for (int tries = 0; ; tries++)
        {
            IReadOnlyList<SourceFile> files = await run.Unreadable.TakeAsync(run.Aborting).ConfigureAwait(false);
            if (files.Count == 0) return;
            if (tries + 1 >= s_pauses.Length) run.Unreadable.LastTry();
            await run.PauseAsync("the source, which failed to give files", s_pauses[tries]).ConfigureAwait(false);
            foreach (SourceFile file in files)
            {
                if (run.Stopping.IsCancellationRequested) run.Defer(file, "the source failed to give it, and the run was stopped");
                else await dispatch.ReadAsync(file).ConfigureAwait(false);
            }
            await TakenAsync(dispatch.FlushAsync()).ConfigureAwait(false);
        }
    }
}

/// <summary>
/// A listing that starts while the sink is still being prepared: the folder is read, or the server connected, while the database opens.
/// The first file waits until <see cref="FilesAsync"/> is called. Disposing cancels a listing that has not ended; if nobody asked for
/// its files, it waits for a listing that ignores its cancellation, but no longer than the stop deadline.
/// </summary>
internal sealed class StartedListing : IAsyncDisposable
{
    private readonly IFileSource _source;
    private readonly PipelineOptions _options;
    private readonly CancellationTokenSource _cancellation;
    private readonly Task<bool> _first;
    private IAsyncEnumerator<SourceFile>? _files;
    private bool _asked;

    public StartedListing(IFileSource source, PipelineRun run)
    {
        (_source, _options) = (source, run.Options);
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(run.Stopping, run.Aborting);
        _first = Task.Run(BeginAsync, CancellationToken.None);
    }

    /// <summary>The files of the source. Call it once.</summary>
    public async IAsyncEnumerable<SourceFile> FilesAsync()
    {
        _asked = true;
        try
        {
            for (bool more = await _first.ConfigureAwait(false); more; more = await NextAsync().ConfigureAwait(false))
                yield return _files!.Current ?? throw new SourceException($"The source {_source.Name} listed null instead of a file.");
        }
        finally
        {
            if (_files is not null) await _files.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<bool> BeginAsync()
    {
        try
        {
            _files = _source.ListAsync(_cancellation.Token).GetAsyncEnumerator(_cancellation.Token);
        }
        catch (Exception error) when (Faults.IsForeign(error))
        {
            throw Faults.OfSource(_source, "listing", error);
        }
        return await NextAsync().ConfigureAwait(false);
    }

    private ValueTask<bool> NextAsync()
    {
        ValueTask<bool> next = _files!.MoveNextAsync();
        return next.IsCompletedSuccessfully ? next : NamedAsync(next);

        async ValueTask<bool> NamedAsync(ValueTask<bool> listing)
        {
            try
            {
                return await listing.ConfigureAwait(false);
            }
            catch (Exception error) when (Faults.IsForeign(error))
            {
                throw Faults.OfSource(_source, "listing", error);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_asked)
        {
            await _cancellation.CancelAsync().ConfigureAwait(false);
            using var ended = new CancellationTokenSource();
            Task deadline = Task.Delay(_options.StopDeadline, _options.TimeProvider, ended.Token);
            await Task.WhenAny(EndAsync(), deadline).ConfigureAwait(false);
            await ended.CancelAsync().ConfigureAwait(false);
        }
        _cancellation.Dispose();
    }

    private async Task EndAsync()
    {
        await ((Task)_first).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_files is not null) await _files.DisposeAsync().ConfigureAwait(false);
    }
}
