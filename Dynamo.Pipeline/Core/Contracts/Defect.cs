using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline;

/// <summary>
/// What is wrong with a file or one of its rows, where it is, and what to do about it. Reject rows, <c>.reason.json</c> files and
/// error messages are made from it. Immutable.
/// </summary>
/// <param name="Problem">What is wrong, in a few words and without the value, such as "the value is not a number".</param>
public sealed record Defect(string Problem)
{
    private const int LongestShown = 200;

    /// <summary>The 1-based line of the file, or <see langword="null"/> if the defect is of the whole file.</summary>
    public long? Line { get; init; }

    /// <summary>
    /// The name of the column, or its number such as <c>#3</c> if it has no name; <see langword="null"/> if there is no column.
    /// </summary>
    public string? Column { get; init; }

    /// <summary>
    /// What was found, cut to 200 characters and with control characters made visible; <see langword="null"/> if that does not apply.
    /// </summary>
    public string? Found { get; init => field = Show(value); }

    /// <summary>What was expected, or <see langword="null"/>.</summary>
    public string? Expected { get; init; }

    /// <summary>What to do about it, or <see langword="null"/>.</summary>
    public string? Remedy { get; init; }

    /// <summary>
    /// The row as in the file, cut to 200 characters and with control characters made visible, or <see langword="null"/>.
    /// </summary>
    public string? RawText { get; init => field = Show(value); }

    /// <summary>
    /// One line for people, such as "line 7, column value: the value is not a number; found 'abc', expected a decimal number. Remedy".
    /// </summary>
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

    /// <summary>This defect as one of an entry of an archive, such as <c>week.zip!L1.csv</c>.</summary>
    internal Defect Of(string entry) => this with { Problem = $"{entry}: {Problem}" };

    /// <summary>A text that anybody may have written, as it may be shown.</summary>
    internal static string Shown(string text) => Show(text)!;

    /// <summary>This defect without what was in the file, for imports that must not keep it elsewhere.</summary>
    internal Defect WithoutText() => Found is null && RawText is null ? this : this with { Found = null, RawText = null };

    /// <summary>
    /// Shortens a text and makes its control characters visible. Anybody may have written it, and it goes to terminals, logs and JSON.
    /// </summary>
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
