namespace Dynamo.Pipeline.Analysis;

/// <summary>
/// How far each pressure logger of an area is below what it shows at such an inflow. Demand lowers all of them in a known way, a leak
/// lowers those near it more. Not thread-safe.
/// </summary>
/// <remarks>
/// Two regressions for each logger, by least squares over the last weeks in which older days count less, with the exponent of Hazen and
/// Williams: p = K0 + K1·(Q/Q0)^1.852, which says how much it falls with demand; and the same with + K2·(mean of the other loggers), which
/// finds a leak near it whatever the source does. The second is the pairwise regression of LILA (I. Daniel et al., A sequential
/// pressure-based algorithm for data-driven leakage identification and model-based localization in water distribution networks, Journal of
/// Water Resources Planning and Management 148, 2022) with the mean of the others in place of each of them. A logger that drifts is
/// followed.
/// </remarks>
public sealed class PressureDrops
{
    /// <summary>1, load, mean of the others.</summary>
    private const int Terms = 3;

    /// <summary>Where the right sides of the normal equations stand, then the sum of squares and the count.</summary>
    private const int Right = Terms * Terms, RightAlone = Right + Terms, Squares = RightAlone + 2, Sums = Squares + 2;

    /// <summary>What a day counts compared with the next: three weeks are remembered.</summary>
    private const double Forget = 1 - 1 / 21.0;

    private const double Clip = 4;

    private readonly Logger[] _loggers;
    private readonly int _stepsPerDay;
    private double _unit;
    private int _days;

