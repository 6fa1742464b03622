namespace Dynamo.Pipeline;

/// <summary>One measured value. It is the built-in type of a row.</summary>
/// <param name="Logger">The logger's name as in the file. Within a format, equal names are one string.</param>
/// <param name="Channel">The name of what was measured, such as <c>flow</c> or <c>pressure</c>. Equal names are one string too.</param>
/// <param name="TimestampUtc">The time of the measurement in UTC (<see cref="DateTimeKind.Utc"/>), in steps of 100 ns.</param>
/// <param name="Value">
/// The value, always finite, in the unit of the file; if the format converts the channel, in the unit it converts to.
/// </param>
public readonly record struct Reading(string Logger, string Channel, DateTime TimestampUtc, double Value);

/// <summary>
/// The table for readings: <c>Reading(Logger, Channel, TimestampUtc, Value)</c> with the first three as its key, or the same with
/// other names.
/// </summary>
public static class ReadingTable
{
    /// <summary>The table <c>Reading</c> with the columns <c>Logger</c>, <c>Channel</c>, <c>TimestampUtc</c> and <c>Value</c>.</summary>
    public static RowMap<Reading> Default { get; } = Named();

    /// <summary>The same table with your own names, for a database that already exists.</summary>
    /// <param name="table">The name of the table. Default <c>Reading</c>.</param>
    /// <param name="logger">The column of <see cref="Reading.Logger"/>. Default <c>Logger</c>.</param>
    /// <param name="channel">The column of <see cref="Reading.Channel"/>. Default <c>Channel</c>.</param>
    /// <param name="timestampUtc">The column of <see cref="Reading.TimestampUtc"/>. Default <c>TimestampUtc</c>.</param>
    /// <param name="value">The column of <see cref="Reading.Value"/>. Default <c>Value</c>.</param>
    /// <returns>The map from readings to this table.</returns>
    /// <exception cref="ArgumentException">A name is empty, too long, used twice, or has control characters.</exception>
    public static RowMap<Reading> Named(
        string table = "Reading",
        string logger = "Logger",
        string channel = "Channel",
        string timestampUtc = "TimestampUtc",
        string value = "Value") =>
        RowMap<Reading>.Table(table)
            .Key(logger, r => r.Logger)
            .Key(channel, r => r.Channel)
            .Key(timestampUtc, r => r.TimestampUtc)
            .Column(value, r => r.Value);
}
