using System.Text;
using System.Text.Unicode;
using CsvHelper;

namespace Dynamo.Pipeline.Csv;

/// <summary>
/// Reads one CSV file: finds the table and its header, checks the quotes and the number of fields of each record,
/// and gives each good record to the parser of the shape. Used by one thread at a time.
/// </summary>
internal sealed class CsvRowReader<TRow> : IRowReader<TRow>
{
    /// <summary>How many more lines than rows one call reads, so that it returns although the lines bring no rows.</summary>
    private const long LinesBeyond = 1 << 16;

    private readonly CsvFormat<TRow> _format;
    private readonly SourceFile _file;
    private readonly FileContent _content;
    private readonly byte[]? _footer, _dataStart;
    private CsvVariant _variant;
    private CsvReader? _csv;
    private HeadStream? _stream;
    private IReadOnlyList<string> _preamble = [];
    private SpacedFields? _spaced;
    private long _length;
    private int _linesAbove;
    private bool _ended;
    private CsvHeader? _header;
    private CsvFormat<TRow>.BoundHeader? _bound;
    private int[] _padded = [];
    private int _fewest, _linesBelow;
    private byte _separator;
    private bool _looksAtLines;
    private List<string>? _block;
    private readonly byte[]? _blockLabel;
    private CommentLines? _comments;
    private CsvHeader? _headerSoFar;
    private ICsvRowParser<TRow>? _parser;

    public CsvRowReader(CsvFormat<TRow> format, SourceFile file, FileContent content)
    {
        (_format, _file, _content) = (format, file, content);
        _variant = format.Variant(format.Text.Separator);
        if (format.Text.Separator == ' ') _spaced = new SpacedFields();
        if (format.Blocks?.Label is { } label) _blockLabel = Encoding.UTF8.GetBytes(label);
        _separator = (byte)format.Text.Separator;
        if (format.Text.Footer is { } footer) _footer = Encoding.UTF8.GetBytes(footer);
        if (format.Text.DataStart is { } dataStart) _dataStart = Encoding.UTF8.GetBytes(dataStart);
    }

