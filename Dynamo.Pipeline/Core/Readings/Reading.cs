namespace Dynamo.Pipeline;

/// <summary>One measured value: the built-in row.</summary>
/// <param name="Logger">The logger's name, as in the file. Interned per format: equal names are one string.</param>
/// <param name="Channel">What was measured: <c>flow</c>, <c>pressure</c>, … Interned as well.</param>
/// <param name="TimestampUtc">When, in UTC (<see cref="DateTimeKind.Utc"/>), to 100 ns.</param>
/// <param name="Value">The value, finite, in the unit the file uses.</param>
public readonly record struct Reading(string Logger, string Channel, DateTime TimestampUtc, double Value);

/// <summary>Where readings go: <c>Reading(Logger, Channel, TimestampUtc, Value)</c>, keyed by the first three, or the same under other names.</summary>
public static class ReadingTable
{
    /// <summary>The table <c>Reading</c> with the columns <c>Logger</c>, <c>Channel</c>, <c>TimestampUtc</c> and <c>Value</c>.</summary>
    public static RowMap<Reading> Default { get; } = Named();

    /// <summary>The same table under names of your own, for a database that exists already.</summary>
    /// <param name="table">The table.</param>
    /// <param name="logger">The column of <see cref="Reading.Logger"/>.</param>
    /// <param name="channel">The column of <see cref="Reading.Channel"/>.</param>
    /// <param name="timestampUtc">The column of <see cref="Reading.TimestampUtc"/>.</param>
    /// <param name="value">The column of <see cref="Reading.Value"/>.</param>
    /// <returns>The map.</returns>
    /// <exception cref="ArgumentException">A name is empty, too long, used twice, or holds control characters.</exception>
    public static RowMap<Reading> Named(
        string table = "Reading", string logger = "Logger", string channel = "Channel", string timestampUtc = "TimestampUtc", string value = "Value") =>
        RowMap<Reading>.Table(table)
            .Key(logger, r => r.Logger)
            .Key(channel, r => r.Channel)
            .Key(timestampUtc, r => r.TimestampUtc)
            .Column(value, r => r.Value);
}
