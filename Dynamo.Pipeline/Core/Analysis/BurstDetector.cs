using System.Text;

namespace Dynamo.Pipeline.Analysis;

/// <summary>
/// Finds bursts and growing leaks in the inflow of an area, as its values come in; pressures of the area make it surer. It knows nothing
/// but these values: the same ones give the same events. Not thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A step's residual is r = inflow − scale · shape[time of week] − level, with the shape of <see cref="WeeklyProfile"/>, learnt anew each
/// week from the last eight; z = r/σ, clipped. A sudden burst is found by a <see cref="Cusum"/> of z with k = 1.25 that has lasted 90
/// minutes, a growing leak by one of the days' levels against a level that follows the season in four weeks, k = 0.5. Their thresholds
/// follow from the wanted rate of false alarms. What was found is added to the level, so that it is told once.
/// </para>
/// <para>
/// A burst raises the level and stays: the first whole day after it gives its size, or takes it back. With two pressure loggers or more
/// <see cref="PressureDrops"/> has a say: a rise that they share is told at once, one that they do not share must last a whole day.
/// </para>
/// <para>
/// Held to be no burst: a day that runs like another day of the week (a holiday), the return from an unexplained low (holidays, a valve), a
/// value that does not change for hours (a sensor that sticks), the first day after three without data, an inflow whose daily swing is
/// multiplied too (another unit or meter: learnt anew).
/// </para>
/// </remarks>
public sealed class BurstDetector
{
    /// <summary>Of what is saved.</summary>
    private const int Version = 1;

    private const double SuddenDrift = 1.25, GradualDrift = 0.5;
    private const double Clip = 5, GradualClip = 4;

    /// <summary>What the profile is learnt from, and what says how much levels vary.</summary>
    private const int HistoryDays = 56;

    /// <summary>
    /// An event that grows is told again as a repeat for so many days after it was told last, but after four weeks as something new: who
    /// still waits is reminded, and by then another leak may be growing.
    /// </summary>
    private const int GrowthDays = 14, LongestGrowthDays = 28;

    /// <summary>For so many days the end of an unexplained low is no burst.</summary>
    private const int LowDays = 28;

    private readonly BurstDetectorOptions _options;
    private readonly int _stepsPerDay, _leastRise;
    private readonly Cusum _sudden;
    private readonly Cusum _gradual = new(GradualDrift, 1);
    private readonly PressureDrops? _pressures;
    private readonly List<BurstEvent> _said = [];

    // What was, day by day: values, and what they are normalised with; a base that is no number leaves the day out.
    private readonly List<float> _history = [];
    private readonly List<double> _scales = [], _bases = [];
    private readonly List<double> _levels = [], _swings = [];
    private WeeklyProfile? _profile;
    private double _least, _deviation, _gradualDeviation, _swingDeviation;
    private double _suddenLimit, _suddenJoint, _gradualLimit, _gradualJoint;

    // What is: the next step in local time, the present day, level and season.
    private readonly double[] _day;
    private readonly double[] _misfit = new double[7];
    private DateTime _next, _utc;
    private int _misfitSteps, _daysLearnt, _stuck, _missing, _foreignDays;
    private double _last = double.NaN;
    private double _scale = 1, _level, _slow, _morning;
    private bool _isLost;

    // What is suspected: the rise that is summed up, the event that is yet to be measured, those that go on.
    private readonly List<BurstEvent> _open = [];
    private BurstEvent? _settling;
    private double _weighted, _weights, _before;
    private bool _isHeld, _alarmToday;
    private int _sinceAlarm, _falls, _lowDays, _growthDays;
    private double _low, _growthStep, _lastChange;

    /// <summary>Scale, level and slow level before the low.</summary>
    private (double Scale, double Level, double Slow) _high;
    private DateTime? _growth;

