using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>The usual names of columns, best names first.</summary>
internal static partial class ColumnNames
{
    private static readonly string[] s_loggers =
    [
        "logger", "datalogger", "rtu", "device", "station", "site", "location", "meter", "serial", "sernbr", "asset", "code", "cde",
        "sensor", "instrument", "node", "name",
    ];

    private static readonly string[] s_channels =
        ["channel", "measure", "parameter", "variable", "quantity", "metric", "signal", "tag", "type", "sensortype", "sensor"];

    private static readonly string[] s_values =
        ["value", "reading", "val", "wert", "messwert", "valeur", "valor", "waarde", "measurement", "result", "data"];

    private static readonly string[] s_times =
        ["timestamp", "datetime", "date", "time", "dte", "datum", "zeit", "fecha", "heure", "utc", "tijd", "when"];

    /// <summary>The name's place in the list of logger names, or -1.</summary>
    public static int Logger(string name) => Rank(name, s_loggers);

    public static int Channel(string name) => Rank(name, s_channels);

    public static int Value(string name) => Rank(name, s_values);

    public static bool IsTime(string name) => Rank(name, s_times) >= 0;

    /// <summary>Whether a column of numbers is more likely a name or a counter than a measurement.</summary>
    public static bool IsId(string name) => Id().IsMatch(name.Trim());

    private static int Rank(string name, string[] known)
    {
        string[] words = [.. Word().Matches(name).Select(match => match.Value.ToLowerInvariant())];
        string plain = string.Concat(words);
        return Array.FindIndex(known, word =>
            plain == word || plain == word + "id" || plain == word + "name" || plain == word + "number" || words.Contains(word)
            || plain.EndsWith(word, StringComparison.Ordinal));
    }

    [GeneratedRegex(
        @"(^|[_\s.-])(id|ids|nr|nbr|no|num|number|serial|code|cde|index|row|record|rec|seq)$|^#$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex(@"\p{Lu}?[\p{Ll}]+|\p{Lu}+(?!\p{Ll})", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
