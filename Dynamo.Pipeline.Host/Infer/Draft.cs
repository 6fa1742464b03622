using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>One format for samples of one kind, put together from what their tables say. It is proved before it is proposed.</summary>
internal sealed partial class Draft
{
    private const int MostRows = 5000;
    private const string OddLines = "lines that are not like the others", LastLine = "the last line";

    private readonly IReadOnlyList<SampleTable> _tables;
    private readonly SampleTable _table;
    private readonly string? _zone;
    private readonly string _root;
    private readonly List<string> _sure = [], _leftOut = [];
    private readonly List<(string Topic, string Text)> _decide = [];
    private readonly string[][][] _files;
    private readonly string[] _names;
    private readonly bool _hasHeader, _hasUnits;

    public Draft(IReadOnlyList<Sample> samples, IReadOnlyList<SampleTable> tables, string? zone, string root)
    {
        (Samples, _tables, _table, _zone, _root) = (samples, tables, tables[0], zone, root);
        int fields = tables.Max(table => table.Fields);
        int rows = tables.SelectMany(table => table.Rows).Max(row => row.Length);
        // A header that has fewer names than the rows have fields names nothing for certain.
        IsShifted = _table.Header is { } header
            && header.Length < rows
            && _table.Rows.Count(row => row.Length > header.Length && row[^1].Length > 0) * 2 > _table.Rows.Count;
        _hasHeader = _table.Header is not null && !IsShifted;
        _hasUnits = _hasHeader && _table.Between.Count > 0 && IsUnits(_table.Between[0]);
        _names = [
            .. Enumerable.Range(0, fields).Select(
                i => _table.Header is { } names && !IsShifted && i < names.Length && names[i].Length > 0 ? names[i] : $"#{i + 1}")];
        _files = [.. tables.Select(table => Enumerable.Range(0, fields).Select(i => table.Column(i).Take(MostRows).ToArray()).ToArray())];
    }

    public IReadOnlyList<Sample> Samples { get; }

    /// <summary>Why there is no format.</summary>
    public string Why { get; private set; } = "";

    private bool IsShifted { get; }

    /// <summary>Makes the format; <see langword="null"/>: there is none, and <see cref="Why"/> says why.</summary>
    public ReadingFormat? Make()
    {
        NumberGuess numbers = NumberGuess.Of([
            .. Enumerable.Range(0, _names.Length).Select(i => _files.SelectMany(file => file[i]).Where(Cell.IsNumber).ToArray())],
            _table.Separator);
        if (numbers.Thousands == _table.Separator && _table.Separator == ' ') numbers = numbers with { Thousands = null };
        string[] hints = [.. _table.Header ?? [], .. _table.Between.SelectMany(line => line), .. _table.Above];
        if (TimeGuess.Of(
            _files, Hinted(), hints, numbers.Decimal, [.. Samples.Select(sample => sample.Path)]) is not { } time)
        {
            Why = "no column with timestamps was found. If times count from a start, set \"elapsed\" and \"elapsedStart\"; see "
                + "docs/formats.md.";
            return null;
        }
        CsvText text = Text();
        var format = new ReadingFormat
        {
            Text = text,
            DecimalSeparator = numbers.Decimal,
            ThousandsSeparator = numbers.Thousands,
            TimestampFormats = time.Pattern.Formats,
            Hour24 = time.Hour24,
        };
        format = WithTime(format, time);
        if (numbers.Ambiguity is { } open) Ask("the decimal separator", open);
        SayTime(format, time);
        format = WithZone(format, time);
        return WithRoles(format, time, numbers);
    }

    public Proposal Proposed(ReadingFormat format, Proof proof)
    {
        if (proof.Between > 0)
            Ask("readings with one key", $"{Shown.Count(proof.Between, "reading")} share logger, channel and time with a reading of "
                + "another sample: "
                + "the later file would replace them. Is the logger's name right?", first: true);
        if (proof.Collided > 0)
            Ask("readings with one key",
                $"{Shown.Count(proof.Collided)} of {Shown.Count(proof.Read)} readings share logger, channel and time with an earlier one "
                    + "and would "
                + $"replace it: {proof.Example}. Something that tells them apart is missing: a channel, a logger, a time of day or the "
                + "zone.", first: true);
        if (proof.Rejected > 0)
            Ask("rejected lines", $"{Shown.Count(proof.Rejected, "line or value", "lines or values")} cannot be read; see below.",
                first: true);
        return new Proposal([], format, _sure, [.. _decide.Select(one => one.Text)])
        {
            Topics = [.. _decide.Select(one => one.Topic).Distinct()],
            LeftOut = _leftOut,
            Proof = proof,
        };
    }

    private void Ask(string topic, string text, bool first = false) => _decide.Insert(first ? 0 : _decide.Count, (topic, text));

