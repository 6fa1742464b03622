using System.Globalization;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Makes a format from sample files that are written in the same way. This folder looks at samples and proposes settings for them:
/// what it is sure of, and what the user has to decide.
/// </summary>
internal sealed partial class FormatGuess
{
    private readonly IReadOnlyList<Sample> _samples;
    private readonly TableGuess _table;
    private readonly string? _zone;
    private readonly List<string> _sure = [];
    private readonly List<string> _decide = [];
    private readonly bool _hasHeader, _hasUnits;
    private readonly string[] _names;
    private readonly string[][] _columns;
    private readonly int _date, _time;
    private readonly TimestampGuess? _timestamp;
    private readonly NumberGuess _numbers;

    private FormatGuess(IReadOnlyList<Sample> samples, IReadOnlyList<TableGuess> tables, string? zone)
    {
        (_samples, _table, _zone) = (samples, tables[0], zone);
        int fields = _table.Fields;
        // The first two lines may be names and units. The lines below show what the columns hold.
        string[][] data = [.. tables.SelectMany(table => table.Rows.Skip(Math.Min(2, table.Rows.Count - 1)))];
        _columns = Columns(data, fields);
        (_date, _timestamp) = Timestamps(_columns, [.. Enumerable.Range(0, fields).Select(i => tables[0].Rows[0][i])]);
        _hasHeader = _date < 0 ? !tables[0].Rows[0].Any(IsNumeric) : !IsTimestamp(tables[0].Rows[0][_date]);
        int skipped = _hasHeader ? 1 : 0;
        _hasUnits = _hasHeader && _table.Rows.Count > 2 && IsUnits(_table.Rows[1]);
        if (_hasUnits) skipped++;
        data = [.. tables.SelectMany(table => table.Rows.Skip(skipped))];
        _columns = Columns(data, fields);
        _names = [.. _table.Rows[0].Select((name, i) => _hasHeader && name.Length > 0 ? name : $"#{i + 1}")];
        if (_date >= 0) _timestamp = TimestampGuess.Of(_columns[_date], ColumnNames.IsTime(_names[_date])) ?? _timestamp;
        _time = _timestamp is { HasTime: false } ? Array.FindIndex(_columns, TimestampGuess.IsTimeOfDay) : -1;
        _numbers = NumberGuess.Of([.. _columns.Where((_, i) => i != _date && i != _time).SelectMany(column => column)]);
    }

    /// <summary>Groups samples that are written in the same way, and makes a format for each group.</summary>
    public static (IReadOnlyList<Proposal> Proposals, IReadOnlyList<NoProposal> Others) Of(IReadOnlyList<Sample> samples, string? zone)
    {
        var proposals = new List<Proposal>();
        var others = new List<NoProposal>();
        var tables = samples.Select(sample => (Sample: sample, Table: TableGuess.Of(sample))).ToList();
        foreach ((Sample sample, _) in tables.Where(one => one.Table is null))
            others.Add(new NoProposal(
                sample.Path, "no table was found: no separator splits its lines into the same number of fields, two or more."));
        foreach (var group in tables.Where(one => one.Table is not null).GroupBy(one => Key(one.Sample, one.Table!)))
        {
            var guess = new FormatGuess([.. group.Select(one => one.Sample)], [.. group.Select(one => one.Table!)], zone);
            if (guess.Propose() is { } proposal) proposals.Add(proposal);
            else others.AddRange(group.Select(one => new NoProposal(one.Sample.Path, guess._decide[^1])));
        }
        return (proposals, others);
    }

    /// <summary>
    /// Files belong together if they have the same separator and the same header; without a header, the same number of columns.
    /// </summary>
    private static string Key(Sample sample, TableGuess table)
    {
        string first = string.Join('\u001f', table.Rows[0]);
        string header = first.Any(char.IsAsciiDigit) && table.Rows[0].Any(IsNumeric) ? "" : first;
        return $"{table.Separator}{table.Fields}{header}{sample.Encoding}{table.Above.Count > 0}";
    }

    private Proposal? Propose()
    {
        if (_timestamp is null)
        {
            _decide.Add("no column with timestamps was found. "
                + "If times count from a start, set \"elapsed\" and \"elapsedStart\"; see docs/formats.md.");
            return null;
        }
        CsvText text = Text();
        var format = new ReadingFormat
        {
            Text = text,
            DecimalSeparator = _numbers.Decimal,
            ThousandsSeparator = _numbers.Thousands == _table.Separator ? null : _numbers.Thousands,
            Timestamp = FieldSource.Column(_names[_date]),
            TimeOfDay = _time < 0 ? null : FieldSource.Column(_names[_time]),
            TimestampFormats = _time < 0 ? _timestamp.Formats : TwoColumns(),
            Zone = _timestamp.HasOffset ? null : _zone ?? "UTC",
        };
        if (_numbers.Ambiguity is { } numbers) _decide.Add(numbers);
        SayTime(format);
        var roles = new ColumnRoles(_names, _columns, [_date, _time], _numbers, _samples, _table, _hasHeader, _sure, _decide);
        return new Proposal([.. _samples.Select(sample => sample.Path)], roles.Assign(format), _sure, _decide);
    }

