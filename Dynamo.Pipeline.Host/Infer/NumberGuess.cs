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
        [-9999, -999, -99999, -9999.9, -9999.99, -999.9, -999.99, -99.9, -32768, 9999, 99999, 999999, 32767, 65535];

    private static readonly string[] s_nullWords =
        ["", "nan", "null", "na", "n/a", "#n/a", "none", "nil", "-", "--", "---", "nodata", "no data", "missing", "bad", "*", "?", "inf",
            "#ref!", "#value!", "#div/0!", "error", "err", "overflow", "n.a.", "nd", "mm", "-nan", "\"nan\"", "invalid", "---.-", "--.-"];

    /// <summary>Looks at all texts that may be numbers.</summary>
    public static NumberGuess Of(IReadOnlyList<string> texts)
    {
        string[] commas = [.. texts.Where(text => Comma().IsMatch(text))], points = [.. texts.Where(text => Point().IsMatch(text))];
        string? both = texts.FirstOrDefault(text => CommaPoint().IsMatch(text) || PointComma().IsMatch(text));
        if (both is not null) return CommaPoint().IsMatch(both) ? new('.', ',', null) : new(',', '.', null);
        string? spaced = texts.FirstOrDefault(text => Spaced().IsMatch(text));
        char? thousands = spaced is null ? null : spaced.Contains('\'') ? '\'' : ' ';
        if (commas.Length == 0 || points.Length > commas.Length) return new('.', thousands, null);
        bool maybeThousands = points.Length == 0 && commas.All(text => Grouped().IsMatch(text));
        return new(',', thousands, maybeThousands
            ? $"'{commas[0]}' may have a decimal comma or a thousands separator: every comma has three digits after it. "
                + "It is taken as a decimal comma; if that is wrong, set \"decimal\": \"point\", \"thousands\": \"comma\"."
            : null);
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
        double[] usual = [.. numbers.Where(one => !s_sentinels.Contains(one.Value)).Select(one => Math.Abs(one.Value))];
        if (usual.Length == 0) return [];
        double most = usual.Max();
        return numbers.Where(one => s_sentinels.Contains(one.Value) && Math.Abs(one.Value) > 5 * most).Select(one => one.Text).Distinct();
    }

    [GeneratedRegex(@"^[+-]?[0-9]+([.,][0-9]+)? ?(%|°[CF]?|\p{L}[\p{L}0-9/³²^·-]{0,8})$", RegexOptions.CultureInvariant)]
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

    [GeneratedRegex(@"^[+-]?[0-9]{1,3},[0-9]{3}$", RegexOptions.CultureInvariant)]
    private static partial Regex Grouped();
}
