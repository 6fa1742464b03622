using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline;

/// <summary>One way to write a timestamp. Immutable, thread-safe.</summary>
internal abstract class TimestampPattern
{
    /// <summary>Makes the pattern for a format: one of the words, digits and separators that are read from bytes, or what only the platform can read.</summary>
    public static TimestampPattern Of(string format, char decimalSeparator) => format.ToLowerInvariant() switch
    {
        TimestampFormat.Iso => new IsoPattern(),
        TimestampFormat.Epoch => new EpochPattern(TimeSpan.TicksPerSecond, decimalSeparator),
        "epochms" => new EpochPattern(TimeSpan.TicksPerMillisecond, decimalSeparator),
        "epochus" => new EpochPattern(TimeSpan.TicksPerMicrosecond, decimalSeparator),
        TimestampFormat.Excel => new ExcelPattern(decimalSeparator),
        _ => DigitPattern.TryCompile(format) ?? (TimestampPattern)new PlatformPattern(format),
    };

    /// <summary>Reads a field that is not empty.</summary>
    /// <param name="text">The field, trimmed.</param>
    /// <param name="clock">The ticks of the date and time as written.</param>
    /// <param name="offset">The ticks of the offset, or <see langword="null"/> when there is none.</param>
    /// <returns>What is wrong with it.</returns>
    public abstract TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset);

    private sealed class IsoPattern : TimestampPattern
    {
        public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset) => IsoTimestamp.Read(text, out clock, out offset);
    }

    /// <summary>Names of months and days, in English.</summary>
    private sealed class PlatformPattern(string format) : TimestampPattern
    {
        private const int Longest = 100;

        private readonly bool _hasOffset = TimestampFormat.HasOffset(format);

        public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset)
        {
            (clock, offset) = (0, null);
            Span<char> buffer = stackalloc char[Longest];
            if (text.Length > Longest || !Encoding.UTF8.TryGetChars(text, buffer, out int length)) return TimestampProblem.Unreadable;
            if (!_hasOffset)
            {
                bool read = DateTime.TryParseExact(buffer[..length], format, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime local);
                clock = local.Ticks;
                return read ? TimestampProblem.None : TimestampProblem.Unreadable;
            }
            if (!DateTimeOffset.TryParseExact(buffer[..length], format, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset stamp))
                return TimestampProblem.Unreadable;
            (clock, offset) = (stamp.Ticks, stamp.Offset.Ticks);
            return TimestampProblem.None;
        }
    }
}

/// <summary>A number of units since 1970-01-01T00:00:00Z, decimals allowed.</summary>
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

/// <summary>Days since 1899-12-30, as spreadsheets count them from March 1900 on; local time, to the millisecond.</summary>
internal sealed class ExcelPattern(char decimalSeparator) : TimestampPattern
{
    private static readonly long s_start = new DateTime(1899, 12, 30).Ticks;

    // Before, spreadsheets count a 29 February 1900 that never was.
    private const long FirstDay = 61 * TimeSpan.TicksPerDay;

    public override TimestampProblem Read(ReadOnlySpan<byte> text, out long clock, out long? offset)
    {
        (clock, offset) = (0, null);
        if (!TickCount.TryRead(text, TimeSpan.TicksPerDay, (byte)decimalSeparator, out long ticks)) return TimestampProblem.Unreadable;
        if (ticks < FirstDay || ticks > DateTime.MaxValue.Ticks - s_start) return TimestampProblem.OutOfRange;
        const long ms = TimeSpan.TicksPerMillisecond;
        clock = s_start + ((ticks + (ms / 2)) / ms * ms);
        return TimestampProblem.None;
    }
}

/// <summary>Reads a decimal number of units as ticks, exactly as far as ticks go.</summary>
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
        if (whole.Length is 0 or > MostDigits || (dot >= 0 && decimals.IsEmpty) || !TryDigits(whole, out long units)) return false;
        if (decimals.Length > MostDigits) decimals = TryDigits(decimals[MostDigits..], out _) || decimals.Length > 64 ? decimals[..MostDigits] : default;
        if (dot >= 0 && (decimals.IsEmpty || !TryDigits(decimals, out _))) return false;
        if (units > long.MaxValue / 2 / ticksPerUnit)
        {
            // Further than any date: the caller says so.
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

    /// <summary>The ticks of the decimals, the last one rounded.</summary>
    private static long Fraction(ReadOnlySpan<byte> decimals, long ticksPerUnit)
    {
        if (decimals.IsEmpty) return 0;
        TryDigits(decimals, out long value);
        decimal share = value;
        for (int i = 0; i < decimals.Length; i++) share /= 10;
        return (long)decimal.Round(share * ticksPerUnit, MidpointRounding.AwayFromZero);
    }
}
