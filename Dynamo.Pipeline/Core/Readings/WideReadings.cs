using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline.Readings;

/// <summary>
/// The columns of a wide file: a timestamp, and one column for each channel or logger. A bad value rejects one reading,
/// a bad timestamp the whole line. Immutable, shared by all files with the same header.
/// </summary>
internal sealed class WideReadings : ICsvTable<Reading>
{
    private const int None = FileTime.None;

    private readonly ReadingFormat _format;
    private readonly ReadingFields _fields;
    private readonly CsvHeader _header;
    private readonly TimeColumns _times;
    private readonly QualityCheck? _quality;
    private readonly bool _byChannel;
    private readonly FieldSource _lineSource;
    private readonly int _lineColumn;
    private readonly int[] _cells;
    private readonly int[] _nameless;
    private readonly QualityCheck?[]? _qualities;
    private readonly int _channelColumn = None;

    public WideReadings(ReadingFormat format, CsvHeader header)
    {
        (_format, _fields, _header) = (format, new ReadingFields(format), header);
        _byChannel = format.Layout == ReadingLayout.WideByChannel;
        bool byTime = format.Layout == ReadingLayout.WideByTime;
        _lineSource = _byChannel || byTime ? format.Logger : format.Channel;
        string expected = $"{format.Timestamp.ColumnName} and a column for each {What}";
        _times = new TimeColumns(format, header, expected);
        _lineColumn = _lineSource.ColumnName is { } name ? header.Column(name, expected) : None;
        if (byTime && format.Channel.ColumnName is { } column) _channelColumn = header.Column(column, expected);
        _quality = QualityCheck.Of(format, header, expected);
        HashSet<int> ignored = [.. format.IgnoredColumns.SelectMany(column => Ignored(column, header, expected))];
        int[] open = [.. Enumerable.Range(0, header.Count).Where(i =>
            !_times.Uses(i) && i != _lineColumn && i != _channelColumn && i != _quality?.Column && !ignored.Contains(i))];
        int[] named = [.. open.Where(i => header.Names[i].Length > 0)];
        HashSet<int> qualities = [
            .. (QualityCheck.ForEach(format, header, named) ?? []).OfType<QualityCheck>().Select(check => check.Column)];
        _cells = [.. named.Where(i => !qualities.Contains(i))];
        _qualities = QualityCheck.ForEach(format, header, _cells);
        _nameless = [.. open.Where(i => header.Names[i].Length == 0)];
        if (_cells.Length == 0) throw new BadFileException(NoCell(header));
        RefuseDoubled(header);
    }

    private string What => _byChannel ? "channel" : "logger";

    private Defect NoCell(CsvHeader header) => new($"no column is a {What}")
    {
        Line = header.Line,
        Found = header.ToString(),
        Expected = $"a column for each {What}, besides those of the timestamp and the ignored ones",
        Remedy = "Is the separator right? Are all columns ignored?",
    };

    private static IEnumerable<int> Ignored(string column, CsvHeader header, string expected)
    {
        if (!column.Contains('*')) return [header.Column(column, expected)];
        string[] parts = column.Split('*');
        return Enumerable.Range(0, header.Count).Where(i => IsLike(header.Names[i], parts));
    }

    /// <summary>Whether a name has the parts in their order, the first at its start and the last at its end.</summary>
    private static bool IsLike(string name, string[] parts)
    {
        const StringComparison Anyhow = StringComparison.OrdinalIgnoreCase;
        if (!name.StartsWith(parts[0], Anyhow) || !name.AsSpan(Math.Min(name.Length, parts[0].Length)).EndsWith(parts[^1], Anyhow))
            return false;
        int at = parts[0].Length, end = name.Length - parts[^1].Length;
        foreach (string part in parts[1..^1])
        {
            int found = at > end ? -1 : name.AsSpan(at, end - at).IndexOf(part, Anyhow);
            if (found < 0) return false;
            at += found + part.Length;
        }
        return true;
    }

