namespace Dynamo.Pipeline;

/// <summary>A long file's columns: one reading a line. Immutable unless a name comes from the path, when each file has its own.</summary>
internal sealed class LongReadings : ICsvTable<Reading>, ICsvRowParser<Reading>
{
    private const int None = -1;

    private readonly ReadingFormat _format;
    private readonly ReadingFields _fields;
    private readonly int _logger;
    private readonly int _channel;
    private readonly int _timestamp;
    private readonly int _value;
    private readonly string? _fileLogger;
    private readonly string? _fileChannel;

    public LongReadings(ReadingFormat format, CsvHeader header)
    {
        string?[] wanted = [format.Logger.ColumnName, format.Channel.ColumnName, format.TimestampColumn, format.ValueColumn];
        string expected = string.Join(format.Text.Separator, wanted.OfType<string>());
        int Find(string? name) => name is null ? None : header.Column(name, expected);
        (_logger, _channel, _timestamp, _value) = (Find(wanted[0]), Find(wanted[1]), Find(wanted[2]), Find(wanted[3]));
        (_format, _fields) = (format, new ReadingFields(format));
    }

    private LongReadings(LongReadings table, SourceFile file, CsvNames names)
    {
        (_format, _fields) = (table._format, table._fields);
        (_logger, _channel, _timestamp, _value) = (table._logger, table._channel, table._timestamp, table._value);
        if (_logger == None) _fileLogger = _format.Logger.ForFile(file, "logger", names);
        if (_channel == None) _fileChannel = _format.Channel.ForFile(file, "channel", names);
    }

    public ICsvRowParser<Reading> Open(SourceFile file, CsvNames names) =>
        _logger == None || _channel == None ? new LongReadings(this, file, names) : this;

    public void Parse(in CsvRecord record, RowBatch<Reading> rows)
    {
        Defect? defect = null;
        string? logger = _fileLogger ?? record.Name(_logger, out defect);
        string? channel = defect is null ? _fileChannel ?? record.Name(_channel, out defect) : null;
        if (defect is null
            && _fields.TryTimestamp(record, _timestamp, out DateTime utc, out defect)
            && _fields.TryValue(record, _value, out double value, out defect))
            rows.Add(new Reading(logger!, channel!, utc, value), record.Line);
        else
            rows.Reject(defect!);
    }
}
