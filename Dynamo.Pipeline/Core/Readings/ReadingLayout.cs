using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline;

/// <summary>How the columns of a file hold readings.</summary>
public enum ReadingLayout
{
    /// <summary>A line holds one reading; the value has a column of its own.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "Long and wide are the field's words for the two shapes of a table.")]
    Long,

    /// <summary>A line holds one timestamp; every column that is not used otherwise is a channel, named by the header.</summary>
    WideByChannel,

    /// <summary>A line holds one timestamp; every column that is not used otherwise is a logger, named by the header.</summary>
    WideByLogger,
}

/// <summary>What happens to a reading that can be read and should not be trusted.</summary>
public enum DoubtfulReading
{
    /// <summary>It is rejected, with its line and the reason: it counts as a bad row of its file.</summary>
    Reject,

    /// <summary>It is loaded, and counted as flagged; the first ten of a file are reported with line and reason.</summary>
    Flag,

    /// <summary>It is left out, and counted as skipped.</summary>
    Skip,
}

/// <summary>
/// What a local time means that a change of the clocks made doubtful: one that exists twice, when the clocks were put back over it, or that does not
/// exist, when they were put forward over it.
/// </summary>
public enum ClockChange
{
    /// <summary>The timestamp is rejected.</summary>
    Reject,

    /// <summary>The earlier of the two instants: of a time that exists twice, the first; of one that does not exist, as if the clocks had been put forward already.</summary>
    Earlier,

    /// <summary>The later of the two instants: of a time that exists twice, the second; of one that does not exist, as if the clocks had not been put forward yet.</summary>
    Later,
}

/// <summary>How the text of a timestamp is counted.</summary>
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

/// <summary>Timestamps that count from a start, which is stated once for the file.</summary>
/// <param name="Unit">What is counted; decimals are fine.</param>
/// <param name="Start">Where the start is: above the table, in the path, or a constant. Read with the timestamp formats and the zone.</param>
public sealed record ElapsedTime(ElapsedUnit Unit, FieldSource Start)
{
    /// <summary>Where the start is.</summary>
    /// <exception cref="ArgumentException">A column: a start is one for the whole file.</exception>
    public FieldSource Start { get; init => field = Checked(value); } = Checked(Start);

    private static FieldSource Checked(FieldSource start)
    {
        ArgumentNullException.ThrowIfNull(start);
        return start.ColumnName is null
            ? start.For("start")
            : throw new ArgumentException("Elapsed: the start is one for the whole file; a column has one for each line.", nameof(start));
    }
}

/// <summary>A column that says how good each reading is.</summary>
/// <param name="Column">Its name, or <c>#3</c> for the third.</param>
/// <param name="Accepted">The codes of good readings, compared without case; an empty text is a code as well.</param>
public sealed record QualityColumn(string Column, IReadOnlyList<string> Accepted)
{
    /// <summary>The column's name.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string Column { get; init => field = Named(value); } = Named(Column);

    /// <summary>The codes of good readings.</summary>
    /// <exception cref="ArgumentException">There are none: nothing would be loaded.</exception>
    public IReadOnlyList<string> Accepted { get; init => field = NotNone(value); } = NotNone(Accepted);

    /// <summary>What happens to a reading with another code. Default: <see cref="DoubtfulReading.Reject"/>. In a wide file the code counts for the whole line.</summary>
    public DoubtfulReading Otherwise { get; init; }

    private static string Named(string column) =>
        string.IsNullOrWhiteSpace(column) ? throw new ArgumentException("Quality: the column's name is empty.", nameof(column)) : column.Trim();

    private static string[] NotNone(IReadOnlyList<string> codes) =>
        codes is { Count: > 0 } ? [.. codes] : throw new ArgumentException("Quality: at least one code must be accepted.", nameof(codes));
}
