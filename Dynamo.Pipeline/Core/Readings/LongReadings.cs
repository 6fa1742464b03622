using System.Text;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline.Readings;

/// <summary>
/// The columns of a long file: one reading per line. All files with the same header share one, unless something comes from the
/// file's path or preamble, depends on the order of its lines, or the format has settings for channels; then each file has its own.
/// </summary>
internal sealed class LongReadings : ICsvTable<Reading>, ICsvRowParser<Reading>
{
    private const int None = FileTime.None;

    private readonly ReadingFormat _format;
    private readonly CsvHeader _header;
    private readonly ReadingFields _fields;
    private readonly TimeColumns _times;
    private readonly QualityCheck? _quality;
    private readonly int _logger;
    private readonly int _channel;
    private readonly int _value;
    private readonly FileTime _time;
    private readonly ChannelRules? _rules;
    private readonly string? _fileLogger;
    private readonly string? _fileChannel;
    private readonly byte[]? _fileValue;

    public LongReadings(ReadingFormat format, CsvHeader header)
    {
        string?[] wanted =
        [
            format.Logger.ColumnName,
            format.Channel.ColumnName,
            format.Timestamp.ColumnName ?? (format.Timestamp.ColumnNames.Count > 0 ? format.Timestamp.Text : null),
            format.TimeOfDay?.ColumnName,
            format.Value.ColumnName,
            format.Quality?.Column,
        ];
        string expected = string.Join(header.Text.Separator, wanted.OfType<string>());
        int Find(string? name) => name is null ? None : header.Column(name, expected);
        (_logger, _channel) = (Find(wanted[0]), Find(wanted[1]));
        _times = new TimeColumns(format, header, expected);
        _value = Find(wanted[4]);
        _quality = QualityCheck.Of(format, header, expected);
        (_format, _header, _fields) = (format, header, new ReadingFields(format));
        _time = _times.IsForAllFiles ? _times.Open(default) : null!;
    }

    private LongReadings(LongReadings table, in CsvFile file)
    {
        (_format, _header, _fields, _times, _quality) = (table._format, table._header, table._fields, table._times, table._quality);
        (_logger, _channel, _value) = (table._logger, table._channel, table._value);
        _time = _times.Open(file);
        _rules = ChannelRules.Of(_format, file.Names);
        if (_logger == None) _fileLogger = _format.Logger.NameOf(file, "logger");
        if (_channel == None) _fileChannel = _format.Channel.NameOf(file, "channel");
        if (_value == None) _fileValue = Encoding.UTF8.GetBytes(_format.Value.TextOf(file, "value"));
    }

    private bool IsForAllFiles =>
        _logger != None && _channel != None && _value != None && _times.IsForAllFiles && _format.Channels.Count == 0;

    public ICsvRowParser<Reading> Open(in CsvFile file) => IsForAllFiles ? this : new LongReadings(this, file);

    public void Parse(in CsvRecord record, RowBatch<Reading> rows)
    {
        string? logger = _fileLogger, channel = _fileChannel;
        if ((logger is null && !record.TryName(_logger, out logger, out Defect? defect))
            || (channel is null && !record.TryName(_channel, out channel, out defect))
            || !_time.TryRead(record, logger, channel, out DateTime utc, out defect))
        {
            rows.Reject(defect);
            return;
        }
        ValueState state = _fileValue is null
            ? _fields.Read(record, _value, out double value, out defect)
            : ReadFileValue(record, out value, out defect);
        if (state != ValueState.Value)
        {
            if (state == ValueState.Null) rows.Skip();
            else rows.Reject(defect!);
            return;
        }
        if (_quality is not null && !_quality.Accept(record, 1, rows)) return;
        if (_rules?.For(channel, Unit, _header.Line) is { } rule)
        {
            if (!rule.Apply(record, Math.Max(0, _value), ref value, rows)) return;
            channel = rule.Name;
        }
        rows.Add(new Reading(logger, channel, utc, value), record.Line);
    }

    private string? Unit => _value >= 0 && _value < _header.Units.Count ? _header.Units[_value] : null;

    private ValueState ReadFileValue(in CsvRecord record, out double value, out Defect? defect)
    {
        ValueState state = _fields.Read(_fileValue, out value, out string? problem);
        defect = state == ValueState.Bad
            ? record.Defect(0, $"the value of the whole file {problem}") with { Found = CsvDefects.Text(_fileValue) }
            : null;
        return state;
    }
}