    /// <summary>Makes one that has learnt nothing; it needs two weeks.</summary>
    /// <param name="loggers">How many loggers.</param>
    /// <param name="stepsPerDay">How many values a day has.</param>
    public PressureDrops(int loggers, int stepsPerDay)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(loggers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stepsPerDay);
        _loggers = [.. Enumerable.Range(0, loggers).Select(_ => new Logger(stepsPerDay))];
        _stepsPerDay = stepsPerDay;
    }

    /// <summary>How many loggers.</summary>
    public int Count => _loggers.Length;

    /// <summary>How much lower a logger is now than before the last event; <see cref="double.NaN"/>: not known.</summary>
    /// <param name="logger">Its number.</param>
    public double Change(int logger) => _loggers[logger].Change;

    /// <summary>How much a logger falls when the inflow rises from nothing to what it was first; 0 before two weeks.</summary>
    /// <param name="logger">Its number.</param>
    public double Sensitivity(int logger) => -_loggers[logger].Alone[1];

    /// <summary>Takes the values of a step.</summary>
    /// <param name="inflow">The area's inflow.</param>
    /// <param name="pressures">One value of each logger; <see cref="double.NaN"/>: missing.</param>
    public void Add(double inflow, ReadOnlySpan<double> pressures)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(pressures.Length, _loggers.Length, nameof(pressures));
        if (_unit == 0 && inflow > 0) _unit = inflow;
        double load = inflow > 0 ? Math.Pow(inflow / _unit, 1.852) : inflow <= 0 ? 0 : double.NaN;
        if (double.IsNaN(load) || _unit == 0) return;
        double sum = 0;
        int count = 0;
        foreach (double pressure in pressures)
        {
            if (double.IsNaN(pressure)) continue;
            sum += pressure;
            count++;
        }
        // What few loggers say of the others changes with which ones they are.
        double enough = count > _loggers.Length / 2 ? 0 : double.NaN;
        for (int j = 0; j < _loggers.Length; j++)
        {
            double others = _loggers.Length == 1 ? 0 : (sum - pressures[j]) / (count - 1) + enough;
            if (double.IsFinite(others) && !double.IsNaN(pressures[j])) _loggers[j].Add(load, others, pressures[j],
                _days >= WeeklyProfile.LeastDays);
        }
    }

    /// <summary>Ends a day.</summary>
    /// <param name="isUsual">Whether the regressions follow it.</param>
    /// <param name="isNew">Whether what it shows holds from now on, because a leak has begun or was repaired.</param>
    public void EndDay(bool isUsual, bool isNew)
    {
        bool isReady = _days >= WeeklyProfile.LeastDays;
        if (isUsual) _days++;
        foreach (Logger logger in _loggers) logger.EndDay(isUsual, isNew, isReady, _days == WeeklyProfile.LeastDays
            && isUsual, _stepsPerDay);
    }

    /// <summary>The highest sum of a logger, in thresholds that are exceeded without a leak as often as said.</summary>
    internal double Evidence(double alarmsPerYear)
    {
        double most = 0;
        foreach (Logger logger in _loggers)
            most = Math.Max(most, logger.Rises.Sum / logger.Rises.Threshold(alarmsPerYear / _loggers.Length));
        return most;
    }

    /// <summary>The probability that without a leak no logger's sum gets as high within a month.</summary>
    internal double Confidence()
    {
        double most = 0;
        foreach (Logger logger in _loggers) most = Math.Max(most, Math.Pow(logger.Rises.Confidence(logger.Rises.Sum), _loggers.Length));
        return most;
    }

    internal void Save(BinaryWriter to)
    {
        to.Write(_unit);
        to.Write(_days);
        foreach (Logger logger in _loggers) logger.Save(to);
    }

    internal void Load(BinaryReader from)
    {
        _unit = from.ReadDouble();
        _days = from.ReadInt32();
        foreach (Logger logger in _loggers) logger.Load(from);
    }

    private sealed class Logger(int stepsPerDay)
    {
        private readonly double[] _sums = new double[Sums], _daySums = new double[Sums], _withOthers = new double[Terms];
        private readonly List<double> _drops = [], _dropsAlone = [];

        /// <summary>Offsets that the loggers have had since the last event or by drifting.</summary>
        private double _base, _baseAlone;
        private double _deviation, _deviationAlone;

        public double[] Alone { get; } = new double[2];

        public Cusum Rises { get; } = new(0.5, stepsPerDay);

        public double Change { get; private set; } = double.NaN;

        public void Add(double load, double others, double pressure, bool isReady)
        {
            Span<double> row = [1, load, others];
            if (isReady)
            {
                double drop = _withOthers[0] + _withOthers[1] * load + _withOthers[2] * others - _base - pressure;
                _drops.Add(drop);
                double alone = Alone[0] + Alone[1] * load - _baseAlone - pressure, z = drop / _deviation;
                _dropsAlone.Add(alone);
                // A meter that shows too much asks for lower pressures than there are: no leak does.
                Rises.Add(Math.Clamp(alone < -Clip * _deviationAlone ? Math.Min(0, z) : z, -Clip, Clip));
                if (Math.Abs(z) > 2 * Clip) return;
            }
            double known = pressure + _base;
            for (int a = 0; a < Terms; a++)
            {
                for (int b = 0; b < Terms; b++) _daySums[a * Terms + b] += row[a] * row[b];
                _daySums[Right + a] += row[a] * known;
            }
            for (int a = 0; a < 2; a++) _daySums[RightAlone + a] += row[a] * (pressure + _baseAlone);
            _daySums[Squares] += known * known;
            _daySums[Squares + 1]++;
        }

        public void EndDay(bool isUsual, bool isNew, bool wasReady, bool isFirst, int stepsPerDay)
        {
            if (isUsual)
            {
                for (int i = 0; i < Sums; i++) _sums[i] = _sums[i] * Forget + _daySums[i];
                LeastSquares.Solve(_sums.AsSpan(0, Right), _sums.AsSpan(Right, Terms), _withOthers);
                LeastSquares.Solve([_sums[0], _sums[1], _sums[Terms], _sums[Terms + 1]], _sums.AsSpan(RightAlone, 2), Alone);
            }
            Array.Clear(_daySums);
            if (isFirst) FirstDeviation();
            if (isNew) Change = double.NaN;
            if (_drops.Count * 2 > stepsPerDay)
            {
                double drop = Robust.Median([.. _drops]), alone = Robust.Median([.. _dropsAlone]);
                if (isNew)
                {
                    Change = alone;
                    _base += drop;
                    _baseAlone += alone;
                    Rises.Reset();
                }
                else if (isUsual)
                {
                    _deviation = Math.Max(1e-9, _deviation + (Robust.Deviation([.. _drops]) - _deviation) / 14);
                    _base += Math.Clamp(drop, -2 * _deviation, 2 * _deviation) / 7;
                    _deviationAlone += (Robust.Median([.. _dropsAlone.Select(Math.Abs)]) / Robust.MadOfNormal - _deviationAlone) / 14;
                    _baseAlone += alone / 7;
                }
            }
            Rises.EndDay(isUsual && !isNew && wasReady);
            _drops.Clear();
            _dropsAlone.Clear();
        }

        /// <summary>The standard deviation of what the first regression leaves.</summary>
        private void FirstDeviation()
        {
            double left = _sums[Squares];
            for (int a = 0; a < Terms; a++) left -= _withOthers[a] * _sums[Right + a];
            _deviation = Math.Sqrt(Math.Max(left, 1e-9 * _sums[Squares]) / Math.Max(1, _sums[Squares + 1])) + 1e-9;
            _deviationAlone = 3 * _deviation;
        }

        public void Save(BinaryWriter to)
        {
            foreach (double value in (ReadOnlySpan<double>)[.. _sums, .. _daySums, .. _withOthers, .. Alone, _base, _baseAlone, _deviation,
                _deviationAlone, Change])
                to.Write(value);
            foreach (List<double> drops in (List<double>[])[_drops, _dropsAlone])
            {
                to.Write(drops.Count);
                foreach (double drop in drops) to.Write(drop);
            }
            Rises.Save(to);
        }

        public void Load(BinaryReader from)
        {
            foreach (double[] values in (double[][])[_sums, _daySums, _withOthers, Alone])
                for (int i = 0; i < values.Length; i++) values[i] = from.ReadDouble();
            (_base, _baseAlone, _deviation, _deviationAlone, Change) =
                (from.ReadDouble(), from.ReadDouble(), from.ReadDouble(), from.ReadDouble(), from.ReadDouble());
            foreach (List<double> drops in (List<double>[])[_drops, _dropsAlone])
                for (int left = from.ReadInt32(); left > 0; left--) drops.Add(from.ReadDouble());
            Rises.Load(from);
        }
    }
}
