namespace Dynamo.Pipeline.Analysis;

/// <summary>How sure it is that water is lost, and whether it still is.</summary>
public enum BurstState
{
    /// <summary>The inflow is higher than it should be.</summary>
    Suspected,

    /// <summary>It stayed so for a whole day, or pressures say the same.</summary>
    Confirmed,

    /// <summary>The inflow has come back by as much as it had risen, after days.</summary>
    Repaired,

    /// <summary>The inflow came back by itself within a day or two: a hydrant, a holiday, a tank that was filled.</summary>
    Passed,
}

/// <summary>A rise of an area's inflow. <see cref="Detected"/> is its key: an area has one event at a time.</summary>
/// <param name="Detected">When it was found: the end of the step that made it certain enough. UTC.</param>
/// <param name="Onset">When it began, as far as can be told. UTC.</param>
/// <param name="Size">How much more flows, in the unit of the inflow.</param>
public sealed record BurstEvent(DateTime Detected, DateTime Onset, double Size)
{
    /// <summary>The standard error of the size.</summary>
    public double Uncertainty { get; init; }

    /// <summary>Whether it began within hours; otherwise it grew over days.</summary>
    public bool IsSudden { get; init; }

    /// <summary>The probability that the inflow does not rise so within a month without a leak.</summary>
    public double FlowConfidence { get; init; }

    /// <summary>The same of the pressures; 0 where there are none.</summary>
    public double PressureConfidence { get; init; }

    /// <summary>How sure it is, and whether it goes on.</summary>
    public BurstState State { get; init; }

    /// <summary>When the state or the size changed last. UTC.</summary>
    public DateTime Changed { get; init; }

    /// <summary>
    /// An earlier event that goes on growing, by its <see cref="Detected"/>; this one's size is then what has been added.
    /// <see langword="null"/>: something new.
    /// </summary>
    public DateTime? RepeatOf { get; init; }

    /// <summary>What each pressure logger lost, in the order of the loggers; empty until that is known.</summary>
    public IReadOnlyList<double> Drops { get; init; } = [];

    /// <summary>How much each logger falls with demand, to locate the event with <see cref="AreaOfInterest"/>.</summary>
    public IReadOnlyList<double> Sensitivities { get; init; } = [];
}

/// <summary>An event as part of a detector's state.</summary>
internal static class BurstEventState
{
    public static void Save(BinaryWriter to, BurstEvent it)
    {
        foreach (DateTime time in (ReadOnlySpan<DateTime>)[it.Detected, it.Onset, it.Changed, it.RepeatOf ?? default]) to.Write(time.Ticks);
        foreach (double value in (ReadOnlySpan<double>)[it.Size, it.Uncertainty, it.FlowConfidence, it.PressureConfidence]) to.Write(value);
        to.Write(it.IsSudden);
        to.Write((int)it.State);
        foreach (IReadOnlyList<double> values in (IReadOnlyList<double>[])[it.Drops, it.Sensitivities])
        {
            to.Write(values.Count);
            foreach (double value in values) to.Write(value);
        }
    }

    public static BurstEvent Load(BinaryReader from)
    {
        DateTime detected = Time(from), onset = Time(from), changed = Time(from), repeatOf = Time(from);
        double size = from.ReadDouble();
        return new BurstEvent(detected, onset, size)
        {
            Uncertainty = from.ReadDouble(),
            FlowConfidence = from.ReadDouble(),
            PressureConfidence = from.ReadDouble(),
            IsSudden = from.ReadBoolean(),
            State = (BurstState)from.ReadInt32(),
            Changed = changed,
            RepeatOf = repeatOf == default ? null : repeatOf,
            Drops = Values(from),
            Sensitivities = Values(from),
        };
    }

    private static DateTime Time(BinaryReader from) => new(from.ReadInt64(), DateTimeKind.Utc);

    private static double[] Values(BinaryReader from)
    {
        int count = from.ReadInt32();
        if (count is < 0 or > 1000) throw new EndOfStreamException("It is no event of a burst detector.");
        double[] values = new double[count];
        for (int i = 0; i < count; i++) values[i] = from.ReadDouble();
        return values;
    }
}

/// <summary>How bursts are looked for in an area. Immutable.</summary>
public sealed record BurstDetectorOptions
{
    /// <summary>The time from one value to the next. Default: 15 minutes. It divides a day; a minute to two hours.</summary>
    public TimeSpan Step
    {
        get;
        init => field = value >= TimeSpan.FromMinutes(1) && value <= TimeSpan.FromHours(2)
            && TimeSpan.TicksPerDay % value.Ticks == 0 ? value
            : throw new ArgumentOutOfRangeException(nameof(Step), value, "A step divides a day, and is a minute to two hours long.");
    } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// How many days are learnt from before anything is said. Default: 14, the fewest. More give a better first threshold.
    /// </summary>
    public int TrainingDays
    {
        get;
        init => field = value is >= WeeklyProfile.LeastDays and <= 56 ? value
            : throw new ArgumentOutOfRangeException(nameof(TrainingDays), value, "14 to 56 days are learnt from.");
    } = WeeklyProfile.LeastDays;

    /// <summary>
    /// How many false alarms a year are accepted if the area goes on as it was. Default: 1. Thresholds follow from it: more find smaller
    /// leaks, sooner.
    /// </summary>
    public double FalseAlarmsPerYear
    {
        get;
        init => field = value is >= 0.01 and <= 100 ? value
            : throw new ArgumentOutOfRangeException(nameof(FalseAlarmsPerYear), value, "0.01 to 100 false alarms a year can be accepted.");
    } = 1;

    /// <summary>How many pressure loggers there are. Default: 0. Two or more make alarms rarer and surer.</summary>
    public int PressureLoggers
    {
        get;
        init => field = value is >= 0 and <= 1000 ? value
            : throw new ArgumentOutOfRangeException(nameof(PressureLoggers), value, "An area has up to 1000 pressure loggers.");
    }

    /// <summary>Whose days and weeks people live by. Default: UTC.</summary>
    public TimeZoneInfo Zone { get; init; } = TimeZoneInfo.Utc;
}