    /// <summary>Makes one that has learnt nothing.</summary>
    /// <param name="options">How it looks.</param>
    public BurstDetector(BurstDetectorOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _stepsPerDay = (int)(TimeSpan.TicksPerDay / options.Step.Ticks);
        _leastRise = Math.Max(2, (int)(1.5 * TimeSpan.TicksPerHour / options.Step.Ticks));
        _sudden = new Cusum(SuddenDrift, _stepsPerDay);
        _day = NoDay(_stepsPerDay);
        if (options.PressureLoggers > 1) _pressures = new PressureDrops(options.PressureLoggers, _stepsPerDay);
    }

    /// <summary>The end of the last step that was taken, UTC; <see langword="null"/>: none.</summary>
    public DateTime? Until => _utc == default ? null : _utc;

    /// <summary>Whether it still learns what is usual, and says nothing.</summary>
    public bool IsLearning => _profile is null;

    /// <summary>What was expected of the last step, leaks that are known included; <see cref="double.NaN"/> while it learns.</summary>
    public double Expected { get; private set; } = double.NaN;

    /// <summary>The standard deviation of the last step; <see cref="double.NaN"/> while it learns.</summary>
    public double Deviation { get; private set; } = double.NaN;

    /// <summary>The events that go on.</summary>
    public IReadOnlyList<BurstEvent> Open => _open;

    /// <summary>Writes all that it knows, to go on from later with <see cref="Restore"/>.</summary>
    /// <param name="to">Gets about a hundred bytes for each step of a week, and two thousand for each pressure logger.</param>
    public void Save(Stream to)
    {
        using BinaryWriter writer = new(to, Encoding.UTF8, leaveOpen: true);
        writer.Write(Version);
        writer.Write(_stepsPerDay);
        writer.Write(_pressures?.Count ?? 0);
        writer.Write(_utc.Ticks);
        writer.Write(_next.Ticks);
        foreach (int value in (ReadOnlySpan<int>)[_misfitSteps, _daysLearnt, _stuck, _missing, _foreignDays, _sinceAlarm, _falls, _lowDays,
            _growthDays])
            writer.Write(value);
        foreach (double value in (ReadOnlySpan<double>)[
            _least, _deviation, _gradualDeviation, _swingDeviation, _last, _scale, _level, _slow, _morning, _weighted, _weights, _before,
                _low, _growthStep, _lastChange, _high.Scale, _high.Level, _high.Slow])
            writer.Write(value);
        foreach (bool value in (ReadOnlySpan<bool>)[_isLost, _isHeld, _alarmToday]) writer.Write(value);
        writer.Write(_growth?.Ticks ?? 0);
        foreach (double value in (ReadOnlySpan<double>)[.. _day, .. _misfit]) writer.Write(value);
        foreach (List<double> days in (List<double>[])[_scales, _bases, _levels, _swings])
        {
            writer.Write(days.Count);
            foreach (double value in days) writer.Write(value);
        }
        foreach (float value in _history) writer.Write(value);
        writer.Write(_profile is not null);
        _profile?.Save(writer);
        _sudden.Save(writer);
        _gradual.Save(writer);
        _pressures?.Save(writer);
        writer.Write(_open.Count);
        foreach (BurstEvent open in _open) BurstEventState.Save(writer, open);
        writer.Write(_settling is null ? -1 : _open.IndexOf(_settling));
    }

    /// <summary>Makes one that goes on where another was saved.</summary>
    /// <param name="from">What <see cref="Save"/> wrote.</param>
    /// <param name="options">The options that the other one had.</param>
    /// <returns><see langword="null"/>: it was saved by another version, or with another step or number of loggers.</returns>
    /// <exception cref="EndOfStreamException">It is cut off.</exception>
    public static BurstDetector? Restore(Stream from, BurstDetectorOptions options)
    {
        BurstDetector made = new(options);
        using BinaryReader reader = new(from, Encoding.UTF8, leaveOpen: true);
        if (reader.ReadInt32() != Version || reader.ReadInt32() != made._stepsPerDay
            || reader.ReadInt32() != (made._pressures?.Count ?? 0)) return null;
        made.Load(reader);
        return made;
    }

