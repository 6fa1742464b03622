using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline;

/// <summary>How the readings are arranged in the columns of a file.</summary>
public enum ReadingLayout
{
    /// <summary>A line has one reading, and one column has the values.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "Long and wide are the field's words for the two shapes of a table.")]
    Long,

    /// <summary>A line has one timestamp. Every column without another use is a channel, and the header has its name.</summary>
    WideByChannel,

    /// <summary>A line has one timestamp. Every column without another use is a logger, and the header has its name.</summary>
    WideByLogger,

    /// <summary>
    /// A line has one day. Every column without another use is a time of that day, and the header has it, such as <c>00:15</c>.
    /// </summary>
    WideByTime,
}

/// <summary>The meaning of a value below or above what the device can measure, such as <c>&lt;0.01</c>.</summary>
public enum BeyondLimit
{
    /// <summary>The reading is rejected, as any other text that is not a number.</summary>
    Reject,

    /// <summary>The reading has the value of the limit.</summary>
    Limit,

    /// <summary>A value below the limit is half of it; one above is the limit.</summary>
    Half,

    /// <summary>A value below the limit is 0; one above is the limit.</summary>
    Zero,

    /// <summary>The reading is not loaded and is counted as skipped.</summary>
    Skip,
}

/// <summary>Which instant of an interval such as <c>2026-01-01 00:00 - 2026-01-01 01:00</c> is the timestamp.</summary>
public enum IntervalTime
{
    /// <summary>The field has one timestamp and no interval.</summary>
    None,

    /// <summary>The start of the interval.</summary>
    Start,

    /// <summary>The end of the interval.</summary>
    End,
}

/// <summary>What happens to a reading that can be read but may be wrong.</summary>
public enum DoubtfulReading
{
    /// <summary>The reading is rejected with its line and the reason, and counts as a bad row of its file.</summary>
    Reject,

    /// <summary>The reading is loaded and counted as flagged. The first ten of a file are reported with line and reason.</summary>
    Flag,

    /// <summary>The reading is not loaded and is counted as skipped.</summary>
    Skip,
}

/// <summary>
/// The meaning of a local time that is not clear because the clocks changed: it exists twice because they were put back,
/// or it does not exist because they were put forward.
/// </summary>
public enum ClockChange
{
    /// <summary>The timestamp is rejected.</summary>
    Reject,

    /// <summary>
    /// The earlier of the two possible instants. For a time that exists twice, it is the first one.
    /// A time that does not exist is read as if the clocks had already been put forward.
    /// </summary>
    Earlier,

    /// <summary>
    /// The later of the two possible instants. For a time that exists twice, it is the second one.
    /// A time that does not exist is read as if the clocks had not been put forward yet.
    /// </summary>
    Later,
}

/// <summary>The unit of timestamps that count from a start.</summary>
public enum ElapsedUnit
{
    /// <summary>Seconds since the start.</summary>
    Seconds,

    /// <summary>Milliseconds since the start.</summary>
    Milliseconds,

    /// <summary>Minutes since the start.</summary>
    Minutes,

    /// <summary>Hours since the start.</summary>
    Hours,

    /// <summary>Days since the start.</summary>
    Days,
}

/// <summary>Describes timestamps that count from a start, which the file gives once.</summary>
/// <param name="Unit">The unit of the timestamps, which may have decimals.</param>
/// <param name="Start">
/// Where the start is: above the table, in the path, or a constant. It is read with the timestamp formats and the zone.
/// </param>
public sealed record ElapsedTime(ElapsedUnit Unit, FieldSource Start)
{
    /// <summary>Where the start is.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">The value is a column. There is one start for the whole file.</exception>
    public FieldSource Start { get; init => field = Checked(value); } = Checked(Start);

    private static FieldSource Checked(FieldSource start)
    {
        ArgumentNullException.ThrowIfNull(start);
        return start.ColumnName is null
            ? start.For("start")
            : throw new ArgumentException("Elapsed: the start is one for the whole file; a column has one for each line.", nameof(start));
    }
}

/// <summary>A column with the quality of each reading.</summary>
/// <param name="Column">
/// The column's name, or a number such as <c>#3</c> for the third. In a wide file, a name with <c>*</c> is one column for each channel,
/// with the channel's column name in place of the star: <c>*_flag</c>. A channel without such a column is good.
/// </param>
/// <param name="Accepted">The codes of good readings. Case does not matter. An empty text is a code too.</param>
public sealed record QualityColumn(string Column, IReadOnlyList<string> Accepted)
{
    /// <summary>The column's name, or a number such as <c>#3</c> for the third; with <c>*</c>, a column for each channel.</summary>
    /// <exception cref="ArgumentException">The value is empty.</exception>
    public string Column { get; init => field = Named(value); } = Named(Column);

    /// <summary>The codes of good readings. Case does not matter. An empty text is a code too.</summary>
    /// <exception cref="ArgumentException">There are none, so nothing would be loaded.</exception>
    public IReadOnlyList<string> Accepted { get; init => field = NotNone(value); } = NotNone(Accepted);

    /// <summary>
    /// What happens to a reading with another code. Default <see cref="DoubtfulReading.Reject"/>.
    /// In a wide file, the code is that of the whole line.
    /// </summary>
    public DoubtfulReading Otherwise { get; init; }

    /// <summary>Whether each channel of a wide file has a column of its own.</summary>
    internal bool IsForEachChannel => Column.Contains('*');

    private static string Named(string column) =>
        string.IsNullOrWhiteSpace(column)
            ? throw new ArgumentException("Quality: the column's name is empty.", nameof(column))
            : column.Trim();

    private static string[] NotNone(IReadOnlyList<string> codes) =>
        codes is { Count: > 0 } ? [.. codes] : throw new ArgumentException("Quality: at least one code must be accepted.", nameof(codes));
}
