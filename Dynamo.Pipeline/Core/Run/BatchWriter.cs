using System.Threading.Tasks.Dataflow;
using Polly;
using Polly.Retry;

namespace Dynamo.Pipeline.Run;

/// <summary>write: one batch, one transaction, again as a whole after a transient error. What is committed is counted and sent on to be settled.</summary>
internal sealed class BatchWriter<TRow>(IBatchSink<TRow> sink, PipelineRun run, RowBatcher<TRow> batcher, ITargetBlock<CommittedBatch<TRow>> settle)
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);

    private readonly ResiliencePipeline _retry = Retry(run.Options);

    public async Task WriteAsync(FileRows<TRow>[] files)
    {
        using TraceLane? lane = run.Options.Trace?.Writes(files);
        batcher.Took(files.Length);
        FileResult[] results = await _retry.ExecuteAsync(token => sink.WriteAsync(files, token), run.Aborting).ConfigureAwait(false);
        batcher.Wrote();
        for (int i = 0; i < files.Length; i++)
        {
            if (results[i].Outcome is FileOutcome.Loaded or FileOutcome.Quarantined) run.Books.CountRead(files[i].RowsRead);
            if (files[i].RowsSkipped + files[i].RowsFlagged > 0)
                results[i] = results[i] with { Skipped = files[i].RowsSkipped, Flagged = files[i].RowsFlagged, Flags = files[i].Flags };
            run.Count(results[i]);
        }
        run.Progressed();
        await run.SendAsync(settle, new CommittedBatch<TRow>(files, results)).ConfigureAwait(false);
    }

    private static ResiliencePipeline Retry(PipelineOptions options) => options.WriteRetries == 0
        ? ResiliencePipeline.Empty
        : new ResiliencePipelineBuilder { TimeProvider = options.Time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<SinkException>(error => error.IsTransient),
                MaxRetryAttempts = options.WriteRetries,
                Delay = options.RetryDelay,
                MaxDelay = s_longestPause,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
            })
            .Build();
}
