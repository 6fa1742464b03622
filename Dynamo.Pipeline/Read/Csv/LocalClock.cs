namespace Dynamo.Pipeline;

/// <summary>Takes local times of one zone to UTC. Thread-safe.</summary>
internal sealed class LocalClock(TimeZoneInfo zone)
{
    // The last day without a change of the clocks, and its offset, in one word so that readers see both or neither: day << 20 | offset in seconds + 2^19.
    private long _quietDay = -1;

    /// <summary>The UTC ticks of a local time on a day around which the clocks are not changed, as most are. False: ask <see cref="Find"/>.</summary>
    public bool TryQuiet(long local, out long utc)
    {
        long known = Volatile.Read(ref _quietDay);
        utc = local - (((known & 0xFFFFF) - (1 << 19)) * TimeSpan.TicksPerSecond);
        return known >> 20 == local / TimeSpan.TicksPerDay || TryLearn(local, out utc);
    }

    /// <summary>The instants a local time may stand for. They may lie outside of what a <see cref="DateTime"/> holds.</summary>
    public LocalTime Find(long local)
    {
        (long before, long after) = Around(local);
        bool isBefore = OffsetAt(local - before) == before, isAfter = OffsetAt(local - after) == after;
        if (isBefore != isAfter || before == after)
            return new LocalTime(LocalTimeKind.Once, local - (isBefore ? before : after), local - (isBefore ? before : after));
        // The larger offset makes the earlier instant.
        return new LocalTime(isBefore ? LocalTimeKind.Twice : LocalTimeKind.Never, local - Math.Max(before, after), local - Math.Min(before, after));
    }

    private bool TryLearn(long local, out long utc)
    {
        (long before, long after) = Around(local);
        utc = local - before;
        if (before != after || before % TimeSpan.TicksPerSecond != 0 || OffsetAt(utc) != before) return false;
        Volatile.Write(ref _quietDay, ((local / TimeSpan.TicksPerDay) << 20) | ((before / TimeSpan.TicksPerSecond) + (1 << 19)));
        return true;
    }

    /// <summary>More than any offset away from the day on both sides: the offsets before and after a change on it.</summary>
    private (long Before, long After) Around(long local)
    {
        long day = local / TimeSpan.TicksPerDay;
        return (OffsetAt((day - 1) * TimeSpan.TicksPerDay), OffsetAt((day + 2) * TimeSpan.TicksPerDay));
    }

    private long OffsetAt(long utc) =>
        zone.GetUtcOffset(new DateTime(Math.Clamp(utc, 0, DateTime.MaxValue.Ticks), DateTimeKind.Utc)).Ticks;
}

/// <summary>How often a local time occurs.</summary>
internal enum LocalTimeKind
{
    Once,
    Twice,
    Never,
}

/// <summary>What a local time may stand for.</summary>
/// <param name="Kind">How often it occurs.</param>
/// <param name="Earlier">The earlier instant, in UTC ticks.</param>
/// <param name="Later">The later one.</param>
internal readonly record struct LocalTime(LocalTimeKind Kind, long Earlier, long Later);
