using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Finds where the logger's name is: a serial or station number before a model, and never a text that all samples share while something
/// else tells them apart.
/// </summary>
internal static partial class LoggerGuess
{
    /// <summary>A place where the name may be, and what it says in each sample.</summary>
    /// <param name="Source">The place.</param>
    /// <param name="Names">The name in each sample.</param>
    /// <param name="Rank">Less is better.</param>
    /// <param name="Where">The place in words.</param>
    public sealed record Place(FieldSource Source, IReadOnlyList<string> Names, int Rank, string Where);

    /// <summary>The places that all samples have, the best one first. The last one is the file's name or its folder.</summary>
    public static IReadOnlyList<Place> Of(
        IReadOnlyList<Sample> samples, IReadOnlyList<SampleTable> tables, string root, IReadOnlyList<Place> columns)
    {
        Place byPath = ByPath(samples, root);
        Place[] places =
        [
            .. InHeader(tables), .. Labels(tables), .. columns, byPath,
        ];
        string[] files = [.. samples.Select(sample => Path.GetFileNameWithoutExtension(sample.Path))];
        // A name that all files have in their own: they are one logger's, one after the other.
        bool IsInAll(Place place) => place != byPath && place.Names[0].Length > 1
            && files.All(file => file.Contains(place.Names[0], StringComparison.OrdinalIgnoreCase));
        bool Tells(Place place) => samples.Count == 1 || place.Names.Distinct().Count() > 1 || IsInAll(place);
        return [.. places.OrderByDescending(Tells).ThenBy(place => place.Rank)];
    }

    /// <summary>
    /// Stations that stand in the first of several lines of the header, each above its columns: one above all, or several of which each
    /// has the same columns below.
    /// </summary>
    private static string[]? StationsAbove(SampleTable table)
    {
        if (table.HeaderParts.Count < 2) return null;
        string[] above = table.HeaderParts[0];
        var stations = new Dictionary<string, List<string>>();
        int with = 0;
        for (int i = 0; i < table.Header!.Length; i++)
        {
            bool isTime = table.HeaderParts.Any(line => i < line.Length && ColumnNames.IsTime(line[i]));
            string station = i < above.Length ? above[i] : "";
            if (station.Length == 0 && (isTime || with == 0)) continue;
            if (station.Length == 0 || isTime) return null;
            if (!stations.TryGetValue(station, out List<string>? names)) stations[station] = names = [];
            names.Add(string.Join(' ', table.HeaderParts.Skip(1).Select(line => i < line.Length ? line[i] : "")));
            with++;
        }
        bool areAlike = stations.Count > 0 && stations.Values.All(names => names.SequenceEqual(stations.Values.First()));
        return areAlike && with > 1 && (stations.Count == 1 || !table.HeaderSpans || stations.Values.First().Count > 1)
            ? [.. stations.Keys] : null;
    }

    private static IEnumerable<Place> InHeader(IReadOnlyList<SampleTable> tables)
    {
        string[]?[] above = [.. tables.Select(StationsAbove)];
        if (above.All(stations => stations is not null))
            yield return new Place(
                FieldSource.HeaderLine(1), [.. above.Select(stations => string.Join(" ", stations!))], 0, "in the line above the names");
        foreach ((string pattern, Regex regex) in ((string, Regex)[])
            [(@"LGR S/N: *(?<logger>[^,)]+)", LoggerSerial()), (@"S/N:? *(?<logger>[A-Za-z0-9-]+)", Serial())])
        {
            string?[] names = [
                .. tables.Select(
                    table => table.Header?.Select(name => regex.Match(name)).FirstOrDefault(
                        match => match.Success)?.Groups["logger"].Value)];
            bool isOne = tables.All(table => table.Header is { } header
                && header.Select(name => regex.Match(name)).Where(match => match.Success).Select(
                    match => match.Groups["logger"].Value).Distinct().Count() == 1);
            if (!isOne) continue;
            yield return new Place(FieldSource.HeaderPattern(pattern), names!, 0, "in the columns' names, after S/N");
            yield break;
        }
    }

