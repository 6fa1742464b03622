using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The steps "list" and "chunk": asks the ledger which files are new and sends these to the readers in chunks,
/// as fast as the byte budget allows.
/// </summary>
internal sealed class FileLister<TRow>(
    IFileSource source,
    IBatchSink<TRow> sink,
    PipelineRun run,
    ByteBudget budget,
    ITargetBlock<CommittedBatch<TRow>> complete)
{
    /// <summary>The pauses before files that the source failed to give are read again.</summary>
    private static readonly TimeSpan[] s_pauses = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)];

    /// <summary>Files per query of the ledger: enough to be worth the call, few enough that reading starts soon.</summary>
    private const int LookUpFiles = 500;

    private readonly PipelineOptions _options = run.Options;
    private readonly List<SourceFile> _listed = new(LookUpFiles);
    private readonly List<SourceFile> _chunk = [];
    private long _chunkWeight;

    /// <summary>Lists the source to its end, or until the run is asked to stop, then completes the readers' block.</summary>
    public async Task ListAsync(StartedListing listing, ITargetBlock<SourceFile[]> read)
    {
        try
        {
            await foreach (SourceFile file in listing.FilesAsync().ConfigureAwait(false))
            {
                run.Counter.Listed();
                run.Progressed();
                if ((file.DeferReason ?? EmptyReason(file)) is { } reason)
                    run.Defer(file, reason);
                else
                    _listed.Add(file);
                if (_listed.Count == LookUpFiles) await OfferAsync(read).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (run.Stopping.IsCancellationRequested)
        {
            // The run imports what was listed so far; the next run lists the rest.
        }
        await OfferAsync(read).ConfigureAwait(false);
        await SendAsync(read).ConfigureAwait(false);
        await ReadAgainAsync(read).ConfigureAwait(false);
        run.ListingDone = !run.Stopping.IsCancellationRequested;
        read.Complete();
    }

    /// <summary>
    /// Why an empty file waits: its upload may have begun and not gone on. Quarantined, it would lie where nobody looks for what is then
    /// written. A time in the future comes from another clock and tells nothing.
    /// </summary>
    private string? EmptyReason(SourceFile file)
    {
        if (file.Size != 0 || _options.EmptyFileWait == TimeSpan.Zero) return null;
        TimeSpan age = _options.TimeProvider.GetUtcNow().UtcDateTime - file.ModifiedUtc;
        return age < _options.EmptyFileWait ? $"empty, and may still be written: it waits until it is {_options.EmptyFileWait} old" : null;
    }

    private async Task ReadAgainAsync(ITargetBlock<SourceFile[]> read)
    {
        for (int tries = 0; ; tries++)
        {
            IReadOnlyList<SourceFile> files = await run.Unreadable.TakeAsync(run.Aborting).ConfigureAwait(false);
            if (files.Count == 0) return;
            if (tries + 1 >= s_pauses.Length) run.Unreadable.LastTry();
            await PauseAsync(s_pauses[tries]).ConfigureAwait(false);
            foreach (SourceFile file in files)
            {
                if (run.Stopping.IsCancellationRequested) run.Defer(file, "the source failed to give it, and the run was stopped");
                else await ChunkAsync(file, read).ConfigureAwait(false);
            }
            await SendAsync(read).ConfigureAwait(false);
        }
    }

    private async Task PauseAsync(TimeSpan pause)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(run.Stopping, run.Aborting);
        run.Wait("the source, which failed to give files", pause);
        await Task.Delay(pause, _options.TimeProvider, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task OfferAsync(ITargetBlock<SourceFile[]> read)
    {
        if (_listed.Count == 0) return;
        LedgerEntry?[] known = await LookUpAsync().ConfigureAwait(false);
        var done = new List<FileResult>();
        var toCompare = new List<(SourceFile File, LedgerEntry Entry)>();
        for (int i = 0; i < known.Length; i++)
        {
            if (known[i] is not { } entry) await ChunkAsync(_listed[i], read).ConfigureAwait(false);
            else if (source.TakesFiles && entry.ContentHash is not null) toCompare.Add((_listed[i], entry));
            else done.Add(Known(_listed[i], entry));
        }
        _listed.Clear();
        await CompleteAsync(done).ConfigureAwait(false);
        await CompareAsync(toCompare, read).ConfigureAwait(false);
    }

    private async Task CompareAsync(List<(SourceFile File, LedgerEntry Entry)> files, ITargetBlock<SourceFile[]> read)
    {
        if (files.Count == 0) return;
        var done = new List<FileResult>();
        await run.Known.CompareAsync(source, files, async (file, entry, isNew) =>
        {
            if (isNew) await ChunkAsync(file, read).ConfigureAwait(false);
            else done.Add(Known(file, entry));
        }).ConfigureAwait(false);
        await CompleteAsync(done).ConfigureAwait(false);
    }

    private async ValueTask<LedgerEntry?[]> LookUpAsync()
    {
        try
        {
            return Faults.Checked(sink, await sink.LookUpAsync(_listed, run.Aborting).ConfigureAwait(false), _listed.Count);
        }
        catch (Exception error) when (Faults.IsForeign(error))
        {
            throw Faults.OfSink(sink, "looking up files in its ledger", error);
        }
    }

    private async Task ChunkAsync(SourceFile file, ITargetBlock<SourceFile[]> read)
    {
        _chunk.Add(file);
        _chunkWeight += ByteBudget.Weigh(file, _options.StreamAbove);
        if (_chunk.Count >= _options.FilesPerMessage || _chunkWeight >= _options.BytesInFlight / 4)
            await SendAsync(read).ConfigureAwait(false);
    }

    private async Task SendAsync(ITargetBlock<SourceFile[]> read)
    {
        if (_chunk.Count == 0) return;
        await budget.TakeAsync(_chunkWeight, run.Aborting).ConfigureAwait(false);
        run.Unreadable.Reading(_chunk.Count);
        await run.SendAsync(read, _chunk.ToArray()).ConfigureAwait(false);
        _chunk.Clear();
        _chunkWeight = 0;
    }

    private FileResult Known(SourceFile file, LedgerEntry entry)
    {
        run.Counter.Known(entry);
        return new FileResult(file, FileOutcome.AlreadyLoaded) { Defect = entry.Defect };
    }

    /// <summary>
    /// Completes files that the ledger knows once more at the source. That finishes the work of a run that was killed between commit and
    /// archive; for all other files it changes nothing.
    /// </summary>
    private async Task CompleteAsync(List<FileResult> known)
    {
        if (known.Count > 0) await run.SendAsync(complete, new CommittedBatch<TRow>([], known)).ConfigureAwait(false);
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
