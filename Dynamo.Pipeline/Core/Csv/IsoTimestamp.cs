namespace Dynamo.Pipeline.Csv;

/// <summary>
/// Reads ISO 8601 timestamps from UTF-8: <c>yyyy-MM-dd</c>, then <c>T</c> or a space, then <c>HH:mm[:ss[.f…]]</c> with up to nine
/// decimals, of which seven count, then nothing, <c>Z</c>, <c>±hh[[:]mm]</c>, <c>UTC</c> or <c>GMT</c>. Checks the range of every part.
/// </summary>
internal static class IsoTimestamp
{
    private const int LongestOffsetMinutes = 14 * 60;
    private const int MostDecimals = 9;

    /// <summary>Reads a field that must have an offset or <c>Z</c>.</summary>
    /// <param name="text">The field, trimmed.</param>
    /// <param name="utc">The time in UTC.</param>
    /// <returns>What is wrong with the field; <see cref="TimestampProblem.NoOffset"/> if it only has no offset.</returns>
    public static TimestampProblem ReadUtc(ReadOnlySpan<byte> text, out DateTime utc)
    {
        utc = default;
        if (text.IsEmpty) return TimestampProblem.Empty;
        TimestampProblem problem = Read(text, out long clock, out long? offset);
        if (problem != TimestampProblem.None) return problem;
        if (offset is not { } ahead) return TimestampProblem.NoOffset;
        long ticks = clock - ahead;
        if (ticks < 0 || ticks > DateTime.MaxValue.Ticks) return TimestampProblem.OutOfRange;
        utc = new DateTime(ticks, DateTimeKind.Utc);
        return TimestampProblem.None;
    }

    /// <summary>Reads a field.</summary>
    /// <param name="text">The field, trimmed.</param>
    /// <param name="clock">
    /// The ticks of the date and time as written. With <see cref="TimestampProblem.Hour24"/>, those of the midnight that ends the day,
    /// or 0 if it is no midnight.
    /// </param>
    /// <param name="offset">The ticks of the offset, or <see langword="null"/> if there is none.</param>
    /// <returns>What is wrong with the field.</returns>
    public static TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset)
    {
        clock = 0;
        offset = null;
        if (text.Length < 16 || text[4] != '-' || text[7] != '-' || text[10] is not ((byte)'T' or (byte)' ') || text[13] != ':')
            return TimestampProblem.Unreadable;
        int high = Two(text, 0), low = Two(text, 2), month = Two(text, 5), day = Two(text, 8);
        if ((high | low | month | day) < 0) return TimestampProblem.Unreadable;

        TimestampProblem problem = ReadTime(text[11..], out long time, out int length);
        if (problem == TimestampProblem.Unreadable) return problem;
        ReadOnlySpan<byte> rest = text[(11 + length)..];
        if (!TryReadOffset(rest, out offset) && !IsUtc(rest, out offset)) return TimestampProblem.Unreadable;
        int year = (high * 100) + low;
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month)) return TimestampProblem.NoSuchDate;
        if (problem is not (TimestampProblem.None or TimestampProblem.Hour24)) return problem;
        bool isPossible = offset is not long.MaxValue;
        if (isPossible && time >= 0) clock = new DateTime(year, month, day).Ticks + time;
        return problem == TimestampProblem.None && !isPossible ? TimestampProblem.NoSuchOffset : problem;
    }

    private static TimestampProblem ReadTime(ReadOnlySpan<byte> text, out long ticks, out int length)
    {
        ticks = 0;
        length = 5;
        int hour = Two(text, 0), minute = Two(text, 3), second = 0;
        long fraction = 0;
        if (text.Length > 5 && text[5] == ':')
        {
            second = Two(text, 6);
            length = 8;
            if (text.Length > 8 && text[8] == '.' && !TryReadFraction(text[9..], out fraction, ref length))
                return TimestampProblem.Unreadable;
        }
        if ((hour | minute | second) < 0) return TimestampProblem.Unreadable;
        if (hour == 24)
        {
            ticks = minute == 0 && second == 0 && fraction == 0 ? TimeSpan.TicksPerDay : -1;
            return TimestampProblem.Hour24;
        }
        if (second == 60) return TimestampProblem.LeapSecond;
        if (hour > 23 || minute > 59 || second > 59) return TimestampProblem.NoSuchTime;
        ticks = (((((hour * 60L) + minute) * 60) + second) * TimeSpan.TicksPerSecond) + fraction;
        return TimestampProblem.None;
    }

    private static bool TryReadFraction(ReadOnlySpan<byte> text, out long ticks, ref int length)
    {
        ticks = 0;
        int digits = 0;
        while (digits < text.Length && digits < 7 && char.IsAsciiDigit((char)text[digits]))
            ticks = (ticks * 10) + (text[digits++] - '0');
        for (int i = digits; i < 7; i++)
            ticks *= 10;
        // Nanoseconds are cut to the 100 of a tick: rounding would move a time into the next second.
        while (digits is >= 7 and < MostDecimals && digits < text.Length && char.IsAsciiDigit((char)text[digits])) digits++;
        length += 1 + digits;
        return digits > 0;
    }

    /// <summary>
    /// Reads an offset as ticks. An offset that is written correctly but cannot exist becomes <see cref="long.MaxValue"/>.
    /// </summary>
    internal static bool TryReadOffset(ReadOnlySpan<byte> text, out long? offset)
    {
        offset = null;
        if (text.IsEmpty) return true;
        offset = 0;
        if (text.Length == 1) return text[0] is (byte)'Z' or (byte)'z';
        if (text[0] is not ((byte)'+' or (byte)'-')) return false;
        int hours = Two(text, 1);
        int minutes = text.Length switch
        {
            3 => 0,
            5 => Two(text, 3),
            6 when text[3] == ':' => Two(text, 4),
            _ => -1,
        };
        if ((hours | minutes) < 0) return false;
        int total = (hours * 60) + minutes;
        offset = minutes > 59 || total > LongestOffsetMinutes ? long.MaxValue : (text[0] == '-' ? -total : total) * TimeSpan.TicksPerMinute;
        return true;
    }

    /// <summary>Whether UTC is written as a word, with a space before it or without.</summary>
    private static bool IsUtc(ReadOnlySpan<byte> text, out long? offset)
    {
        offset = 0;
        if (text.StartsWith((byte)' ')) text = text[1..];
        return text.SequenceEqual("UTC"u8) || text.SequenceEqual("GMT"u8);
    }

    private static int Two(ReadOnlySpan<byte> text, int at)
    {
        if (at + 2 > text.Length) return -1;
        uint tens = (uint)text[at] - '0', ones = (uint)text[at + 1] - '0';
        return tens <= 9 && ones <= 9 ? (int)((tens * 10) + ones) : -1;
    }
}
