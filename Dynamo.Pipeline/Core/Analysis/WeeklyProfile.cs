namespace Dynamo.Pipeline.Analysis;

/// <summary>
/// What an area usually takes in at each time of the week, and how much that varies: expected = scale · shape[time of week] + level.
/// Demand scales with the season, water that leaks does not follow demand, so the two are kept apart. Not thread-safe.
/// </summary>
/// <remarks>
/// Learnt by median polish over weeks and days (J. W. Tukey, Exploratory Data Analysis, 1977), smoothed over 90 minutes with a quadratic
/// (A. Savitzky, M. Golay, Analytical Chemistry 36, 1964); the deviation is the median absolute difference of one week from the next.
/// Wild values, a holiday and a leak change neither much.
/// </remarks>
public sealed class WeeklyProfile
{
    /// <summary>The fewest days of history.</summary>
    public const int LeastDays = 14;

    /// <summary>Residuals count up to this many standard deviations in the level and the scale of a day (Huber).</summary>
    private const double Clip = 3;

    private readonly double[] _shape;
    private readonly double[] _deviation;

    private WeeklyProfile(double[] shape, double[] deviation) => (_shape, _deviation) = (shape, deviation);

    /// <summary>How many values a day has.</summary>
    public int StepsPerDay => _deviation.Length;

    /// <summary>What is expected at a time of the week if scale is 1 and level is 0.</summary>
    /// <param name="step">The number of the value in the week.</param>
    public double Shape(int step) => _shape[step];

    /// <summary>The standard deviation at this time of the day.</summary>
    /// <param name="step">The number of the value in the week.</param>
    public double Deviation(int step) => _deviation[step % StepsPerDay];

    /// <summary>Learns from history.</summary>
    /// <param name="values">
    /// One value a step without gaps in time; <see cref="double.NaN"/>: missing. Whole days, at least <see cref="LeastDays"/>.
    /// </param>
    /// <param name="firstDay">The day of the week of the first value, 0 to 6; whichever day is 0.</param>
    /// <param name="stepsPerDay">How many values a day has.</param>
    /// <returns>The profile; <see langword="null"/>: a time of the day was never measured.</returns>
    public static WeeklyProfile? Learn(ReadOnlySpan<double> values, int firstDay, int stepsPerDay)
    {
        int days = values.Length / stepsPerDay;
        ArgumentOutOfRangeException.ThrowIfLessThan(days, LeastDays, nameof(values));
        double[] level = new double[days], x = values[..(days * stepsPerDay)].ToArray(), shape = new double[7 * stepsPerDay];
        double[] some = new double[Math.Max(stepsPerDay, days)], widths = new double[days * (2 * Reach(stepsPerDay) + 1)];
        double[] deviation = new double[stepsPerDay];
        Span<double> all = stackalloc double[7];
        for (int round = 0; round < 3; round++)
        {
            for (int slot = 0; slot < shape.Length; slot++)
            {
                int count = 0;
                for (int day = FirstOf(slot / stepsPerDay, firstDay); day < days; day += 7)
                {
                    some[count] = x[day * stepsPerDay + slot % stepsPerDay] - level[day];
                    if (!double.IsNaN(some[count])) count++;
                }
                // Of two weeks that disagree one had a holiday, and that counts which is nearer to the other days; known by round two.
                bool disagree = round > 0 && count == 2 && Math.Abs(some[0] - some[1]) > 5 * deviation[slot % stepsPerDay];
                shape[slot] = disagree ? Nearer(some[0], some[1], Others(shape, slot, stepsPerDay, all))
                    : Robust.Median(some.AsSpan(0, count));
            }
            FillFromOtherDays(shape, stepsPerDay);
            for (int day = 0; day < days; day++)
            {
                int first = (firstDay + day) % 7 * stepsPerDay;
                for (int i = 0; i < stepsPerDay; i++) some[i] = x[day * stepsPerDay + i] - shape[first + i];
                double median = Robust.Median(some.AsSpan(0, stepsPerDay));
                level[day] = double.IsNaN(median) ? 0 : median;
            }
            Deviations(x, level, stepsPerDay, widths, deviation);
        }
        if (Array.Exists(shape, double.IsNaN)) return null;
        // Some of what flows at night is leaking already and does not follow demand: half of it, for want of knowledge.
        double night = Math.Max(0, shape.Min() / 2);
        for (int slot = 0; slot < shape.Length; slot++) shape[slot] -= night;
        return new WeeklyProfile(Pool(Smooth(shape, stepsPerDay, deviation), stepsPerDay, deviation, days / 7), deviation);
    }