    // A header that is not used still tells what the columns are.
    private string[] Hinted() =>
        IsShifted ? [.. _names.Select((name, i) => i > 0 && i <= _table.Header!.Length ? _table.Header[i - 1] : name)] : _names;

    private ReadingFormat WithTime(ReadingFormat format, TimeGuess time)
    {
        string[] columns = [.. time.Columns.Select(Ref)];
        if (time.IsInterval) format = format with { Interval = IntervalTime.Start };
        if (time.RepeatsDate) format = format with { RepeatsDate = true };
        // Two columns are a date and a time; more are parts.
        return columns.Length switch
        {
            1 => format with { Timestamp = Column(columns[0]) },
            2 when !time.Pattern.Formats[0].Contains('D') =>
                format with { Timestamp = Column(columns[0]), TimeOfDay = Column(columns[1]) },
            _ => format with { Timestamp = FieldSource.Columns(columns) },
        };
    }

    private void SayTime(ReadingFormat format, TimeGuess time)
    {
        string where = string.Join(", ", time.Columns.Select(i => $"'{_names[i]}'"));
        string how = format.TimestampFormats.Count == 0 ? "ISO 8601" : string.Join(" or ", format.TimestampFormats);
        string column = time.Columns.Length == 1 ? "column" : "columns";
        _sure.Add(
            $"timestamps are in {column} {where}, written as {how}{(time.Pattern.HasOffset ? ", which has the offset or is UTC" : "")}");
        if (time.Named is { } named) _sure.Add($"dates have the {named}");
        if (time.IsInterval)
            Ask("the start or end of intervals", $"'{_files[0][time.Columns[^1]][0]}' is an interval, and its start is taken. Set "
                + "\"interval\": \"end\" if a value counts for its end.");
        if (time.RepeatsDate)
        {
            _sure.Add($"an empty field in '{_names[time.Columns[0]]}' is the date of the line above");
            if (time.GoesBackInADay())
                Ask("dates that are left out", $"the date in '{_names[time.Columns[0]]}' is not written in every line, and the times "
                    + "go back while it "
                    + "stays the same. After midnight they would get the wrong day: have the logger write the date where it changes.");
        }
        if (time.Hour24) _sure.Add("24:00 is the midnight that ends the day");
        if (time.Ambiguity is { } ambiguity) Ask("the order of day, month and year", ambiguity);
        if (time.Steps.OneWay < 0.9 && time.Steps.Distinct > 0.98 && time.Steps.Count > 20)
            _sure.Add("the lines are not in the order of their times");
        if (time.Steps.IsAhead) Ask("times in the future", "some times lie in the future. Check how the timestamps are read.");
    }

    private ReadingFormat WithZone(ReadingFormat format, TimeGuess time)
    {
        if (time.Pattern.HasOffset) return format;
        if (Told(format, time) is { } told)
        {
            bool isSame = _zone is null || (told.Format.Zone is not null && _zone.ToUpperInvariant() is "UTC" or "ETC/UTC");
            if (!isSame)
                Ask("the zone", $"{told.Words}, but {_zone} was said. The file is believed: remove \"zone\" or \"offset\" and set "
                    + $"\"zone\": \"{_zone}\" if the file is wrong.", first: true);
            _sure.Add(told.Words);
            return told.Format;
        }
        if (_zone is not null)
        {
            _sure.Add($"local times are those of {_zone}, as you said");
            return format with { Zone = _zone };
        }
        Ask("the zone", "timestamps have no offset: UTC is assumed. Set \"zone\" to the zone of the loggers' clocks, such as "
            + "Europe/Brussels, "
            + "or Etc/GMT-1 for clocks that stay on UTC+1 all year; or say --zone.");
        return format with { Zone = "UTC" };
    }

    /// <summary>A column that says UTC in every line; -1: there is none.</summary>
    private int UtcColumn() => Enumerable.Range(0, _names.Length)
        .Where(i => _files.All(file => file[i].Length > 0 && file[i].All(text => text is "UTC" or "GMT")))
        .DefaultIfEmpty(-1).First();

