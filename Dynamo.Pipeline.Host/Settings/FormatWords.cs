using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The words of the format settings, for reading and for writing. Where a value has several words, the first one is written.
/// </summary>
internal static class FormatWords
{
    public const string TimestampWords = "iso, epoch, epochMs, epochUs, epochNs and excel";

    public static readonly (string Word, ReadingLayout Value)[] Shapes =
        [
        ("long", ReadingLayout.Long), ("wide", ReadingLayout.WideByChannel), ("wideByLogger", ReadingLayout.WideByLogger),
        ("wideByTime", ReadingLayout.WideByTime),
    ];

    public static readonly (string Word, char Value)[] Separators =
    [
        ("tab", '\t'), ("space", ' '), ("detect", CsvText.Detected), ("detected", CsvText.Detected), ("auto", CsvText.Detected),
        ("comma", ','), ("semicolon", ';'), ("pipe", '|'), ("\\t", '\t'),
    ];

    public static readonly (string Word, char Value)[] Decimals = [("point", '.'), ("comma", ','), (".", '.'), (",", ',')];

    public static readonly (string Word, char? Value)[] Thousands =
    [
        ("none", null), ("comma", ','), ("point", '.'), ("apostrophe", '\''), ("space", ' '),
        (",", ','), (".", '.'), ("'", '\''), (" ", ' '),
    ];

    public static readonly (string Word, ClockChange Value)[] ClockChanges =
        [("reject", ClockChange.Reject), ("earlier", ClockChange.Earlier), ("later", ClockChange.Later)];

    public static readonly (string Word, DoubtfulReading Value)[] Doubtful =
        [("reject", DoubtfulReading.Reject), ("flag", DoubtfulReading.Flag), ("skip", DoubtfulReading.Skip)];

    public static readonly (string Word, BeyondLimit Value)[] BeyondLimits =
    [
        ("reject", BeyondLimit.Reject), ("limit", BeyondLimit.Limit), ("half", BeyondLimit.Half), ("zero", BeyondLimit.Zero),
        ("skip", BeyondLimit.Skip),
    ];

    public static readonly (string Word, IntervalTime Value)[] Intervals =
        [("none", IntervalTime.None), ("start", IntervalTime.Start), ("end", IntervalTime.End)];

    public static readonly (string Word, ElapsedUnit Value)[] ElapsedUnits =
    [
        ("s", ElapsedUnit.Seconds), ("ms", ElapsedUnit.Milliseconds), ("min", ElapsedUnit.Minutes), ("h", ElapsedUnit.Hours),
        ("d", ElapsedUnit.Days), ("seconds", ElapsedUnit.Seconds), ("milliseconds", ElapsedUnit.Milliseconds),
        ("minutes", ElapsedUnit.Minutes), ("hours", ElapsedUnit.Hours), ("days", ElapsedUnit.Days),
    ];

    /// <summary>The word for a value.</summary>
    public static string Of<T>(T value, IReadOnlyList<(string Word, T Value)> words) =>
        words.First(word => EqualityComparer<T>.Default.Equals(word.Value, value)).Word;

    public static char Separator(string text) => text.Length == 1 ? text[0] : SettingText.Choice(text, Separators);

    public static string Separator(char separator) =>
        separator is '\t' or ' ' or CsvText.Detected ? Of(separator, Separators) : separator.ToString();

    /// <summary>A column by its name, or by its number: 2, #2.</summary>
    public static FieldSource Column(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? FieldSource.Column(number)
            : FieldSource.Column(text);
}
