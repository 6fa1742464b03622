namespace Dynamo.Pipeline;

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
