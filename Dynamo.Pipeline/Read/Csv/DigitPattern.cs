namespace Dynamo.Pipeline;

/// <summary>
/// A format of digits, separators and an offset, compiled to steps over bytes: several times as fast as the platform's parser, and able to say what is
/// wrong. Takes what the platform takes for the same format, and an offset in any of the forms of ISO 8601.
/// </summary>
internal sealed class DigitPattern : TimestampPattern
{
    private enum Part { Literal, Year, ShortYear, Month, Day, Hour, HalfDayHour, Minute, Second, Fraction, OptionalFraction, HalfDay, Offset }

    private readonly Step[] _steps;

    private DigitPattern(Step[] steps) => _steps = steps;

    /// <summary>Compiles a format, or gives null when only the platform knows what it means.</summary>
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
        // Twice the same part, such as the day's number and again, is for the platform to compare.
        bool doubled = steps.Where(s => s.Part != Part.Literal).GroupBy(s => s.Part is Part.HalfDayHour ? Part.Hour : s.Part is Part.ShortYear ? Part.Year : s.Part).Any(g => g.Count() > 1);
        return doubled ? null : new DigitPattern([.. steps]);
    }

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
            case Part.Hour: return TryNumber(text, ref at, step, out parts.Hour);
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
        return true;
    }

    private static bool TryHalfDay(ReadOnlySpan<byte> text, ref int at, ref Parts parts)
    {
        if (at + 2 > text.Length || (text[at + 1] | 0x20) != 'm' || (text[at] | 0x20) is not ('a' or 'p')) return false;
        parts.IsAfternoon = (text[at] | 0x20) == 'p';
        at += 2;
        return true;
    }

    /// <summary>The offset ends the text or stands before a literal that is in none.</summary>
    private static bool TryOffset(ReadOnlySpan<byte> text, ref int at, ref Parts parts)
    {
        int end = at;
        while (end < text.Length && (text[end] is (byte)'+' or (byte)'-' or (byte)':' or (byte)'Z' or (byte)'z' || char.IsAsciiDigit((char)text[end]))) end++;
        if (!IsoTimestamp.TryReadOffset(text[at..end], out parts.Offset) || parts.Offset is null) return false;
        at = end;
        return true;
    }

    private static Step? Of(string format, int at, ref int run)
    {
        char c = format[at];
        Step? step = (c, run) switch
        {
            ('y', 4) => new Step(Part.Year, 4, 4),
            ('y', 2) => new Step(Part.ShortYear, 2, 2),
            ('M', 1 or 2) => new Step(Part.Month, run, 2),
            ('d', 1 or 2) => new Step(Part.Day, run, 2),
            ('H', 1 or 2) => new Step(Part.Hour, run, 2),
            ('h', 1 or 2) => new Step(Part.HalfDayHour, run, 2),
            ('m', 1 or 2) => new Step(Part.Minute, run, 2),
            ('s', 1 or 2) => new Step(Part.Second, run, 2),
            ('f', <= 7) => new Step(Part.Fraction, run, run),
            ('t', 2) => new Step(Part.HalfDay, 0, 0),
            ('z', <= 3) or ('Z', 1) => new Step(Part.Offset, 0, 0),
            _ => null,
        };
        if (step is not null) return step;
        if (c == '.' && run == 1 && format.AsSpan(at + 1).StartsWith("F"))
        {
            while (at + run < format.Length && format[at + run] == 'F') run++;
            return run - 1 <= 7 ? new Step(Part.OptionalFraction, 1, run - 1) : null;
        }
        if (c is '\'' or '"' && run == 1 && at + 2 < format.Length && format[at + 2] == c && format[at + 1] is > ' ' and <= '~' and not '\\')
        {
            run = 3;
            return new Step(Part.Literal, format[at + 1], 0);
        }
        run = 1;
        // A space in a format is any number of them to the platform; a percent sign and letters mean something else.
        bool plain = c is > ' ' and <= '~' && !char.IsAsciiLetter(c) && c is not ('%' or '\\' or '\'' or '"');
        return plain || c is ' ' or 'T' ? new Step(Part.Literal, c, 0) : null;
    }

    private readonly record struct Step(Part Part, int Least, int Most);

    private struct Parts
    {
        public int Year, Month, Day, Hour, Minute, Second;
        public long Fraction;
        public bool IsHalfDay, IsAfternoon;
        public long? Offset;

        public TimestampProblem ToTicks(out long ticks)
        {
            ticks = 0;
            if (IsHalfDay)
            {
                if (Hour > 12) return TimestampProblem.NoSuchTime;
                Hour = (Hour % 12) + (IsAfternoon ? 12 : 0);
            }
            if (Year < 1 || Month is < 1 or > 12 || Day < 1 || Day > DateTime.DaysInMonth(Year, Month)) return TimestampProblem.NoSuchDate;
            if (Hour == 24) return TimestampProblem.Hour24;
            if (Second == 60) return TimestampProblem.LeapSecond;
            if (Hour > 23 || Minute > 59 || Second > 59) return TimestampProblem.NoSuchTime;
            if (Offset is long.MaxValue) return TimestampProblem.NoSuchOffset;
            ticks = new DateTime(Year, Month, Day, Hour, Minute, Second).Ticks + Fraction;
            return TimestampProblem.None;
        }
    }
}
