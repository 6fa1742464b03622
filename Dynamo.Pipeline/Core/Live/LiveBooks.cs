using Dynamo.Pipeline.Run;

namespace Dynamo.Pipeline.Live;

/// <summary>
/// Brings the books in the run's row up to date: a second after something changed, and once a minute as a sign of life. What cannot be
/// written now, in an outage, is written with the next change.
/// </summary>
internal sealed class LiveBooks<TRow> : IAsyncDisposable
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(1), s_signOfLife = TimeSpan.FromMinutes(1);

#pragma warning disable CA2213 // A sink that was left alone may still ask it. It has no timer.
    private readonly CancellationTokenSource _ended = new();
#pragma warning restore CA2213
    private readonly PipelineRun _run;
    private readonly Task _reporting;

    public LiveBooks(IBatchSink<TRow> sink, PipelineRun run, LiveRun live)
    {
        _run = run;
        _reporting = Task.Run(() => ReportAsync(sink, run, live, _ended.Token));
    }

    private static async Task ReportAsync(IBatchSink<TRow> sink, PipelineRun run, LiveRun live, CancellationToken cancellationToken)
    {
        TimeProvider time = run.Options.TimeProvider;
        long at = time.GetTimestamp();
        (long, long) written = (0, 0);
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(s_soon, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            RunBooks books = run.Counter.Books();
            // Files that are under way and do not get on are no sign of life, and the call would be one for the stall watchdog.
            // A file that was deferred and is loaded now leaves their sum as it was.
            (long, long) done = (books.FilesDone, books.Deferred);
            if (done == written && (live.UnderWay > 0 || time.GetElapsedTime(at) < s_signOfLife)) continue;
            if (cancellationToken.IsCancellationRequested) return;
            at = time.GetTimestamp();
            try
            {
                await sink.ReportAsync(books, cancellationToken).ConfigureAwait(false);
                written = done;
            }
            catch (Exception error) when (error is SinkException || cancellationToken.IsCancellationRequested)
            {
                // The writer tells what is wrong with the sink.
            }
            catch (Exception error)
            {
                run.Fail(Faults.OfSink(sink, "bringing its books up to date", error));
                return;
            }
        }
    }

    /// <summary>Waits for the row that is being written.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        // A sink that does not hear its cancellation is left alone.
        await Task.WhenAny(_reporting, _run.HasLeft).ConfigureAwait(false);
    }
}