    private void Load(BinaryReader from)
    {
        (_utc, _next) = (new DateTime(from.ReadInt64(), DateTimeKind.Utc), new DateTime(from.ReadInt64()));
        (_misfitSteps, _daysLearnt, _stuck) = (from.ReadInt32(), from.ReadInt32(), from.ReadInt32());
        (_missing, _foreignDays, _sinceAlarm) = (from.ReadInt32(), from.ReadInt32(), from.ReadInt32());
        (_falls, _lowDays, _growthDays) = (from.ReadInt32(), from.ReadInt32(), from.ReadInt32());
        (_least, _deviation, _gradualDeviation, _swingDeviation) =
            (from.ReadDouble(), from.ReadDouble(), from.ReadDouble(), from.ReadDouble());
        (_last, _scale, _level, _slow) = (from.ReadDouble(), from.ReadDouble(), from.ReadDouble(), from.ReadDouble());
        (_morning, _weighted, _weights) = (from.ReadDouble(), from.ReadDouble(), from.ReadDouble());
        (_before, _low, _growthStep, _lastChange) = (from.ReadDouble(), from.ReadDouble(), from.ReadDouble(), from.ReadDouble());
        _high = (from.ReadDouble(), from.ReadDouble(), from.ReadDouble());
        (_isLost, _isHeld, _alarmToday) = (from.ReadBoolean(), from.ReadBoolean(), from.ReadBoolean());
        _growth = from.ReadInt64() is > 0 and long ticks ? new DateTime(ticks, DateTimeKind.Utc) : null;
        foreach (double[] values in (double[][])[_day, _misfit])
            for (int i = 0; i < values.Length; i++) values[i] = from.ReadDouble();
        foreach (List<double> days in (List<double>[])[_scales, _bases, _levels, _swings])
            for (int left = Number(from, HistoryDays); left > 0; left--) days.Add(from.ReadDouble());
        for (int left = _scales.Count * _stepsPerDay; left > 0; left--) _history.Add(from.ReadSingle());
        if (from.ReadBoolean()) _profile = WeeklyProfile.Load(from, _stepsPerDay);
        _sudden.Load(from);
        _gradual.Load(from);
        _pressures?.Load(from);
        for (int left = Number(from, 100_000); left > 0; left--) _open.Add(BurstEventState.Load(from));
        if (from.ReadInt32() is >= 0 and int index && index < _open.Count) _settling = _open[index];
        SetLimits();
    }

    private static int Number(BinaryReader from, int most) =>
        from.ReadInt32() is >= 0 and int number
            && number <= most ? number : throw new EndOfStreamException("It is no state of a burst detector.");

    /// <summary>Takes the values of a step.</summary>
    /// <param name="start">When it begins, UTC, a multiple of the step. Steps that are passed over are missing ones; an earlier one is an
    /// error.</param>
    /// <param name="inflow">The mean inflow in it; <see cref="double.NaN"/>: missing.</param>
    /// <param name="pressures">One value for each logger, <see cref="double.NaN"/>: missing; empty: all of them are.</param>
    /// <returns>The events that are new or have changed, oldest first.</returns>
    /// <exception cref="ArgumentException">The step was taken before, or is none.</exception>
    public IReadOnlyList<BurstEvent> Add(DateTime start, double inflow, ReadOnlySpan<double> pressures = default)
    {
        if (start.Ticks % _options.Step.Ticks != 0) throw new ArgumentException($"No step of {_options.Step} begins at {start:O}.",
            nameof(start));
        if (start < _utc) throw new ArgumentException($"The step at {start:O} comes after {_utc:O}.", nameof(start));
        _said.Clear();
        DateTime local = TimeZoneInfo.ConvertTimeFromUtc(DateTime.SpecifyKind(start, DateTimeKind.Utc), _options.Zone);
        _utc = start + _options.Step;
        if (_next == default) _next = local.TimeOfDay == default ? local : local.Date.AddDays(1);
        // Half a year without data: nothing that was known still holds.
        if (local - _next > TimeSpan.FromDays(183)) Forget(local.Date.AddDays(1));
        while (_next < local) Take(double.NaN, []);
        // The hour that clocks are set back by comes twice; the second one is passed over.
        if (_next == local) Take(double.IsFinite(inflow) ? inflow : double.NaN, pressures);
        return [.. _said];
    }

