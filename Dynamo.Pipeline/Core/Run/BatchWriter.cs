using System.Diagnostics;
using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Telemetry;
using Polly;
using Polly.Retry;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The step "write": writes one batch in one transaction. After a transient error it writes the whole batch again.
/// Counts what is committed and sends it on, so that its files are completed at the source.
/// </summary>
internal sealed class BatchWriter<TRow>(
    IBatchSink<TRow> sink,
    PipelineRun run,
    RowBatcher<TRow> batcher,
    ITargetBlock<CommittedBatch<TRow>> complete,
    Step step)
{
    /// <summary>When the first attempt failed.</summary>
    private static readonly ResiliencePropertyKey<long> s_failing = new("dynamo.failing");

    /// <summary>How often a streamed file is read again, unless the options say how often a batch is written again.</summary>
    private const int MostReadings = 5;

    private readonly Lazy<ResiliencePipeline> _retry = new(() => Retry(run));

    public async Task WriteAsync(FileRows<TRow>[] files)
    {
        using TraceLane? lane = run.Options.Trace?.Writes(files);
        using Step.Span working = step.Work();
        batcher.Took(files.Length);
        foreach (FileRows<TRow> file in files) file.Judge(run.Options.MaxBadRows);
        FileResult[] results = await WriteTracedAsync(files).ConfigureAwait(false);
        batcher.Wrote();
        for (int i = 0; i < files.Length; i++)
        {
            if (results[i].Outcome is FileOutcome.Loaded or FileOutcome.Quarantined) run.Counter.Read(files[i].RowsRead);
            if (files[i].RowsSkipped + files[i].RowsFlagged > 0)
                results[i] = results[i] with { Skipped = files[i].RowsSkipped, Flagged = files[i].RowsFlagged, Flags = files[i].Flags };
            run.Count(results[i]);
        }
        run.Progressed();
        run.WaitIsOver();
        MeasureArrivals(results);
        using Step.Span waiting = step.Wait();
        await run.SendAsync(complete, new CommittedBatch<TRow>(files, results), run.Leaving).ConfigureAwait(false);
    }

    private async Task<FileResult[]> WriteTracedAsync(FileRows<TRow>[] files)
    {
        using Activity? trace = PipelineTraces.Write(files, run.Wave);
        long began = run.Options.TimeProvider.GetTimestamp();
        try
        {
            FileResult[] results = await WriteOrDeferAsync(files).ConfigureAwait(false);
            PipelineMeter.Wrote(run.Options.TimeProvider.GetElapsedTime(began));
            return results;
        }
        catch (Exception error)
        {
            trace?.SetStatus(ActivityStatusCode.Error, error.Message);
            throw;
        }
    }

    private void MeasureArrivals(FileResult[] results)
    {
        if (!PipelineMeter.MeasuresFiles) return;
        DateTime now = run.Options.TimeProvider.GetUtcNow().UtcDateTime;
        foreach (FileResult result in results)
            if (result.Outcome == FileOutcome.Loaded) PipelineMeter.Committed(now - result.File.ModifiedUtc);
    }

    /// <summary>Writes the batch. A streamed file that the source fails to give again and again is bad, or deferred.</summary>
    private async Task<FileResult[]> WriteOrDeferAsync(FileRows<TRow>[] files)
    {
        try
        {
            return await WriteWithRetriesAsync(files).ConfigureAwait(false);
        }
        catch (UnreadableFileException error) when (files is [{ IsStreamed: true }])
        {
            if (run.Unreadable.Failed(error) is not { } defect || run.Watcher is not null)
                return [new FileResult(files[0].File, FileOutcome.Deferred) { Defect = new Defect(error.Message) }];
            files[0].Quarantine(defect);
            return await WriteWithRetriesAsync(files).ConfigureAwait(false);
        }
        catch (SourceException error) when (run.Watcher is not null && files is [{ IsStreamed: true }])
        {
            run.Watcher.SourceFailed(error);
            return [new FileResult(files[0].File, FileOutcome.Deferred) { Defect = new Defect(error.Message) }];
        }
    }

    /// <summary>
    /// Polly is asked only when an attempt has failed, which it then counts as its first. To make its pipeline takes longer than to import
    /// a few files, because it checks its options by reflection.
    /// </summary>
    private async Task<FileResult[]> WriteWithRetriesAsync(FileRows<TRow>[] files)
    {
        Exception? failed;
        long failing;
        try
        {
            return await WriteOnceAsync(files, run.Aborting).ConfigureAwait(false);
        }
        catch (Exception error) when (IsWorthARetry(run, error) && run.Options.WriteRetries != 0)
        {
            (failed, failing) = (error, run.Options.TimeProvider.GetTimestamp());
        }
        ResilienceContext context = ResilienceContextPool.Shared.Get(run.Aborting);
        context.Properties.Set(s_failing, failing);
        try
        {
            return await _retry.Value.ExecuteAsync(
                attempt => Interlocked.Exchange(ref failed, null) is { } first
                    ? ValueTask.FromException<FileResult[]>(first)
                    : WriteOnceAsync(files, attempt.CancellationToken),
                context).ConfigureAwait(false);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>
    /// Calls the sink once, and for a bad streamed file twice. Such a file is alone in its batch, and the sink has rolled back when
    /// it lets the file's error pass; the second call has the file as quarantined. A streamed file that changed is deferred.
    /// </summary>
    private async ValueTask<FileResult[]> WriteOnceAsync(FileRows<TRow>[] files, CancellationToken cancellationToken)
    {
        try
        {
            FileResult[] results = await sink.WriteAsync(files, cancellationToken).ConfigureAwait(false);
            return Faults.Checked(sink, results, files.Length);
        }
        catch (Exception error) when (Faults.IsForeign(error))
        {
            throw Faults.OfSink(sink, $"writing {files.Length} files", error);
        }
        catch (BadFileException bad) when (files is [{ IsStreamed: true, Defect: null }])
        {
            files[0].Quarantine(bad.Defect);
            return Faults.Checked(sink, await sink.WriteAsync(files, cancellationToken).ConfigureAwait(false), files.Length);
        }
        catch (FileChangedException changed) when (files is [{ IsStreamed: true }])
        {
            return [new FileResult(files[0].File, FileOutcome.Deferred) { Defect = new Defect(changed.Message) }];
        }
    }

    private static ResiliencePipeline Retry(PipelineRun run) => new ResiliencePipelineBuilder { TimeProvider = run.Options.TimeProvider }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome.Exception switch
            {
                UnreadableFileException => run.Options.WriteRetries is not null || attempt.AttemptNumber < MostReadings,
                { } error => IsWorthARetry(run, error) && IsInTime(run.Options, attempt.Context),
                null => false,
            }),
            MaxRetryAttempts = run.Options.WriteRetries ?? int.MaxValue,
            Delay = run.Options.RetryDelay,
            MaxDelay = run.LongestPause,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            OnRetry = retry =>
            {
                run.Retries($"a batch is written again: {retry.Outcome.Exception?.Message}", retry.RetryDelay);
                return default;
            },
        })
        .Build();

    private static bool IsInTime(PipelineOptions options, ResilienceContext context) =>
        options.RetryFor == Timeout.InfiniteTimeSpan
        || options.TimeProvider.GetElapsedTime(context.Properties.GetValue(s_failing, 0)) < options.RetryFor;

    /// <summary>A watch tries again nearly whatever the sink says: somebody may free the disk or give the right.</summary>
    private static bool IsWorthARetry(PipelineRun run, Exception error) =>
        error is UnreadableFileException
        || (error is SinkException failed && (failed.IsTransient || (run.Watcher is not null && !failed.IsFinal)));
}
