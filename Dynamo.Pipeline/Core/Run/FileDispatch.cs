using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The step "chunk": asks the ledger which of the offered files are new and sends these to the readers in chunks, as fast as the byte
/// budget allows. Used by one caller at a time.
/// </summary>
internal sealed class FileDispatch<TRow>(
    IFileSource source,
    IBatchSink<TRow> sink,
    PipelineRun run,
    ByteBudget budget,
    ITargetBlock<SourceFile[]> read,
    ITargetBlock<CommittedBatch<TRow>> complete,
    Step reading)
{
    /// <summary>Files per query of the ledger: enough to be worth the call, few enough that reading starts soon.</summary>
    private const int LookUpFiles = 500;

    private readonly PipelineOptions _options = run.Options;
    private readonly List<SourceFile> _listed = new(LookUpFiles);
    private readonly List<SourceFile> _chunk = [];
    private long _chunkWeight;

    /// <summary>Takes a file that is ready, for the next look at the ledger.</summary>
    public Task OfferAsync(SourceFile file)
    {
        _listed.Add(file);
        return _listed.Count == LookUpFiles ? LookUpAndReadAsync() : Task.CompletedTask;
    }

    /// <summary>Sends on all that was taken.</summary>
    public async Task FlushAsync()
    {
        await LookUpAndReadAsync().ConfigureAwait(false);
        await SendAsync().ConfigureAwait(false);
    }

    /// <summary>No more files come.</summary>
    public void Complete() => read.Complete();

    /// <summary>
    /// Why an empty file waits: its upload may have begun and not gone on. Quarantined, it would lie where nobody looks for what is then
    /// written. A time in the future comes from another clock and tells nothing.
    /// </summary>
    public string? EmptyReason(SourceFile file)
    {
        if (file.Size != 0 || _options.EmptyFileWait == TimeSpan.Zero) return null;
        TimeSpan age = _options.TimeProvider.GetUtcNow().UtcDateTime - file.ModifiedUtc;
        return age < _options.EmptyFileWait ? $"empty, and may still be written: it waits until it is {_options.EmptyFileWait} old" : null;
    }

    /// <summary>Sends a file to the readers, with others.</summary>
    public async Task ReadAsync(SourceFile file)
    {
        _chunk.Add(file);
        _chunkWeight += ByteBudget.Weigh(file, _options.StreamAbove);
        if (_chunk.Count >= _options.FilesPerMessage || _chunkWeight >= _options.BytesInFlight / 4)
            await SendAsync().ConfigureAwait(false);
    }

    private async Task LookUpAndReadAsync()
    {
        if (_listed.Count == 0) return;
        using Step.Span working = run.Chunking.Work();
        if (await LookUpAsync().ConfigureAwait(false) is not { } known)
        {
            foreach (SourceFile file in _listed) run.Defer(file, "the sink failed to look it up, and the watch was stopped");
            _listed.Clear();
            return;
        }
        var done = new List<FileResult>();
        var toCompare = new List<(SourceFile File, LedgerEntry Entry)>();
        for (int i = 0; i < known.Length; i++)
        {
            if (known[i] is not { } entry) await ReadAsync(_listed[i]).ConfigureAwait(false);
            else if (source.TakesFiles && entry.ContentHash is not null) toCompare.Add((_listed[i], entry));
            else done.Add(Known(_listed[i], entry));
        }
        _listed.Clear();
        await CompleteAsync(done).ConfigureAwait(false);
        await CompareAsync(toCompare).ConfigureAwait(false);
    }

    private async Task CompareAsync(List<(SourceFile File, LedgerEntry Entry)> files)
    {
        if (files.Count == 0) return;
        var done = new List<FileResult>();
        await run.Known.CompareAsync(source, files, async (file, entry, isNew) =>
        {
            if (isNew) await ReadAsync(file).ConfigureAwait(false);
            else done.Add(Known(file, entry));
        }).ConfigureAwait(false);
        await CompleteAsync(done).ConfigureAwait(false);
    }

    /// <summary>Asks the ledger. A watch asks until it has an answer; if it is stopped meanwhile, there is none.</summary>
    private async ValueTask<LedgerEntry?[]?> LookUpAsync()
    {
        bool hasFailed = false;
        for (TimeSpan pause = _options.RetryDelay; ; pause = run.Longer(pause))
        {
            try
            {
                LedgerEntry?[]? known = await sink.LookUpAsync(_listed, run.Aborting).ConfigureAwait(false);
                known = Faults.Checked(sink, known, _listed.Count);
                if (hasFailed) run.WaitIsOver();
                else run.Watcher?.SinkAnswers();
                return known;
            }
            catch (SinkException error) when (run.Watcher is not null && !error.IsFinal)
            {
                hasFailed = true;
                run.Retries($"the ledger is asked again: {error.Message}", pause);
            }
            catch (Exception error) when (Faults.IsForeign(error))
            {
                throw Faults.OfSink(sink, "looking up files in its ledger", error);
            }
            await run.PauseAsync("the sink, which failed to look up files", pause).ConfigureAwait(false);
            if (run.Stopping.IsCancellationRequested) return null;
        }
    }

    private async Task SendAsync()
    {
        if (_chunk.Count == 0) return;
        await budget.TakeAsync(_chunkWeight, run.Aborting).ConfigureAwait(false);
        run.Unreadable.Reading(_chunk.Count);
        Task sending = run.SendAsync(read, _chunk.ToArray());
        if (!sending.IsCompletedSuccessfully) await ForRoomAsync(sending).ConfigureAwait(false);
        _chunk.Clear();
        _chunkWeight = 0;
    }

    /// <summary>Waits for the readers to take a chunk. Those that have none do not get on either: what they read is not taken.</summary>
    private async Task ForRoomAsync(Task sending)
    {
        reading.HasNoRoom = true;
        try
        {
            await sending.ConfigureAwait(false);
        }
        finally
        {
            reading.HasNoRoom = false;
        }
    }

    private FileResult Known(SourceFile file, LedgerEntry entry)
    {
        run.Counter.Known(entry);
        return new FileResult(file, FileOutcome.AlreadyLoaded) { Defect = entry.Defect, ImportedUtc = entry.ImportedUtc };
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
