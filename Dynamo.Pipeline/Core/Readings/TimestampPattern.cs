using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline.Readings;

/// <summary>One format of timestamps. Immutable, so thread-safe.</summary>
internal abstract class TimestampPattern
{
    /// <summary>
    /// Creates the pattern of a format: one for each word, a fast one for digits and separators, and .NET's parser for the rest.
    /// </summary>
    public static TimestampPattern Of(string format, char decimalSeparator) => format.ToLowerInvariant() switch
    {
        TimestampFormat.Iso => new IsoPattern(),
        TimestampFormat.Epoch => new EpochPattern(TimeSpan.TicksPerSecond, decimalSeparator),
        "epochms" => new EpochPattern(TimeSpan.TicksPerMillisecond, decimalSeparator),
        "epochus" => new EpochPattern(TimeSpan.TicksPerMicrosecond, decimalSeparator),
        "epochns" => new EpochNanoseconds(),
        TimestampFormat.Excel => new ExcelPattern(decimalSeparator),
        _ => DigitPattern.TryCompile(format) ?? (TimestampPattern)new PlatformPattern(format),
    };

    /// <summary>Reads a field that is not empty.</summary>
    /// <param name="text">The field, trimmed.</param>
    /// <param name="clock">The ticks of the date and time as written.</param>
    /// <param name="offset">The ticks of the offset, or <see langword="null"/> if there is none.</param>
    /// <returns>What is wrong with the field.</returns>
    public abstract TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset);

    private sealed class IsoPattern : TimestampPattern
    {
        public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset) =>
            IsoTimestamp.Read(text, out clock, out offset);
    }

    /// <summary>A format for .NET's parser, such as one with English names of months and days.</summary>
    private sealed class PlatformPattern(string format) : TimestampPattern
    {
        private const int Longest = 100;

        private readonly bool _hasOffset = TimestampFormat.HasOffset(format);

        // One letter for morning and afternoon, which .NET knows in capitals only.
        private readonly bool _hasHalfLetter = format.Contains('t') && !format.Contains("tt", StringComparison.Ordinal);

        private static void Raise(Span<char> text)
        {
            foreach (ref char c in text)
                if (c is 'a' or 'p') c = char.ToUpperInvariant(c);
        }

        public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset)
        {
            (clock, offset) = (0, null);
            Span<char> buffer = stackalloc char[Longest];
            if (text.Length > Longest || !Encoding.UTF8.TryGetChars(text, buffer, out int length)) return TimestampProblem.Unreadable;
            if (_hasHalfLetter) Raise(buffer[..length]);
            if (!_hasOffset)
            {
                bool read = DateTime.TryParseExact(
                    buffer[..length], format, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime local);
                clock = local.Ticks;
                return read ? TimestampProblem.None : TimestampProblem.Unreadable;
            }
            if (!DateTimeOffset.TryParseExact(
                buffer[..length], format, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset stamp))
                return TimestampProblem.Unreadable;
            (clock, offset) = (stamp.Ticks, stamp.Offset.Ticks);
            return TimestampProblem.None;
        }
    }
}

/// <summary>A number of units since 1970-01-01T00:00:00Z, with or without decimals.</summary>
internal sealed class EpochPattern(long ticksPerUnit, char decimalSeparator) : TimestampPattern
{
    public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset)
    {
        (clock, offset) = (0, 0);
        if (!TickCount.TryRead(text, ticksPerUnit, (byte)decimalSeparator, out long ticks)) return TimestampProblem.Unreadable;
        if (ticks > DateTime.MaxValue.Ticks || ticks < -DateTime.UnixEpoch.Ticks) return TimestampProblem.OutOfRange;
        clock = DateTime.UnixEpoch.Ticks + ticks;
        return TimestampProblem.None;
    }
}

/// <summary>A whole number of nanoseconds since 1970-01-01T00:00:00Z, cut to the 100 nanoseconds of a tick.</summary>
internal sealed class EpochNanoseconds : TimestampPattern
{
    private const int NanosecondsPerTick = 100;

    public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset)
    {
        (clock, offset) = (0, 0);
        if (!Utf8Parser.TryParse(text, out long nanoseconds, out int used) || used != text.Length) return TimestampProblem.Unreadable;
        clock = DateTime.UnixEpoch.Ticks + (long)Math.Floor(nanoseconds / (decimal)NanosecondsPerTick);
        return TimestampProblem.None;
    }
}

/// <summary>
/// Days since 1899-12-30, as spreadsheets count them from March 1900 on. They are local time, rounded to milliseconds, or to the whole
/// second (up to four decimals: minute) that lies within their last digit.
/// </summary>
internal sealed class ExcelPattern(char decimalSeparator) : TimestampPattern
{
    private static readonly long s_start = new DateTime(1899, 12, 30).Ticks;