    /// <summary>The zone or offset that the files themselves name.</summary>
    private (ReadingFormat Format, string Words)? Told(ReadingFormat format, TimeGuess time)
    {
        string?[] named = [
            .. _tables.Select(
                table => table.Header is { } header ? time.Columns.Select(
                    i => i < header.Length ? header[i] : "").FirstOrDefault(name => Utc().IsMatch(name)) : null)];
        if (named.All(name => name is not null))
        {
            return named.All(name => !Utc().Match(name!).Groups["offset"].Success)
                ? (format with { Zone = "UTC" }, "times are UTC, as the header says")
                : (format with { Offset = FieldSource.HeaderPattern(@"(GMT|UTC) ?(?<offset>[+-][0-9:]+)") },
                    "the offset of the times is in the header, after GMT or UTC");
        }
        Match[] above = [
            .. _tables.Select(
                table => table.Above.Select(line => ZoneLine().Match(line)).FirstOrDefault(match => match.Success) ?? Match.Empty)];
        if (_tables.All(table => table.Above.Any(line => ZrxpZone().IsMatch(line))))
            return (
                format with { Offset = FieldSource.PreamblePattern(ZrxpPattern) },
                "the offset of the times is after TZ above the table");
        if (!above.All(match => match.Success))
            return UtcColumn() is var column and >= 0 ? (format with { Zone = "UTC" }, $"times are UTC, as column '{_names[column]}' "
                + "says") : null;
        return (above.All(match => match.Groups["offset"].Value.Length == 0)
            ? format with { Zone = "UTC" }
            : format with { Offset = FieldSource.PreamblePattern(ZonePattern) }, "the offset of the times is in a line above the table");
    }

    private CsvText Text()
    {
        char? comment = _table.Comment;
        bool inComment = comment is { } mark && _table.HeaderLine.StartsWith(mark);
        bool IsComment(string line) => comment is { } c && line.Length > 0 && line[0] == c;
        bool needed = _tables.Any(table => table.Above.Any(line => line.Trim().Length > 0 && (!IsComment(line) || inComment))) || inComment;
        bool commentNeeded = comment is not null
            && _tables.Any(table => table.HasCommentsInside || table.Above.Any(IsComment) || inComment);
        // The upper line of names may have those of stations.
        bool isJoined = _hasHeader && _table.HeaderParts.Count > 1;
        string? start = needed && _hasHeader && !(isJoined && _table.HeaderLine.StartsWith(_table.Separator)) ? TableStart() : null;
        int skipped = IsShifted ? 1 + _table.Between.Count : 0;
        int lines = start is null && (needed || skipped > 0) ? _table.Above.Count + skipped : 0;
        string separated = _table.Separator switch { '\t' => "tabs", ' ' => "spaces", char c => $"'{c}'" };
        string header = _hasHeader ? "under a header" : "without a header: columns are named #1, #2, …";
        int below = _hasHeader ? _table.Between.Count - (_hasUnits ? 1 : 0) : 0;
        _sure.Add($"{_names.Length} columns separated by {separated}, {header}{(_hasUnits ? " and a line of units" : "")}");
        if (isJoined)
            _sure.Add($"names are put together from {_table.HeaderParts.Count} lines, such as '{_names[^1]}'"
                + (_table.HeaderSpans ? "; an empty cell above belongs to the text to its left" : ""));
        if (isJoined && _table.IsHeaderDoubtful)
            Ask("the columns' names",
                $"'{string.Join(_table.Separator, _table.HeaderParts[0].Take(8)).Trim(_table.Separator)}' stands above the "
                + "names and is taken for a part of them. If it is none, take the line for one above the table: one line less in "
                + "\"headerLines\", one more in \"preambleLines\".");
        if (below > 0) _sure.Add($"{Shown.Count(below, "line")} between the header and the data {(below == 1 ? "is" : "are")} not data");
        if (_table.Above.Count > 0 && needed) _sure.Add($"{Shown.Count(_table.Above.Count, "line")} above the table");
        if (_tables.Any(table => table.LikeDataBetween > 0))
            Ask("lines under the header", "lines between the header and the data look like data themselves and are left out.");
        bool isShort = _hasHeader && _tables.Any(table => table.HasShortRows);
        if (isShort) _sure.Add("some lines end early: their last fields are empty");
        string? encoding = Samples.Select(sample => sample.Encoding).FirstOrDefault(name => name is not null);
        if (encoding == "shift_jis") _sure.Add("the text is Japanese, in Shift-JIS");
        if (Samples.FirstOrDefault(sample => sample.LooksForeign) is { } foreign)
            Ask("the encoding", $"some bytes are not UTF-8 and make no western text: '{Cut(foreign.Foreign)}'. Set \"encoding\", such "
                + "as windows-1251, "
                + "gb18030, euc-kr or iso-8859-7.");
        else if (encoding == "windows-1252")
            _sure.Add("some bytes are not UTF-8. They are taken for windows-1252, which western loggers and spreadsheets write. "
                + "Set \"encoding\" if names look wrong.");
        return new CsvText
        {
            Separator = _table.Separator,
            Encoding = encoding ?? "utf-8",
            HasHeader = _hasHeader,
            HeaderLines = isJoined ? _table.HeaderParts.Count : 1,
            HeaderSpans = isJoined && _table.HeaderSpans,
            HasUnits = _hasUnits,
            TableStart = start,
            PreambleLines = lines,
            LinesBelowHeader = below,
            HasShortLines = isShort,
            Comment = commentNeeded || start is null && comment is not null ? comment : null,
            Footer = Footer(),
        };
    }