    private static double[] NoDay(int steps)
    {
        double[] day = new double[steps];
        Array.Fill(day, double.NaN);
        return day;
    }

    private void Take(double inflow, ReadOnlySpan<double> pressures)
    {
        DateTime start = _next;
        _next += _options.Step;
        int inDay = (int)(start.TimeOfDay.Ticks / _options.Step.Ticks);
        _stuck = inflow == _last ? _stuck + 1 : 0;
        if (!double.IsNaN(inflow)) _last = inflow;
        if (_stuck >= 2 * _leastRise) inflow = double.NaN;
        _missing = double.IsNaN(inflow) ? _missing + 1 : 0;
        if (_missing > 3 * _stepsPerDay) _isLost = true;
        _day[inDay] = inflow;
        if (_profile is not null) Look(start.DayOfWeek, inDay, inflow);
        if (!pressures.IsEmpty) _pressures?.Add(inflow, pressures);
        if (_profile is not null) Watch(inflow);
        if (inDay < _stepsPerDay - 1) return;
        EndDay(start.DayOfWeek);
        Array.Fill(_day, double.NaN);
    }

    private double At(DayOfWeek day, int inDay) => _scale * _profile!.Shape((int)day * _stepsPerDay + inDay) + _level;

    /// <summary>Of a step: noise, of which nights are trusted to have half of what is usual, and what days differ by in level and
    /// swing.</summary>
    private double Spread(int slot)
    {
        double noise = Math.Max(_profile!.Deviation(slot), _least), swing = _swingDeviation * _profile.Shape(slot);
        // The shape has the noise of the weeks it was learnt from.
        return Math.Sqrt(noise * noise * (1 + 7.0 / _scales.Count) + _deviation * _deviation + swing * swing);
    }

    private void Look(DayOfWeek weekday, int inDay, double inflow)
    {
        if (inDay == 0) _morning = _level;
        DayOfWeek day = DayLike(weekday);
        (Expected, Deviation) = (At(day, inDay), Spread((int)day * _stepsPerDay + inDay));
        if (double.IsNaN(inflow)) return;
        _misfitSteps++;
        for (int other = 0; other < 7; other++)
        {
            double off = (inflow - At((DayOfWeek)other, inDay) + _level - _morning) / Deviation;
            _misfit[other] += Math.Min(9, off * off);
        }
    }

    private void Watch(double inflow)
    {
        _sinceAlarm++;
        if (_isLost || double.IsNaN(inflow))
        {
            // What was summed up were values of a meter that sticks, or they are too old to go on from.
            if (_stuck >= 2 * _leastRise || _missing > _stepsPerDay / 4) _sudden.Reset();
            _sudden.Add(double.NaN);
            return;
        }
        double residual = inflow - Expected;
        if (_sudden.Add(Math.Clamp(residual / Deviation, -Clip, Clip)) <= 0) (_weighted, _weights) = (0, 0);
        else
        {
            double weight = 1 / (Deviation * Deviation);
            _weighted += weight * residual;
            _weights += weight;
        }
        bool mayAlarm = _sudden.Rise >= _leastRise && _stuck < _leastRise && _weights > 0;
        if (!_isHeld && !mayAlarm) return;
        double evidence = _pressures?.Evidence(6 * _options.FalseAlarmsPerYear) ?? 0;
        if (_isHeld && evidence > 1)
        {
            _isHeld = false;
            Say(_settling! with { Detected = _utc, PressureConfidence = _pressures!.Confidence(), State = BurstState.Confirmed },
                was: _settling);
        }
        if (!mayAlarm) return;
        bool isShared = evidence > 1 && _sudden.Sum > _suddenJoint;
        if (isShared || _sudden.Sum > _suddenLimit) Alarm(isShared);
    }

    /// <summary>The day of the week that the present day runs like, which is another one on a holiday.</summary>
    private DayOfWeek DayLike(DayOfWeek day)
    {
        int own = (int)day, best = own;
        if (_misfitSteps < _stepsPerDay / 8 || _misfit[own] < 2 * _misfitSteps) return day;
        for (int other = 0; other < 7; other++)
            if (_misfit[other] < _misfit[best]) best = other;
        return _misfit[best] < 2 * _misfitSteps && _misfit[own] - _misfit[best] > 20 ? (DayOfWeek)best : day;
    }

