using System.Globalization;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>One way to read a column's texts as times.</summary>
/// <param name="Formats">For the setting <c>timestampFormats</c>; empty for ISO 8601.</param>
/// <param name="HasOffset">Whether they need no zone.</param>
/// <param name="HasTime">Whether they have a time of day.</param>
/// <param name="Order">The order of year, month and day if digits leave it open, such as <c>dMy</c>; otherwise empty.</param>
internal sealed record TimePattern(IReadOnlyList<string> Formats, bool HasOffset, bool HasTime, string Order = "");

/// <summary>
/// Finds the patterns that a column's texts may be written in. It does not choose: the times themselves tell which is right.
/// </summary>
internal static partial class TimePatterns
{
    private const double Enough = 0.9;
    private const int MostFormats = 4;

    private static readonly string[] s_named =
    [
        "d MMM yyyy H:mm:ss", "d MMM yyyy H:mm", "d-MMM-yyyy H:mm:ss", "d-MMM-yyyy H:mm", "d-MMM-yy H:mm:ss", "d-MMM-yy H:mm",
        "d MMM yyyy h:mm:ss tt", "d-MMM-yyyy h:mm:ss tt", "d-MMM-yy h:mm:ss tt", "MMM d, yyyy h:mm:ss tt", "MMM d, yyyy H:mm:ss",
        "MMM d, yyyy H:mm", "MMM d yyyy H:mm:ss", "d MMMM yyyy H:mm:ss", "d MMMM yyyy H:mm", "MMMM d, yyyy H:mm", "ddd MMM d H:mm:ss yyyy",
        "ddd, d MMM yyyy H:mm:ss", "d/MMM/yyyy H:mm:ss", "d/MMM/yyyy H:mm", "yyyy-MMM-d H:mm:ss", "yyyy-MMM-d H:mm", "dMMMyyyy H:mm",
        "d-MMM-yyyy", "d MMM yyyy", "d-MMM-yy", "MMM d, yyyy", "d MMMM yyyy", "d/MMM/yyyy",
    ];

    public static IEnumerable<TimePattern> Of(IReadOnlyList<string> texts, bool nameSaysTime)
    {
        string[] filled = [.. texts.Where(text => text.Length > 0)];
        if (filled.Length == 0) return [];
        return Iso(filled).Concat(Numbers(filled, nameSaysTime)).Concat(Digits(filled)).Concat(Named(filled));
    }

