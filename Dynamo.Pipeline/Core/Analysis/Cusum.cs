namespace Dynamo.Pipeline.Analysis;

/// <summary>
/// One-sided cumulative sum that finds a lasting rise in standardised values, and sets its own threshold from a wanted rate of false
/// alarms. S = max(0, S + z − k), an alarm is S &gt; h (E. S. Page, Continuous Inspection Schemes, Biometrika 41, 1954). Not thread-safe.
/// </summary>
/// <remarks>
/// For independent normal values alarms come 2k²·exp(−2k(h + 1.166)) times a value (D. Siegmund, Sequential Analysis, 1985). Real residuals
/// are neither independent nor normal, so the highest S of each quiet day is kept, for twelve weeks: median and ninth decile give a Gumbel
/// distribution, whose tail says which h is exceeded as rarely as wanted; and no more of these days were above it than wanted, and one.
/// The highest of the three counts. A day with a leak is none of the quiet ones; its sum is not recorded.
/// </remarks>
public sealed class Cusum
{
    private const int Days = 84;

    /// <summary>As many days of measured maxima count as much as theory does.</summary>
    private const int PriorDays = 14;

    private readonly float[] _maxima = new float[Days];
    private readonly double _drift;
    private readonly int _valuesPerDay;
    private int _days;

    /// <summary>The quiet days' maxima in order, and the location and scale of a Gumbel distribution like them.</summary>
    private float[] _sorted = [];
    private double _location, _scale;

    /// <summary>Of the present day, as if no alarm had set it back.</summary>
    private double _shadow, _maximum, _pending;

    /// <summary>Makes one at zero.</summary>
    /// <param name="drift">k: half the rise to find, in standard deviations. Smaller finds smaller rises, later.</param>
    /// <param name="valuesPerDay">How many values a day has.</param>
    public Cusum(double drift, int valuesPerDay)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(drift);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(valuesPerDay);
        (_drift, _valuesPerDay) = (drift, valuesPerDay);
        Calibrate();
    }

    /// <summary>S.</summary>
    public double Sum { get; private set; }

    /// <summary>How many values ago S was 0 last: the rise began with the value after that.</summary>
    public int Rise { get; private set; }

    /// <summary>Takes the next value.</summary>
    /// <param name="value">In standard deviations. <see cref="double.NaN"/>, missing, changes nothing.</param>
    /// <returns>S.</returns>
    public double Add(double value)
    {
        if (double.IsNaN(value))
        {
            if (Sum > 0) Rise++;
            return Sum;
        }
        _shadow = Math.Max(0, _shadow + value - _drift);
        _maximum = Math.Max(_maximum, _shadow);
        Sum = Math.Max(0, Sum + value - _drift);
        Rise = Sum > 0 ? Rise + 1 : 0;
        return Sum;
    }

    /// <summary>S is 0 again: what was found is accounted for.</summary>
    public void Reset() => (Sum, Rise) = (0, 0);

    /// <summary>Ends a day, and sets the threshold anew if it was a quiet one.</summary>
    /// <param name="isQuiet">
    /// Whether the day shows what happens without a leak; <see langword="null"/>: the next day that is known will tell for it too.
    /// </param>
    public void EndDay(bool? isQuiet)
    {
        if (isQuiet is true)
        {
            if (_pending > 0) _maxima[_days++ % Days] = (float)_pending;
            _maxima[_days++ % Days] = (float)_maximum;
            Calibrate();
        }
        _pending = isQuiet is null ? Math.Max(_pending, _maximum) : 0;
        (_shadow, _maximum) = (Sum, Sum);
    }

    /// <summary>The threshold that is exceeded without a leak as often as wanted.</summary>
    /// <param name="alarmsPerYear">How often.</param>
    public double Threshold(double alarmsPerYear)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(alarmsPerYear);
        double perDay = alarmsPerYear / 365.25;
        int above = 1 + (int)(perDay * _sorted.Length);
        double seen = above < _sorted.Length ? _sorted[^(above + 1)] : 0;
        return Math.Max(Math.Max(Theory(perDay), _location - _scale * Math.Log(perDay)), seen);
    }

    /// <summary>The probability that S stays below a value for a month without a leak, by the Gumbel distribution.</summary>
    internal double Confidence(double sum) =>
        Math.Exp(-30 * Math.Exp(-(sum - Math.Max(_location, Theory(1))) / Math.Max(_scale, 1 / (2 * _drift))));

    private void Calibrate()
    {
        int count = Math.Min(_days, Days);
        float[] sorted = _maxima[..count];
        Array.Sort(sorted);
        _sorted = sorted;
        double weight = count / (double)(count + PriorDays);
        double median = Theory(-Math.Log(0.5)), ninth = Theory(-Math.Log(0.9));
        if (count > 0)
        {
            median += weight * (Robust.Quantile(sorted, 0.5) - median);
            ninth += weight * (Robust.Quantile(sorted, 0.9) - ninth);
        }
        _scale = (ninth - median) / (Gumbel(0.9) - Gumbel(0.5));
        _location = ninth - _scale * Gumbel(0.9);
    }

    private double Theory(double perDay) =>
        Math.Max(_drift, Math.Log(2 * _drift * _drift * _valuesPerDay / perDay) / (2 * _drift) - 1.166);

    private static double Gumbel(double quantile) => -Math.Log(-Math.Log(quantile));

    internal void Save(BinaryWriter to)
    {
        to.Write(Sum);
        to.Write(Rise);
        to.Write(_shadow);
        to.Write(_maximum);
        to.Write(_pending);
        to.Write(_days);
        for (int i = 0; i < Math.Min(_days, Days); i++) to.Write(_maxima[i]);
    }

    internal void Load(BinaryReader from)
    {
        Sum = from.ReadDouble();
        Rise = from.ReadInt32();
        _shadow = from.ReadDouble();
        _maximum = from.ReadDouble();
        _pending = from.ReadDouble();
        _days = from.ReadInt32();
        for (int i = 0; i < Math.Min(_days, Days); i++) _maxima[i] = from.ReadSingle();
        Calibrate();
    }
}