    // Content in memory is parsed synchronously; only a stream is awaited.
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
        // Lines whose readings are all skipped bring no rows. The call still returns after some lines, so that the caller sees progress.
        for (long read = 0; rows.Count < limit && read < limit + LinesBeyond; read++)
        {
            if (_ended || !csv.Read()) return AtEnd();
            Accept(csv, rows);
        }
        return true;
    }

    private async ValueTask<bool> ReadStreamAsync(Stream stream, RowBatch<TRow> rows, int limit, CancellationToken cancellationToken)
    {
        CsvReader csv = _csv ?? await OpenStreamAsync(stream, cancellationToken).ConfigureAwait(false);
        try
        {
            for (long read = 0; rows.Count < limit && read < limit + LinesBeyond; read++)
            {
                if (_ended) return await DrainAsync(cancellationToken).ConfigureAwait(false);
                if (!await csv.ReadAsync(cancellationToken).ConfigureAwait(false)) return AtEnd();
                Accept(csv, rows);
            }
            return true;
        }
        catch (CsvFormatException e)
        {
            // With these options CsvHelper refuses only a record that does not fit into its buffer.
            throw new BadFileException(CsvDefects.LineTooLong(Math.Max(1, e.LineNumber) + _linesAbove, _format.Text.LongestLine), e);
        }
    }

    private CsvReader OpenMemory()
    {
        ReadOnlyMemory<byte> utf8 = CsvEncoding.ToUtf8(_content.Bytes, _format.Text.Declared);
        if (_format.Text.HasHead) utf8 = utf8[Take(CsvHead.Of(utf8.Span, _format.Text))..];
        CsvEncoding.RefuseBinary(utf8.Span, _linesAbove + 1);
        _length = utf8.Length;
        WatchComments()?.Feed(utf8.Span);
        return _csv = CsvReader.Create(utf8, _variant.Options);
    }

    private async ValueTask<CsvReader> OpenStreamAsync(Stream stream, CancellationToken cancellationToken)
    {
        _stream = await CsvEncoding.ToUtf8Async(stream, _format.Text, cancellationToken).ConfigureAwait(false);
        if (_format.Text.HasHead) _stream.Skip(Take(CsvHead.Of(_stream.Head.Span, _format.Text)));
        CsvEncoding.RefuseBinary(_stream.Head.Span, _linesAbove + 1);
        _stream.Comments = WatchComments();
        return _csv = CsvReader.Create(_stream, _variant.Options, leaveOpen: true);
    }

    private CommentLines? WatchComments() =>
        _comments = _format.Blocks is not null && _format.Text.Comment is { } comment ? new CommentLines(comment, _linesAbove + 1) : null;

    private int Take(CsvHead head)
    {
        (_linesAbove, _preamble, _variant) = (head.Lines, head.Preamble, _format.Variant(head.Separator));
        if (head.Separator == ' ') _spaced = new SpacedFields();
        _separator = (byte)head.Separator;
        return head.Length;
    }

    private bool AtEnd()
    {
        if (_headerSoFar is { } header) Begin(header);
        // Without a header, a file that has only a footer is a table without rows.
        bool isEmpty = _header is null && !(_ended && !_format.Text.HasHeader);
        return isEmpty ? throw new BadFileException(CsvDefects.Empty()) : false;
    }

    /// <summary>
    /// Reads what follows the footer and drops it, because only at its end a stream tells whether it is the file that was listed.
    /// </summary>
    private async ValueTask<bool> DrainAsync(CancellationToken cancellationToken)
    {
        byte[] dropped = new byte[1 << 16];
        while (await _stream!.ReadAsync(dropped, cancellationToken).ConfigureAwait(false) > 0) { }
        return AtEnd();
    }

    private void Accept(CsvReader csv, RowBatch<TRow> rows)
    {
        ReadOnlySpan<byte> raw = csv.RawRecord;
        long line = csv.LineNumber + _linesAbove;
        if (raw.Length > _format.Text.LongestLine)
            throw new BadFileException(CsvDefects.LineTooLong(line, _format.Text.LongestLine));
        if ((csv.FieldCount == 1 || _spaced is not null) && Blanks.Trim(raw).IsEmpty) return;
        if (_footer is not null && LineStart.Is(raw, _footer))
        {
            _ended = true;
            return;
        }
        // A line of separators only is an empty line: spreadsheets write thousands of them.
        if (raw[0] == _separator && _headerSoFar is null && IsEmptyFrom(csv, 0)) return;
        int fields = _spaced is null ? csv.FieldCount : _spaced.Find(csv);
        if (_header is null && Begin(csv, line, fields)) return;
        if (_looksAtLines && IsNoData(raw, fields, line)) return;
        if (raw.Contains((byte)_format.Text.Quote) && Quoting.Defect(csv, (byte)_format.Text.Quote, line, _header) is { } defect)
        {
            rows.Reject(defect);
            return;
        }
        if (fields == _header!.Count || (fields > _header.Count && IsEmptyFrom(csv, _header.Count)))
            _parser!.Parse(new CsvRecord(csv, _header, _format.Names, line, _spaced?.Places), rows);
        else if (fields < _header.Count && MayBeShort(csv, fields))
            _parser!.Parse(new CsvRecord(csv, _header, _format.Names, line, Padded(fields)), rows);
        else
            rows.Reject(CsvDefects.FieldCount(csv, _header, fields, line, IsCutOff(csv)));
    }

    /// <summary>
    /// Takes the file's first record, and those below it that have more of the names, or the units. Returns false if the record is data.
    /// </summary>
    private bool Begin(CsvReader csv, long line, int fields)
    {
        CsvText text = _variant.Text;
        if (_headerSoFar is { } names && names.Lines >= text.HeaderLines)
        {
            Begin(new CsvHeader(names, csv, _spaced?.Places, fields));
            return true;
        }
        CsvEncoding.RefuseBinary(csv.RawRecord, line);
        if (Quoting.Defect(csv, (byte)_format.Text.Quote, line, _header) is { } defect) throw new BadFileException(defect);
        if (text.HasHeader && !Utf8.IsValid(csv.RawRecord)) throw new BadFileException(CsvDefects.NotUtf8Header(csv, line));
        bool isOneLine = text is { HasUnits: false, HeaderLines: 1 };
        if (text.HasHeader && isOneLine && _format.Known(csv, line, text) is { } known)
        {
            Open(known);
            return true;
        }
        CsvHeader header = _headerSoFar is { } above
            ? new CsvHeader(above, csv, _spaced?.Places, fields, isLast: above.Lines + 1 == text.HeaderLines)
            : new CsvHeader(csv, text, line, _spaced?.Places, fields);
        if (text.HasUnits || header.Lines < text.HeaderLines) _headerSoFar = header;
        else Begin(header);
        return text.HasHeader;
    }

    private void Begin(CsvHeader header)
    {
        _headerSoFar = null;
        Open(_format.Bind(header));
    }

    private void Open(CsvFormat<TRow>.BoundHeader bound)
    {
        _parser = bound.Table.Open(new CsvFile(_file, _preamble, bound.Header, _format.Names));
        (_header, _bound) = (bound.Header, bound);
        _fewest = _header.Count;
        _linesBelow = _variant.Text.LinesBelowHeader;
        _looksAtLines = LooksAtLines;
    }

    private bool LooksAtLines => _linesBelow > 0 || _format.Blocks is not null || _dataStart is not null;

    /// <summary>Whether a line may have so few fields: those that are missing have no name, or lines may end early.</summary>
    private bool MayBeShort(CsvReader csv, int fields)
    {
        bool isCutOff = IsCutOff(csv) && fields < _fewest;
        if (isCutOff || (fields < _header!.Least && !_format.Text.HasShortLines)) return false;
        _fewest = Math.Min(_fewest, fields);
        return true;
    }

    private int[] Padded(int fields)
    {
        if (_padded.Length != _header!.Count) _padded = new int[_header.Count];
        for (int i = 0; i < _padded.Length; i++)
            _padded[i] = i >= fields ? -1 : _spaced is null ? i : _spaced.Places[i];
        return _padded;
    }

    /// <summary>Whether a line is not data: one between header and data, or one of the head of a block.</summary>
    private bool IsNoData(ReadOnlySpan<byte> raw, int fields, long record)
    {
        if (_linesBelow > 0)
        {
            _linesBelow--;
            _looksAtLines = LooksAtLines;
            return true;
        }
        if (_dataStart is null || LineStart.Is(raw, _dataStart)) return _format.Blocks is not null && IsOfBlock(raw, fields, record);
        if (_format.Blocks is { } blocks && CsvDefects.Text(raw).Trim() is var line && blocks.StartsBlock(line, _variant.Text.Separator))
            (_block ??= []).Add(line);
        return true;
    }

    /// <summary>
    /// Whether a line is not data but belongs to the head of a station's block, in a file with several stations. Then the lines below it
    /// are that station's. Each block may have its own header, which is the same.
    /// </summary>
    private bool IsOfBlock(ReadOnlySpan<byte> raw, int fields, long record)
    {
        while (_comments?.Above(record) is { } comment) (_block ??= []).Add(comment);
        // A pattern is only tried on lines that cannot be data, because that is slow.
        bool mayStart = _blockLabel is null ? fields != _header!.Count : LineStart.Is(raw, _blockLabel);
        string? line = mayStart ? CsvDefects.Text(raw).Trim() : null;
        if (line is not null && _format.Blocks!.StartsBlock(line, _variant.Text.Separator))
        {
            (_block ??= []).Add(line);
            return true;
        }
        if (_block is null) return false;
        if (_block.Exists(one => _format.Blocks!.StartsBlock(one, _variant.Text.Separator)))
            _parser = _bound!.Table.Open(new CsvFile(_file, [.. _block, .. _preamble], _header!, _format.Names));
        bool isHeader = _variant.Text.HasHeader && _header!.Has(raw);
        if (!isHeader) _block = null;
        return isHeader;
    }

    private static bool IsEmptyFrom(CsvReader csv, int field)
    {
        for (; field < csv.FieldCount; field++)
            if (!Blanks.Trim(csv.GetRawSpan(field)).IsEmpty) return false;
        return true;
    }

    /// <summary>Whether the file ends with this record and the record has no line end.</summary>
    private bool IsCutOff(CsvReader csv) =>
        csv.ByteOffset + csv.RawRecord.Length == (_stream is null ? _length : _stream.Ended ? _stream.BytesRead : -1);
}

/// <summary>
/// Finds the fields of a line that is separated by spaces. CsvHelper sees an empty field between two spaces;
/// here several spaces are one separator.
/// </summary>
internal sealed class SpacedFields
{
    /// <summary>CsvHelper's index of each field of the last line.</summary>
    public int[] Places { get; private set; } = new int[8];

    /// <summary>Finds the fields of a line.</summary>
    /// <returns>How many fields there are.</returns>
    public int Find(CsvReader csv)
    {
        int found = 0;
        for (int i = 0; i < csv.FieldCount; i++)
        {
            if (csv.GetRawSpan(i).IsEmpty) continue;
            if (found == Places.Length)
            {
                int[] more = new int[found * 2];
                Places.CopyTo(more, 0);
                Places = more;
            }
            Places[found++] = i;
        }
        return found;
    }
}
