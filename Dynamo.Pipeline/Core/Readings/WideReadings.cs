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

    public WideReadings(ReadingFormat format, CsvHeader header)
    {
        (_format, _fields, _header) = (format, new ReadingFields(format), header);
        _byChannel = format.Layout == ReadingLayout.WideByChannel;
        _lineSource = _byChannel ? format.Logger : format.Channel;
        string expected = $"{format.Timestamp.ColumnName} and a column for each {What}";
        _times = new TimeColumns(format, header, expected);
        _lineColumn = _lineSource.ColumnName is { } name ? header.Column(name, expected) : None;
        _quality = QualityCheck.Of(format, header, expected);
        HashSet<int> ignored = [.. format.IgnoredColumns.Select(column => header.Column(column, expected))];
        RefuseDoubled(header);
        int[] open = [.. Enumerable.Range(0, header.Count).Where(i =>
            !_times.Uses(i) && i != _lineColumn && i != _quality?.Column && !ignored.Contains(i))];
        _cells = [.. open.Where(i => header.Names[i].Length > 0)];
        _nameless = [.. open.Where(i => header.Names[i].Length == 0)];
    }

    private string What => _byChannel ? "channel" : "logger";

    public ICsvRowParser<Reading> Open(in CsvFile file)
    {
        // Equal names of one format are one string, whichever header they come from.
        CsvNames names = file.Names;
        string[] columns = [.. _cells.Select(column => Name(column, names))];
        ChannelRules? rules = ChannelRules.Of(_format, names);
        ChannelRule?[]? rulesByCell = null;
        if (_byChannel && rules is not null)
        {
            rulesByCell = [.. columns.Select((channel, i) => rules.For(channel, Unit(_cells[i]), _header.Line))];
            for (int i = 0; i < columns.Length; i++) columns[i] = rulesByCell[i]?.Name ?? columns[i];
            RefuseDoubled(columns);
        }
        string? lineName = _lineColumn == None ? _lineSource.NameOf(file, _byChannel ? "logger" : "channel") : null;
        return new Parser(this, columns, rulesByCell, _byChannel ? null : rules, lineName, _times.Open(file));
    }

    private string? Unit(int column) => column < _header.Units.Count ? _header.Units[column] : null;

    private string Name(int column, CsvNames names) =>
        names.Intern(_header.Names[column], out string? problem) ?? throw new BadFileException(new Defect($"the {What}'s name {problem}")
        {
            Line = _header.Line,
            Column = $"#{column + 1}",
            Found = _header.Names[column],
            Expected = $"a name of 1 to {CsvNames.LongestName} bytes without control characters",
        });

    private static void RefuseDoubled(CsvHeader header)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (string name in header.Names)
            if (name.Length > 0 && !seen.Add(name)) throw new BadFileException(CsvDefects.DoubledColumn(header, name));
    }

    private void RefuseDoubled(string[] channels)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        if (channels.FirstOrDefault(channel => !seen.Add(channel)) is not { } twice) return;
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
        private readonly bool _byChannel = table._byChannel;
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
            for (int i = 0; i < _cells.Length; i++)
                Cell(record, i, line, utc, rule ?? rulesByCell?[i], rows);
            foreach (int column in table._nameless)
                Nameless(record, column, rows);
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
}