    /// <summary>
    /// The beginning of the header's line, as short as no line above it begins so; null if there is none for all samples.
    /// </summary>
    private string? TableStart()
    {
        string line = _table.HeaderLine.TrimStart(' ', '\t', '"');
        for (int cells = 1, at = -1; cells < 20; cells++)
        {
            at = line.IndexOf(_table.Separator, at + 1);
            if (at < 0) at = line.Length;
            string start = line[..at].Trim().TrimEnd('"', _table.Separator).TrimEnd();
            bool isOwn = start.Length >= 3 && _tables.All(table =>
                Begins(table.HeaderLine, start) && !table.Above.Any(above => Begins(above, start)));
            if (isOwn) return start;
            if (at == line.Length) return null;
        }
        return null;
    }

    private static bool Begins(string line, string start) =>
        line.TrimStart(' ', '\t', '"').StartsWith(start, StringComparison.OrdinalIgnoreCase);

    private string? Footer()
    {
        string[] odd = [.. _tables.SelectMany(table => table.Odd)];
        if (odd.Length > 0)
            Ask(OddLines, $"{Shown.Count(odd.Length, "line")} inside the table, such as '{Cut(odd[0])}', "
                + "are not like the others.");
        SampleTable[] with = [.. _tables.Where(table => table.Below.Count > 0)];
        if (with.Length == 0) return null;
        string first = FooterStart().Match(with[0].Below[0].Trim().TrimStart('"')).Value.TrimEnd();
        bool isData = first.Length == 0
            || _tables.Any(table => table.Rows.Any(row => row[0].StartsWith(first, StringComparison.OrdinalIgnoreCase)));
        if (isData || (_hasHeader && Begins(_table.HeaderLine, first)))
        {
            Ask(LastLine, $"the last line, '{Cut(with[0].Below[^1])}', is not like the others and is rejected. "
                + "Set \"footer\" to the text with which such lines begin.");
            return null;
        }
        _sure.Add($"the text after the table begins with '{first}'");
        return first;
    }

    private static string Cut(string line) => line.Length > 100 ? line[..100] + "…" : line;

    /// <summary>A column's name, or its number if the name is not its own or changes from logger to logger.</summary>
    private string Ref(int column)
    {
        string name = _names[column];
        bool isOwn = _names.Count(other => other.Equals(name, StringComparison.OrdinalIgnoreCase)) == 1;
        return isOwn
            && !IsVolatile(name)
            && _tables.All(table => !_hasHeader || (column < table.Header!.Length && (table.Header[column] == name || name[0] == '#')))
            ? name
            : $"#{column + 1}";
    }

    private static FieldSource Column(string name) =>
        name is ['#', .. var number] && int.TryParse(number, out int place) ? FieldSource.Column(place) : FieldSource.Column(name);

    private static bool IsVolatile(string name) => VolatileName().IsMatch(name);

    private static bool IsUnits(string[] row)
    {
        int filled = row.Count(text => text.Length > 0), units = row.Count(Cell.IsUnit);
        return units > 0 && units * 2 >= Math.Min(filled, row.Length) && !row.Any(Cell.IsNumber);
    }

    private const string ZonePattern =
        @"(?i)^[^0-9A-Z]*(time ?zone|tz|utc ?offset|gmt ?offset|zeitzone)[^0-9A-Z+-]*(GMT|UTC)? ?(?<offset>[+-]?[0-9:]*)";

    private const string ZrxpPattern = @"\|TZ(?<offset>(UTC|GMT)([+-][0-9]{1,2}(:?[0-9]{2})?)?)\|";

    [GeneratedRegex(ZrxpPattern, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ZrxpZone();

    [GeneratedRegex("^" + @"[^0-9;,\t|:=]*", RegexOptions.CultureInvariant)]
    private static partial Regex FooterStart();

    [GeneratedRegex(@"(?i)^[^0-9A-Z]*(time ?zone|tz|utc ?offset|gmt ?offset|zeitzone)\b[^0-9A-Z+-]*((GMT|UTC) "
        + @"?(?<offset>[+-][0-9]{1,2}(:?[0-9]{2})?)?|(?<offset>[+-][0-9]{1,2}(:?[0-9]{2})?))[^0-9A-Z]*$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ZoneLine();

    [GeneratedRegex(@"(\b|_|[a-z])(GMT|UTC|gmt|utc)( ?(?<offset>[+-][0-9]{1,2}(:?[0-9]{2})?))?(?![A-Za-z0-9])",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Utc();

    [GeneratedRegex(@"[0-9]{4,}|(GMT|UTC) ?[+-]|S/N", RegexOptions.CultureInvariant)]
    private static partial Regex VolatileName();
}
