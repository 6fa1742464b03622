namespace Dynamo.Pipeline;

/// <summary>A wide file's columns: a timestamp and the channels. A bad cell is rejected alone; a bad timestamp rejects the line.</summary>
internal sealed class WideReadings : ICsvTable<Reading>
{
    private readonly ReadingFormat _format;
    private readonly ReadingFields _fields;
    private readonly CsvHeader _header;
    private readonly int _timestamp;
    private readonly int _logger;

    public WideReadings(ReadingFormat format, CsvHeader header)
    {
        string expected = $"{format.TimestampColumn} and a column for each channel";
        (_format, _fields, _header) = (format, new ReadingFields(format), header);
        _timestamp = header.Column(format.TimestampColumn, expected);
        _logger = format.Logger.ColumnName is { } logger ? header.Column(logger, expected) : -1;
        RefuseDoubledChannel(header);
    }

    public ICsvRowParser<Reading> Open(SourceFile file, CsvNames names)
    {
        // Channels of one format are one string, whichever header they come from.
        var channels = new string?[_header.Count];
        for (int i = 0; i < channels.Length; i++)
            channels[i] = i == _timestamp || i == _logger || _header.Names[i].Length == 0 ? null : Channel(i, names);
        return new Parser(this, channels, _logger < 0 ? _format.Logger.ForFile(file, "logger", names) : null);
    }

    private string Channel(int column, CsvNames names) =>
        names.Intern(_header.Names[column], out string? problem) ?? throw new BadFileException(new Defect($"the channel's name {problem}")
        {
            Line = _header.Line,
            Column = $"#{column + 1}",
            Found = _header.Names[column],
            Expected = $"a name of 1 to {CsvNames.LongestName} bytes without control characters",
        });

    private static void RefuseDoubledChannel(CsvHeader header)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (string name in header.Names)
            if (name.Length > 0 && !seen.Add(name)) throw new BadFileException(CsvDefects.DoubledColumn(header, name));
    }

    private sealed class Parser(WideReadings table, string?[] channels, string? fileLogger) : ICsvRowParser<Reading>
    {
        public void Parse(in CsvRecord record, RowBatch<Reading> rows)
        {
            Defect? defect = null;
            string? logger = fileLogger ?? record.Name(table._logger, out defect);
            if (defect is not null || !table._fields.TryTimestamp(record, table._timestamp, out DateTime utc, out defect))
            {
                rows.Reject(defect!);
                return;
            }
            for (int i = 0; i < channels.Length; i++)
                if (i != table._timestamp && i != table._logger) Cell(record, i, logger!, utc, rows);
        }

        private void Cell(in CsvRecord record, int column, string logger, DateTime utc, RowBatch<Reading> rows)
        {
            if (channels[column] is not { } channel)
            {
                // A separator at the end of every line makes a nameless column; what is in it must not get lost.
                if (!record.Field(column).IsEmpty)
                    rows.Reject(record.Defect(column, "there is a value in a column without a name", "an empty field", "Name the column in the header"));
            }
            else if (table._fields.TryValue(record, column, out double value, out Defect? defect))
                rows.Add(new Reading(logger, channel, utc, value), record.Line);
            else
                rows.Reject(defect);
        }
    }
}
