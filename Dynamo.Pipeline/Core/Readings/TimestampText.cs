using System.Text;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline.Readings;

/// <summary>
/// Reads timestamps in the formats of a list: as UTC if they have an offset, as local time if not. Immutable, so thread-safe.
/// </summary>
internal sealed class TimestampText
{
    private readonly TimestampPattern[] _patterns;
    private readonly bool _iso;
    private readonly bool _hour24;

    /// <param name="formats">The formats, tried in this order.</param>
    /// <param name="decimalSeparator">The decimal separator of numbers such as a spreadsheet's date.</param>
    /// <param name="hour24">Whether 24:00 is the midnight that ends the day.</param>
    public TimestampText(IReadOnlyList<string> formats, char decimalSeparator = '.', bool hour24 = false)
    {
        _hour24 = hour24;
        _iso = formats.Count == 0
            || (formats.Count == 1 && formats[0].Equals(TimestampFormat.Iso, StringComparison.OrdinalIgnoreCase));
        _patterns = _iso ? [] : [.. formats.Select(format => TimestampPattern.Of(format, decimalSeparator))];
        Expected = string.Join(" or ", _iso ? ["ISO 8601 such as 2026-01-31T12:00:00"] : formats.Select(TimestampFormat.Describe));
    }

    /// <summary>Describes the expected timestamp, for messages.</summary>
    public string Expected { get; }

    /// <summary>Reads a field.</summary>
    /// <param name="text">The field, trimmed.</param>
    /// <param name="ticks">
    /// The ticks of the timestamp: local time with <see cref="TimestampProblem.Local"/>, otherwise UTC.
    /// </param>
    /// <returns>What is wrong with the field; <see cref="TimestampProblem.Local"/> if it only has no offset.</returns>
    public TimestampProblem Read(ReadOnlySpan<byte> text, out long ticks)
    {
        ticks = 0;
        if (text.IsEmpty) return TimestampProblem.Empty;
        TimestampProblem problem = _iso
            ? IsoTimestamp.Read(text, out long clock, out long? offset)
            : ReadPatterns(text, out clock, out offset);
        if (problem == TimestampProblem.Hour24 && _hour24 && clock > 0) problem = TimestampProblem.None;
        if (problem != TimestampProblem.None) return problem;
        ticks = clock - offset.GetValueOrDefault();
        if (offset is null) return TimestampProblem.Local;
        return ticks < 0 || ticks > DateTime.MaxValue.Ticks ? TimestampProblem.OutOfRange : TimestampProblem.None;
    }

    private TimestampProblem ReadPatterns(ReadOnlySpan<byte> text, out long clock, out long? offset)
    {
        // If no pattern fits, report the first one that found a date, though an impossible one: that says more than "unreadable".
        TimestampProblem worst = TimestampProblem.Unreadable;
        foreach (TimestampPattern pattern in _patterns)
        {
            TimestampProblem problem = pattern.Read(text, out clock, out offset);
            if (problem == TimestampProblem.None || (problem == TimestampProblem.Hour24 && _hour24 && clock > 0)) return problem;
            if (worst == TimestampProblem.Unreadable) worst = problem;
        }
        (clock, offset) = (0, null);
        return worst;
    }
}

/// <summary>The words that a list of timestamp formats may contain besides patterns, and the check of patterns.</summary>
internal static class TimestampFormat
{
    public const string Iso = "iso";
    public const string Epoch = "epoch";
    public const string EpochMilliseconds = "epochMs";
    public const string EpochMicroseconds = "epochUs";
    public const string EpochNanoseconds = "epochNs";
    public const string Excel = "excel";

    private static readonly string[] s_words = [Iso, Epoch, EpochMilliseconds, EpochMicroseconds, EpochNanoseconds, Excel];

    public static bool IsWord(string format) => s_words.Contains(format, StringComparer.OrdinalIgnoreCase);

    /// <summary>Refuses a pattern that could read another time than the one that is written.</summary>
    /// <exception cref="ArgumentException">The pattern is incomplete or ambiguous.</exception>
    public static string Checked(string format)
    {
        if (IsWord(format)) return format;
        string bare = WithoutQuoted(format);
        string? problem =
            !(bare.Contains('y') && (bare.Contains('D') || (bare.Contains('M') && bare.Contains('d'))))
                ? "needs year, month and day (y, M, d) or year and day of the year (y, D)"
            : bare.Contains('K') ? "must have no K, which stands for the machine's zone; an offset is zzz"
            : bare.Contains('h') && !bare.Contains('t') ? "has a twelve-hour clock (h) and nothing that tells morning from afternoon (tt)"
            : bare.Contains('m') && !bare.Contains('h') && !bare.Contains('H') ? "has minutes (m) and no hour (H); months are M"
            : null;
        if (problem is null && DigitPattern.TryCompile(format) is null)
            problem = bare.Contains('D') ? "has a day of the year (D or DDD), which goes with digits and separators only"
                : bare.Contains("ffffffff", StringComparison.Ordinal) || bare.Contains("FFFFFFFF", StringComparison.Ordinal)
                    ? "has more than seven decimals, which go with digits and separators only"
                : null;
        return problem is null
            ? format
            : throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.TimestampFormats))}: '{format}' {problem}. "
                + $"Words are {string.Join(", ", s_words)}.", nameof(format));
    }

    /// <summary>Whether a pattern has <c>z</c> or <c>Z</c> outside quotes and escapes.</summary>
    public static bool HasOffset(string format) =>
        !IsWord(format) && WithoutQuoted(format).Contains('z', StringComparison.OrdinalIgnoreCase);

    public static string Describe(string format) => format.ToLowerInvariant() switch
    {
        Iso => "ISO 8601 such as 2026-01-31T12:00:00",
        Epoch => "seconds since 1970",
        "epochms" => "milliseconds since 1970",
        "epochus" => "microseconds since 1970",
        "epochns" => "nanoseconds since 1970",
        Excel => "a spreadsheet's date such as 46053.5",
        _ => format,
    };

    private static string WithoutQuoted(string format)
    {
        var bare = new StringBuilder(format.Length);
        char quoted = '\0';
        for (int i = 0; i < format.Length; i++)
        {
            char c = format[i];
            if (c == '\\') i++;
            else if (quoted != '\0') quoted = c == quoted ? '\0' : quoted;
            else if (c is '\'' or '"') quoted = c;
            else bare.Append(c);
        }
        return bare.ToString();
    }
}