    private string[] TwoColumns()
    {
        string time = TimestampGuess.TimeFormat(_columns[_time]);
        string[] dates = _timestamp!.Formats.Count == 0 ? ["yyyy-MM-dd"] : [.. _timestamp.Formats];
        return [.. dates.Select(date => $"{date} {time}")];
    }

    private void SayTime(ReadingFormat format)
    {
        string where = _time < 0 ? $"column '{_names[_date]}'" : $"columns '{_names[_date]}' and '{_names[_time]}'";
        string how = format.TimestampFormats.Count == 0 ? "ISO 8601" : string.Join(" or ", format.TimestampFormats);
        _sure.Add($"timestamps are in {where}, written as {how}{(_timestamp!.HasOffset ? ", which has the offset or is UTC" : "")}");
        if (_timestamp.Ambiguity is { } ambiguity) _decide.Add(ambiguity);
        if (!_timestamp.HasOffset && _zone is null)
            _decide.Add("timestamps have no offset: UTC is assumed. "
                + "Set \"zone\" to the zone of the loggers' clocks, such as Europe/Brussels, "
                + "or Etc/GMT-1 for clocks that stay on UTC+1 all year.");
        if (_zone is not null && !_timestamp.HasOffset) _sure.Add($"local times are those of {_zone}, as you said");
    }

    private CsvText Text()
    {
        char? comment = _table.Comment;
        string[] above = [.. _table.Above.Where(line => comment is null || (line.Length > 0 && line[0] != comment))];
        // The number of lines above the table may differ from file to file, so the table is found by the header's first name.
        int lines = above.All(line => line.Trim().Length == 0) && comment is not null ? 0 : _table.Above.Count;
        if (lines > 0 && _table.Above.All(line => line.Trim().Length == 0)) lines = 0;
        bool byName = lines > 0 && _hasHeader && _names[0].Length > 0;
        string separated = _table.Separator switch { '\t' => "tabs", ' ' => "spaces", char c => $"'{c}'" };
        string header = _hasHeader ? "under a header" : "without a header: columns are named #1, #2, …";
        _sure.Add($"{_table.Fields} columns separated by {separated}, {header}{(_hasUnits ? " and a line of units" : "")}");
        if (lines > 0) _sure.Add($"{lines} line{(lines == 1 ? "" : "s")} above the table");
        string? encoding = _samples.Select(sample => sample.Encoding).FirstOrDefault(name => name is not null);
        if (encoding == "windows-1252")
            _decide.Add("some bytes are not UTF-8. They are taken for windows-1252, which western loggers and spreadsheets write. "
                + "Set \"encoding\" if names look wrong.");
        return new CsvText
        {
            Separator = _table.Separator,
            Encoding = encoding ?? "utf-8",
            HasHeader = _hasHeader,
            HasUnits = _hasUnits,
            TableStart = byName ? _names[0] : null,
            PreambleLines = byName ? 0 : lines,
            Comment = comment,
            Footer = Footer(),
        };
    }

    private string? Footer()
    {
        if (_table.Below.Count == 0) return null;
        string first = FooterStart().Match(_table.Below[0].Trim().TrimStart('"')).Value.TrimEnd();
        bool isData = first.Length == 0 || _table.Rows.Any(row => row[0].StartsWith(first, StringComparison.OrdinalIgnoreCase));
        if (isData)
        {
            _decide.Add($"the last line, '{_table.Below[^1]}', is not like the others and is rejected. "
                + "Set \"footer\" to the text with which such lines begin.");
            return null;
        }
        _sure.Add($"the text after the table begins with '{first}'");
        return first;
    }

    private static bool IsTimestamp(string text) => text.Length > 0 && TimestampGuess.Of([text], true) is not null;

    private static bool IsNumeric(string text) =>
        double.TryParse(text.Replace(',', '.'), NumberStyles.Float, CultureInfo.InvariantCulture, out _);

    private bool IsUnits(string[] row) => (_date < 0 || !IsTimestamp(row[_date])) && !row.Any(IsNumeric) && row.Any(IsUnit);

    private static bool IsUnit(string text) =>
        text.StartsWith('[') || text.StartsWith('(') || (text.Length > 0 && UnitOfMeasure.IsKnown(text));

    private static string[][] Columns(string[][] rows, int count) =>
        [.. Enumerable.Range(0, count).Select(i => rows.Select(row => row[i]).ToArray())];

    private static (int, TimestampGuess?) Timestamps(string[][] columns, string[] names)
    {
        (int Column, TimestampGuess Guess)[] found = [.. columns
            .Select((column, i) => (i, TimestampGuess.Of(column, ColumnNames.IsTime(names[i]))))
            .Where(one => one.Item2 is not null).Select(one => (one.i, one.Item2!))];
        if (found.Length == 0) return (-1, null);
        // Prefer one with a time of day, then one that is named like a time, then the first one.
        var best = found.OrderByDescending(one => one.Guess.HasTime).ThenByDescending(one => ColumnNames.IsTime(names[one.Column])).First();
        return (best.Column, best.Guess);
    }

    [GeneratedRegex(@"^[^0-9;,\t|:=]*", RegexOptions.CultureInvariant)]
    private static partial Regex FooterStart();
}
