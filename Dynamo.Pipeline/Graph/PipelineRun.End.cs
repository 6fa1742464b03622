namespace Dynamo.Pipeline;

/// <content>How a run ends: its blocks are awaited, and its row in the sink is closed whatever happened.</content>
internal sealed partial class PipelineRun
{
    /// <summary>Waits for all, and after an abort for at most the stop deadline: a block that ignores its cancellation must not make a hang of an error.</summary>
    public async Task CompletedAsync(IReadOnlyList<Task> tasks)
    {
        Task all = Task.WhenAll(tasks);
        var aborted = new TaskCompletionSource();
        using (Aborting.Register(aborted.SetResult))
            await Task.WhenAny(all, aborted.Task).ConfigureAwait(false);
        if (Aborting.IsCancellationRequested)
            await Task.WhenAny(all, Task.Delay(Options.StopDeadline, Options.Time, CancellationToken.None)).ConfigureAwait(false);
        else
            await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (all.IsFaulted) Fail(all.Exception);
        _fault?.Throw();
        IsComplete = ListingDone && all.IsCompletedSuccessfully;
    }

    /// <summary>Runs the import and closes the run's row in the sink, whatever happened; the first error is never hidden by a second one.</summary>
    public async Task<PipelineResult> RecordAsync<TRow>(IBatchSink<TRow> sink, Func<Task> import)
    {
        string outcome = "failed";
        try
        {
            await import().ConfigureAwait(false);
            if (IsComplete) Books.Check();
            outcome = IsComplete ? "completed" : "cancelled";
        }
        catch (Exception error)
        {
            throw WithResult(error);
        }
        finally
        {
            await EndAsync(sink, outcome).ConfigureAwait(false);
        }
        return Result();
    }

    private async Task EndAsync<TRow>(IBatchSink<TRow> sink, string outcome)
    {
        // A completed run waits for the database as long as the sink does; one that ends early has a deadline of its own.
        using var deadline = new CancellationTokenSource(outcome == "completed" ? Timeout.InfiniteTimeSpan : Options.StopDeadline, Options.Time);
        try
        {
            await sink.EndRunAsync(outcome, Books, outcome == "completed" ? Aborting : deadline.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (outcome == "failed" && error is not OutOfMemoryException)
        {
            // The run failed already, most likely for the same reason.
        }
        catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
        {
            // What is committed is safe. The next run finds this one open and closes it as interrupted.
        }
        catch (Exception error)
        {
            throw WithResult(error);
        }
    }

    private PipelineException WithResult(Exception error)
    {
        PipelineException known = error as PipelineException ?? new PipelineException(error.Message, error);
        known.Result ??= Result();
        return known;
    }
}