    /// <summary>The same shape, moved so that its level is that of another profile.</summary>
    internal WeeklyProfile Like(WeeklyProfile other, double scale)
    {
        double sum = 0, weights = 0;
        for (int slot = 0; slot < _shape.Length; slot++)
        {
            double weight = 1 / (Deviation(slot) * Deviation(slot));
            sum += weight * (other._shape[slot] - _shape[slot]);
            weights += weight;
        }
        for (int slot = 0; slot < _shape.Length; slot++) _shape[slot] += sum / weights;
        for (int i = 0; i < _deviation.Length; i++) _deviation[i] *= scale;
        return this;
    }

    /// <summary>Level and scale of a day that has ended.</summary>
    /// <param name="values">Its values; <see cref="double.NaN"/>: missing.</param>
    /// <param name="dayOfWeek">Its day of the week.</param>
    /// <param name="scale">The scale of late.</param>
    /// <returns>
    /// The mean distance to the shape, and what its scale was. <see cref="double.NaN"/>: less than half of the day was measured.
    /// </returns>
    public (double Level, double Scale) Fit(ReadOnlySpan<double> values, int dayOfWeek, double scale)
    {
        // Residuals that are clipped cannot show that everything is multiplied, by another unit: the spread of the day can.
        double swing = Swing(values) / Swing(_shape.AsSpan(dayOfWeek * StepsPerDay, values.Length));
        bool isFar = double.IsFinite(swing) && (swing > 1.6 * scale || swing < scale / 1.6);
        return FitNear(values, dayOfWeek, isFar ? swing : scale);
    }

    /// <summary>From the tenth to the ninetieth hundredth.</summary>
    private static double Swing(ReadOnlySpan<double> values)
    {
        float[] known = [.. values.ToArray().Where(double.IsFinite).Select(value => (float)value).Order()];
        return known.Length == 0 ? double.NaN : Robust.Quantile(known, 0.9) - Robust.Quantile(known, 0.1);
    }

    private (double Level, double Scale) FitNear(ReadOnlySpan<double> values, int dayOfWeek, double scale)
    {
        int first = dayOfWeek * StepsPerDay, count = 0;
        double[] residuals = new double[values.Length];
        double weights = 0, mean = 0;
        for (int i = 0; i < values.Length; i++)
        {
            residuals[i] = values[i] - scale * _shape[first + i];
            if (double.IsNaN(residuals[i])) continue;
            count++;
            weights += Weight(i);
            mean += Weight(i) * _shape[first + i];
        }
        if (count * 2 < values.Length) return (double.NaN, double.NaN);
        mean /= weights;
        double level = Robust.Median([.. residuals]);
        for (int round = 0; round < 4; round++) level += Sum(residuals, level, static (_, residual) => residual) / weights;
        // The shape's distance from its own mean makes scale and level independent of each other.
        double slope = Sum(residuals, level, (i, residual) => residual * (_shape[first + i] - mean));
        double square = Sum(residuals, double.NaN, (i, _) => (_shape[first + i] - mean) * (_shape[first + i] - mean));
        return (level, square > 0 ? scale + slope / square : scale);
    }

    private double Weight(int i) => 1 / (_deviation[i] * _deviation[i]);

    private double Sum(double[] residuals, double level, Func<int, double, double> what)
    {
        double sum = 0;
        for (int i = 0; i < residuals.Length; i++)
        {
            if (!double.IsNaN(residuals[i]))
                sum += Weight(i) * what(i, Math.Clamp(residuals[i] - level, -Clip * _deviation[i], Clip * _deviation[i]));
        }
        return sum;
    }

    /// <summary>How many steps are half an hour: the deviation is taken over as much on both sides.</summary>
    private static int Reach(int stepsPerDay) => Math.Max(1, stepsPerDay / 48);

    private static int FirstOf(int dayOfWeek, int firstDay) => (dayOfWeek - firstDay + 7) % 7;

    private static double Nearer(double one, double other, double to) =>
        Math.Abs(one - to) > Math.Abs(other - to) ? other : one;

    private static double Others(double[] shape, int slot, int stepsPerDay, Span<double> all)
    {
        for (int day = 0; day < 7; day++) all[day] = day == slot / stepsPerDay ? double.NaN : shape[day * stepsPerDay + slot % stepsPerDay];
        return Robust.Median(all);
    }

