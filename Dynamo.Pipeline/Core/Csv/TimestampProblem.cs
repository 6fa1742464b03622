namespace Dynamo.Pipeline.Csv;

/// <summary>Why a timestamp cannot be used.</summary>
internal enum TimestampProblem
{
    None,
    Empty,
    Unreadable,
    NoSuchDate,
    NoSuchTime,
    Hour24,
    LeapSecond,
    NoSuchOffset,
    NoZone,
    NoOffset,
    Gap,
    Fold,
    OutOfRange,

    /// <summary>The timestamp is good, but its ticks are local time.</summary>
    Local,
}

/// <summary>The messages for each <see cref="TimestampProblem"/>.</summary>
internal static class TimestampProblems
{
    public static string Text(this TimestampProblem problem) => problem switch
    {
        TimestampProblem.Empty => "the timestamp is empty",
        TimestampProblem.NoSuchDate => "the timestamp's date does not exist",
        TimestampProblem.NoSuchTime => "the timestamp's time of day does not exist",
        TimestampProblem.Hour24 => "the timestamp's hour is 24",
        TimestampProblem.LeapSecond => "the timestamp is a leap second, which the database cannot hold",
        TimestampProblem.NoSuchOffset => "the timestamp's offset does not exist",
        TimestampProblem.NoZone => "the timestamp has no offset, and the format has no zone",
        TimestampProblem.NoOffset => "the timestamp has no offset",
        TimestampProblem.Gap => "the timestamp does not exist: clocks in the zone were put forward over it",
        TimestampProblem.Fold => "the timestamp exists twice: clocks in the zone were put back over it, "
            + "and the file's order does not tell which one is meant",
        TimestampProblem.OutOfRange => "the timestamp is outside the years 1 to 9999",
        _ => "the timestamp cannot be read",
    };

    public static string? Remedy(this TimestampProblem problem) => problem switch
    {
        TimestampProblem.Hour24 =>
            $"Midnight is 00:00 of the next day; if the logger means that, set {OptionName.Named("Format.Hour24")} in the format",
        TimestampProblem.NoZone => "Set the zone of the source in the format, such as Europe/Brussels or UTC",
        TimestampProblem.NoOffset => "Have the logger write Z or an offset: without one, it is another moment in each zone",
        TimestampProblem.Gap =>
            "Check the zone: a logger that does not change its clock has one such as Etc/GMT-1; "
                + $"or set {OptionName.Named("Format.Gap")} to Earlier or Later",
        TimestampProblem.Fold =>
            $"Have the logger write offsets or UTC; or set {OptionName.Named("Format.Fold")} to Earlier or Later",
        _ => null,
    };
}