    // Earlier days are ambiguous: spreadsheets count a 29 February 1900, which did not exist.
    private const long FirstDay = 61 * TimeSpan.TicksPerDay;

    public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset)
    {
        (clock, offset) = (0, null);
        if (!TickCount.TryRead(text, TimeSpan.TicksPerDay, (byte)decimalSeparator, out long ticks)) return TimestampProblem.Unreadable;
        if (ticks < FirstDay || ticks > DateTime.MaxValue.Ticks - s_start) return TimestampProblem.OutOfRange;
        clock = s_start + Rounded(ticks, text.Length - 1 - text.IndexOfAny((byte)decimalSeparator, (byte)'.'));
        return TimestampProblem.None;
    }

    private static long Rounded(long ticks, int decimals)
    {
        // Half of the last digit is what rounding took away. Writers that cut digits off take up to a whole one.
        long whole = decimals <= 4 ? TimeSpan.TicksPerMinute : TimeSpan.TicksPerSecond, unit = TimeSpan.TicksPerDay;
        for (int i = 0; i < decimals && unit > 0; i++) unit /= 10;
        long near = (ticks + (whole / 2)) / whole * whole;
        if (Math.Abs(near - ticks) <= unit) return near;
        const long Millisecond = TimeSpan.TicksPerMillisecond;
        return (ticks + (Millisecond / 2)) / Millisecond * Millisecond;
    }
}

/// <summary>Reads a decimal number of units as ticks, rounded to the nearest tick.</summary>
internal static class TickCount
{
    private const int MostDigits = 18;

    public static bool TryRead(ReadOnlySpan<byte> text, long ticksPerUnit, byte point, out long ticks)
    {
        ticks = 0;
        bool negative = text is [(byte)'-', ..];
        if (negative) text = text[1..];
        int dot = text.IndexOf(point);
        if (dot < 0 && point != '.') dot = text.IndexOf((byte)'.');
        ReadOnlySpan<byte> whole = dot < 0 ? text : text[..dot], decimals = dot < 0 ? default : text[(dot + 1)..];
        if (whole.Length is 0 or > MostDigits || (dot >= 0 && decimals.IsEmpty) || !TryDigits(whole, out long units))
            return false;
        if (decimals.Length > MostDigits)
        {
            bool areDigits = TryDigits(decimals[MostDigits..], out _) || decimals.Length > 64;
            decimals = areDigits ? decimals[..MostDigits] : default;
        }
        if (dot >= 0 && (decimals.IsEmpty || !TryDigits(decimals, out _))) return false;
        if (units > long.MaxValue / 2 / ticksPerUnit)
        {
            // Outside the range of dates, which the caller reports.
            ticks = negative ? long.MinValue / 2 : long.MaxValue / 2;
            return true;
        }
        ticks = (units * ticksPerUnit) + Fraction(decimals, ticksPerUnit);
        if (negative) ticks = -ticks;
        return true;
    }

    private static bool TryDigits(ReadOnlySpan<byte> text, out long value)
    {
        value = 0;
        foreach (byte b in text)
        {
            if (!char.IsAsciiDigit((char)b)) return false;
            value = unchecked((value * 10) + (b - '0'));
        }
        return true;
    }

    /// <summary>The ticks of the decimals, rounded to the nearest tick.</summary>
    private static long Fraction(ReadOnlySpan<byte> decimals, long ticksPerUnit)
    {
        if (decimals.IsEmpty) return 0;
        TryDigits(decimals, out long value);
        decimal share = value;
        for (int i = 0; i < decimals.Length; i++) share /= 10;
        return (long)decimal.Round(share * ticksPerUnit, MidpointRounding.AwayFromZero);
    }
}

/// <summary>
/// A format of digits, separators and an offset, compiled to steps over bytes. It is several times as fast as .NET's parser and
/// can tell what is wrong. It accepts what .NET's parser accepts for the same format, and an offset in any form of ISO 8601.
/// </summary>
internal sealed class DigitPattern : TimestampPattern
{
    private enum Part
    {
        Literal,
        Year,
        ShortYear,
        Month,
        Day,
        DayOfYear,
        Hour,
        HourMinute,
        HalfDayHour,
        Minute,
        Second,
        Fraction,
        OptionalFraction,
        HalfDay,
        Offset,
    }

    private readonly Step[] _steps;

    private DigitPattern(Step[] steps) => _steps = steps;

