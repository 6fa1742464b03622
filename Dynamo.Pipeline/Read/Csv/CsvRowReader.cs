using System.Text.Unicode;
using CsvHelper;

namespace Dynamo.Pipeline;

/// <summary>Reads one CSV file: finds the header, checks each record's quotes and number of fields, and leaves the rest to the shape's parser.</summary>
internal sealed class CsvRowReader<TRow> : IRowReader<TRow>
{
    private readonly CsvFormat<TRow> _format;
    private readonly SourceFile _file;
    private readonly FileContent _content;
    private CsvReader? _csv;
    private HeadStream? _stream;
    private long _length;
    private CsvHeader? _header;
    private ICsvRowParser<TRow>? _parser;

    public CsvRowReader(CsvFormat<TRow> format, SourceFile file, FileContent content) => (_format, _file, _content) = (format, file, content);

    // Content in memory is parsed at once; only a stream is awaited.
    public ValueTask<bool> ReadAsync(RowBatch<TRow> rows, int limit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rows);
        cancellationToken.ThrowIfCancellationRequested();
        return _content.IsStreamed ? ReadStreamAsync(_content.Stream!, rows, limit, cancellationToken) : new(ReadMemory(rows, limit));
    }

    public void Dispose()
    {
        _csv?.Dispose();
        _stream?.Dispose();
    }

    private bool ReadMemory(RowBatch<TRow> rows, int limit)
    {
        CsvReader csv = _csv ?? OpenMemory();
        while (rows.Count < limit)
        {
            if (!csv.Read()) return AtEnd();
            Accept(csv, rows);
        }
        return true;
    }

    private async ValueTask<bool> ReadStreamAsync(Stream stream, RowBatch<TRow> rows, int limit, CancellationToken cancellationToken)
    {
        CsvReader csv = _csv ?? await OpenStreamAsync(stream, cancellationToken).ConfigureAwait(false);
        try
        {
            while (rows.Count < limit)
            {
                if (!await csv.ReadAsync(cancellationToken).ConfigureAwait(false)) return AtEnd();
                Accept(csv, rows);
            }
            return true;
        }
        catch (CsvFormatException e)
        {
            // With these options a record that does not fit the buffer is the only thing the engine refuses.
            throw new BadFileException(CsvDefects.LineTooLong(Math.Max(1, e.LineNumber), _format.Text.LongestLine), e);
        }
    }

    private CsvReader OpenMemory()
    {
        ReadOnlyMemory<byte> utf8 = CsvEncoding.ToUtf8(_content.Bytes);
        CsvEncoding.RefuseBinary(utf8.Span);
        _length = utf8.Length;
        return _csv = CsvReader.Create(utf8, _format.Options);
    }

    private async ValueTask<CsvReader> OpenStreamAsync(Stream stream, CancellationToken cancellationToken)
    {
        _stream = await CsvEncoding.ToUtf8Async(stream, cancellationToken).ConfigureAwait(false);
        CsvEncoding.RefuseBinary(_stream.Head.Span);
        return _csv = CsvReader.Create(_stream, _format.Options, leaveOpen: true);
    }

    private bool AtEnd() => _header is null ? throw new BadFileException(CsvDefects.Empty()) : false;

    private void Accept(CsvReader csv, RowBatch<TRow> rows)
    {
        ReadOnlySpan<byte> raw = csv.RawRecord;
        if (raw.Length > _format.Text.LongestLine)
            throw new BadFileException(CsvDefects.LineTooLong(csv.LineNumber, _format.Text.LongestLine));
        if (csv.FieldCount == 1 && Blanks.Trim(raw).IsEmpty) return;
        if (_header is null)
        {
            Begin(csv);
            return;
        }
        if (raw.Contains((byte)_format.Text.Quote) && QuoteDefect(csv) is { } defect)
        {
            rows.Reject(defect);
            return;
        }
        if (csv.FieldCount == _header.Count)
            _parser!.Parse(new CsvRecord(csv, _header, _format.Names), rows);
        else
            rows.Reject(CsvDefects.FieldCount(csv, _header, IsCutOff(csv)));
    }

    private void Begin(CsvReader csv)
    {
        CsvEncoding.RefuseBinary(csv.RawRecord, csv.LineNumber);
        if (QuoteDefect(csv) is { } defect) throw new BadFileException(defect);
        if (!Utf8.IsValid(csv.RawRecord)) throw new BadFileException(CsvDefects.NotUtf8Header(csv));
        CsvFormat<TRow>.BoundHeader bound = _format.Bind(csv);
        _parser = bound.Table.Open(_file, _format.Names);
        _header = bound.Header;
    }

    /// <summary>Whether the file ends with this record, without a line end.</summary>
    private bool IsCutOff(CsvReader csv) =>
        csv.ByteOffset + csv.RawRecord.Length == (_stream is null ? _length : _stream.Ended ? _stream.BytesRead : -1);

    /// <summary>The engine repairs broken quotes silently; here a repaired value would be a wrong one.</summary>
    private Defect? QuoteDefect(CsvReader csv)
    {
        var quote = (byte)_format.Text.Quote;
        long line = csv.LineNumber;
        for (int i = 0; i < csv.FieldCount; i++)
        {
            ReadOnlySpan<byte> field = csv.GetRawSpan(i);
            switch (Quoting.Check(Blanks.Trim(field), quote))
            {
                case QuoteState.Unclosed: throw new BadFileException(CsvDefects.UnclosedQuote(csv, i, line, _header));
                case QuoteState.TextAfter: return CsvDefects.TextAfterQuote(csv, i, _header);
                default: line += Quoting.LineBreaks(field); break;
            }
        }
        return null;
    }
}