    private static IEnumerable<Place> Labels(IReadOnlyList<SampleTable> tables)
    {
        foreach ((int i, string line) in tables[0].Above.Index())
        {
            // Its values are in the line below.
            if (IsRowOfLabels(tables[0], i, out _, out _)) continue;
            string bare = line.Trim(' ', '\t', '"', '#', '!', '%', '*');
            Match match = Label().Match(bare);
            if (!match.Success) match = AloneLabel().Match(bare.TrimEnd(tables[0].Separator, ' '));
            if (!match.Success) continue;
            string label = match.Groups["label"].Value.Trim();
            string?[] names = [.. tables.Select(table => ValueOf(table, label))];
            if (names.Any(name => name is null || name.Length > 60 || KeyWord().IsMatch(name))) continue;
            int rank = Rank(label);
            if (rank >= 0) yield return new Place(FieldSource.Preamble(label), names!, rank, $"in the line '{label}' above the table");
        }
        foreach (Place place in Keyed(tables)) yield return place;
        string?[] stations = [
            .. tables.Select(
                table => table.Above.Select(
                    line => ToaStation().Match(line)).FirstOrDefault(match => match.Success)?.Groups["logger"].Value)];
        if (stations.All(name => name is not null))
            yield return new Place(FieldSource.PreamblePattern(ToaPattern), stations!, 2, "the station in the first line");
        string?[] serials = [.. tables.Select(SerialAbove)];
        if (serials.All(name => name is not null))
            yield return new Place(FieldSource.PreamblePattern(SerialPattern), serials!, 1, "after SN above the table");
        string?[] nmis = [.. tables.Select(table => IsNem12(table) ? FirstIn(table, NemPattern) : null)];
        if (nmis.All(name => name is not null))
            yield return new Place(FieldSource.PreamblePattern(NemPattern), nmis!, 0, "the NMI in lines of 200");
        string?[] tagged = [.. tables.Select(table => FirstIn(table, StationPattern))];
        if (tagged.All(name => name is not null))
            yield return new Place(FieldSource.PreamblePattern(StationPattern), tagged!, 1, "between <STATION> and </STATION>");
        string?[] sanr = [
            .. tables.Select(
                table => table.Above.Select(line => Zrxp().Match(line)).FirstOrDefault(match => match.Success)?.Groups["logger"].Value)];
        if (sanr.All(name => name is not null))
            yield return new Place(FieldSource.PreamblePattern(ZrxpPattern), sanr!, 1, "in the line with SANR above the table");
    }

    /// <summary>A channel in a line above the table, in the manner of some maker; <see langword="null"/>: none is known.</summary>
    public static FieldSource? ChannelAbove(IReadOnlyList<SampleTable> tables) =>
        tables.All(table => FirstIn(table, SensorPattern) is not null) ? FieldSource.PreamblePattern(SensorPattern)
        : tables.All(IsNem12) ? FieldSource.PreamblePattern(NemChannel)
        : null;

    /// <summary>The serial number after SN above the table, if there is one only.</summary>
    private static string? SerialAbove(SampleTable table)
    {
        string[] found = [
            .. table.Above.SelectMany(line => SerialMark().Matches(line)).Select(match => match.Groups["logger"].Value).Distinct()];
        return found.Length == 1 ? found[0] : null;
    }