    private void Alarm(bool isShared)
    {
        double size = _weighted / _weights;
        if (_low > 0 && size < 1.3 * _low)
        {
            // Nothing burst: it is as it was before the low.
            (_scale, _level, _slow) = _high;
            _low = 0;
            size = 0;
        }
        else if (_settling is { } known && _sinceAlarm < _stepsPerDay / 4)
        {
            // Its first hour was not all of it.
            _settling = known with { Size = known.Size + size, Changed = _utc };
            if (!_isHeld) Say(_settling, was: known);
        }
        else
        {
            // One that was being measured is interrupted, and keeps the size it has; the two are repaired as one.
            DateTime? first = _settling is null || _isHeld ? null : _settling.RepeatOf ?? _settling.Detected;
            if (_settling is null) _before = _level;
            else if (_isHeld) _open.Remove(_settling);
            bool grows = _growth is not null && size <= 1.5 * _growthStep;
            _settling = new BurstEvent(_utc, _utc - _options.Step * _sudden.Rise, size)
            {
                Uncertainty = Math.Sqrt(1 / _weights + _deviation * _deviation),
                IsSudden = true,
                FlowConfidence = _sudden.Confidence(_sudden.Sum),
                PressureConfidence = _pressures?.Confidence() ?? 0,
                State = isShared ? BurstState.Confirmed : BurstState.Suspected,
                Changed = _utc,
                RepeatOf = grows ? _growth : first,
            };
            _isHeld = _pressures is not null && !isShared;
            if (!_isHeld) Say(_settling, was: null);
            else _open.Add(_settling);
        }
        _level += size;
        _slow += size;
        _sudden.Reset();
        (_weighted, _weights) = (0, 0);
        _alarmToday = true;
        _sinceAlarm = 0;
    }

    /// <summary>Tells an event, which takes the place of what was known of it.</summary>
    private void Say(BurstEvent now, BurstEvent? was)
    {
        int index = was is null ? -1 : _open.IndexOf(was);
        bool isOver = now.State is BurstState.Passed or BurstState.Repaired;
        if (index < 0 && !isOver) _open.Add(now);
        else if (index >= 0 && isOver) _open.RemoveAt(index);
        else if (index >= 0) _open[index] = now;
        if (ReferenceEquals(was, _settling) && was is not null) _settling = now;
        _said.RemoveAll(said => said.Detected == now.Detected);
        _said.Add(now);
    }

    private void EndDay(DayOfWeek weekday)
    {
        foreach (double value in _day) _history.Add((float)value);
        _scales.Add(_scale);
        _bases.Add(0);
        if (_scales.Count > HistoryDays)
        {
            _history.RemoveRange(0, _stepsPerDay);
            _scales.RemoveAt(0);
            _bases.RemoveAt(0);
        }
        if (_profile is null)
        {
            _pressures?.EndDay(isUsual: true, isNew: false);
            if (_scales.Count >= _options.TrainingDays) Begin(weekday);
            return;
        }
        EndWatchedDay(weekday);
        if (_profile is not null && ++_daysLearnt % 7 == 0) Learn(weekday);
    }

    private void Begin(DayOfWeek lastDay)
    {
        Learn(lastDay);
        if (_profile is null) return;
        int days = _scales.Count;
        for (int d = 0; d < days; d++)
        {
            (double level, double swing) = _profile.Fit(Day(d), WeekdayOf(d, lastDay), 1);
            _bases[d] = level;
            if (double.IsNaN(level)) continue;
            _levels.Add(level);
            _swings.Add(swing);
        }
        if (_levels.Count < WeeklyProfile.LeastDays / 2)
        {
            _profile = null;
            return;
        }
        _level = _slow = Robust.Median([.. _levels.TakeLast(7)]);
        MeasureDays();
        // What was learnt from so few weeks fits them better than it will fit the next one.
        double better = Math.Sqrt(days / 7 / (days / 7 - 1.0));
        for (int d = 0; d < days; d++)
        {
            double[] values = Day(d);
            int first = WeekdayOf(d, lastDay) * _stepsPerDay;
            for (int i = 0; i < _stepsPerDay; i++)
                _sudden.Add(Math.Clamp((values[i] - _profile.Shape(first + i) - _bases[d]) / Spread(first + i) * better, -Clip, Clip));
            _sudden.EndDay(isQuiet: true);
        }
        _sudden.Reset();
        SetLimits();
    }

