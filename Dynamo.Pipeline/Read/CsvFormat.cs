using CsvHelper;

namespace Dynamo.Pipeline;

/// <summary>
/// Reads CSV files: a header line, then one record a line. What the columns mean is the shape's business (<see cref="ReadingFormat"/> for
/// <see cref="Reading"/>, your own <see cref="ICsvShape{TRow}"/> for your own row); encodings, quotes, line numbers and rejects are dealt with here.
/// A line that cannot be read is rejected by line and column and the rest of the file goes on; a file without a usable header, or one that cannot be
/// split into lines, is a <see cref="BadFileException"/>. Fields are parsed as UTF-8 bytes: no string a field, and no allocation a row.
/// <para>
/// A last line without a line end counts when it has all its fields: that its last field was cut short cannot be seen.
/// A file with only a header is good and has no rows. Blank lines are passed over.
/// </para>
/// Thread-safe: one format serves all readers.
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class CsvFormat<TRow> : IFileFormat<TRow>
{
    // Files of one source have a handful of different headers. Past these, a header is bound for each file.
    private const int MostHeaders = 16;
    private const int LongestHeader = 1 << 16;

    private readonly ICsvShape<TRow> _shape;
    private volatile BoundHeader[] _bound = [];

    /// <summary>Creates the format.</summary>
    /// <param name="shape">What the columns mean, such as <see cref="ReadingFormat.Default"/>.</param>
    /// <exception cref="ArgumentException">The shape's separator is its quote.</exception>
    public CsvFormat(ICsvShape<TRow> shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        _shape = shape;
        Text = shape.Text;
        Text.Check();
        Options = new CsvReaderOptions
        {
            Separator = Text.Separator,
            Quote = Text.Quote,
            // The header is a record like any other: it is bound once for all files that have it.
            HasHeader = false,
            TrackLineNumbers = true,
            // Blank lines are passed over here, so that the longest line holds for them as well.
            SkipEmptyLines = false,
            TrimWhitespace = true,
            // The limit itself is checked on whole records, in memory and streamed alike; this one keeps the stream's buffer small.
            MaxRecordSize = Text.LongestLine + 16,
        };
    }

    internal CsvText Text { get; }

    internal CsvReaderOptions Options { get; }

    internal CsvNames Names { get; } = new();

    /// <inheritdoc/>
    public IRowReader<TRow> Open(SourceFile file, FileContent content)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(content);
        return new CsvRowReader<TRow>(this, file, content);
    }

    /// <summary>The header on which the reader stands, bound.</summary>
    internal BoundHeader Bind(CsvReader csv)
    {
        foreach (BoundHeader known in _bound)
            if (known.Header.Is(csv.RawRecord, csv.LineNumber)) return known;

        var header = new CsvHeader(csv, Text);
        var bound = new BoundHeader(header, _shape.Bind(header));
        BoundHeader[] before = _bound;
        // Two readers may overwrite each other's addition: the header is then bound once more.
        if (before.Length < MostHeaders && csv.RawRecord.Length <= LongestHeader) _bound = [.. before, bound];
        return bound;
    }

    internal sealed record BoundHeader(CsvHeader Header, ICsvTable<TRow> Table);
}
