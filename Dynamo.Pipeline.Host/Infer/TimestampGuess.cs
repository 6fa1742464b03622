using System.Globalization;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>How a column's timestamps are written.</summary>
/// <param name="Formats">For the setting <c>timestampFormats</c>; empty for ISO 8601.</param>
/// <param name="HasOffset">Whether they need no zone.</param>
/// <param name="HasTime">Whether they have a time of day.</param>
/// <param name="Ambiguity">What the samples leave open, in words; <see langword="null"/>: nothing.</param>
internal sealed partial record TimestampGuess(IReadOnlyList<string> Formats, bool HasOffset, bool HasTime, string? Ambiguity)
{
    private const double Enough = 0.9;
    private const int MostFormats = 4;

    private static readonly string[] s_named =
    [
        "d MMM yyyy H:mm:ss", "d MMM yyyy H:mm", "d-MMM-yyyy H:mm:ss", "d-MMM-yyyy H:mm", "d-MMM-yy H:mm:ss", "d-MMM-yy H:mm",
        "d MMM yyyy h:mm:ss tt", "MMM d, yyyy h:mm:ss tt", "MMM d, yyyy H:mm:ss", "MMM d yyyy H:mm:ss", "d MMMM yyyy H:mm:ss",
        "d MMMM yyyy H:mm", "d-MMM-yyyy", "d MMM yyyy",
    ];

    /// <summary>Looks at a column's texts; <see langword="null"/>: they are not timestamps.</summary>
    /// <param name="texts">The column, in the file's order.</param>
    /// <param name="nameSaysTime">Whether the column's name says so. Only then a plain number is taken for a spreadsheet's date.</param>
    public static TimestampGuess? Of(IReadOnlyList<string> texts, bool nameSaysTime)
    {
        string[] filled = [.. texts.Where(text => text.Length > 0)];
        if (filled.Length == 0) return null;
        return Iso(filled) ?? Number(filled, nameSaysTime) ?? Digits(filled) ?? Named(filled);
    }

    /// <summary>Whether these are times of day.</summary>
    public static bool IsTimeOfDay(IReadOnlyList<string> texts) =>
        texts.Count > 0 && texts.Count(text => TimeOfDay().IsMatch(text)) >= Enough * texts.Count;

    /// <summary>The pattern of a time of day, such as <c>H:mm:ss</c>.</summary>
    public static string TimeFormat(IReadOnlyList<string> texts)
    {
        Match[] matches = [.. texts.Select(text => TimeOfDay().Match(text)).Where(match => match.Success)];
        return TimeOf(matches[0], IsShort(matches, "h"), IsUneven(matches)).TrimStart();
    }

    private static TimestampGuess? Iso(string[] texts)
    {
        Match[] matches = [.. texts.Select(text => IsoText().Match(text)).Where(match => match.Success)];
        if (matches.Length < Enough * texts.Length) return null;
        return new TimestampGuess([], matches.All(match => match.Groups["offset"].Success), true, null);
    }

    private static TimestampGuess? Number(string[] texts, bool nameSaysTime)
    {
        string[] plain = [.. texts.Where(text => PlainNumber().IsMatch(text))];
        double[] numbers = [.. plain.Select(text => double.Parse(text.Replace(',', '.'), CultureInfo.InvariantCulture))];
        if (numbers.Length < Enough * texts.Length) return null;
        // 1990 to 2100.
        const double From = 631_152_000, To = 4_102_444_800;
        foreach ((string word, double factor) in ((string, double)[])[("epoch", 1), ("epochMs", 1e3), ("epochUs", 1e6)])
            if (numbers.All(number => number >= From * factor && number < To * factor)) return new TimestampGuess([word], true, true, null);
        if (texts.All(text => text.Length is 8 or 12 or 14) && texts.All(text => text.All(char.IsAsciiDigit)))
            return Compact(texts);
        bool isSerial = numbers.All(number => number is > 30_000 and < 75_000) && (nameSaysTime || numbers.Any(number => number % 1 != 0));
        return isSerial && nameSaysTime ? new TimestampGuess(["excel"], false, true, null) : null;
    }

    private static TimestampGuess? Compact(string[] texts)
    {
        string format = texts[0].Length switch { 8 => "yyyyMMdd", 12 => "yyyyMMddHHmm", _ => "yyyyMMddHHmmss" };
        return texts.All(text => IsIn(text, format)) ? new TimestampGuess([format], false, format.Length > 8, null) : null;
    }

    private static TimestampGuess? Named(string[] texts)
    {
        foreach (string format in s_named)
        {
            if (texts.Count(text => IsIn(text, format)) >= Enough * texts.Length)
                return new TimestampGuess([format], false, format.Contains('m'), null);
        }
        return null;
    }

    private static bool IsIn(string text, string format) =>
        DateTime.TryParseExact(text, format, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime date)
        && date.Year is > 1989 and < 2100;

    private static TimestampGuess? Digits(string[] texts)
    {
        Match[] matches = [.. texts.Select(text => DigitText().Match(text)).Where(match => match.Success)];
        if (matches.Length < Enough * texts.Length) return null;
        bool yearFirst = matches[0].Groups["a"].Length == 4;
        bool IsOther(Match match) =>
            (match.Groups["a"].Length == 4) != yearFirst || (!yearFirst && match.Groups["c"].Length is not (2 or 4));
        if (matches.Any(IsOther)) return null;
        int first = matches.Max(match => Int(match, "a")), second = matches.Max(match => Int(match, "b"));
        if (yearFirst) return Guess(matches, "yMd", null);
        if (first > 12 && second > 12) return null;
        if (first > 12) return Guess(matches, "dMy", null);
        return second > 12 ? Guess(matches, "Mdy", null) : Undecided(matches);
    }

