namespace Dynamo.Pipeline;

/// <summary>
/// Lets as many readers read as a <see cref="ReaderController"/> says, and measures for it what they read. The readers' block has room for the most there may be;
/// those beyond the limit wait here with a chunk of which nothing is opened yet. Thread-safe.
/// </summary>
internal sealed class ReaderGate(ReaderController controller, TimeProvider time)
{
    /// <summary>A measurement is at least this long, and every reader has had two chunks in it, or it says nothing. Trying costs a little, so that a run of a moment goes without.</summary>
    private static readonly TimeSpan s_window = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private long _since = time.GetTimestamp();
    private long _work;
    private int _chunks;
    private int _reading;

    /// <summary>For a run with <see cref="PipelineOptions.Readers"/> auto. A distant source has a window of its own: there, all readers fill it from the beginning.</summary>
    public static ReaderGate For(IFileSource source, PipelineOptions options) =>
        new(new ReaderController(source.OpensInFlight > 1 ? MostOf(source) : Environment.ProcessorCount, MostOf(source)), options.Time);

    /// <summary>The most readers that there may be: a share may want several for each processor, a server far away many.</summary>
    public static int MostOf(IFileSource source) => Math.Max(source.OpensInFlight > 1 ? 16 : 1, 4 * Environment.ProcessorCount);

    /// <summary>Waits until there are fewer readers than there may be.</summary>
    public Task EnterAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_reading < controller.Limit)
            {
                _reading++;
                return Task.CompletedTask;
            }
            var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(entered);
            return entered.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>A reader is done with a chunk, which was so much work.</summary>
    public void Leave(long work)
    {
        lock (_lock)
        {
            _reading--;
            _work += work;
            _chunks++;
            Measure();
            // Whom a cancellation took away meanwhile does not matter: it ends the run.
            for (; _reading < controller.Limit && _waiting.TryDequeue(out TaskCompletionSource? next); _reading++) next.SetResult();
        }
    }

    private void Measure()
    {
        if (_chunks < 2 * controller.Limit) return;
        TimeSpan elapsed = time.GetElapsedTime(_since);
        if (elapsed < s_window) return;
        controller.Next(_work / elapsed.TotalSeconds);
        (_since, _work, _chunks) = (time.GetTimestamp(), 0, 0);
    }
}
