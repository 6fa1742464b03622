namespace Dynamo.Pipeline.Run;

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
        new(new ReaderController(source.OpensInFlight > 1 ? MostOf(source) : Environment.ProcessorCount, MostOf(source)), options.TimeProvider);

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

/// <summary>
/// Decides how many readers work at once: measured throughput in, next limit out; no clock, no threads. It climbs by half as long as that reads a tenth faster,
/// goes back when it does not, and tries again after a while that doubles with every vain attempt, in case the source has changed. It never goes below where it began.
/// </summary>
internal sealed class ReaderController
{
    private const double WorthIt = 1.1;
    private const int LongestHold = 64;

    private readonly int _least;
    private readonly int _most;
    private double _known;
    private int _before;
    private int _hold = 1;
    private int _held;

    /// <summary>Begins at a number of readers, which is the fewest there will be.</summary>
    public ReaderController(int least, int most) => (_least, _most, Limit) = (Math.Min(least, most), most, Math.Min(least, most));

    /// <summary>How many readers may work at once.</summary>
    public int Limit { get; private set; }

    private bool IsTrying => _before > 0;

    /// <summary>Takes what was read with <see cref="Limit"/> readers since the last call, in any unit a second.</summary>
    public int Next(double throughput)
    {
        if (IsTrying) Judge(throughput);
        else if (++_held >= _hold) Try(throughput);
        return Limit;
    }

    private void Try(double throughput)
    {
        _held = 0;
        if (Limit == _most) return;
        (_known, _before) = (throughput, Limit);
        Limit = Math.Min(_most, (Limit * 3 / 2) + (Limit % 2));
    }

    private void Judge(double throughput)
    {
        if (throughput >= _known * WorthIt)
        {
            (_before, _hold, _held) = (0, 1, 0);
            Try(throughput);
            return;
        }
        Limit = Math.Max(_least, _before);
        (_before, _held, _hold) = (0, 0, Math.Min(LongestHold, _hold * 2));
    }
}
