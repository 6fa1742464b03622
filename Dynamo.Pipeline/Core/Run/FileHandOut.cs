using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The step "hand_out", in place of reading and writing: gives chunks to workers elsewhere and counts what they report. Only the files that
/// no worker can import go on, to be entered in the ledger as bad.
/// </summary>
internal sealed class FileHandOut<TRow>(
    IFileWorkers workers,
    IBatchSink<TRow> sink,
    PipelineRun run,
    ByteBudget budget,
    Action<CommittedBatch<TRow>>? told,
    Step step)
{
    /// <summary>How long a dispatcher that is stopped waits for its workers. What they do then, the ledger tells the next one.</summary>
    private static readonly TimeSpan s_mostForWorkers = TimeSpan.FromSeconds(5);

    /// <summary>A sign of life while workers are waited for. Whether they are alive is the business of whoever hands out.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public async Task<IEnumerable<FileRows<TRow>>> ImportAsync(SourceFile[] chunk)
    {
        using Step.Span working = step.Work();
        try
        {
            SourceFile[] files = [.. chunk.Select(file => run.Known.HasNewContent(file) ? file with { HasNewContent = true } : file)];
            return await HandOutAsync(files).ConfigureAwait(false) is { } done
                ? await CountAsync(chunk, done).ConfigureAwait(false)
                : [];
        }
        finally
        {
            run.Unreadable.Read(chunk.Length);
        }
    }

    private async Task<ChunkResult?> HandOutAsync(SourceFile[] files)
    {
        TimeSpan rest = run.Options.StopDeadline / 4;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(run.Aborting);
        using var stopping = run.Stopping.Register(() => ended.CancelAfter(rest < s_mostForWorkers ? rest : s_mostForWorkers));
        try
        {
            Task<ChunkResult> importing = workers.ImportAsync(files, ended.Token).AsTask();
            using Step.Span waiting = step.Wait();
            while (!importing.IsCompleted)
            {
                run.BePatient(2 * s_patience);
                await ((Task)importing).WaitAsync(s_patience, run.Options.TimeProvider, ended.Token)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (ended.IsCancellationRequested) break;
            }
            return await importing.WaitAsync(ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested && !run.Aborting.IsCancellationRequested)
        {
            foreach (SourceFile file in files) run.Defer(file, "it is handed out, and the dispatcher was stopped");
            Release(files);
            return null;
        }
    }

    private async Task<IEnumerable<FileRows<TRow>>> CountAsync(SourceFile[] chunk, ChunkResult done)
    {
        Dictionary<(string, long, DateTime), SourceFile> open = chunk.ToDictionary(Key);
        var results = new List<FileResult>(chunk.Length);
        foreach (FileResult result in done.Results)
            if (open.Remove(Key(result.File), out SourceFile? file)) results.Add(result with { File = file });
        var refused = new List<FileRows<TRow>>();
        foreach (CompletedFile one in done.Refused)
        {
            if (!open.Remove(Key(one.File), out SourceFile? file)) continue;
            var rows = new FileRows<TRow>(file, new RowBatch<TRow>(0)) { HasNewContent = run.Known.HasNewContent(file) };
            rows.Quarantine(one.Defect ?? new Defect("no worker can import it"));
            refused.Add(rows);
        }
        if (open.Count > 0)
            throw new PipelineException($"The workers ({workers.GetType().Name}) did not say what became of {open.Values.First().Path}.");
        await AskLedgerAsync(results).ConfigureAwait(false);
        Count(results);
        Release(results.Select(result => result.File));
        return refused;
    }

    /// <summary>A file that a worker did not find may have been imported and taken away by another one, of the same chunk.</summary>
    private async Task AskLedgerAsync(List<FileResult> results)
    {
        int[] deferred = [.. Enumerable.Range(0, results.Count).Where(i => results[i].Outcome == FileOutcome.Deferred)];
        if (deferred.Length == 0) return;
        try
        {
            SourceFile[] files = [.. deferred.Select(i => results[i].File)];
            LedgerEntry?[] known = await sink.LookUpAsync(files, run.Aborting).ConfigureAwait(false);
            for (int i = 0; i < files.Length; i++)
            {
                if (known[i] is not { } entry || run.Known.HasNewContent(files[i])) continue;
                results[deferred[i]] = new FileResult(files[i], FileOutcome.AlreadyLoaded)
                {
                    Defect = entry.Defect,
                    ImportedUtc = entry.ImportedUtc,
                };
            }
        }
        catch (SinkException error) when (error is { IsFinal: false })
        {
            // They stay deferred. When they are listed again, the ledger is asked again.
        }
    }

    private void Count(List<FileResult> results)
    {
        foreach (FileResult result in results)
        {
            if (result.Outcome == FileOutcome.Deferred)
            {
                run.Defer(result.File, result.Defect?.Problem ?? "a worker left it for later");
                continue;
            }
            if (result.Outcome is FileOutcome.Loaded or FileOutcome.Quarantined)
                run.Counter.Read(result.Inserted + result.Updated + result.Unchanged + result.Rejected);
            run.Count(result);
        }
        run.Progressed();
        FileResult[] committed = [.. results.Where(result => result.Outcome != FileOutcome.Deferred)];
        run.Watcher?.Completed(committed, isDone: true);
        if (committed.Length > 0) told?.Invoke(new CommittedBatch<TRow>([], committed));
    }

    private void Release(IEnumerable<SourceFile> files) =>
        budget.Release(files.Sum(file => ByteBudget.Weigh(file, run.Options.StreamAbove)));

    private static (string Path, long Size, DateTime ModifiedUtc) Key(SourceFile file) => (file.Path, file.Size, file.ModifiedUtc);
}