    public ICsvRowParser<Reading> Open(in CsvFile file)
    {
        // Equal names of one format are one string, whichever header they come from.
        CsvNames names = file.Names;
        string[] columns = _format.DayStep is { } step ? TimesOf(step) : [.. _cells.Select(column => Name(column, names))];
        if (_format.Layout == ReadingLayout.WideByTime) return OpenByTime(columns, file);
        string[]? loggers = !_byChannel ? null : _lineSource.Kind switch
        {
            FieldSourceKind.HeaderPattern => LoggersOf(columns, file),
            FieldSourceKind.HeaderLine => LoggersAbove(_lineSource.HeaderLineIndex, names),
            _ => null,
        };
        if (_byChannel && _lineSource.Kind == FieldSourceKind.HeaderLine)
            columns = [.. _cells.Select(cell => Checked(_header.Joined(cell, _lineSource.HeaderLineIndex), cell, "channel", names))];
        if (_byChannel && _format.Channel.Kind == FieldSourceKind.HeaderPattern)
            columns = [
                .. columns.Select(
                    name => _format.Channel.PartOf(name, "channel") is { Length: > 0 } part ? names.Intern(part, out _) ?? name : name)];
        ChannelRules? rules = ChannelRules.Of(_format, names);
        ChannelRule?[]? rulesByCell = null;
        if (_byChannel && rules is not null)
        {
            rulesByCell = [.. columns.Select((channel, i) => rules.For(channel, Unit(_cells[i]), _header.Line, _cells[i]))];
            for (int i = 0; i < columns.Length; i++) columns[i] = rulesByCell[i]?.Name ?? columns[i];
        }
        if (_byChannel) RefuseDoubled(columns, loggers);
        string? lineName = _lineColumn != None ? null
            : _lineSource.Kind == FieldSourceKind.HeaderLine ? loggers![0]
            : _lineSource.NameOf(file, _byChannel ? "logger" : "channel");
        return new Parser(this, columns, rulesByCell, _byChannel ? null : rules, lineName, _times.Open(file)) { Loggers = loggers };
    }

    /// <summary>The logger of each column, from its own name; null if the file has one logger.</summary>
    private string[]? LoggersOf(string[] columns, in CsvFile file)
    {
        string?[] parts = [.. columns.Select(name => _lineSource.PartOf(name, "logger"))];
        if (!parts.Any(part => part is { Length: > 0 })) return null;
        string whole = _lineSource.NameOf(file, "logger");
        CsvNames names = file.Names;
        return [.. parts.Select(part => part is { Length: > 0 } ? names.Intern(part, out _) ?? whole : whole)];
    }

    /// <summary>The logger of each column, which stands above it.</summary>
    private string[] LoggersAbove(int line, CsvNames names) =>
        [.. _cells.Select(cell => Checked(_header.Part(cell, line), cell, "logger", names))];

    /// <summary>The times of a day's columns, which have no names that say them.</summary>
    private string[] TimesOf(TimeSpan step)
    {
        int count = (int)(TimeSpan.TicksPerDay / step.Ticks), first = _format.Interval == IntervalTime.End ? 1 : 0;
        if (_cells.Length == count)
        {
            return [
                .. Enumerable.Range(first, count).Select(i => i * step)
                    .Select(time => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours:00}:{time.Minutes:00}"))];
        }
        throw new BadFileException(new Defect("a line has not as many values as a day has times")
        {
            Line = _header.Line,
            Found = $"{_cells.Length} columns that are not used otherwise",
            Expected = $"{count}, one for every {step.TotalMinutes.ToString(CultureInfo.InvariantCulture)} minutes",
            Remedy = $"Set {OptionName.Of(nameof(ReadingFormat.DayStep))} to the file's interval, "
                + $"or name the other columns in {OptionName.Of(nameof(ReadingFormat.IgnoredColumns))}",
        });
    }

    private DayParser OpenByTime(string[] columns, in CsvFile file)
    {
        string? logger = _lineColumn == None ? _lineSource.NameOf(file, "logger") : null;
        string? channel = _channelColumn == None ? _format.Channel.NameOf(file, "channel") : null;
        return new DayParser(
            this, [.. columns.Select(Encoding.UTF8.GetBytes)], logger, channel, ChannelRules.Of(_format, file.Names), _times.Open(file));
    }

    private string? Unit(int column) => column < _header.Units.Count ? _header.Units[column] : null;

    private string Name(int column, CsvNames names) => Checked(_header.Names[column], column, What, names);

    private string Checked(string name, int column, string what, CsvNames names) =>
        names.Intern(name, out string? problem) ?? throw new BadFileException(new Defect($"the {what}'s name {problem}")
        {
            Line = _header.Line,
            Column = $"#{column + 1}",
            Found = name,
            Expected = $"a name of 1 to {CsvNames.LongestName} bytes without control characters",
        });

    private void RefuseDoubled(CsvHeader header)
    {
        // Two columns of one name are fine if the format names them apart by their numbers, or ignores them.
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (int cell in _cells)
            if (!_format.Channels.ContainsKey($"#{cell + 1}") && !seen.Add(header.Names[cell]))
                throw new BadFileException(CsvDefects.DoubledColumn(header, header.Names[cell]));
    }

    private void RefuseDoubled(string[] channels, string[]? loggers)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        if (channels.Where((channel, i) => !seen.Add(loggers is null ? channel
            : $"{loggers[i]}\n{channel}")).FirstOrDefault() is not { } twice)
            return;
        throw new BadFileException(new Defect($"two columns would both be the channel '{twice}'")
        {
            Line = _header.Line,
            Column = twice,
            Found = _header.ToString(),
            Expected = "a name of its own for each channel",
            Remedy = "Change the Name of one of them in the format's Channels",
        });
    }