    private static void FillFromOtherDays(double[] shape, int stepsPerDay)
    {
        Span<double> all = stackalloc double[7];
        for (int slot = 0; slot < shape.Length; slot++)
            if (double.IsNaN(shape[slot])) shape[slot] = Others(shape, slot, stepsPerDay, all);
    }

    private static void Deviations(double[] x, double[] level, int stepsPerDay, double[] some, double[] deviation)
    {
        // A meter that counts whole pulses or stands still has no less noise than this.
        double floor = Math.Max(0.002 * Robust.Median([.. x.Select(Math.Abs)]), 1e-9);
        int reach = Reach(stepsPerDay);
        for (int i = 0; i < stepsPerDay; i++)
        {
            int count = 0;
            for (int day = 7; day < level.Length; day++)
            {
                for (int near = i - reach; near <= i + reach; near++)
                {
                    int at = (near + stepsPerDay) % stepsPerDay;
                    some[count++] = x[day * stepsPerDay + at] - level[day] - (x[(day - 7) * stepsPerDay + at] - level[day - 7]);
                }
            }
            double measured = Robust.Deviation(some.AsSpan(0, count)) / Math.Sqrt(2);
            deviation[i] = double.IsNaN(measured) ? floor : Math.Max(floor, measured);
        }
    }

    /// <summary>A quadratic through each value and its neighbours in 90 minutes, where steps are that short.</summary>
    private static double[] Smooth(double[] shape, int stepsPerDay, double[] deviation)
    {
        int reach = stepsPerDay / 32;
        if (reach < 2) return shape;
        double[] calm = new double[shape.Length], smooth = new double[shape.Length], near = new double[2 * reach + 1];
        for (int slot = 0; slot < shape.Length; slot++)
        {
            for (int i = -reach; i <= reach; i++) near[i + reach] = shape[(slot + i + shape.Length) % shape.Length];
            double median = Robust.Median(near);
            calm[slot] = Math.Abs(shape[slot] - median) > 4 * deviation[slot % stepsPerDay] ? median : shape[slot];
        }
        double m = reach, norm = (2 * m - 1) * (2 * m + 1) * (2 * m + 3) / 3;
        for (int slot = 0; slot < shape.Length; slot++)
        {
            for (int i = -reach; i <= reach; i++)
                smooth[slot] += (3 * m * m + 3 * m - 1 - 5 * i * i) / norm * calm[(slot + i + shape.Length) % shape.Length];
        }
        return smooth;
    }

    /// <summary>
    /// Days that look alike around an hour are averaged there: few weeks of history have a lot of noise. A day counts by how much of its
    /// distance noise explains.
    /// </summary>
    private static double[] Pool(double[] shape, int stepsPerDay, double[] deviation, int weeks)
    {
        // The variance of the difference of two slots; the quadratic leaves 0.3 to 0.4 of it.
        double noise = 2.0 / weeks * (stepsPerDay / 32 >= 2 ? 0.4 : 1);
        double[] pooled = new double[shape.Length];
        int reach = Math.Max(1, stepsPerDay / 12);
        for (int slot = 0; slot < shape.Length; slot++)
        {
            int day = slot / stepsPerDay, i = slot % stepsPerDay;
            double sum = 0, weights = 0;
            for (int other = 0; other < 7; other++)
            {
                double distance = 0;
                for (int near = i - reach; near <= i + reach; near++)
                {
                    int at = (near + stepsPerDay) % stepsPerDay;
                    double z = (shape[day * stepsPerDay + at] - shape[other * stepsPerDay + at]) / deviation[at];
                    distance += z * z;
                }
                double alike = noise / Math.Max(noise, distance / (2 * reach + 1)), weight = other == day ? 1 : alike * alike;
                sum += weight * shape[other * stepsPerDay + i];
                weights += weight;
            }
            pooled[slot] = sum / weights;
        }
        return pooled;
    }

    internal void Save(BinaryWriter to)
    {
        foreach (double value in _shape) to.Write(value);
        foreach (double value in _deviation) to.Write(value);
    }

    internal static WeeklyProfile Load(BinaryReader from, int stepsPerDay)
    {
        double[] shape = new double[7 * stepsPerDay], deviation = new double[stepsPerDay];
        for (int i = 0; i < shape.Length; i++) shape[i] = from.ReadDouble();
        for (int i = 0; i < deviation.Length; i++) deviation[i] = from.ReadDouble();
        return new WeeklyProfile(shape, deviation);
    }
}