    /// <summary>The patterns of a time of day, such as <c>H:mm:ss</c> or <c>HHmm</c>; none if these are none.</summary>
    public static string? TimeOfDay(IReadOnlyList<string> texts, bool nameSaysTime)
    {
        string[] filled = [.. texts.Where(text => text.Length > 0)];
        if (filled.Length == 0) return null;
        Match[] matches = [.. filled.Select(text => TimeOfDayText().Match(text)).Where(match => match.Success)];
        if (matches.Length >= Enough * filled.Length) return TimeOf(matches[0], IsShort(matches, "h"), IsUneven(matches)).TrimStart();
        if (!filled.All(text => text.Length <= 6 && text.All(char.IsAsciiDigit))) return null;
        int[] numbers = [.. filled.Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        bool areMinutes = numbers.All(number => number <= 2400 && number % 100 < 60);
        if (filled.All(text => text.Length == 6) && numbers.All(number => number / 10000 <= 24 && number / 100 % 100 < 60
            && number % 100 < 60))
            return "HHmmss";
        if (areMinutes && filled.All(text => text.Length == 4) && (nameSaysTime || numbers.Any(number => number > 24))) return "HHmm";
        if (areMinutes && nameSaysTime && numbers.Max() > 24) return "Hmm";
        return nameSaysTime && numbers.Max() <= 24 && numbers.Max() - numbers.Min() > 0 ? "H" : null;
    }

    private static IEnumerable<TimePattern> Iso(string[] texts)
    {
        Match[] matches = [.. texts.Select(text => IsoText().Match(text)).Where(match => match.Success)];
        int dates = texts.Count(text => IsoDate().IsMatch(text));
        if (matches.Length == 0 || matches.Length + dates < Enough * texts.Length) return [];
        return [new TimePattern(dates > 0 ? ["iso", "yyyy-MM-dd"] : [], dates == 0
            && matches.All(match => match.Groups["offset"].Success), true)];
    }

    private static IEnumerable<TimePattern> Numbers(string[] texts, bool nameSaysTime)
    {
        string[] plain = [.. texts.Where(text => PlainNumber().IsMatch(text))];
        if (plain.Length < Enough * texts.Length) yield break;
        double[] numbers = [.. plain.Select(Cell.ToDouble)];
        // 1971 to 2100.
        const double From = 31_536_000, To = 4_102_444_800;
        bool goesOn = numbers.Zip(numbers.Skip(1)).All(pair => pair.Second >= pair.First) && numbers[^1] > numbers[0];
        foreach ((string word, double factor) in ((string, double)[])[("epoch", 1), ("epochMs", 1e3), ("epochUs", 1e6), ("epochNs", 1e9)])
        {
            double from = factor == 1 ? 3e8 : From;
            if ((nameSaysTime || goesOn || numbers.Length == 1) && numbers.All(number => number >= from * factor && number < To * factor))
                yield return new TimePattern([word], true, true);
        }
        if (texts.All(text => text.Length == texts[0].Length && text.All(char.IsAsciiDigit)))
        {
            foreach (
                string format in (string[])[
                    "yyyyMMdd", "ddMMyyyy", "MMddyyyy", "yyyyMMddHHmm", "yyyyMMddHHmmss", "yyMMddHHmm", "yyMMdd", "ddMMyy", "MMddyy",
                    "yyyyMMddHH"])
            {
                bool isUsual = format.StartsWith("yyyy", StringComparison.Ordinal) && format.Length >= 8;
                if (texts[0].Length == format.Length && (isUsual || nameSaysTime) && AreIn(texts, format))
                    yield return new TimePattern([format], false, format.Length > 8 || format.Contains('H'),
                        isUsual ? "" : OrderOf(format));
            }
        }
        if (nameSaysTime && numbers.All(number => number is > 20_000 and < 75_000)) yield return new TimePattern(["excel"], false, true);
    }

    /// <summary>The order of year, month and day in a pattern of digits only.</summary>
    private static string OrderOf(string format) => string.Concat(format.Where(c => c is 'y' or 'M' or 'd').Distinct());

    private static IEnumerable<TimePattern> Named(string[] texts)
    {
        if (!texts.Any(text => text.Any(char.IsLetter)) && !texts.All(text => Compact().IsMatch(text))) yield break;
        foreach (
            string format in (string[])[
                .. s_named, "yyyyMMdd'T'HHmmss", "yyyyMMdd'T'HHmm", "yyyyMMdd'T'HHmmss'Z'",
                "yyyyMMdd HH:mm", "yyyyMMdd HH:mm:ss", "yyyyMMdd:HHmm",
                "yyyyMMdd:HHmmss", "yyyyMMdd HHmm", "yyyyMMdd HHmmss", "yyyyMMdd-HHmm", "yyyyMMdd-HHmmss"])
        {
            if (!AreIn(texts, format)) continue;
            yield return new TimePattern([format.Replace("'T'", "T", StringComparison.Ordinal)], false, format.Contains('m'));
            yield break;
        }
    }

    private static bool AreIn(string[] texts, string format) =>
        texts.Count(text => DateTime.TryParseExact(text, format, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime date)
            && date.Year is > 1899 and < 2100) >= Enough * texts.Length;

    private static IEnumerable<TimePattern> Digits(string[] texts)
    {
        Match[] matches = [.. texts.Select(text => DigitText().Match(text)).Where(match => match.Success)];
        if (matches.Length < Enough * texts.Length) yield break;
        bool yearFirst = matches[0].Groups["a"].Length == 4;
        bool IsOther(Match match) =>
            (match.Groups["a"].Length == 4) != yearFirst || (!yearFirst && match.Groups["c"].Length is not (2 or 4));
        if (matches.Any(IsOther)) yield break;
        bool isMonth(string group) => matches.All(match => Int(match, group) is >= 1 and <= 12);
        bool isDay(string group) => matches.All(match => Int(match, group) is >= 1 and <= 31);
        if (yearFirst)
        {
            if (isMonth("b") && isDay("c")) yield return Pattern(matches, "yMd", "");
            else if (isMonth("c") && isDay("b")) yield return Pattern(matches, "ydM", "");
            yield break;
        }
        if (isDay("a") && isMonth("b")) yield return Pattern(matches, "dMy", "dMy");
        // Nobody writes the month first with points.
        bool arePoints = matches.All(match => match.Groups["s"].Value == ".") && isDay("a") && isMonth("b");
        if (!arePoints && isMonth("a") && isDay("b")) yield return Pattern(matches, "Mdy", "Mdy");
        bool isShort = matches.All(
            match => match.Groups["a"].Length == 2 && match.Groups["c"].Length == 2 && match.Groups["s"].Value != ".");
        if (isShort && isMonth("b") && isDay("c")) yield return Pattern(matches, "yMd", "yMd");
    }

    private static TimePattern Pattern(Match[] matches, string order, string open)
    {
        string Group(char part) => order.IndexOf(part) switch { 0 => "a", 1 => "b", _ => "c" };
        bool shortDay = IsShort(matches, Group('d')), shortMonth = IsShort(matches, Group('M'));
        bool shortHour = IsShort(matches, "h"), uneven = IsUneven(matches);
        IEnumerable<string> formats = matches.Select(match => Format(match, order, Group('y'), shortDay, shortMonth, shortHour, uneven));
        bool hasOffset = matches.All(match => match.Groups["o"].Success), hasTime = matches.Any(match => match.Groups["h"].Success);
        return new TimePattern([.. formats.Distinct().Take(MostFormats)], hasOffset, hasTime, open);
    }

    private static string Format(Match match, string order, string yearGroup, bool shortDay, bool shortMonth, bool shortHour, bool uneven)
    {
        string year = match.Groups[yearGroup].Length == 2 ? "yy" : "yyyy";
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
        string letters = match.Groups["half"].Length == 1 ? "t" : "tt";
        string ending = !half ? "" : match.Groups["halfgap"].Length > 0 ? $" {letters}" : letters;
        return $"{between}{hour}:mm{second}{(second.Length > 0 ? fraction : "")}{ending}";
    }

    /// <summary>Whether fractions of a second have different numbers of digits.</summary>
    private static bool IsUneven(Match[] matches) => matches.Select(match => match.Groups["f"].Length).Distinct().Count() > 1;

    /// <summary>
    /// Whether a part may have one digit: one is written so, or none begins with a zero, which would show that there are always two.
    /// </summary>
    private static bool IsShort(Match[] matches, string part) =>
        matches.Any(match => match.Groups[part].Length == 1) || matches.All(match => !match.Groups[part].Value.StartsWith('0'));

    private static int Int(Match match, string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    private const string TimeOfDayPattern =
        @"(?<h>[0-9]{1,2}):(?<m>[0-9][0-9])(:(?<sec>[0-9][0-9])(\.(?<f>[0-9]{1,9}))?)?((?<halfgap> ?)(?<half>[AaPp][Mm]?))?";

    [GeneratedRegex(
        @"^[0-9]{4}-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9](:[0-9][0-9](\.[0-9]{1,9})?)?"
        + @"(?<offset>Z|z|[+-][0-9][0-9](:?[0-9][0-9])?| ?(UTC|GMT))?$",
        RegexOptions.CultureInvariant)]
    private static partial Regex IsoText();

    /// <summary>A date without separators, and a time after it.</summary>
    [GeneratedRegex("^[0-9]{8}[ :-][0-9]{2}:?[0-9]{2}(:?[0-9]{2})?$", RegexOptions.CultureInvariant)]
    private static partial Regex Compact();

    [GeneratedRegex("^[0-9]{4}-[0-9][0-9]-[0-9][0-9]$", RegexOptions.CultureInvariant)]
    private static partial Regex IsoDate();

    [GeneratedRegex(@"^[0-9]{1,19}([.,][0-9]{1,15})?$", RegexOptions.CultureInvariant)]
    private static partial Regex PlainNumber();

    [GeneratedRegex(
        @"^(?<a>[0-9]{1,4})(?<s>[./-])(?<b>[0-9]{1,2})\k<s>(?<c>[0-9]{1,4})"
        + @"((?<t>[ T])" + TimeOfDayPattern + @"((?<gap> ?)(?<o>Z|[+-][0-9][0-9]:?[0-9][0-9]))?)?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex DigitText();

    [GeneratedRegex("^(?<t>)" + TimeOfDayPattern + "$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex TimeOfDayText();
}
