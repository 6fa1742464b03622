using System.Threading.Channels;
using Dynamo.Pipeline.Run;
using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline.Live;

/// <summary>
/// The step "list" of a worker: offers the files of chunks that somebody hands out, and tells each chunk when all its files have an
/// outcome.
/// </summary>
internal sealed class ChunkLister<TRow>
{
    private static readonly TimeSpan s_soon = TimeSpan.FromMilliseconds(50), s_tick = TimeSpan.FromSeconds(1);

    private readonly IAsyncEnumerable<FileChunk> _chunks;
    private readonly PipelineRun _run;
    private readonly LiveRun _live;
    private readonly FileDispatch<TRow> _dispatch;
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, OpenChunk> _files = [];
    private readonly Channel<OpenChunk> _imported = Channel.CreateUnbounded<OpenChunk>(new UnboundedChannelOptions { SingleReader = true });

    public ChunkLister(IAsyncEnumerable<FileChunk> chunks, PipelineRun run, LiveRun live, FileDispatch<TRow> dispatch)
    {
        (_chunks, _run, _live, _dispatch) = (chunks, run, live, dispatch);
        live.Ended = Ended;
    }

    /// <summary>Offers chunks until there are no more or the run is asked to stop, then completes the readers' block.</summary>
    public async Task ListAsync(string source, string sink)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_run.Stopping, _run.Aborting);
        _run.Unreadable.LastTry();
        _live.Tell(new WatchStarted(_run.Options.TimeProvider.GetUtcNow().UtcDateTime, source, sink, IsTold: true));
        IAsyncEnumerator<FileChunk> chunks = _chunks.GetAsyncEnumerator(ended.Token);
        await using (chunks.ConfigureAwait(false))
        {
            try
            {
                while (await NextAsync(chunks).ConfigureAwait(false) && !ended.IsCancellationRequested)
                    await OfferAsync(chunks.Current, ended.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (ended.IsCancellationRequested)
            {
                // What was offered is imported. The rest goes to another worker.
            }
        }
        await _dispatch.FlushAsync().ConfigureAwait(false);
        _run.ListingDone = true;
        _dispatch.Complete();
    }

    /// <summary>Tells chunks that they are imported, until <see cref="NoMore"/>.</summary>
    public async Task TellAsync()
    {
        await foreach (OpenChunk chunk in _imported.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            await chunk.Chunk.ImportedAsync(chunk.Results, _run.Leaving).ConfigureAwait(false);
            _run.Progressed();
        }
    }

    /// <summary>All that was offered is through the graph.</summary>
    public void NoMore() => _imported.Writer.TryComplete();

    private async Task<bool> NextAsync(IAsyncEnumerator<FileChunk> chunks)
    {
        Task<bool> next = chunks.MoveNextAsync().AsTask();
        while (!next.IsCompleted)
        {
            // A step that hangs makes the run stall. Nothing under way is no stall.
            if (_live.UnderWay == 0) _run.Progressed();
            await Task.WhenAny(next, Task.Delay(s_tick, _run.Options.TimeProvider)).ConfigureAwait(false);
        }
        return await next.ConfigureAwait(false);
    }

    private async Task OfferAsync(FileChunk chunk, CancellationToken cancellationToken)
    {
        using Step.Span working = _run.Listing.Work();
        var open = new OpenChunk(chunk);
        foreach (SourceFile file in chunk.Files)
        {
            // The same file in two chunks: the second one waits, and finds it in the ledger.
            while (!_live.TryTake(file, isTold: true))
            {
                await _dispatch.FlushAsync().ConfigureAwait(false);
                await _live.WaitAsync(s_soon, cancellationToken).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                open.MayBeKnown = true;
            }
            lock (_gate) _files[FileKeys.Of(file)] = open;
            _run.Counter.Listed();
            _run.Progressed();
            Task offering = open.MayBeKnown ? _dispatch.OfferAsync(file) : _dispatch.ReadAsync(file);
            using Step.Span waiting = _run.Listing.Wait();
            await offering.ConfigureAwait(false);
        }
        await _dispatch.FlushAsync().ConfigureAwait(false);
    }

    private void Ended(FileResult result)
    {
        lock (_gate)
        {
            if (!_files.Remove(FileKeys.Of(result.File), out OpenChunk? chunk) || !chunk.Add(result)) return;
            _imported.Writer.TryWrite(chunk);
        }
    }

    private sealed class OpenChunk(FileChunk chunk)
    {
        private readonly FileResult?[] _results = new FileResult?[chunk.Files.Count];
        private int _open = chunk.Files.Count;

        public FileChunk Chunk => chunk;

        public bool MayBeKnown { get; set; } = chunk.MayBeKnown;

        public IReadOnlyList<FileResult> Results => _results!;

        /// <returns>Whether it was the last one.</returns>
        public bool Add(FileResult result)
        {
            for (int i = 0; i < _results.Length; i++)
            {
                SourceFile file = chunk.Files[i];
                if (_results[i] is not null || file.Path != result.File.Path || file.Size != result.File.Size
                    || file.ModifiedUtc != result.File.ModifiedUtc) continue;
                _results[i] = result;
                return --_open == 0;
            }
            return false;
        }
    }
}
