using System.Globalization;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>How numbers are written.</summary>
/// <param name="Decimal">The decimal separator.</param>
/// <param name="Thousands">The thousands separator; <see langword="null"/>: none.</param>
/// <param name="Ambiguity">What the samples leave open, in words; <see langword="null"/>: nothing.</param>
internal sealed partial record NumberGuess(char Decimal, char? Thousands, string? Ambiguity)
{
    private static readonly double[] s_sentinels =
        [-9999, -999, -99999, -9999.9, -9999.99, -999.9, -999.99, -99.9, -99.99, -99, -32768, -2147483648, -6999, -7999, -8999, -999999,
            -99999.9, -9999999, 999, 999.9, 6999, 7999, 8999, 9999, 9999.9, 99999, 999999, 9999999, 99999999, 999999999, 32767, 32766,
            65535, 2147483647];

    private static readonly string[] s_nullWords =
        ["", "nan", "null", "na", "n/a", "#n/a", "none", "nil", "-", "--", "---", "nodata", "no data", "missing", "bad", "*", "?", "inf",
            "#ref!", "#value!", "#div/0!", "error", "err", "overflow", "n.a.", "nd", "mm", "-nan", "\"nan\"", "invalid", "---.-", "--.-"];

    /// <summary>Looks at the numbers of all columns.</summary>
    /// <param name="columns">The texts of each column that are numbers.</param>
    /// <param name="fields">What separates the fields.</param>
    public static NumberGuess Of(IReadOnlyList<string[]> columns, char fields = ';')
    {
        string[] texts = [.. columns.SelectMany(column => column)];
        string[] commas = [.. texts.Where(text => Comma().IsMatch(text))], points = [.. texts.Where(text => Point().IsMatch(text))];
        string? both = texts.FirstOrDefault(text => CommaPoint().IsMatch(text) || PointComma().IsMatch(text));
        if (both is not null) return CommaPoint().IsMatch(both) ? new('.', ',', null) : new(',', '.', null);
        string? spaced = texts.FirstOrDefault(text => Spaced().IsMatch(text));
        char? thousands = spaced is null ? null : spaced.Contains('\'') ? '\'' : ' ';
        bool areDecimals(string[] some) => some.Any(text => !Grouped().IsMatch(text));
        bool comma = areDecimals(commas), point = areDecimals(points);
        // A decimal separator that is proved leaves the other one for thousands.
        if (comma && !point) return new(',', thousands ?? (points.Length > 0 ? '.' : null), null);
        if (point && !comma) return new('.', thousands ?? (commas.Length > 0 ? ',' : null), null);
        if (commas.Length == 0 && points.Length == 0)
        {
            char? repeated = texts.Any(text => Repeated().IsMatch(text))
                ? texts.First(text => Repeated().IsMatch(text)).First(c => c is '.' or ',') : null;
            return new(repeated == '.' ? ',' : '.', thousands ?? repeated, null);
        }
        char most = points.Length > commas.Length ? '.' : ',', other = most == '.' ? ',' : '.';
        if (comma && point) return new(most, thousands, null);
        if (commas.Length > 0 && points.Length > 0)
            return new(most, thousands, $"'{commas[0]}' and '{points[0]}' may have decimals or thousands. Taken as a decimal "
                + $"{Word(most)}; set \"decimal\" and \"thousands\" if that is wrong.");
        string shown = (points.Length > 0 ? points : commas)[0];
        if (texts.Any(text => Repeated().IsMatch(text)) || columns.Any(column => RunsOnAsThousands(column, most)))
            return new(other, most, null);
        // Whoever writes thousands with points has the comma for decimals, and separates fields by something else.
        if (most == '.' && fields == ',') return new(most, thousands, null);
        return new(most, thousands,
            $"'{shown}' may have a decimal {Word(most)} or a thousands separator: every {Word(most)} has three digits after it. "
                + $"It is taken as a decimal {Word(most)}; if that is wrong, set \"decimal\": \"{Word(other)}\", "
                + $"\"thousands\": \"{Word(most)}\".");
    }

    private static string Word(char separator) => separator == ',' ? "comma" : "point";

    /// <summary>
    /// Whether whole numbers below 1000 go on as numbers with a separator: 995, 1.002. Read as thousands, they have no break; read as
    /// decimals, they jump.
    /// </summary>
    private static bool RunsOnAsThousands(string[] column, char separator)
    {
        const double FarLess = 0.05;
        string[] texts = [.. column.Where(Cell.IsNumber)];
        int grouped = texts.Count(text => text.Contains(separator));
        if (grouped < 3 || texts.Length - grouped < 3) return false;
        double Steps(bool asThousands)
        {
            double[] values = [
                .. texts.Select(text => Cell.ToDouble(asThousands ? text.Replace($"{separator}", "", StringComparison.Ordinal) : text))];
            double range = values.Max() - values.Min();
            return range > 0 ? values.Zip(values.Skip(1)).Max(pair => Math.Abs(pair.Second - pair.First)) / range : 1;
        }
        return Steps(true) < 0.5 && Steps(true) < Steps(false) && (Steps(false) > 0.9 || Steps(true) < FarLess * Steps(false));
    }

    public bool IsNumber(string text) => TryParse(text, out _);