    private static bool IsNem12(SampleTable table) =>
        table.Above.Any(line => line.StartsWith("100,NEM12", StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// A name in a line such as <c>station,id,39001</c>, or in a line of values below a line of labels, such as
    /// <c>Meter ID;Type</c> above <c>4711;A</c>.
    /// </summary>
    private static IEnumerable<Place> Keyed(IReadOnlyList<SampleTable> tables)
    {
        char separator = tables[0].Separator;
        if (separator == ' ') yield break;
        string sign = Regex.Escape($"{separator}");
        string pattern = $"(?i)^\"?(station|site|logger|device|gauge|well|meter|sensor)\"?{sign}\"?(id|code|number|no|nr|serial|nummer)\"?"
            + $"{sign} *\"?(?<logger>[^\"{sign}]+)";
        string?[] names = [.. tables.Select(table => FirstIn(table, pattern))];
        if (names.All(name => name is not null))
            yield return new Place(FieldSource.PreamblePattern(pattern), names!, 1, "in a line with its key above the table");
        for (int i = 0; i + 1 < tables[0].Above.Count; i++)
        {
            if (!IsRowOfLabels(tables[0], i, out string label, out string value)) continue;
            int at = Array.IndexOf(Cell.Split(tables[0].Above[i], separator), label);
            // The value is known by its place and its form: letters stay letters, digits digits.
            string form = Regex.Replace(Regex.Replace(Regex.Escape(value), "[0-9]+", "[0-9]+"), @"\p{L}{2,}(?![^\[]*\])", @"\p{L}+");
            string below = $"^{string.Concat(Enumerable.Repeat($"[^{sign}]*{sign}", at))}\"?(?<logger>{form})\"?{sign}";
            string?[] found = [.. tables.Select(table => FirstIn(table, below))];
            if (found.Any(name => name is null)) continue;
            yield return new Place(FieldSource.PreamblePattern(below), found!, 1, $"in the line below '{label}' above the table");
        }
    }

    /// <summary>Whether a line above the table has labels and the next one their values, such as the number of a station.</summary>
    private static bool IsRowOfLabels(SampleTable table, int at, out string label, out string value)
    {
        (label, value) = ("", "");
        if (table.Separator == ' ' || at + 1 >= table.Above.Count) return false;
        string[] labels = Cell.Split(table.Above[at], table.Separator), values = Cell.Split(table.Above[at + 1], table.Separator);
        int column = Array.FindIndex(labels, one => LabelAlone().IsMatch(one));
        if (column < 0 || labels.Length < 2 || values.Length != labels.Length || !values[column].Any(char.IsAsciiDigit)) return false;
        if (labels.Any(one => one.Any(char.IsAsciiDigit))) return false;
        (label, value) = (labels[column], values[column]);
        return true;
    }

    private static string? FirstIn(SampleTable table, string pattern) => table.Above.Select(line => Regex.Match(line, pattern))
        .FirstOrDefault(match => match.Success)?.Groups.Values.Last().Value.Trim();

    private static string? ValueOf(SampleTable table, string label)
    {
        FieldSource source = FieldSource.Preamble(label);
        string[] above = [.. table.Above.Select(line => (table.Comment is { } mark ? line.TrimStart(mark) : line).Trim())];
        return source.LabelledIn(above, table.Separator);
    }

    private static int Rank(string label)
    {
        string lower = label.ToLowerInvariant();
        if (Model().IsMatch(lower)) return -1;
        if (lower.Contains("serial", StringComparison.Ordinal) || lower.Contains("s/n", StringComparison.Ordinal)
            || lower.Contains("serien", StringComparison.Ordinal))
            return 0;
        if (NumberLabel().IsMatch(lower) || Account().IsMatch(lower)) return 1;
        return lower is "device" or "instrument" or "probe" ? 9 : 3;
    }

    private static Place ByPath(IReadOnlyList<Sample> samples, string root)
    {
        string[] paths = [.. samples.Select(sample => Path.GetRelativePath(root, sample.Path).Replace('\\', '/'))];
        string[] files = [.. paths.Select(path => path[(path.LastIndexOf('/') + 1)..])];
        if (files.Distinct().Count() == 1 && paths.Distinct().Count() > 1)
        {
            return paths.All(path => path.Contains(".zip/", StringComparison.OrdinalIgnoreCase))
                ? InPath(@"(?<logger>[^/]+)\.(?i:zip)/[^/]+$", paths, 5, "the archive's name")
                : InPath(@"(?<logger>[^/]+)/[^/]+$", paths, 5, "the folder");
        }
        foreach ((string pattern, string where) in ((string, string)[])
            [
                (DateThenNumber, "the number in the file's name"), (DateLast, "the file's name without its date"),
                (DateFirst, "the file's name without its date"),
            ])
        {
            if (paths.All(path => Regex.IsMatch(path, pattern, RegexOptions.ExplicitCapture))) return InPath(pattern, paths, 5, where);
        }
        return new Place(FieldSource.FileName, [.. files.Select(file => Path.GetFileNameWithoutExtension(file)!)], 5, "the file's name");
    }

    private static Place InPath(string pattern, string[] paths, int rank, string where) =>
        new(FieldSource.PathPattern(pattern), [.. paths.Select(path => Regex.Match(path, pattern).Groups["logger"].Value)], rank, where);

    private const string Date = "((19|20)[0-9]{2}[-_.]?(0[1-9]|1[0-2])([-_.]?[0-3][0-9])?"
        + "|[0-3]?[0-9][-.][0-3]?[0-9][-.](20)?[0-9]{2}|1[67][0-9]{8})";
    // What may stand behind a date: a time, another date, a zone, and words that name no logger.
    private const string Behind = @"[-_T. ,]+([0-9]{1,4}|" + Date + @"|(?i:[ap]m|to|bis|tot|au|z|utc|gmt|[ecmp][ds]t|cet|cest|days?|"
        + @"weeks?|months?|hours?|min(utes?)?|average|data|raw|export)|\([^)]*\))";
    private const string DateLast = "(?<logger>[^/]*?[^/_. -])[-_. ]+" + Date + "([-_T. ]?[0-9]{2}[-_.h]?[0-9]{2}[0-9._-]*)?Z?(" + Behind
        + @")*\.[^./]+$";
    private const string DateFirst = "(^|/)" + Date + @"([-_T. ]?[0-9]{4,6})?[-_ ]+(?<logger>[^/]*[^/_. 0-9-][^/]*)\.[^./]+$";
    // Words, dates and the meter's own number.
    private const string DateThenNumber = "(^|/)[^0-9/]*[-_. ]" + Date + "([-_. ]+(to[-_. ]+)?" + Date
        + @")?[-_. ]+(?<logger>[0-9]{5,})\.[^./]+$";

    private const string NemPattern = "^200,(?<logger>[^,]+)", NemChannel = "^200,([^,]*,){3}(?<channel>[^,]+)";
    private const string StationPattern = "<STATION>(?<logger>[^<]+)", SensorPattern = "<SENSOR>(?<channel>[^<]+)";
    private const string ToaPattern = "^\"?(TOA5|TOACI1|TOB[123])\"?,\"?(?<logger>[^\",]+)";
    private const string ZrxpPattern = @"SANR(?<logger>[^|*;]+)";

    private const string SerialPattern = @"(^|[^A-Za-z])S/?N ?[#.]*[:#] *(?<logger>[A-Za-z]*[0-9][A-Za-z0-9-]{2,})";

    [GeneratedRegex(SerialPattern, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex SerialMark();

    [GeneratedRegex(ToaPattern, RegexOptions.CultureInvariant)]
    private static partial Regex ToaStation();

    [GeneratedRegex(ZrxpPattern, RegexOptions.CultureInvariant)]
    private static partial Regex Zrxp();

    [GeneratedRegex(@"LGR S/N: *(?<logger>[^,)]+)", RegexOptions.CultureInvariant)]
    private static partial Regex LoggerSerial();

    [GeneratedRegex(@"S/N:? *(?<logger>[A-Za-z0-9-]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Serial();

    [GeneratedRegex(@"\b(model|type|version|firmware|software|typ|modell)\b", RegexOptions.CultureInvariant)]
    private static partial Regex Model();

    [GeneratedRegex(@"\b(id|no\.?|nr\.?|nummer|number|num|code|kode|#)\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex NumberLabel();

    [GeneratedRegex("^(id|name|code|number|no|nr|serial|nummer|ref|gridreference)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex KeyWord();

    [GeneratedRegex(@"^(account|customer|contract|service point)\b", RegexOptions.CultureInvariant)]
    private static partial Regex Account();

    [GeneratedRegex(
        @"^(identifiant\b.*|((data ?)?logger|station|site|device|meter|gauge|well|account|prm|pdl|ean|mpan|point|gateway)s?[ _-]?"
        + @"(id|sn|code|number|no\.?|nr\.?|nummer|serial)|prm|pdl|ean|mpan|nmi|"
        + @"serial ?(number|no\.?)|seriennummer|zählernummer|stationsnummer|meetpunt)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex LabelAlone();

    [GeneratedRegex(
        @"^(?<label>(((data ?)?(logger|station|site|device|meter|gauge|well|instrument|sensor|probe|rtu)[ _]?(id|code|no\.?|nr\.?|"
        + @"number|serial"
        + @"( number| no\.?)?)|serial[ _]?(number|no\.?|nr\.?)?|seriennummer|s/n|(logger|station|stations?nummer|messstelle)))) *[:=]?$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AloneLabel();

    [GeneratedRegex(
        @"^(?<label>((data ?)?(logger|datalogger|station|site|device|instrument|probe|serial|rtu|location|gauge|meter|well|"
        + @"stations?nummer|messstelle|gerät|"
        + @"seriennummer|s/n|unit|node|account|customer|contract|sensor serial|instrument serial)|[\p{L} ]*serial)"
        + @"([ _]?(id|name|code|no\.?|nr\.?|number|serial|serial number|serial no\.?|s/n|num|#))?) *""?( *[:=;,\t]|  +)[""'\t ]*\S",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Label();
}