    private double[] Day(int day) => [.. _history.GetRange(day * _stepsPerDay, _stepsPerDay).Select(value => (double)value)];

    private int WeekdayOf(int day, DayOfWeek lastDay) => (((int)lastDay - (_scales.Count - 1) + day) % 7 + 7) % 7;

    private void Learn(DayOfWeek lastDay)
    {
        double[] values = new double[_history.Count];
        for (int i = 0; i < values.Length; i++) values[i] = (_history[i] - _bases[i / _stepsPerDay]) / _scales[i / _stepsPerDay];
        WeeklyProfile? learnt = WeeklyProfile.Learn(values, WeekdayOf(0, lastDay), _stepsPerDay);
        _profile = _profile is null ? learnt : learnt?.Like(_profile, _scale) ?? _profile;
        if (_profile is { } profile) _least = 0.5 * Robust.Median([.. Enumerable.Range(0, _stepsPerDay).Select(profile.Deviation)]);
    }

    private void Forget(DateTime next)
    {
        foreach (List<double> days in (List<double>[])[_scales, _bases, _levels, _swings]) days.Clear();
        _history.Clear();
        _open.Clear();
        _profile = null;
        _settling = null;
        _growth = null;
        (_next, _scale, _level, _slow, _low, _falls, _foreignDays) = (next, 1, 0, 0, 0, 0, 0);
        (_isHeld, _alarmToday, _isLost) = (false, false, false);
        (Expected, Deviation) = (double.NaN, double.NaN);
        Array.Fill(_day, double.NaN);
        Array.Clear(_misfit);
        _misfitSteps = 0;
        _sudden.Reset();
        _gradual.Reset();
    }

    private void SetLimits()
    {
        double wanted = _options.FalseAlarmsPerYear;
        bool isAlone = _pressures is null;
        _suddenLimit = _sudden.Threshold(wanted * (isAlone ? 0.6 : 0.3));
        _gradualLimit = _gradual.Threshold(wanted * (isAlone ? 0.4 : 0.1));
        _suddenJoint = _sudden.Threshold(wanted * 6);
        _gradualJoint = _gradual.Threshold(wanted * 3);
    }

    /// <summary>
    /// What days' levels differ by: from one to the next; and how far they fall within a week in one of six, which a leak adds nothing to.
    /// If a week is worse than a day, days go together, and their sum varies more: by √((1 + ρ)/(1 − ρ)) for the correlation ρ of
    /// neighbours.
    /// </summary>
    private void MeasureDays()
    {
        static double[] Differences(List<double> of, int lag) =>
            [.. Enumerable.Range(lag, Math.Max(0, of.Count - lag)).Select(i => of[i] - of[i - lag])];
        double day = Robust.Deviation(Differences(_levels, 1)) / Math.Sqrt(2);
        double[] week = Differences(_levels, 7);
        _swingDeviation = Robust.Deviation(Differences(_swings, 1)) / Math.Sqrt(2);
        Array.Sort(week);
        double fall = week.Length == 0 ? 0 : Math.Max(0, -week[(int)(0.16 * week.Length)]) / Math.Sqrt(2);
        _deviation = Math.Max(Math.Max(day, fall), 0.1 * _least);
        double correlation = Math.Clamp(1 - day * day / (_deviation * _deviation), 0, 0.99);
        _gradualDeviation = _deviation * Math.Min(2, Math.Sqrt((1 + correlation) / (1 - correlation)));
    }