    public bool TryParse(string text, out double value)
    {
        value = 0;
        if (text.Length == 0 || !(char.IsAsciiDigit(text[^1]) || text[^1] == '.')) return false;
        if (Thousands is { } thousands) text = string.Concat(text.Where(c => c != thousands && c is not ('\u00A0' or '\u202F')));
        if (Decimal == ',' && text.Contains('.')) return false;
        const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(text.Replace(Decimal, '.'), Styles, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>Whether a text is a number with its unit, such as <c>12.5 l/s</c>.</summary>
    public static bool HasUnit(string text) => WithUnit().IsMatch(text);

    /// <summary>Whether a text is a value beyond a limit, such as <c>&lt;0.01</c>.</summary>
    public static bool IsBeyond(string text) => Beyond().IsMatch(text);

    /// <summary>The number of a state that a word names, such as 1 of <c>ON</c>; <see langword="null"/>: it names none.</summary>
    public static double? StateOf(string text) => s_states.TryGetValue(text, out double state) ? state : null;

    private static readonly Dictionary<string, double> s_states = new(StringComparer.OrdinalIgnoreCase)
    {
        ["on"] = 1, ["off"] = 0, ["true"] = 1, ["false"] = 0, ["yes"] = 1, ["no"] = 0, ["open"] = 1, ["opened"] = 1, ["closed"] = 0,
        ["running"] = 1, ["stopped"] = 0, ["active"] = 1, ["inactive"] = 0, ["ein"] = 1, ["aus"] = 0, ["marche"] = 1, ["arrêt"] = 0,
        ["aan"] = 1, ["uit"] = 0, ["wet"] = 1, ["dry"] = 0, ["high"] = 1, ["low"] = 0,
    };

    public static bool IsNullWord(string text) => s_nullWords.Contains(text.ToLowerInvariant());

    /// <summary>The texts of a column that most likely mean "no value": a number such as -9999, far from all others.</summary>
    public IEnumerable<string> Sentinels(IReadOnlyList<string> column)
    {
        (string Text, double Value)[] numbers =
        [
            .. column
                .Select(text => (Text: text, Value: TryParse(text, out double value) ? value : double.NaN))
                .Where(one => !double.IsNaN(one.Value)),
        ];
        double[] usual = [.. numbers.Where(one => !s_sentinels.Contains(one.Value)).Select(one => one.Value)];
        if (usual.Length == 0) return [];
        double most = usual.Max(), least = usual.Min(), size = Math.Max(Math.Abs(most), Math.Abs(least));
        bool IsFar(double value, int count)
        {
            if (s_sentinels.Contains(value) && Math.Abs(value) > 5 * size) return true;
            if (count < 2) return false;
            double gap = value > most ? value - most : least - value;
            return gap > Math.Max(most - least, size / 2) && (Math.Abs(value) >= 999 || value < 0 && least >= 0);
        }
        // A number that no list knows: it comes again and again, far away from all others.
        const double VeryFar = 20;
        const int Many = 10;
        var again = numbers.GroupBy(one => one.Value).Where(group => group.Count() > 1).OrderByDescending(group => Math.Abs(group.Key));
        foreach (var group in again.Take(1))
        {
            double[] others = [.. numbers.Select(one => one.Value).Where(value => value != group.Key && !s_sentinels.Contains(value))];
            if (others.Length < Many || group.Count() > others.Length / 2 || group.Key != Math.Round(group.Key)) continue;
            if (Math.Abs(group.Key) > VeryFar * Math.Max(1, others.Max(Math.Abs)) && Math.Abs(group.Key) >= 100)
                return [.. group.Select(one => one.Text).Distinct(), .. Known()];
        }
        return Known();

        IEnumerable<string> Known() => numbers.GroupBy(one => one.Value)
            .Where(group => s_sentinels.Contains(group.Key) && IsFar(group.Key, group.Count()))
            .SelectMany(group => group.Select(one => one.Text)).Distinct();
    }

    [GeneratedRegex(@"^[+-]?[0-9]+([.,][0-9]+)? ?(%|°[CF]?|\p{L}[\p{L}0-9/³²^·-]{0,8})$"
        + @"|^[$€£] ?[+-]?[0-9]+([.,][0-9]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex WithUnit();

    [GeneratedRegex("^[<>]=? ?[0-9]+([.,][0-9]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Beyond();

    [GeneratedRegex(@"^[+-]?[0-9]*,[0-9]+$", RegexOptions.CultureInvariant)]
    private static partial Regex Comma();

    [GeneratedRegex(@"^[+-]?[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Point();

    [GeneratedRegex(@"^[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+$", RegexOptions.CultureInvariant)]
    private static partial Regex CommaPoint();

    [GeneratedRegex(@"^[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+$", RegexOptions.CultureInvariant)]
    private static partial Regex PointComma();

    [GeneratedRegex(@"^[+-]?[0-9]{1,3}([ \u00A0\u202F'][0-9]{3})+([.,][0-9]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Spaced();

    [GeneratedRegex(@"^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$", RegexOptions.CultureInvariant)]
    private static partial Regex Grouped();

    [GeneratedRegex(@"^[+-]?[1-9][0-9]{0,2}([.,])[0-9]{3}(\1[0-9]{3})+$", RegexOptions.CultureInvariant)]
    private static partial Regex Repeated();
}
