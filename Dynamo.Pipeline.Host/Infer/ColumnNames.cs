using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>The usual names of columns, best names first. Whole words are compared, because <c>parameter</c> is no <c>meter</c>.</summary>
internal static partial class ColumnNames
{
    private static readonly string[] s_loggers =
    [
        "serial", "ser", "sernbr", "logger", "outstation", "endpoint", "contrat", "contract", "compteur", "zähler", "contatore",
            "contador", "pod", "cups", "nmi", "mpan", "prm",
        "datalogger", "rtu", "station", "stations", "site", "device", "location", "meter", "asset",
            "point", "gauge", "well", "stn", "sensorid", "stasjon", "estacao", "estação", "indicativo", "pegel", "posto", "stacja",
            "havaintoasema", "stazione", "estación", "estacion", "messstelle", "meetpunt", "poste", "stationsnummer", "code", "cde",
        "instrument", "node", "stationid", "stationsid", "siteid", "idsensore", "deviceid", "loggerid", "id", "name", "entity", "sensor",
    ];

    private static readonly string[] s_channels =
        ["channel", "field", "measure", "parameter", "param", "variable", "quantity", "metric", "signal", "measurand", "observable", "tag",
            "sensortype", "sensor", "kanal", "type", "attribute", "entity", "element", "varname", "tagname", "var", "pointname",
            "itemname", "grandeur", "grandezza", "grootheid", "parametro", "magnitud", "messgröße"];

    private static readonly string[] s_values =
        ["value", "reading", "val", "wert", "messwert", "valeur", "valor", "waarde", "measurement", "result", "data", "state", "resultat",
            "résultat", "valore", "varvalue", "obs"];

    private static readonly string[] s_times =
    [
        "timestamp", "datetime", "date", "time", "dte", "datum", "zeit", "fecha", "hora", "heure", "utc", "tijd", "when", "uhrzeit", "tid",
            "tidspunkt", "data",
        "zeitstempel", "messzeit", "zeitpunkt", "tms", "dt", "yyyymmdd", "hhmm", "hour", "stamp", "at", "ora", "dato", "klokkeslett",
            "epoch", "hh", "godzina", "stunde", "uur", "hodina", "timme", "aika", "czas", "tunti", "datetimeutc", "年月日時",
            "年月日", "日時", "日付", "時刻", "时间", "日期", "時間",
    ];

    private static readonly string[] s_qualities =
    [
        "status", "quality", "qual", "qc", "flag", "flags", "state", "qa", "valid", "validity", "cd", "remark", "remarks", "note", "notes",
            "comment", "zustand",
        "qualité", "calidad", "kwaliteit", "qflag", "bemerkung", "alarm", "error",
    ];

    private static readonly string[] s_counters =
        ["index", "row", "record", "rec", "recno", "recnbr", "recordno", "rn", "seq", "no", "nr", "num",
            "number", "lfd", "id", "counter", "#",
            "line", "obs", "sample"];

    private static readonly string[] s_ids = [
        "id", "ids", "nr", "nbr", "number", "serial", "sn", "code", "cde", "lat", "latitude", "lon", "long", "longitude", "elevation",
        "ref"];

    /// <summary>The name's place in the list of logger names, or -1.</summary>
    public static int Logger(string name) => Rank(name, s_loggers);

    /// <summary>Whether a logger's name may be there, but often something else is.</summary>
    public static bool IsWeakLogger(string name) => Logger(name) > Array.IndexOf(s_loggers, "cde");

    /// <summary>Whether a name only says that numbers are codes of something.</summary>
    public static bool IsVague(string name) =>
        Words(name) is [.., "code" or "cde" or "codes" or "id" or "ids" or "nr" or "no" or "number"] words
        && !words.Any(word => Array.IndexOf(s_loggers, word) is >= 0 and var rank && rank < Array.IndexOf(s_loggers, "code"));

    public static int Channel(string name) => Rank(name, s_channels);

    // "valid" is not the id of a "val".
    public static int Value(string name) => string.Concat(Words(name)) == "valid" ? -1 : Rank(name, s_values);

    public static bool IsTime(string name) => !Code().IsMatch(name) && (Rank(name, s_times) >= 0 || TimeInside().IsMatch(name));

    public static bool IsQuality(string name) => Rank(name, s_qualities) >= 0;

    public static bool IsCounter(string name) => name is "#" or "" || Rank(name, s_counters) >= 0;

    /// <summary>Whether a column of numbers that do not change is more likely a name or a place than a measurement.</summary>
    public static bool IsId(string name) =>
        Words(name) is [.., var last] words && (s_ids.Contains(last) || words[0] == "id" || words.Any(s_places.Contains));

    /// <summary>Whether a name is that of a place on the map.</summary>
    public static bool IsPlace(string name) => Words(name).Any(word => s_places.Contains(word) || s_coordinates.Contains(word));

    /// <summary>Whether a name is put together with a word for a value, as <c>numeriekewaarde</c>.</summary>
    public static bool EndsAsValue(string name) =>
        Words(name).Any(word => s_valueEndings.Any(ending => word.EndsWith(ending, StringComparison.Ordinal)));

    /// <summary>Whether a name is that of an area, which has series of its own.</summary>
    public static bool IsArea(string name) => Words(name) is [.., "area" or "zone" or "region" or "district" or "dma"];

    /// <summary>Whether a name says that units, zones or kinds are below it.</summary>
    public static bool IsUnitOrZone(string name) => Words(name).Any(s_units.Contains);

    private static readonly string[] s_places = ["lat", "latitude", "lon", "longitude"];

    private static readonly string[] s_coordinates = ["x", "y", "epsg", "easting", "northing", "elevation", "altitude", "alti", "srid"];

    private static readonly string[] s_valueEndings = ["waarde", "wert", "value", "waarden", "werte", "valeur"];

    private static readonly string[] s_units = [
        "unit", "units", "uom", "einheit", "eenheid", "unité", "unite", "enhet", "zone", "timezone", "tz", "name", "city", "ort", "place",
        "region", "county", "country"];

    private static int Rank(string name, string[] known)
    {
        if (Code().IsMatch(name)) return -1;
        string[] words = Words(name);
        string plain = string.Concat(words);
        return Array.FindIndex(known, word =>
            plain == word || plain == word + "id" || plain == word + "name" || plain == word + "number" || plain == word + "nr"
                || words.Contains(word));
    }

    /// <summary>Letters before a number of three digits or more: AT1452 is no column "at".</summary>
    [GeneratedRegex(@"^\p{L}+[-_ ]?[0-9]{3,}$", RegexOptions.CultureInvariant)]
    private static partial Regex Code();

    private static string[] Words(string name) => [.. Word().Matches(name).Select(match => match.Value.ToLowerInvariant())];

    [GeneratedRegex(@"\p{Lu}?[\p{Ll}]+|\p{Lu}+(?!\p{Ll})|\p{Lo}+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();

    [GeneratedRegex("^(date|time|datum|zeit)|(timestamp|datetime|_time|time_?utc)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex TimeInside();
}
