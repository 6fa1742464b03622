namespace Dynamo.Pipeline.Readings;

/// <summary>Converts local times of one zone to UTC. Thread-safe.</summary>
internal sealed class LocalClock(TimeZoneInfo zone)
{
    // The last seen day without a change of the clocks, and its offset. They are in one long, so that other threads always see
    // a matching pair: day << 20 | (offset in seconds + 2^19).
    private long _quietDay = -1;

    /// <summary>
    /// Gets the UTC ticks of a local time if the clocks do not change around its day, which is so for most days.
    /// If it returns <see langword="false"/>, call <see cref="Find"/>.
    /// </summary>
    public bool TryQuiet(long local, out long utc)
    {
        long known = Volatile.Read(ref _quietDay);
        utc = local - (((known & 0xFFFFF) - (1 << 19)) * TimeSpan.TicksPerSecond);
        return known >> 20 == local / TimeSpan.TicksPerDay || TryLearn(local, out utc);
    }

    /// <summary>Finds the instants that a local time can mean. They can be outside the range of <see cref="DateTime"/>.</summary>
    public LocalTime Find(long local)
    {
        (long before, long after) = Around(local);
        bool isBefore = OffsetAt(local - before) == before, isAfter = OffsetAt(local - after) == after;
        if (isBefore != isAfter || before == after)
            return new LocalTime(LocalTimeKind.Once, local - (isBefore ? before : after), local - (isBefore ? before : after));
        // The larger offset gives the earlier instant.
        LocalTimeKind kind = isBefore ? LocalTimeKind.Twice : LocalTimeKind.Never;
        return new LocalTime(kind, local - Math.Max(before, after), local - Math.Min(before, after));
    }

    private bool TryLearn(long local, out long utc)
    {
        (long before, long after) = Around(local);
        utc = local - before;
        if (before != after || before % TimeSpan.TicksPerSecond != 0 || OffsetAt(utc) != before) return false;
        Volatile.Write(ref _quietDay, ((local / TimeSpan.TicksPerDay) << 20) | ((before / TimeSpan.TicksPerSecond) + (1 << 19)));
        return true;
    }

    /// <summary>
    /// The offsets before and after a change of the clocks on the day of <paramref name="local"/>. They are taken so far before
    /// and after that day that no offset reaches it.
    /// </summary>
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

/// <summary>The instants that a local time can mean.</summary>
/// <param name="kind">How often the local time occurs.</param>
/// <param name="earlier">The earlier instant, in UTC ticks.</param>
/// <param name="later">The later instant, in UTC ticks; the same one if the time occurs once.</param>
internal readonly struct LocalTime(LocalTimeKind kind, long earlier, long later)
{
    public LocalTimeKind Kind => kind;

    public long Earlier => earlier;

    public long Later => later;
}

/// <summary>
/// Uses the order of the timestamps in one series (one logger and channel of a file) to tell which instant is meant by a time
/// that exists twice. Used by one thread at a time.
/// </summary>
/// <remarks>
/// A file that goes forward enters the repeated hour in its first pass, and a step back inside it begins the second pass.
/// A file that goes backward enters it in the second pass, and a step forward begins the first.
/// If the steps are as long as the repeated time (hourly readings), the same time again means the next pass.
/// A series that goes in both directions tells nothing. One that begins inside the hour tells nothing until its direction is known.
/// </remarks>
internal sealed class SeriesOrder
{
    private enum Pass { Unknown, First, Second }

    private long _last = -1;
    private long _step;
    private int _direction;
    private bool _isUnordered;
    private bool _wasTwice;
    private Pass _pass;

    /// <summary>Takes the next local time of the series.</summary>
    /// <returns>The instant in UTC ticks, or <see langword="null"/> if the order does not tell.</returns>
    public long? Next(long local, in LocalTime time)
    {
        bool isTwice = time.Kind == LocalTimeKind.Twice;
        if (_last >= 0) Compare(local, isTwice, time.Later - time.Earlier);
        _last = local;
        _wasTwice = isTwice;
        if (!isTwice || _isUnordered || _pass == Pass.Unknown) return null;
        return _pass == Pass.First ? time.Earlier : time.Later;
    }

    private void Compare(long local, bool isTwice, long repeated)
    {
        long step = local - _last;
        int sign = Math.Sign(step);
        if (isTwice && _wasTwice && Math.Abs(step) < TimeSpan.TicksPerDay)
            Inside(sign, repeated);
        else
        {
            Turn(sign);
            _pass = !isTwice || _direction == 0 ? Pass.Unknown : _direction > 0 ? Pass.First : Pass.Second;
        }
        if (sign != 0) _step = Math.Abs(step);
    }

    private void Inside(int sign, long repeated)
    {
        if (_direction == 0)
        {
            _direction = sign;
            return;
        }
        bool again = sign == 0 && _step >= repeated;
        if (sign != -_direction && !again) return;
        Pass next = _direction > 0 ? Pass.Second : Pass.First;
        // There is no third pass.
        if (_pass == next && !again) _isUnordered = true;
        _pass = next;
    }

    private void Turn(int sign)
    {
        if (_direction == 0) _direction = sign;
        else if (sign == -_direction) _isUnordered = true;
    }
}
