namespace Dynamo.Pipeline;

/// <summary>One measured value: the built-in row.</summary>
/// <param name="Logger">The logger's name, as in the file. Interned per format: equal names are one string.</param>
/// <param name="Channel">What was measured: <c>flow</c>, <c>pressure</c>, … Interned as well.</param>
/// <param name="TimestampUtc">When, in UTC (<see cref="DateTimeKind.Utc"/>), to 100 ns.</param>
/// <param name="Value">The value, finite, in the unit the file uses.</param>
public readonly record struct Reading(string Logger, string Channel, DateTime TimestampUtc, double Value);