    private sealed class Parser(
        WideReadings table,
        string[] names,
        ChannelRule?[]? rulesByCell,
        ChannelRules? rules,
        string? fileName,
        FileTime time) : ICsvRowParser<Reading>
    {
        private readonly int[] _cells = table._cells;
        private readonly QualityCheck?[]? _qualities = table._qualities;
        private readonly bool _byChannel = table._byChannel;

        /// <summary>The logger of each cell, if they differ.</summary>
        public string[]? Loggers { get; init; }

        private readonly ReadingFields _fields = table._fields;

        public void Parse(in CsvRecord record, RowBatch<Reading> rows)
        {
            string? line = fileName;
            if ((line is null && !record.TryName(table._lineColumn, out line, out Defect? defect))
                || !time.TryRead(record, _byChannel ? line : "", _byChannel ? "" : line, out DateTime utc, out defect))
            {
                rows.Reject(defect);
                return;
            }
            if (table._quality is not null && !table._quality.Accept(record, _cells.Length, rows)) return;
            ChannelRule? rule = rules?.For(line, null, record.Line);
            if (_qualities is not null || Loggers is not null)
                CellsOfTheirOwn(record, line, utc, rule, rows);
            else
                for (int i = 0; i < _cells.Length; i++)
                    Cell(record, i, line, utc, rule ?? rulesByCell?[i], rows);
            foreach (int column in table._nameless)
                Nameless(record, column, rows);
        }

        /// <summary>Cells that have a quality or a logger of their own.</summary>
        private void CellsOfTheirOwn(in CsvRecord record, string line, DateTime utc, ChannelRule? rule, RowBatch<Reading> rows)
        {
            for (int i = 0; i < _cells.Length; i++)
            {
                if (_qualities?[i] is { } quality && !quality.Accept(record, 1, rows)) continue;
                Cell(record, i, Loggers?[i] ?? line, utc, rule ?? rulesByCell?[i], rows);
            }
        }

        private void Cell(in CsvRecord record, int cell, string line, DateTime utc, ChannelRule? rule, RowBatch<Reading> rows)
        {
            int column = _cells[cell];
            ValueState state = _fields.Read(record, column, out double value, out Defect? defect);
            if (state == ValueState.Value)
            {
                if (rule is not null && !rule.Apply(record, column, ref value, rows)) return;
                if (rule is not null && !_byChannel) line = rule.Name;
                rows.Add(_byChannel ? new Reading(line, names[cell], utc, value) : new Reading(names[cell], line, utc, value), record.Line);
            }
            else if (state == ValueState.Null)
                rows.Skip();
            else
                rows.Reject(defect!);
        }

        /// <summary>
        /// Rejects a value in a column without a name. A separator at the end of every line makes such a column, and a value in it
        /// must not be lost silently.
        /// </summary>
        private static void Nameless(in CsvRecord record, int column, RowBatch<Reading> rows)
        {
            if (record.Field(column).IsEmpty) return;
            rows.Reject(record.Defect(
                column, "there is a value in a column without a name", "an empty field", "Name the column in the header"));
        }
    }
    /// <summary>Reads lines of one day each, whose columns are times of that day.</summary>
    private sealed class DayParser(
        WideReadings table, byte[][] times, string? fileLogger, string? fileChannel, ChannelRules? rules, FileTime time)
            : ICsvRowParser<Reading>
    {
        public void Parse(in CsvRecord record, RowBatch<Reading> rows)
        {
            string? logger = fileLogger, channel = fileChannel;
            if ((logger is null && !record.TryName(table._lineColumn, out logger, out Defect? defect))
                || (channel is null && !record.TryName(table._channelColumn, out channel, out defect)))
            {
                rows.Reject(defect);
                return;
            }
            if (table._quality is not null && !table._quality.Accept(record, times.Length, rows)) return;
            ChannelRule? rule = rules?.For(channel, null, record.Line);
            for (int i = 0; i < times.Length; i++)
                Cell(record, i, logger, channel, rule, rows);
        }

        private void Cell(in CsvRecord record, int cell, string logger, string channel, ChannelRule? rule, RowBatch<Reading> rows)
        {
            int column = table._cells[cell];
            ValueState state = table._fields.Read(record, column, out double value, out Defect? defect);
            if (state == ValueState.Null)
                rows.Skip();
            else if (state == ValueState.Bad || !time.TryRead(record, column, times[cell], logger, channel, out DateTime utc, out defect))
                rows.Reject(defect!);
            else if (rule is null || rule.Apply(record, column, ref value, rows))
                rows.Add(new Reading(logger, rule?.Name ?? channel, utc, value), record.Line);
        }
    }
}