    /// <summary>Compiles a format. Returns null if the format needs .NET's parser.</summary>
    public static DigitPattern? TryCompile(string format)
    {
        var steps = new List<Step>();
        for (int i = 0; i < format.Length;)
        {
            int run = 1;
            while (i + run < format.Length && format[i + run] == format[i]) run++;
            if (Of(format, i, ref run) is not { } step) return null;
            steps.Add(step);
            i += run;
        }
        // If a part occurs twice, such as the day, .NET's parser must compare the two.
        bool isDoubled = steps.Where(step => step.Part != Part.Literal).GroupBy(Meaning).Any(same => same.Count() > 1);
        return isDoubled ? null : new DigitPattern([.. steps]);
    }

    private static Part Meaning(Step step) => step.Part switch
    {
        Part.HalfDayHour => Part.Hour,
        Part.ShortYear => Part.Year,
        Part.DayOfYear => Part.Day,
        Part.HourMinute => Part.Hour,
        var part => part,
    };

    public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset)
    {
        (clock, offset) = (0, null);
        var parts = new Parts { Year = 1, Month = 1, Day = 1 };
        int at = 0;
        foreach (Step step in _steps)
            if (!TryStep(step, text, ref at, ref parts)) return TimestampProblem.Unreadable;
        if (at != text.Length) return TimestampProblem.Unreadable;
        offset = parts.Offset;
        return parts.ToTicks(out clock);
    }

    private static bool TryStep(in Step step, ReadOnlySpan<byte> text, ref int at, ref Parts parts)
    {
        switch (step.Part)
        {
            case Part.Literal:
                if (at >= text.Length || text[at] != step.Least) return false;
                at++;
                return true;
            case Part.Year: return TryNumber(text, ref at, step, out parts.Year);
            case Part.ShortYear:
                if (!TryNumber(text, ref at, step, out parts.Year)) return false;
                parts.Year += parts.Year < 50 ? 2000 : 1900;
                return true;
            case Part.Month: return TryNumber(text, ref at, step, out parts.Month);
            case Part.Day: return TryNumber(text, ref at, step, out parts.Day);
            case Part.DayOfYear:
                parts.HasDayOfYear = true;
                return TryNumber(text, ref at, step, out parts.DayOfYear);
            case Part.Hour: return TryNumber(text, ref at, step, out parts.Hour);
            case Part.HourMinute:
                if (!TryNumber(text, ref at, step, out int both)) return false;
                (parts.Hour, parts.Minute) = Math.DivRem(both, 100);
                return true;
            case Part.HalfDayHour:
                parts.IsHalfDay = true;
                return TryNumber(text, ref at, step, out parts.Hour);
            case Part.Minute: return TryNumber(text, ref at, step, out parts.Minute);
            case Part.Second: return TryNumber(text, ref at, step, out parts.Second);
            case Part.Fraction or Part.OptionalFraction: return TryFraction(text, ref at, step, ref parts);
            case Part.HalfDay: return TryHalfDay(text, ref at, ref parts);
            default: return TryOffset(text, ref at, ref parts);
        }
    }

    private static bool TryNumber(ReadOnlySpan<byte> text, ref int at, in Step step, out int value)
    {
        value = 0;
        int start = at;
        while (at < text.Length && at - start < step.Most && (uint)(text[at] - '0') <= 9)
            value = (value * 10) + (text[at++] - '0');
        return at - start >= step.Least;
    }

    private static bool TryFraction(ReadOnlySpan<byte> text, ref int at, in Step step, ref Parts parts)
    {
        bool withPoint = step.Part == Part.OptionalFraction;
        if (withPoint && (at >= text.Length || text[at] != '.')) return true;
        if (withPoint) at++;
        int start = at;
        if (!TryNumber(text, ref at, step, out int digits)) return false;
        parts.Fraction = digits;
        for (int i = at - start; i < 7; i++) parts.Fraction *= 10;
        for (int i = at - start; i > 7; i--) parts.Fraction /= 10;
        return true;
    }

    private static bool TryHalfDay(ReadOnlySpan<byte> text, ref int at, ref Parts parts)
    {
        if (at + 2 > text.Length || (text[at + 1] | 0x20) != 'm' || (text[at] | 0x20) is not ('a' or 'p')) return false;
        parts.IsAfternoon = (text[at] | 0x20) == 'p';
        at += 2;
        return true;
    }

    /// <summary>Reads the offset: all characters that an offset can have, up to the first other one or the end of the text.</summary>
    private static bool TryOffset(ReadOnlySpan<byte> text, ref int at, ref Parts parts)
    {
        int end = at;
        while (end < text.Length && IsOfOffset(text[end])) end++;
        if (!IsoTimestamp.TryReadOffset(text[at..end], out parts.Offset) || parts.Offset is null) return false;
        at = end;
        return true;
    }

    private static bool IsOfOffset(byte c) =>
        c is (byte)'+' or (byte)'-' or (byte)':' or (byte)'Z' or (byte)'z' || char.IsAsciiDigit((char)c);

    private static Step? Of(string format, int at, ref int run)
    {
        char c = format[at];
        // Hour and minute in one number, with or without leading zeros: 5, 815, 1815.
        if (c == 'H' && run == 1 && format.AsSpan(at).StartsWith("Hmm") && !(at + 3 < format.Length && format[at + 3] is 'm' or 's'))
        {
            run = 3;
            return new Step(Part.HourMinute, 1, 4);
        }
        Step? step = (c, run) switch
        {
            ('y', 4) => new Step(Part.Year, 4, 4),
            ('y', 2) => new Step(Part.ShortYear, 2, 2),
            ('M', 1 or 2) => new Step(Part.Month, run, 2),
            ('d', 1 or 2) => new Step(Part.Day, run, 2),
            ('D', 1) => new Step(Part.DayOfYear, 1, 3),
            ('D', 3) => new Step(Part.DayOfYear, 3, 3),
            ('H', 1 or 2) => new Step(Part.Hour, run, 2),
            ('h', 1 or 2) => new Step(Part.HalfDayHour, run, 2),
            ('m', 1 or 2) => new Step(Part.Minute, run, 2),
            ('s', 1 or 2) => new Step(Part.Second, run, 2),
            ('f', <= 9) => new Step(Part.Fraction, run, run),
            ('t', 2) => new Step(Part.HalfDay, 0, 0),
            ('z', <= 3) or ('Z', 1) => new Step(Part.Offset, 0, 0),
            _ => null,
        };
        if (step is not null) return step;
        if (c == '.' && run == 1 && format.AsSpan(at + 1).StartsWith("F"))
        {
            while (at + run < format.Length && format[at + run] == 'F') run++;
            return run - 1 <= 9 ? new Step(Part.OptionalFraction, 1, run - 1) : null;
        }
        if (c is '\'' or '"' && run == 1 && at + 2 < format.Length && format[at + 2] == c
            && format[at + 1] is > ' ' and <= '~' and not '\\')
        {
            run = 3;
            return new Step(Part.Literal, format[at + 1], 0);
        }
        run = 1;
        // For .NET's parser, a percent sign and all letters but T have a meaning of their own.
        bool plain = c is > ' ' and <= '~' && !char.IsAsciiLetter(c) && c is not ('%' or '\\' or '\'' or '"');
        return plain || c is ' ' or 'T' ? new Step(Part.Literal, c, 0) : null;
    }

    private readonly struct Step(Part part, int least, int most)
    {
        public Part Part => part;

        public int Least => least;

        public int Most => most;
    }

    private struct Parts
    {
        public int Year, Month, Day, DayOfYear, Hour, Minute, Second;
        public long Fraction;
        public bool IsHalfDay, IsAfternoon, HasDayOfYear;
        public long? Offset;

        public TimestampProblem ToTicks(out long ticks)
        {
            ticks = 0;
            if (IsHalfDay)
            {
                if (Hour > 12) return TimestampProblem.NoSuchTime;
                Hour = (Hour % 12) + (IsAfternoon ? 12 : 0);
            }
            if (HasDayOfYear)
            {
                if (Year < 1 || DayOfYear < 1 || DayOfYear > (DateTime.IsLeapYear(Year) ? 366 : 365)) return TimestampProblem.NoSuchDate;
                DateTime day = new DateTime(Year, 1, 1).AddDays(DayOfYear - 1);
                (Month, Day) = (day.Month, day.Day);
            }
            if (Year < 1 || Month is < 1 or > 12 || Day < 1 || Day > DateTime.DaysInMonth(Year, Month)) return TimestampProblem.NoSuchDate;
            if (Hour == 24)
            {
                if (Minute == 0 && Second == 0 && Fraction == 0) ticks = new DateTime(Year, Month, Day).Ticks + TimeSpan.TicksPerDay;
                return TimestampProblem.Hour24;
            }
            if (Second == 60) return TimestampProblem.LeapSecond;
            if (Hour > 23 || Minute > 59 || Second > 59) return TimestampProblem.NoSuchTime;
            if (Offset is long.MaxValue) return TimestampProblem.NoSuchOffset;
            ticks = new DateTime(Year, Month, Day, Hour, Minute, Second).Ticks + Fraction;
            return TimestampProblem.None;
        }
    }
}
