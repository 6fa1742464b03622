namespace Dynamo.Pipeline;

/// <summary>
/// Takes local times of one zone to UTC. A time that exists twice is the earlier one; a time that does not exist is refused. Thread-safe.
/// </summary>
internal sealed class LocalClock(TimeZoneInfo zone)
{
    // The last day without a change of the clocks, and its offset, in one word so that readers see both or neither: day << 20 | offset in seconds + 2^19.
    private long _quietDay = -1;

    /// <summary>The UTC ticks of a local time, which may lie outside of what a <see cref="DateTime"/> holds.</summary>
    public TimestampProblem ToUtc(long local, out long utc)
    {
        long day = local / TimeSpan.TicksPerDay;
        long known = Volatile.Read(ref _quietDay);
        if (known >> 20 != day) return LookUp(local, day, out utc);
        utc = local - (((known & 0xFFFFF) - (1 << 19)) * TimeSpan.TicksPerSecond);
        return TimestampProblem.None;
    }

    private TimestampProblem LookUp(long local, long day, out long utc)
    {
        // More than any offset away from the day on both sides: the offsets before and after a change on it.
        long before = OffsetAt((day - 1) * TimeSpan.TicksPerDay), after = OffsetAt((day + 2) * TimeSpan.TicksPerDay);
        if (before == after && before % TimeSpan.TicksPerSecond == 0 && OffsetAt(local - before) == before)
            Volatile.Write(ref _quietDay, (day << 20) | ((before / TimeSpan.TicksPerSecond) + (1 << 19)));
        bool isBefore = OffsetAt(local - before) == before, isAfter = OffsetAt(local - after) == after;
        utc = local - (isBefore && isAfter ? Math.Max(before, after) : isBefore ? before : after);
        return isBefore || isAfter ? TimestampProblem.None : TimestampProblem.Gap;
    }

    private long OffsetAt(long utc) =>
        zone.GetUtcOffset(new DateTime(Math.Clamp(utc, 0, DateTime.MaxValue.Ticks), DateTimeKind.Utc)).Ticks;
}
