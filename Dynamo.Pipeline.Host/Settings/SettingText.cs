using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Turns a setting's text into a value. Each method throws a <see cref="FormatException"/> for a text that it does not understand;
/// the setting says what is allowed.
/// </summary>
internal static class SettingText
{
    private static readonly (string Unit, TimeSpan Length)[] s_units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)), ("min", TimeSpan.FromMinutes(1)), ("s", TimeSpan.FromSeconds(1)),
        ("m", TimeSpan.FromMinutes(1)), ("h", TimeSpan.FromHours(1)), ("d", TimeSpan.FromDays(1)),
    ];

    private static readonly (string Unit, long Bytes)[] s_sizes =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1),
    ];

    public static int Count(string text) =>
        int.TryParse(Digits(text), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw new FormatException();

    /// <summary>A count, or <see langword="null"/> for <c>auto</c>.</summary>
    public static int? CountOrAuto(string text) => text.Trim().Equals("auto", StringComparison.OrdinalIgnoreCase) ? null : Count(text);

    public static long Whole(string text) =>
        long.TryParse(Digits(text), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new FormatException();

    public static double Fraction(string text) => Number(text);

    public static bool Flag(string text) => bool.TryParse(text.Trim(), out bool value) ? value : throw new FormatException();

    /// <summary><c>500ms</c>, <c>5s</c>, <c>2min</c>, <c>1h</c>, <c>0</c>, or .NET's <c>hh:mm:ss</c>.</summary>
    public static TimeSpan Duration(string text)
    {
        string trimmed = text.Trim();
        foreach ((string unit, TimeSpan length) in s_units)
        {
            if (trimmed.EndsWith(unit, StringComparison.OrdinalIgnoreCase)) return Number(trimmed[..^unit.Length]) * length;
        }
        if (trimmed == "0") return TimeSpan.Zero;
        if (trimmed.Contains(':') && TimeSpan.TryParse(trimmed, CultureInfo.InvariantCulture, out TimeSpan value)) return value;
        throw new FormatException();
    }

    /// <summary><c>1048576</c>, <c>512KiB</c>, <c>32MiB</c>, <c>1GB</c>.</summary>
    public static long Size(string text)
    {
        string trimmed = text.Trim();
        foreach ((string unit, long bytes) in s_sizes)
        {
            if (trimmed.EndsWith(unit, StringComparison.OrdinalIgnoreCase))
                return checked((long)(Number(trimmed[..^unit.Length]) * bytes));
        }
        return checked((long)Number(trimmed));
    }

    public static T Choice<T>(string text, IReadOnlyList<(string Word, T Value)> choices)
    {
        foreach ((string word, T value) in choices)
        {
            if (word.Equals(text.Trim(), StringComparison.OrdinalIgnoreCase)) return value;
        }
        throw new FormatException();
    }

    /// <summary>The words of a choice. Every start needs all of them, and would compile LINQ anew for each type of value.</summary>
    public static string[] Words<T>(IReadOnlyList<(string Word, T Value)> choices)
    {
        string[] words = new string[choices.Count];
        for (int i = 0; i < words.Length; i++) words[i] = choices[i].Word;
        return words;
    }

    /// <summary>Words as a sentence lists them: <c>reject, earlier or later</c>.</summary>
    public static string Listed(string[] words) => $"{string.Join(", ", words[..^1])} or {words[^1]}";

    private static double Number(string text) =>
        double.TryParse(Digits(text), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            ? value
            : throw new FormatException();

    /// <summary>People write 50_000 and 50,000. The comma is refused, because it is the decimal sign in many countries.</summary>
    private static string Digits(string text) => text.Trim().Replace("_", "", StringComparison.Ordinal);
}