    private void EndWatchedDay(DayOfWeek weekday)
    {
        DayOfWeek like = DayLike(weekday);
        (double level, double scale) = _profile!.Fit(_day, (int)like, _scale);
        _misfitSteps = 0;
        Array.Clear(_misfit);
        (bool wasAlarm, _alarmToday) = (_alarmToday, false);
        if (--_lowDays <= 0) _low = 0;
        if (_growth is { } began && (--_growthDays <= 0 || _utc - began > TimeSpan.FromDays(LongestGrowthDays))) _growth = null;
        if (!double.IsNaN(level) && Math.Abs(Math.Log(Math.Max(1e-3, scale / _scale))) > Math.Log(1.5)) _foreignDays++;
        else if (!double.IsNaN(level)) _foreignDays = 0;
        if (_foreignDays >= 2)
        {
            // Not more water: everything is multiplied.
            if (_isHeld) _open.Remove(_settling!);
            foreach (BurstEvent wrong in _open.Where(open => _utc - open.Detected <= TimeSpan.FromDays(4)).ToArray())
                Say(wrong with { State = BurstState.Passed, Changed = _utc }, was: wrong);
            Forget(_next);
            return;
        }
        if (double.IsNaN(level) || wasAlarm)
        {
            _bases[^1] = double.NaN;
            _sudden.EndDay(wasAlarm ? null : false);
            _pressures?.EndDay(isUsual: false, isNew: false);
            SetLimits();
            return;
        }
        // A swing that differs for two days alike is another one: people are away, or are back.
        double change = like == weekday ? scale / _scale - 1 : 0;
        if (Math.Abs(change) > 0.05 && Math.Abs(change) > 4 * _swingDeviation && _lastChange * change > 0 && Math.Abs(_lastChange) > 0.05)
        {
            double was = level;
            if (change < 0) Low(-change * _scale * Enumerable.Range(0, 7 * _stepsPerDay).Max(_profile.Shape));
            _scale = scale;
            (level, scale) = _profile.Fit(_day, (int)like, _scale);
            _level += level - was;
            _slow += level - was;
            _before += level - was;
            Shift(level - was);
            change = 0;
        }
        _lastChange = change;
        double off = level - _level;
        bool isQuiet = _settling is null && !_isLost && off < 3 * _deviation, isNew = _settling is not null || _isLost;
        if (like == weekday && !isNew) _scale = Math.Max(0.01, _scale + 0.3 * Math.Clamp(scale - _scale, -0.2 * _scale, 0.2 * _scale));
        if (_settling is not null) Settle(level, off);
        else if (_isLost) Move(level, off);
        else
        {
            _sudden.EndDay(isQuiet);
            _levels.Add(level);
            _swings.Add(scale);
            if (_levels.Count > HistoryDays)
            {
                _levels.RemoveAt(0);
                _swings.RemoveAt(0);
            }
            MeasureDays();
            _falls = off < -3 * _deviation ? _falls + 1 : 0;
            if (_falls >= 2) Fall(level, off);
            else if (_falls == 0) _level += 0.5 * Math.Clamp(off, -3 * _deviation, 3 * _deviation);
            isNew = _falls >= 2 | Growth(level);
            if (_falls >= 2) _falls = 0;
        }
        _bases[^1] = like == weekday ? _level : double.NaN;
        _pressures?.EndDay(isQuiet, isNew);
        if (isNew) TellDrops();
        SetLimits();
    }

    /// <summary>The first whole day after an alarm says how large it is, and whether it still is.</summary>
    private void Settle(double level, double off)
    {
        BurstEvent was = _settling!;
        double lasting = level - _before;
        bool passed = lasting < 0.3 * was.Size || _isHeld && lasting < 3 * _deviation;
        BurstEvent now = was with
        {
            Detected = _isHeld ? _utc : was.Detected,
            Size = lasting,
            Uncertainty = 1.5 * _deviation,
            Changed = _utc,
            State = passed ? BurstState.Passed : BurstState.Confirmed,
        };
        if (!_isHeld || !passed) Say(now, was);
        else _open.Remove(was);
        _isHeld = false;
        _settling = null;
        _sudden.EndDay(passed);
        if (passed)
        {
            for (int back = 2; back <= Math.Min(3, _bases.Count) && double.IsNaN(_bases[^back]); back++) _bases[^back] = _before;
            _low = 0;
        }
        else
        {
            Shift(lasting);
            if (now.RepeatOf is not null) (_growthDays, _growthStep) = (GrowthDays, Math.Max(_growthStep, lasting));
        }
        _level = level;
        _slow += off;
    }

