namespace Dynamo.Pipeline.Run;

/// <summary>
/// Lets as many readers work as a <see cref="ReaderController"/> says, and measures for it how much they read.
/// The readers' block is sized for the most readers there can be; those above the limit wait here, with a chunk of which
/// no file is open yet. Thread-safe.
/// </summary>
internal sealed class ReaderGate(ReaderController controller, TimeProvider time)
{
    /// <summary>How many readers may work at once at present.</summary>
    public int Limit => controller.Limit;

    /// <summary>
    /// The shortest measurement. It must also contain two chunks for every reader, otherwise it means nothing.
    /// Trying another limit costs a little, so a run shorter than this never tries.
    /// </summary>
    private static readonly TimeSpan s_window = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private long _since = time.GetTimestamp();
    private long _work;
    private int _chunks;
    private int _reading;

    /// <summary>
    /// The gate of a run whose <see cref="PipelineOptions.Readers"/> is <see langword="null"/> (automatic).
    /// A remote source limits its own requests, so there all readers work from the beginning.
    /// </summary>
    public static ReaderGate For(IFileSource source, PipelineOptions options)
    {
        int least = source.OpensInFlight > 1 ? MostOf(source) : Environment.ProcessorCount;
        return new ReaderGate(new ReaderController(least, MostOf(source)), options.TimeProvider);
    }

    /// <summary>The most readers there can be: a network share can use several for each processor, a remote server many.</summary>
    public static int MostOf(IFileSource source) => Math.Max(source.OpensInFlight > 1 ? 16 : 1, 4 * Environment.ProcessorCount);

    /// <summary>Waits until fewer readers work than the limit allows.</summary>
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

    /// <summary>A reader has finished a chunk.</summary>
    /// <param name="work">How much it read, in bytes of the budget.</param>
    public void Leave(long work)
    {
        lock (_lock)
        {
            _reading--;
            _work += work;
            _chunks++;
            Measure();
            // A reader whose wait was cancelled may still be in the queue. That does no harm: such a cancellation ends the run.
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
/// Decides how many readers work at once: it takes the measured throughput and gives the next limit, without clock or threads.
/// It raises the limit by half as long as that makes reading at least a tenth faster, and goes back when it does not.
/// After a failed attempt it waits before the next one, twice as long each time, in case the source has changed.
/// The limit never falls below the one it began with. Not thread-safe: the gate calls it under its lock.
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

    /// <summary>Begins with the fewest readers there will be.</summary>
    public ReaderController(int least, int most) => (_least, _most, Limit) = (Math.Min(least, most), most, Math.Min(least, most));

    /// <summary>How many readers may work at once.</summary>
    public int Limit { get; private set; }

    private bool IsTrying => _before > 0;

    /// <summary>Takes the throughput with <see cref="Limit"/> readers since the last call and returns the next limit.</summary>
    /// <param name="throughput">Work per second, always in the same unit.</param>
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