    /// <summary>No date tells day from month. The order of the lines may tell; the proposal says whether it did.</summary>
    private static TimestampGuess Undecided(Match[] matches)
    {
        int dayFirst = StepsBack(matches, "dMy"), monthFirst = StepsBack(matches, "Mdy");
        string order = dayFirst <= monthFirst ? "dMy" : "Mdy";
        string chosen = order == "dMy" ? "day before month" : "month before day";
        string why = dayFirst == monthFirst ? "nothing in the samples tells which" : "only then the lines are in order";
        return Guess(
            matches,
            order,
            $"'{matches[0].Value}' may be day/month or month/day. Taken as {chosen}, because {why}. "
            + "Check it, and swap dd and MM in timestampFormats if it is wrong.");
    }

    private static int StepsBack(Match[] matches, string order)
    {
        string[] formats = [.. Guess(matches, order, null).Formats];
        DateTime[] times = [.. matches.Select(match => TimeIn(match.Value, formats))];
        (DateTime First, DateTime Second)[] pairs = [.. times.Zip(times.Skip(1))];
        return Math.Min(pairs.Count(pair => pair.Second < pair.First), pairs.Count(pair => pair.Second > pair.First));
    }

    private static DateTime TimeIn(string text, string[] formats) =>
        DateTimeOffset.TryParseExact(text, formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time.DateTime
            : DateTime.MinValue;

    /// <summary>Whether fractions of a second have different numbers of digits.</summary>
    private static bool IsUneven(Match[] matches) => matches.Select(match => match.Groups["f"].Length).Distinct().Count() > 1;

    private static TimestampGuess Guess(Match[] matches, string order, string? ambiguity)
    {
        bool shortDay = IsShort(matches, order == "yMd" ? "c" : order == "dMy" ? "a" : "b");
        bool shortMonth = IsShort(matches, order is "yMd" or "dMy" ? "b" : "a");
        bool shortHour = IsShort(matches, "h"), uneven = IsUneven(matches);
        IEnumerable<string> formats = matches.Select(match => Format(match, order, shortDay, shortMonth, shortHour, uneven));
        bool hasOffset = matches.All(match => match.Groups["o"].Success), hasTime = matches.All(match => match.Groups["h"].Success);
        return new TimestampGuess([.. formats.Distinct().Take(MostFormats)], hasOffset, hasTime, ambiguity);
    }

    private static string Format(Match match, string order, bool shortDay, bool shortMonth, bool shortHour, bool uneven)
    {
        string year = match.Groups[order == "yMd" ? "a" : "c"].Length == 2 ? "yy" : "yyyy";
        string separator = match.Groups["s"].Value;
        string day = shortDay ? "d" : "dd", month = shortMonth ? "M" : "MM";
        string date = string.Join(separator, order.Select(part => part switch { 'd' => day, 'M' => month, _ => year }));
        if (!match.Groups["h"].Success) return date;
        string offset = match.Groups["o"].Success ? (match.Groups["gap"].Length > 0 ? " zzz" : "zzz") : "";
        return date + TimeOf(match, shortHour, uneven) + offset;
    }

    private static string TimeOf(Match match, bool shortHour, bool uneven)
    {
        bool half = match.Groups["half"].Success;
        string between = match.Groups["t"] is { Success: true, Length: > 0 } t ? t.Value : "";
        string hour = half ? (shortHour ? "h" : "hh") : shortHour ? "H" : "HH";
        string second = match.Groups["sec"].Success ? ":ss" : "";
        string fraction = uneven ? ".FFFFFFF" : match.Groups["f"].Success ? "." + new string('f', match.Groups["f"].Length) : "";
        string ending = !half ? "" : match.Groups["halfgap"].Length > 0 ? " tt" : "tt";
        return $"{between}{hour}:mm{second}{(second.Length > 0 ? fraction : "")}{ending}";
    }

    /// <summary>
    /// Whether a part may have one digit: one is written so, or none begins with a zero, which would show that there are always two.
    /// </summary>
    private static bool IsShort(Match[] matches, string part) =>
        matches.Any(match => match.Groups[part].Length == 1) || matches.All(match => !match.Groups[part].Value.StartsWith('0'));

    private static int Int(Match match, string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    private const string TimeOfDayPattern =
        @"(?<h>[0-9]{1,2}):(?<m>[0-9][0-9])(:(?<sec>[0-9][0-9])(\.(?<f>[0-9]{1,7}))?)?((?<halfgap> ?)(?<half>[AaPp][Mm]))?";

    [GeneratedRegex(
        @"^[0-9]{4}-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9](:[0-9][0-9](\.[0-9]{1,7})?)?"
        + @"(?<offset>Z|z|[+-][0-9][0-9](:?[0-9][0-9])?)?$",
        RegexOptions.CultureInvariant)]
    private static partial Regex IsoText();

    [GeneratedRegex(@"^[0-9]{1,17}([.,][0-9]{1,15})?$", RegexOptions.CultureInvariant)]
    private static partial Regex PlainNumber();

    [GeneratedRegex(
        @"^(?<a>[0-9]{1,4})(?<s>[./-])(?<b>[0-9]{1,2})\k<s>(?<c>[0-9]{1,4})"
        + @"((?<t>[ T])" + TimeOfDayPattern + @"((?<gap> ?)(?<o>Z|[+-][0-9][0-9]:?[0-9][0-9]))?)?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex DigitText();

    [GeneratedRegex("^(?<t>)" + TimeOfDayPattern + "$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex TimeOfDay();
}
