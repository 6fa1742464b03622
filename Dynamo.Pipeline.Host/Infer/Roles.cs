using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>What each column is for, by what its values say; names only break ties.</summary>
internal sealed partial class Draft
{
    private const int MostKeys = 6;
    private const int MostStill = 10;

    private static bool HasUnit(string name) => Regex.IsMatch(name, @"[\[(].+[\])]|, *\S{1,6}$|°|%");

    [GeneratedRegex("^(ms|millis\\w*|millitm|msec|hundredths)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex IsOfSecond();

    [GeneratedRegex(
        @"^['""]?([0-9]{1,4}([-./])[0-9]{1,2}\2[0-9]{1,4}([T ,].*)?"
        + @"|[0-9]{1,2}[:h][0-9]{2}(:[0-9]{2}([.,][0-9]+)?)? ?([ap]\.?(m\.?)?)?)['""]?$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex LikeTime();

    [GeneratedRegex(@"^(period|interval|duration|freq|frequency|time_?step|resolution)\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex IsPeriod();

    /// <summary>Digits with a zero before them, or as many as no measurement has.</summary>
    [GeneratedRegex("^(0[0-9]{4,}|[0-9]{10,})$", RegexOptions.CultureInvariant)]
    private static partial Regex LikeAccount();

    /// <summary>A text such as <c>AB1234</c>: letters and digits, as numbers of stations are written.</summary>
    [GeneratedRegex("^(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_-]{4,24}$", RegexOptions.CultureInvariant)]
    private static partial Regex LikeSerial();

    private ReadingFormat WithRoles(ReadingFormat format, TimeGuess time, NumberGuess numbers)
    {
        int[] open = [.. Enumerable.Range(0, _names.Length).Except(time.Columns)];
        bool hasUnits = open.Any(i => Share(i, NumberGuess.HasUnit) >= 0.8);
        ColumnFacts[] facts = [.. open.Select(i => ColumnFacts.Of(i, Hinted()[i], [.. _files.Select(file => file[i])], numbers, hasUnits))];
        if (hasUnits) format = format with { ValuesHaveUnits = true };
        if (IsByTime(time, open)) return ByTime(format, [.. facts], numbers);

        if (ByDay(format, time, facts, numbers) is { } days) return days;
        FindMetadata(facts);
        var measured = new List<ColumnFacts>();
        foreach (ColumnFacts column in facts)
            if (WhyNotMeasured(column, time, facts) is null) measured.Add(column);
        (ColumnFacts? channel, ColumnFacts? logger) = Keys(time, facts, measured);
        if (logger is not null)
        {
            FindMetadata(facts, logger);
            measured.RemoveAll(_ofLogger.ContainsKey);
        }
        measured.RemoveAll(column => column == channel || column == logger);
        if (measured.Count == 0 && facts.FirstOrDefault(column => column.IsNumeric && column != channel && column != logger) is { } only)
            measured.Add(only);

        if (channel is not null && measured.Count > 0) return Long(format, facts, measured, channel, logger, numbers, time);
        if (!_hasHeader && measured.Count == 1) return Headerless(format, facts, measured[0], logger, numbers, time);
        return Wide(format, facts, measured, logger, numbers, time);
    }

    private double Share(int column, Func<string, bool> isLike)
    {
        string[] filled = [.. _files.SelectMany(file => file[column]).Where(text => !NumberGuess.IsNullWord(text))];
        return filled.Length == 0 ? 0 : (double)filled.Count(isLike) / filled.Length;
    }

    /// <summary>Why a column is no measurement, in words; <see langword="null"/>: it is one.</summary>
    private string? WhyNotMeasured(ColumnFacts column, TimeGuess time, ColumnFacts[] all)
    {
        if (column.IsEmpty) return "it is empty";
        if (_ofLogger.TryGetValue(column, out string? ofLogger)) return ofLogger;
        if (!column.IsNumeric) return Words(column);
        bool isLeft = column.Index < time.Columns[0], isBeside = column.Index == time.Columns[^1] + 1;
        if (column.IsCounted && column.Texts.All(text => text.All(char.IsAsciiDigit)) && (isLeft || (isBeside
            && ColumnNames.IsCounter(column.Name))))
            return "it counts the lines";
        if (column.IsConstant && column.Texts.Length > 1 && IsOfSecond().IsMatch(column.Name))
            return "it is a part of the time that never changes";
        if (column.IsConstant && column.Texts.Length > 1 && (ColumnNames.IsId(column.Name) || (ColumnNames.Logger(column.Name) >= 0
            && !ColumnNames.IsWeakLogger(column.Name))))
            return $"it is '{column.Texts[0]}' in every line: a name or a place";
        if (column.IsConstant && !_hasHeader && column.Texts.Length > 1 && column.Texts[0].All(char.IsAsciiDigit)
            && all.Any(other => other.IsNumeric && !other.IsConstant && other != column))
            return $"it is '{column.Texts[0]}' in every line";
        if (column.IsConstant && column.Texts.Length > 1 && LikeAccount().IsMatch(column.Texts[0]))
            return $"it is '{column.Texts[0]}' in every line: a number that is a name";
        if (column.IsConstant && column.Texts.Length > 1 && IsPeriod().IsMatch(column.Name))
            return $"it is '{column.Texts[0]}' in every line: how long each value counts";
        if (IsOffset(column))
            return "it is how far the times are from UTC";
        if (IsStrictQuality(column.Name) && column.Distinct <= 6 && column.Texts.All(text => text.Length <= 4
            && !text.AsSpan().ContainsAny('.', ',')))
            return Offered(column);
        if (!column.IsConstant && IsIdName(column.Name) && column.Texts.All(text => text.All(char.IsAsciiDigit)))
            return "its name says that its numbers are names";
        if (IsElapsed(column, time)) return "it is the time that has passed, which the timestamp says as well";
        return IsTimeAgain(column) ? "it is another time" : null;
    }

    private readonly Dictionary<ColumnFacts, string> _ofLogger = [];

    /// <summary>
    /// Columns that have one text for each of several loggers, and different ones: they say where or what a logger is, and measure nothing.
    /// </summary>
    private void FindMetadata(ColumnFacts[] facts, ColumnFacts? logger = null)
    {
        const int EnoughLines = 4;
        ColumnFacts[] named = logger is not null ? [logger] : [
            .. facts.Where(column => ColumnNames.Logger(column.Name) >= 0 && column.Distinct > 1 && column.IsFew && !IsTimeText(column)
                && (!column.IsNumeric || IsIdName(column.Name)) && !ColumnNames.IsQuality(column.Name))
                .OrderBy(column => ColumnNames.Logger(column.Name))];
        int[] fileOf = [.. _files.SelectMany((file, i) => Enumerable.Repeat(i, file.Length == 0 ? 0 : file[0].Length))];
        if (named.Length == 0 && _files.Length < 2) return;
        string Logger(int row) => named.Length > 0 ? named[0].Texts[row] : $"{fileOf[row]}";
        string[] loggers = [.. Enumerable.Range(0, fileOf.Length).Select(Logger)];
        int several = loggers.Distinct().Count();
        if (several < 2 || loggers.Length < EnoughLines * several) return;
        foreach (ColumnFacts column in facts.Except(named.Take(1)))
        {
            // Without a column of loggers, only a place is known to be the file's own.
            if (column.IsConstant || column.IsEmpty || (named.Length == 0 && !ColumnNames.IsPlace(column.Name))) continue;
            var texts = new Dictionary<string, string>();
            bool isOne = true;
            for (int row = 0; row < loggers.Length && isOne; row++)
                if (!texts.TryAdd(loggers[row], column.Texts[row])) isOne = texts[loggers[row]] == column.Texts[row];
            if (!isOne) continue;
            // Several columns may name the logger; a column of the channel's may also follow it.
            bool isName = logger is null && !column.IsNumeric
                && (ColumnNames.Logger(column.Name) >= 0 || ColumnNames.Channel(column.Name) >= 0);
            if (!isName) _ofLogger[column] = "it never changes for a logger: it says where or what the logger is";
        }
        if (facts.All(column => !column.IsNumeric || column.IsConstant || named.Contains(column) || _ofLogger.ContainsKey(column)))
            _ofLogger.Clear();
    }

    private static bool IsIdName(string name) => ColumnNames.IsId(name) && !Regex.IsMatch(name, "(?i)lat|lon|elev");

    private static bool IsOffset(ColumnFacts column) =>
        Regex.IsMatch(column.Name, @"(?i)^(utc|gmt|tz|time_?zone|zone)[_ ]?offset([_ ]?\(?(hours?|h|min|minutes)\)?)?$")
            && column.Texts.All(text => text.Length == 0
                || Regex.IsMatch(text, @"^[+-]?([0-9]{1,2}(:?[0-9]{2})?|[0-9]{1,3})([.,][05]0?)?$"));

    /// <summary>Whether texts look like times of day or dates, also in quotes or with half a day's letter.</summary>
    private static bool IsTimeText(ColumnFacts column) =>
        !column.IsEmpty && !column.IsNumeric
            && (TimePatterns.Of(column.Texts, true).Any() || TimePatterns.TimeOfDay(column.Texts, false) is not null
                || column.Texts.Count(text => LikeTime().IsMatch(text)) >= 0.8 * column.Texts.Count(text => text.Length > 0));

    private static bool IsTimeAgain(ColumnFacts column) =>
        TimePatterns.Of(column.Texts, ColumnNames.IsTime(column.Name)).Any(pattern => pattern.HasTime && pattern.Formats is not ["excel"]);

    private static bool IsStrictQuality(string name) =>
        Regex.IsMatch(
            name,
            @"(?i)(^|[_\s./-])(quality\w*|\p{Lo}*(品質|均質|情報|質量)\p{Lo}*|qual|qc|qa|qn|flags?|status|qflag|qualit\w+|cd|"
            + @"grade|approval|validity|valid|kvalitet|info|qualifiers?)($|[_\s./\d-])");

    private string Words(ColumnFacts column)
    {
        if (TimePatterns.Of(column.Texts, true).Any()) return "it is another time";
        if (column.IsConstant) return $"it is '{Cut(column.Texts[0])}' in every line";
        if (IsTimeText(column)) return "it has times of the day or dates";
        if (ColumnNames.IsQuality(column.Name) || IsStrictQuality(column.Name)) return Offered(column);
        string[] filled = [.. column.Texts.Where(text => text.Length > 0).Distinct()];
        if (filled.Count(Cell.IsUnit) * 2 > filled.Length) return "it has units";
        bool isName = ColumnNames.Logger(column.Name) >= 0 || ColumnNames.IsUnitOrZone(column.Name);
        return column.Distinct <= 5 && !isName && filled.All(text => text.Length <= 12) ? Offered(column) : "it has words and no numbers";
    }

    private string Offered(ColumnFacts column)
    {
        var codes = column.Texts.GroupBy(text => text).OrderByDescending(group => group.Count()).ToArray();
        // Qualities of OPC: 192 is good, less than 64 is bad.
        if (codes.Length > 1 && codes.Any(code => code.Key == "192") && codes.All(code => Regex.IsMatch(code.Key, "^[0-9]{1,3}$")))
            Ask("the quality", $"column '{column.Name}' has codes other than 192, which is good in OPC. Their values are imported.");
        string shown = string.Join(", ", codes.Take(4).Select(code => $"'{Cut(code.Key)}' {Shown.Count(code.Count())}"));
        string found = $"it looks like a status or quality ({shown})";
        string quality = $"\"quality\": {{ \"column\": \"{Ref(column.Index)}\", \"accepted\": [";
        return codes.Length > 2
            ? $"{found}. To use it: {quality} … ] }} with those that are good"
            : $"{found}. To use it: {quality}\"{codes[0].Key}\"] }}";
    }

    private static bool IsElapsed(ColumnFacts column, TimeGuess time)
    {
        if (!Regex.IsMatch(column.Name, @"(?i)elapsed|\b(sec|secs|seconds|sekunden|minutes|hours|days)\b|time")) return false;
        long[] ticks = [.. time.Times.SelectMany(times => times).Select(one => one ?? 0)];
        double[] values = [.. column.Texts.Select(Cell.ToDouble)];
        if (values.Length < 3 || values.Length != ticks.Length || values.Any(double.IsNaN)) return false;
        double ratio = (values[1] - values[0]) / Math.Max(1, ticks[1] - ticks[0]);
        int same = Enumerable.Range(1, values.Length - 1)
            .Count(i => Math.Abs(values[i] - values[i - 1] - (ratio * (ticks[i] - ticks[i - 1]))) < 1e-3 + (1e-6 * Math.Abs(values[i])));
        return ratio > 0 && same >= 0.9 * (values.Length - 1);
    }

    /// <summary>
    /// The columns that tell readings of one time apart, if times repeat. Without repeated times, a column is the channel only if the
    /// names of it and of the only value say so.
    /// </summary>
    private (ColumnFacts? Channel, ColumnFacts? Logger) Keys(TimeGuess time, ColumnFacts[] facts, List<ColumnFacts> measured)
    {
        ColumnFacts[] texts = [
            .. facts.Where(column => !column.IsNumeric && !column.IsEmpty && !IsTimeText(column) && !_ofLogger.ContainsKey(column))];
        double repeated = Repeated(time, []);
        if (repeated > 0.001)
        {
            ColumnFacts[] keys =
            [
                .. texts.Where(column => column.Distinct > 1)
                    .Concat(facts.Where(column => column.IsNumeric && column.Distinct > 1 && column.IsFew && !_ofLogger.ContainsKey(column)
                        && (IsIdName(column.Name) || ColumnNames.Logger(column.Name) >= 0 || measured.Count > 1
                        && column.Texts.All(text => text.All(char.IsAsciiDigit)))))
                    .OrderByDescending(column => ColumnNames.Channel(column.Name) >= 0 || ColumnNames.Logger(column.Name) >= 0)
                    .ThenBy(column => column.IsNumeric).ThenBy(column => ColumnNames.IsQuality(column.Name))
                        .ThenBy(column => column.Distinct).Take(MostKeys),
            ];
            double enough = Math.Max(0.001, repeated * 0.02);
            // Columns whose names say what they are, before others.
            ColumnFacts[] telling = [
                .. keys.Where(key => !key.IsNumeric && (ColumnNames.Channel(key.Name) >= 0 || ColumnNames.Logger(key.Name) >= 0))];
            foreach (ColumnFacts[] some in (ColumnFacts[][])[telling, keys])
            {
                if (some.FirstOrDefault(key => Repeated(time, [key]) <= enough) is { } one) return One(one, facts, measured);
                for (int i = 0; i < some.Length; i++)
                    for (int j = i + 1; j < some.Length; j++)
                        if (Repeated(time, [some[i], some[j]]) <= enough) return Two(some[i], some[j]);
            }
        }
        ColumnFacts? named = measured.Count == 1 && ColumnNames.Value(measured[0].Name) >= 0
            ? texts.Where(
                column => ColumnNames.Channel(column.Name) >= 0 && column.IsFew && ColumnNames.Logger(column.Name) != 0
                    && column.Texts.All(text => text.Length > 0))
                .OrderBy(column => ColumnNames.Channel(column.Name)).FirstOrDefault(column => !IsStrictQuality(column.Name) && _hasHeader)
            : null;
        return (named, null);
    }

    private (ColumnFacts? Channel, ColumnFacts? Logger) One(ColumnFacts key, ColumnFacts[] facts, List<ColumnFacts> measured)
    {
        int asChannel = ColumnNames.Channel(key.Name), asLogger = ColumnNames.Logger(key.Name);
        int values = measured.Count(column => column != key);
        if (key.IsNumeric && ColumnNames.IsVague(key.Name) && values >= 1)
        {
            bool isOne = values == 1;
            Ask("logger or channel", $"column '{key.Name}' has numbers that tell readings of one time apart. They are taken for the "
                + $"{(isOne ? "channel" : "logger")}; they may be codes of the {(isOne ? "logger" : "channel")} as well.");
            return isOne ? (key, null) : (null, key);
        }
        if (asLogger >= 0 && (asChannel < 0 || values > 1))
        {
            // A channel's name that is the same in every line still is the channel's.
            ColumnFacts? constant = values == 1
                ? facts.FirstOrDefault(
                    column => column != key && !column.IsNumeric && column.IsConstant && ColumnNames.Channel(column.Name) >= 0)
                : null;
            return (constant, key);
        }
        if (asChannel >= 0 && values >= 1) return (key, null);
        // Areas and zones are places, whatever is measured there.
        if (ColumnNames.IsArea(key.Name) && values >= 1) return (null, key);
        bool isChannel = values == 1;
        Ask(isChannel ? "the channel" : "the logger",
            $"column '{key.Name}' tells readings of one time apart, so it is taken for the {(isChannel ? "channel" : "logger")}.");
        return isChannel ? (key, null) : (null, key);
    }

    private (ColumnFacts? Channel, ColumnFacts? Logger) Two(ColumnFacts one, ColumnFacts other)
    {
        int Likely(ColumnFacts column) =>
            (ColumnNames.Logger(column.Name) >= 0 ? 2 : 0) - (
                ColumnNames.Channel(column.Name) >= 0 ? 1 : 0) - (ColumnNames.IsWeakLogger(column.Name) ? 1 : 0);
        (ColumnFacts logger, ColumnFacts channel) = Likely(one) > Likely(other) || (Likely(one) == Likely(other) && one.Index < other.Index)
            ? (one, other)
            : (other, one);
        if (Likely(logger) == Likely(channel))
            Ask("logger and channel", $"columns '{logger.Name}' and '{channel.Name}' tell readings of one time apart. Taken for logger "
                + "and channel.");
        return (channel, logger);
    }

    /// <summary>The share of lines whose time, together with the keys, is there already.</summary>
    private static double Repeated(TimeGuess time, ColumnFacts[] keys)
    {
        int lines = 0, at = 0, different = 0;
        foreach (long?[] times in time.Times)
        {
            var seen = new HashSet<string>();
            for (int row = 0; row < times.Length; row++, at++)
            {
                if (times[row] is not { } ticks) continue;
                lines++;
                if (seen.Add($"{ticks}\n{string.Join('\n', keys.Select(key => key.Texts[at]))}")) different++;
            }
        }
        return lines == 0 ? 0 : 1 - ((double)different / lines);
    }

    private ReadingFormat Long(
        ReadingFormat format, ColumnFacts[] facts, List<ColumnFacts> measured, ColumnFacts channel, ColumnFacts? logger,
            NumberGuess numbers, TimeGuess time)
    {
        ColumnFacts value = measured.OrderByDescending(column => ColumnNames.Value(column.Name) >= 0)
            .ThenByDescending(column => ColumnNames.EndsAsValue(column.Name))
            .ThenBy(column => ColumnNames.IsPlace(column.Name) || ColumnNames.IsTime(column.Name))
            .ThenByDescending(column => column.Distinct).ThenBy(column => ColumnNames.Value(column.Name))
            .ThenByDescending(column => column.Index).First();
        if (measured.Count > 1)
            Ask("columns that are left out", $"a line has one channel but several numbers: only '{value.Name}' is taken for the value.");
        _sure.Add($"a line is a reading: the channel is in column '{channel.Name}', the value in '{value.Name}'");
        format = format with
        {
            Layout = ReadingLayout.Long,
            Channel = Column(Ref(channel.Index)),
            Value = Column(Ref(value.Index)),
            Logger = LoggerOf(facts, logger, [channel, value]),
        };
        LeaveOut(format, [.. facts.Where(column => column != channel && column != value)], time, facts);
        return WithValues(format, [value], numbers);
    }

    private ReadingFormat Wide(
        ReadingFormat format, ColumnFacts[] facts, List<ColumnFacts> measured, ColumnFacts? logger, NumberGuess numbers, TimeGuess time)
    {
        FieldSource place = LoggerOf(facts, logger, [.. measured]);
        _isStationAbove = place.Kind == FieldSourceKind.HeaderLine;
        if (_isStationAbove && _table.HeaderParts[0].Where(text => text.Length > 0).Distinct().ToArray() is { Length: > 1 } stations)
            Ask("the loggers", $"{string.Join(", ", stations.Take(4).Select(text => $"'{text}'"))} stand above columns that are the same "
                + "for each, so they are taken for loggers. If they are parts of one logger, remove \"headerLine\".");
        ColumnFacts[] nameless = [
            .. measured.Where(column => _hasHeader && column.Name[0] == '#' && column.Name.Length > 1 && IsNameless(column.Index))];
        if (nameless.Length > 0)
            Ask("columns without a name",
                $"{string.Join(", ", nameless.Select(column => column.Name))} {(nameless.Length == 1 ? "has" : "have")} numbers but no "
                    + "name, so left out.");
        measured.RemoveAll(nameless.Contains);
        ColumnFacts[] still = [
            .. measured.Where(
                column => column.IsConstant && column.Texts.Length >= MostStill && column.Texts[0].All(char.IsAsciiDigit)
                    && !HasUnit(column.Name))];
        string shown = string.Join(", ", still.Select(column => $"'{column.Name}' ({column.Texts[0]})"));
        if (still.Length > 0)
            Ask("columns that never change",
                $"{shown} {(still.Length == 1 ? "is" : "are")} taken for channels. "
                + "If they are codes, add them to \"ignoredColumns\".");
        ColumnFacts? unnamed = measured.Count == 1 && ColumnNames.Value(measured[0].Name) >= 0
            ? facts.FirstOrDefault(
                column => !column.IsNumeric && column.IsConstant && !column.IsEmpty && !(
                    place.Kind == FieldSourceKind.Column && place.Text == Ref(column.Index)) && !IsStrictQuality(column.Name))
            : null;
        if (unnamed is not null)
            Ask("the channel",
                $"the channel is called '{measured[0].Name}'. If it is '{Cut(unnamed.Texts[0])}', as column '{unnamed.Name}' says, set "
                    + $"\"shape\": \"long\" and \"channel\" to that column.");
        string channels = string.Join(", ", measured.Select(column => $"'{column.Name}'"));
        _sure.Add($"a line is a timestamp: {channels} {(measured.Count == 1 ? "is a channel" : "are channels")}");
        format = format with { Layout = ReadingLayout.WideByChannel, Logger = place, IgnoredColumns = [] };
        ColumnFacts[] others = [.. facts.Except(measured)];
        LeaveOut(format, others, time, facts);
        ColumnFacts[] ignored = [.. others.Where(column => !IsNameless(column.Index) || (!column.IsEmpty && column.Index < _names.Length))];
        ignored = [.. ignored.Where(column => !(IsNameless(column.Index) && column.IsEmpty))];
        format = format with { IgnoredColumns = [.. ignored.Select(column => Ignored(column.Index)).Distinct()] };
        format = WithChannels(format, measured);
        if (!_hasHeader && !IsShifted)
            Ask("the channels' names", "nothing names the channels. Set \"channels\": { \"#2\": { \"name\": \"flow\" } }, or whatever "
                + "they are.");
        return WithValues(format, measured, numbers);
    }

    private bool _isStationAbove;

    private bool IsNameless(int column) => _hasHeader && (column >= _table.Header!.Length || _table.Header[column].Length == 0);

    /// <summary>A column to ignore: by a pattern if its name changes from logger to logger, so that it also may be missing.</summary>
    private string Ignored(int column)
    {
        string reference = Ref(column);
        // What stands below the station, for whichever station.
        if (_isStationAbove)
        {
            string rest = string.Join(
                ' ', _table.HeaderParts.Skip(1).Select(line => column < line.Length ? line[column] : "")
                    .Where(cell => cell.Length > 0).Distinct());
            bool isBelow = column < _table.HeaderParts[0].Length && _table.HeaderParts[0][column].Length > 0;
            return isBelow && rest.Length > 0 ? $"* {rest}" : reference;
        }
        if (!_hasHeader || reference[0] != '#' || !IsVolatile(_names[column])) return reference;
        string start = Regex.Match(_names[column], "^[^0-9(\"]*").Value.TrimEnd();
        bool isOwn = start.Length > 2 && _names.Count(name => name.StartsWith(start, StringComparison.OrdinalIgnoreCase)) == 1;
        return isOwn ? start + "*" : reference;
    }

    private ReadingFormat WithChannels(ReadingFormat format, List<ColumnFacts> measured)
    {
        if (IsShifted)
        {
            var shifted = measured.ToDictionary(column => $"#{column.Index + 1}", column => new ChannelFormat { Name = column.Name });
            return format with { Channels = shifted };
        }
        if (!_hasHeader) return format;
        // Names that say the logger: the channel is what stands before.
        if (format.Logger.Kind == FieldSourceKind.HeaderPattern)
            return format with { Channel = FieldSource.HeaderPattern("^(?<channel>[^,(]+)") };
        ColumnFacts[] doubled = [
            .. measured.Where(
                column => measured.Any(
                    other => other.Index < column.Index && other.Name.Equals(column.Name, StringComparison.OrdinalIgnoreCase)))];
        if (doubled.Length == 0) return format;
        Ask("columns of one name", $"two columns are called '{doubled[0].Name}'. The later ones get a number: see \"channels\".");
        return format with { Channels = doubled.ToDictionary(
            column => $"#{column.Index + 1}", column => new ChannelFormat { Name = $"{column.Name} #{column.Index + 1}" }) };
    }

    private bool IsByTime(TimeGuess time, int[] open)
    {
        if (!_hasHeader || time.Pattern.HasTime || time.Columns.Length > 1) return false;
        int times = open.Count(
            i => TimePatterns.TimeOfDay([_names[i]], false) is { } pattern && pattern.Contains(':', StringComparison.Ordinal));
        return times >= 2 && times * 2 >= open.Length;
    }

    private ReadingFormat ByTime(ReadingFormat format, ColumnFacts[] facts, NumberGuess numbers)
    {
        ColumnFacts[] times = [
            .. facts.Where(column => TimePatterns.TimeOfDay([column.Name], false)?.Contains(':', StringComparison.Ordinal) == true)];
        ColumnFacts[] others = [.. facts.Except(times)];
        string time = TimePatterns.TimeOfDay([.. times.Select(column => column.Name)], false)!;
        string[] dates = format.TimestampFormats.Count == 0
            ? ["yyyy-MM-dd"]
            : [.. format.TimestampFormats.Select(date => date == "iso" ? "yyyy-MM-dd" : date).Distinct()];
        ColumnFacts? channel = others.FirstOrDefault(
            column => !column.IsNumeric && !column.IsEmpty && ColumnNames.Channel(column.Name) >= 0);
        _sure.Add($"a line is a day: columns '{times[0].Name}' to '{times[^1].Name}' are its times");
        if (channel is null)
            Ask("the channel", "nothing names the channel, so it is called 'value'. Set \"channel\": { \"constant\": \"flow\" }, or "
                + "whatever it is.");
        FieldSource logger = LoggerOf([.. others.Where(column => column != channel)], null, []);
        ColumnFacts[] ignored = [
            .. others.Where(column => column != channel && !(logger.Kind == FieldSourceKind.Column && logger.Text == Ref(column.Index)))];
        foreach (ColumnFacts column in ignored) _leftOut.Add($"'{column.Name}': its name is no time of the day");
        format = format with
        {
            Layout = ReadingLayout.WideByTime,
            TimestampFormats = [.. dates.Select(date => $"{date} {time}")],
            Hour24 = times.Any(column => column.Name.StartsWith("24", StringComparison.Ordinal)),
            Logger = logger,
            Channel = channel is null ? FieldSource.Constant("value") : Column(Ref(channel.Index)),
            IgnoredColumns = [.. ignored.Where(column => !IsNameless(column.Index)).Select(column => Ignored(column.Index))],
        };
        return WithValues(format, times, numbers);
    }

    /// <summary>Lines of a day each, whose values have no names that say the times; <see langword="null"/>: it is none of these.</summary>
    private ReadingFormat? ByDay(ReadingFormat format, TimeGuess time, ColumnFacts[] facts, NumberGuess numbers)
    {
        if (_hasHeader || IsShifted || time.Pattern.HasTime || time.Columns.Length != 1) return null;
        ColumnFacts[] cells = [.. facts.Where(column => column.Index > time.Columns[0]).TakeWhile(column => column.IsNumeric)];
        if (cells.Length is not (24 or 48 or 96 or 144 or 288)) return null;
        TimeSpan step = TimeSpan.FromDays(1) / cells.Length;
        ColumnFacts[] others = [.. facts.Except(cells)];
        // A first field that is the same in all lines of data, and in no other, tells what kind of line it is.
        string? start = others.FirstOrDefault(column => column.Index == 0 && column.IsConstant && !column.IsEmpty) is { } kind
            ? $"{kind.Texts[0]}{_table.Separator}" : null;
        bool isTold = start is not null && _table.Separator != ' '
            && _tables.All(table => table.Odd.Concat(table.Below).Concat(table.Above).All(line => !Begins(line, start)));
        if (isTold)
        {
            format = format with { Text = format.Text with { DataStart = start, PreambleLines = 0, TableStart = null, Footer = null } };
            _decide.RemoveAll(one => one.Topic is OddLines or LastLine);
            _sure.Add($"lines of data begin with '{start}'");
        }
        Ask("the start or end of intervals", $"a line is a day of {cells.Length} values, and each counts for the end of its interval. Set "
            + "\"interval\": \"start\" if the first one is that of 00:00.");
        FieldSource logger = LoggerOf([.. others.Where(column => column.Index != 0 || !isTold)], null, []);
        FieldSource channel = LoggerGuess.ChannelAbove(_tables) ?? FieldSource.Constant("value");
        if (channel.Kind == FieldSourceKind.Constant)
            Ask("the channel", "nothing names the channel, so it is called 'value'. Set \"channel\": { \"constant\": \"flow\" }, or "
                + "whatever it is.");
        else _sure.Add("the channel is in the lines that name the logger");
        ColumnFacts[] ignored = [.. others.Where(column => !(logger.Kind == FieldSourceKind.Column && logger.Text == Ref(column.Index)))];
        foreach (ColumnFacts column in ignored.Where(column => column.Index != 0 || !isTold))
            _leftOut.Add($"'{column.Name}': {WhyNotMeasured(column, time, facts) ?? "it is none of the day's values"}");
        string[] dates = format.TimestampFormats.Count == 0
            ? ["yyyy-MM-dd"]
            : [.. format.TimestampFormats.Select(date => date == "iso" ? "yyyy-MM-dd" : date).Distinct()];
        return WithValues(format with
        {
            Layout = ReadingLayout.WideByTime,
            TimestampFormats = [.. dates.Select(date => $"{date} HH:mm")],
            DayStep = step,
            Interval = IntervalTime.End,
            Logger = logger,
            Channel = channel,
            IgnoredColumns = [.. ignored.Select(column => Ref(column.Index))],
        }, cells, numbers);
    }

    private ReadingFormat Headerless(
        ReadingFormat format, ColumnFacts[] facts, ColumnFacts value, ColumnFacts? logger, NumberGuess numbers, TimeGuess time)
    {
        FieldSource place = LoggerOf(facts, logger, [value]), channel = FieldSource.Constant("value");
        string[] files = [.. Samples.Select(sample => Path.GetFileName(sample.Path)!)];
        if (place == FieldSource.FileName && files.All(file => NameAndChannel().IsMatch(file)))
        {
            place = channel = FieldSource.PathPattern(NamePattern);
            Match first = NameAndChannel().Match(files[0]);
            string found = $"logger '{first.Groups["logger"].Value}' and channel '{first.Groups["channel"].Value}'";
            Ask("logger and channel", $"{found} are taken from the file's name. Set \"logger\" or \"channel\" to a constant if that is "
                + "wrong.");
        }
        else if (LoggerGuess.ChannelAbove(_tables) is { } above)
        {
            channel = above;
            _sure.Add("the channel is in a line above the rows");
        }
        else
            Ask("the channel", "nothing names the channel, so it is called 'value'. Set \"channel\": { \"constant\": \"flow\" }, or "
                + "whatever it is.");
        _sure.Add($"a line is a reading: the value is in column {value.Name}");
        LeaveOut(format with { Logger = place }, [.. facts.Where(column => column != value)], time, facts);
        format = format with { Layout = ReadingLayout.Long, Logger = place, Channel = channel, Value = Column(Ref(value.Index)) };
        return WithValues(format, [value], numbers);
    }

    private void LeaveOut(ReadingFormat format, ColumnFacts[] others, TimeGuess time, ColumnFacts[] all)
    {
        foreach (ColumnFacts column in others)
        {
            bool isUsed = format.Logger.Kind == FieldSourceKind.Column && format.Logger.Text == Ref(column.Index);
            if (isUsed || (column.IsEmpty && IsNameless(column.Index))) continue;
            _leftOut.Add($"'{column.Name}': {WhyNotMeasured(column, time, all) ?? "a line has one value"}");
            if (IsOffset(column) && !time.Pattern.HasOffset && _zone is null)
                Ask("the offset of the times", $"column '{column.Name}' says how far the times are from UTC ('{column.Texts[0]}'), which a "
                    + "format cannot use line by line. Set \"zone\" to the zone of the loggers' clocks.");
            if (!column.IsConstant && !column.IsEmpty && time.IsAnother(column.Index, _files, format.DecimalSeparator))
                Ask("a second time", $"column '{column.Name}' has times that are not those of '{_names[time.Columns[0]]}': it is left out. "
                    + "If values beside it are of its time, they get the wrong one.");
        }
    }

    private FieldSource LoggerOf(ColumnFacts[] facts, ColumnFacts? key, ColumnFacts[] used)
    {
        if (key is not null)
        {
            _sure.Add($"the logger is in column '{key.Name}'");
            return Column(Ref(key.Index));
        }
        string[] files = [.. Samples.Select(sample => Path.GetFileNameWithoutExtension(sample.Path))];
        LoggerGuess.Place[] columns =
        [
            .. facts.Except(used).Where(
                column => ColumnNames.Logger(column.Name) >= 0 && column.Texts.All(text => text.Length > 0) && column.IsFew
                    && !IsTimeText(column) && !ColumnNames.IsQuality(column.Name) && !IsModel(column.Name))
                .Where(column => !column.IsNumeric || column.IsConstant || IsIdName(column.Name))
                .Where(column => !ColumnNames.IsWeakLogger(column.Name) || column.Texts.Any(text => text.Length > 1))
                .OrderByDescending(
                    column => column.Texts.Any(
                        text => text.Length > 1 && files.Any(file => file.Contains(text, StringComparison.OrdinalIgnoreCase))))
                .ThenBy(column => ColumnNames.Logger(column.Name))
                .Select((column, i) => new LoggerGuess.Place(
                    Column(Ref(column.Index)), [.. _files.Select(file => string.Join(' ', file[column.Index].Distinct()))],
                    ColumnNames.IsWeakLogger(column.Name) && !(
                        ColumnNames.IsId(column.Name) && column.Texts[0].Length > 3) ? 6 : 4, $"in column '{column.Name}'")),
        ];
        IReadOnlyList<LoggerGuess.Place> places = LoggerGuess.Of(Samples, _tables, _root, columns);
        LoggerGuess.Place best = places[0];
        // Lines of a pattern that names the logger begin another one's rows.
        if (best.Source.Kind == FieldSourceKind.PreamblePattern
            && _tables.All(table => table.Odd.All(line => best.Source.IsIn(line, table.Separator, "logger"))))
            _decide.RemoveAll(one => one.Topic == OddLines);
        if (Samples.Count > 1 && best.Names.Distinct().Count() == 1 && columns.Length == 0 && best.Source == FieldSource.FileName)
            Ask("the logger", "nothing tells the samples' loggers apart.");
        if (best.Source.Kind is FieldSourceKind.FileName or FieldSourceKind.PathPattern
            && columns.FirstOrDefault(column => !ColumnNames.IsWeakLogger(column.Source.Text)) is { } constant)
            Ask("the logger", $"'{constant.Names[0]}' stands {constant.Where} of all samples, so the name is taken from the files' names. "
                + $"If they are one logger's, set \"logger\": {{ \"column\": \"{constant.Source.Text}\" }}.");
        string[] also = [
            .. places.Skip(1).Where(
                place => columns.Contains(place) && columns.Contains(best) && place.Rank == best.Rank).Select(
                    place => $"'{place.Source.Text}'")];
        if (facts.FirstOrDefault(column => columns.Contains(best) && best.Source.Text == Ref(column.Index)) is { } found
            && found.IsNumeric && !found.IsConstant && ColumnNames.IsVague(found.Name))
            Ask("the logger", $"column '{found.Name}' has numbers that change. They are taken for the loggers; if they are not, set "
                + $"\"logger\".");
        ColumnFacts? serial = best.Source.Kind is FieldSourceKind.FileName or FieldSourceKind.PathPattern
            ? facts.Except(used).FirstOrDefault(column => MayBeSerial(column, files)) : null;
        if (serial is not null && columns.Length == 0)
            Ask("the logger", $"column '{serial.Name}' says '{Cut(serial.Texts[0])}' in every line. If that is the logger, set "
                + $"\"logger\": {{ \"column\": "
                + $"\"{Ref(serial.Index)}\" }}; its name is taken from the file's.");
        else if (best.Source.Kind is FieldSourceKind.FileName or FieldSourceKind.PathPattern && best.Names.All(IsGeneric))
            Ask("the logger", $"nothing names the logger, so it would be '{best.Names[0]}', as the file. Set \"logger\": {{ "
                + $"\"constant\": \"…\" }}, or "
                + "name files by their loggers.");
        if (also.Length > 0)
            Ask("the logger", $"the logger is taken from column '{best.Source.Text}'; it might be {string.Join(" or ", also)} instead.");
        else if (best.Source.Kind is FieldSourceKind.FileName or FieldSourceKind.PathPattern)
            _sure.Add($"the logger is {best.Where}, for example '{best.Names[0]}'");
        else _sure.Add($"the logger is {best.Where}: '{best.Names[0]}'");
        return best.Source;
    }

    /// <summary>
    /// Whether a column of a name that no list knows may still have the station's: one text with letters and digits in all lines of a file,
    /// which is not in the file's name.
    /// </summary>
    private bool MayBeSerial(ColumnFacts column, string[] files)
    {
        if (column.IsNumeric || !LikeSerial().IsMatch(column.Texts[0]) || IsTimeText(column) || Cell.IsUnit(column.Texts[0])) return false;
        bool isOther = ColumnNames.IsQuality(column.Name) || IsStrictQuality(column.Name) || ColumnNames.Channel(column.Name) >= 0
            || IsModel(column.Name);
        return !isOther
            && _files.All(file => file[column.Index].Distinct().Count() == 1)
            && !_files.Zip(files).All(one => one.Second.Contains(one.First[column.Index][0], StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Whether a file's name says what a file is, and not whose.</summary>
    private static bool IsGeneric(string name)
    {
        string[] words = [.. Regex.Matches(name, @"\p{L}+").Select(match => match.Value.ToLowerInvariant())];
        return name.Length > 0 && words.All(s_generic.Contains) && Regex.Matches(name, "[0-9]+").All(digits => words.Length > 0
            && (digits.Length <= 2 || Regex.IsMatch(digits.Value, "^(19|20)[0-9]{2}([01][0-9]([0-3][0-9])?)?$")));
    }

    private static readonly HashSet<string> s_generic =
    [
        "reading", "readings", "data", "export", "exported", "log", "logs", "measurement", "measurements", "value", "values",
            "output", "out",
        "result", "results", "download", "file", "report", "test", "sample", "samples", "history", "feed", "feeds", "timeseries", "series",
        "table", "csv", "untitled", "new", "copy", "of", "book", "sheet", "tabelle", "mappe", "messwerte", "daten", "werte",
            "mesures", "datos",
        "dati", "donnees", "données", "raw", "all", "query", "trend", "trends", "records", "record", "hourly", "daily", "monthly",
            "average",
        "latest", "input", "temp", "tmp", "the", "from", "to", "my", "time", "date",
    ];

    private static bool IsModel(string name) => Regex.IsMatch(name, @"(?i)\b(type|model|version|typ)$");

    private ReadingFormat WithValues(ReadingFormat format, IReadOnlyList<ColumnFacts> values, NumberGuess numbers)
    {
        string[] texts = [.. values.SelectMany(column => column.Texts)];
        string[] words = [.. texts.Where(NumberGuess.IsNullWord).Distinct(StringComparer.OrdinalIgnoreCase)];
        string[] own = [.. values.SelectMany(column => column.Nulls).Distinct(StringComparer.OrdinalIgnoreCase)];
        string[] told = NullsAbove(texts, numbers);
        if (told.Length > 0) _sure.Add($"{string.Join(", ", told)} is 'no value', as a line above the table says");
        string[] sentinels = [.. values.SelectMany(column => numbers.Sentinels(column.Texts)).Distinct().Except(told)];
        string written = string.Join(", ", words.Select(word => word.Length == 0 ? "an empty field" : $"'{word}'"));
        if (words.Length > 0) _sure.Add($"'no value' is written as {written}: skipped and counted");
        if (own.Length > 0)
            Ask("words for 'no value'", $"{string.Join(", ", own.Select(word => $"'{word}'"))} stands between numbers and is taken for "
                + "'no value'. "
                + "If it has a number, use \"words\" instead of \"nulls\".");
        if (sentinels.Length > 0)
            Ask("numbers for 'no value'",
                $"{string.Join(", ", sentinels)} looks like 'no value' and is skipped. Remove it from \"nulls\" if it is measured.");
        string[] states = [.. values.SelectMany(column => column.States).Distinct(StringComparer.OrdinalIgnoreCase)];
        if (states.Length > 0)
        {
            Ask("words for numbers", $"{string.Join(", ", states.Select(word => $"'{word}' is {NumberGuess.StateOf(word)}"))}. Change "
                + $"\"words\" if that is "
                + "wrong, or leave the column out.");
            format = format with { Words = states.ToDictionary(word => word, word => NumberGuess.StateOf(word)!.Value) };
        }
        if (texts.FirstOrDefault(NumberGuess.IsBeyond) is { } beyond)
        {
            Ask("values beyond a limit",
                $"'{beyond}' is below or above what was measured: the limit is taken. Set \"beyondLimit\" to half, zero, skip or reject "
                    + "instead.");
            format = format with { BeyondLimit = BeyondLimit.Limit };
        }
        return format with { NullTokens = [.. words, .. own, .. told, .. sentinels] };
    }

    /// <summary>Texts among the values that a line above the table says are none, such as -777 after RINVAL.</summary>
    private string[] NullsAbove(string[] texts, NumberGuess numbers)
    {
        double[] none = [
            .. _tables.SelectMany(table => table.Above).SelectMany(line => NullLine().Matches(line))
                .Select(match => Cell.ToDouble(match.Groups["value"].Value))];
        return none.Length == 0 ? [] : [
            .. texts.Distinct().Where(text => numbers.TryParse(text, out double value) && none.Contains(value))];
    }

    [GeneratedRegex(
        @"(RINVAL|no[ _]?data([ _]?value)?|(missing|null|fill|invalid)[ _](data|values?)( values?)?)[^0-9A-Za-z-]{0,4}(is |are |= ?)?"
        + "(?<value>-?[0-9]+([.][0-9]+)?)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex NullLine();

    private const string NamePattern = @"(?<logger>[^/]+)[-_](?<channel>[^-_/]+)\.[^./]+$";

    [GeneratedRegex("^" + NamePattern, RegexOptions.CultureInvariant)]
    private static partial Regex NameAndChannel();
}
