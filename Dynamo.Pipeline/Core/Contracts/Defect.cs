using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline;

/// <summary>
/// What is wrong with a file or with one of its rows, with the coordinates to find it and the way out.
/// It is what a reject row, a <c>.reason.json</c> and an error message are made of.
/// </summary>
/// <param name="Problem">What is wrong, in a few words without the value: "the value is not a number".</param>
public sealed record Defect(string Problem)
{
    private const int LongestShown = 200;

    /// <summary>The 1-based line of the file, or <see langword="null"/> when the file as a whole is meant.</summary>
    public long? Line { get; init; }

    /// <summary>The column's name (or <c>#3</c> without a header), or <see langword="null"/>.</summary>
    public string? Column { get; init; }

    /// <summary>What was found there, cut to 200 characters, control characters made visible; <see langword="null"/> where it makes no sense.</summary>
    public string? Found { get; init => field = Show(value); }

    /// <summary>What would have been right.</summary>
    public string? Expected { get; init; }

    /// <summary>What to do about it.</summary>
    public string? Remedy { get; init; }

    /// <summary>The row as it stands in the file, cut to 200 characters, or <see langword="null"/>.</summary>
    public string? RawText { get; init => field = Show(value); }

    /// <summary>One line for a person: "line 7, column value: the value is not a number; found 'abc', expected a decimal number. Remedy."</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        if (Line is { } line) text.Append(CultureInfo.InvariantCulture, $"line {line}");
        if (Column is { } column) text.Append(text.Length > 0 ? ", " : "").Append("column ").Append(column);
        if (text.Length > 0) text.Append(": ");
        text.Append(Problem);
        if (Found is not null) text.Append("; found '").Append(Found).Append('\'');
        if (Expected is not null) text.Append(Found is null ? "; expected " : ", expected ").Append(Expected);
        if (Remedy is not null) text.Append(". ").Append(Remedy);
        return text.ToString();
    }

    /// <summary>The text without control characters and of bounded length: it goes to terminals, logs and JSON, and a stranger wrote it.</summary>
    private static string? Show(string? text)
    {
        if (text is null) return null;
        bool cut = text.Length > LongestShown;
        ReadOnlySpan<char> kept = cut ? text.AsSpan(0, LongestShown) : text;
        var shown = new StringBuilder(kept.Length + 1);
        foreach (char c in kept)
        {
            if (char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator)
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                shown.Append(char.IsSurrogate(c) && cut ? '\uFFFD' : c);
        }
        return cut ? shown.Append('…').ToString() : shown.ToString();
    }
}