    /// <summary>After a time without data, whatever is there now is usual.</summary>
    private void Move(double level, double off)
    {
        _isLost = false;
        _sudden.EndDay(isQuiet: false);
        Shift(off);
        _level = level;
        _slow += off;
    }

    /// <summary>Earlier levels are taken to where the level is now, so that their differences are what days differ by.</summary>
    private void Shift(double by)
    {
        for (int i = 0; i < _levels.Count; i++) _levels[i] += by;
    }

    /// <summary>The level fell, and stays: a repair, or a low that ends some day.</summary>
    private void Fall(double level, double off)
    {
        // What grew was told in parts, and is repaired as a whole.
        BurstEvent[]? repaired = _open.GroupBy(open => open.RepeatOf ?? open.Detected).Select(parts => parts.ToArray())
            .Where(parts => -off > 0.5 * parts.Sum(part => part.Size) && -off < 2 * parts.Sum(part => part.Size))
            .MinBy(parts => Math.Abs(parts.Sum(part => part.Size) + off));
        foreach (BurstEvent part in repaired ?? []) Say(part with { State = BurstState.Repaired, Changed = _utc }, was: part);
        if (repaired is null && _open.Sum(open => open.Size) < -0.5 * off) Low(-off);
        Shift(off);
        _bases[^2] = double.NaN;
        _level = level;
        _slow = Math.Min(_slow + off, level);
        _gradual.Reset();
    }

    private void Low(double by)
    {
        if (_low == 0) _high = (_scale, _level, _slow);
        (_low, _lowDays) = (_low + by, LowDays);
    }

    /// <returns>Whether an event was told.</returns>
    private bool Growth(double level)
    {
        double size = level - _slow;
        double sum = _gradual.Add(Math.Clamp(size / _gradualDeviation, -GradualClip, GradualClip));
        bool isShared = _pressures?.Evidence(6 * _options.FalseAlarmsPerYear) > 1 && sum > _gradualJoint;
        bool isTold = (isShared || sum > _gradualLimit) && size > 2 * _deviation;
        if (isTold)
        {
            BurstEvent grown = new(_utc, _utc.AddDays(-_gradual.Rise), size)
            {
                Uncertainty = 1.5 * _deviation,
                FlowConfidence = _gradual.Confidence(sum),
                PressureConfidence = _pressures?.Confidence() ?? 0,
                State = isShared ? BurstState.Confirmed : BurstState.Suspected,
                Changed = _utc,
                RepeatOf = _growth,
            };
            Say(grown, was: null);
            _growthStep = _growth is null ? size : Math.Max(_growthStep, size);
            _growth ??= _utc;
            _growthDays = GrowthDays;
            // It grew again: that was no chance.
            if (_open.Find(open => open.Detected == grown.RepeatOf) is { State: BurstState.Suspected } first)
                Say(first with { State = BurstState.Confirmed, Changed = _utc }, was: first);
            _slow = level;
            _gradual.Reset();
        }
        _slow += Math.Clamp(level - _slow, -2 * _deviation, 2 * _deviation) / 28;
        return isTold;
    }

    /// <summary>What the loggers lost is known at the end of the day that gave the event its size.</summary>
    private void TellDrops()
    {
        if (_pressures is null || _said.Count == 0 || _said[^1].State is BurstState.Passed or BurstState.Repaired) return;
        BurstEvent was = _said[^1];
        Say(was with
        {
            Drops = [.. Enumerable.Range(0, _pressures.Count).Select(_pressures.Change)],
            Sensitivities = [.. Enumerable.Range(0, _pressures.Count).Select(_pressures.Sensitivity)],
        }, was);
    }
}
