using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>What a field looks like, before anything is known about its column.</summary>
internal enum CellKind
{
    Nothing,
    Number,
    Time,
    Word,
}

/// <summary>Splits lines into fields and tells what a field looks like.</summary>
internal static partial class Cell
{
    /// <summary>The fields of a line, without quotes and blanks around them.</summary>
    public static string[] Split(string line, char separator)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        bool quoted = false;
        if (separator == ' ') line = line.Trim();
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (c == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"') field.Append(line[i++]);
            else if (c == '"' && (quoted || IsBlank(field))) quoted = !quoted;
            else if (c == separator && !quoted)
            {
                if (separator == ' ' && line[i - 1] == ' ') continue;
                fields.Add(field.ToString().Trim());
                field.Clear();
            }
            else field.Append(c);
        }
        fields.Add(field.ToString().Trim());
        return [.. fields];
    }

    public static CellKind KindOf(string text) =>
        NumberGuess.IsNullWord(text) ? CellKind.Nothing
        : Number().IsMatch(text) ? CellKind.Number
        : text.Length < 48 && Time().IsMatch(text) ? CellKind.Time
        : CellKind.Word;

    public static bool IsNumber(string text) => Number().IsMatch(text);

    public static bool IsUnit(string text) =>
        text.StartsWith('[') || text.StartsWith('(') || (text.Length is > 0 and < 16 && UnitOfMeasure.IsKnown(text))
        || OtherUnit().IsMatch(text);

    public static double ToDouble(string text) =>
        double.TryParse(text.Replace(',', '.'), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN;

    private static bool IsBlank(StringBuilder text)
    {
        for (int i = 0; i < text.Length; i++)
            if (!char.IsWhiteSpace(text[i])) return false;
        return true;
    }

    [GeneratedRegex(
        @"^[<>]?[+-]?([0-9]{1,3}([ \u00A0\u202F'.,][0-9]{3})+([.,][0-9]+)?|[0-9]*[.,]?[0-9]+|[0-9]+[.,]?)([eE][+-]?[0-9]{1,3})?$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Number();

    [GeneratedRegex(
        @"^[0-9]{1,4}[-./:][0-9]{1,2}([-./:][0-9]{1,4})?([T ,]|$|[AaPp])|^[0-9]{8}[T ][0-9]{2}|^[0-9]{1,2}[- ]?\p{L}{3,9}[-,. ]+[0-9]{2,4}"
        + @"|^\p{L}{3,9}[-., ]+[0-9]{1,2}[-., ]+[0-9]{2,4}|^\p{L}{3},? [0-9]{1,2} \p{L}{3} [0-9]{4}",
        RegexOptions.CultureInvariant)]
    private static partial Regex Time();

    [GeneratedRegex(
        @"^(volts?|v|mv|a|ma|ampere|amps?|deg\.? ?c|deg_?c|degrees?_?\w*|celsius|°[cf]?|degt|sec|min|hpa|kpa|mbar|w/m\^?2|m/s|mm/h|ft|nmi|"
        + @"µs/cm|us/cm|ms/cm|ppm|ppb|mg/l|ntu|"
        + @"%|rh|ph|unitless|counts?|m|cm|mm|l/s|utc|kg|g|n|db|dbm|kwh|kw|wh|µg/m3|ug/m3)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex OtherUnit();
}
