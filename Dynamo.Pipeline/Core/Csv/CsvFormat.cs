using CsvHelper;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline;

/// <summary>
/// Reads CSV files: one record a line, under a header that names the columns or without one. What the columns mean is said by a shape
/// (<see cref="ReadingFormat"/> for <see cref="Reading"/>) or, for a row of your own, by the names of its columns and a
/// <see cref="CsvRecordParser{TRow}"/>; encodings, quotes, line numbers and rejects are dealt with here. A line that cannot be read is
/// rejected by line and column and the rest of the file goes on; a file without a usable header, or one that cannot be split into lines, is
/// a <see cref="BadFileException"/>. Fields are parsed as UTF-8 bytes: no string a field, and no allocation a row.
/// <para>
/// A last line without a line end counts when it has all its fields: that its last field was cut short cannot be seen.
/// A file with only a header is good and has no rows. Blank lines are passed over, and so are empty fields beyond those of the header.
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
    private readonly CsvVariant[] _variants;
    private volatile BoundHeader[] _bound = [];

    /// <summary>
    /// Creates the format for a row of your own.
    /// <code>
    /// var format = new CsvFormat&lt;PumpEvent&gt;(["pump", "kW"], Parse, new CsvText { Separator = ';' });
    /// </code>
    /// </summary>
    /// <param name="columns">
    /// The columns a file must have, found by name, without case, in any order, or by number: <c>#3</c> is the third one, unless one is
    /// named so. Their places in this list are their numbers in <see cref="CsvRecord"/>. Other columns are passed over. A file that lacks
    /// one, or has it twice, is quarantined.
    /// </param>
    /// <param name="parse">Turns a line into a row, or says what is wrong with it. Called by several readers at once.</param>
    /// <param name="text">
    /// How the text is written: separator, quote, encoding, what stands around the table. Default <see cref="CsvText.Default"/>.
    /// </param>
    /// <exception cref="ArgumentException">
    /// No column is named, one is empty or named twice, or the text's settings exclude each other.
    /// </exception>
    public CsvFormat(IReadOnlyList<string> columns, CsvRecordParser<TRow> parse, CsvText? text = null)
        : this(new CsvColumns<TRow>(columns, parse, text ?? CsvText.Default))
    {
    }

    /// <summary>
    /// Creates the format from a shape, which may also look at the file's path and preamble, and make several rows of a line.
    /// </summary>
    /// <param name="shape">What the columns mean, such as <see cref="ReadingFormat.Default"/>.</param>
    /// <exception cref="ArgumentException">The shape's settings exclude each other.</exception>
    public CsvFormat(ICsvShape<TRow> shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        _shape = shape;
        Text = shape.Text;
        Text.Check();
        shape.Check();
        _variants = Text.Separator == CsvText.Detected
            ? [.. SeparatorGuess.Candidates.ToArray().Where(c => c != Text.Quote && c != Text.Comment).Select(c => new CsvVariant(Text, (char)c))]
            : [new CsvVariant(Text, Text.Separator)];
    }

    internal CsvText Text { get; }

    internal CsvNames Names { get; } = new();

    /// <inheritdoc/>
    public IRowReader<TRow> Open(SourceFile file, FileContent content)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(content);
        return new CsvRowReader<TRow>(this, file, content);
    }

    internal CsvVariant Variant(char separator) =>
        _variants.Length == 1 ? _variants[0] : Array.Find(_variants, v => v.Text.Separator == separator)!;

    /// <summary>The header on which the reader stands, bound, when it is known already.</summary>
    internal BoundHeader? Known(CsvReader csv, long line, CsvText text)
    {
        foreach (BoundHeader known in _bound)
            if (known.Header.Is(csv.RawRecord, line, text)) return known;
        return null;
    }

    /// <summary>The header, bound.</summary>
    internal BoundHeader Bind(CsvHeader header)
    {
        foreach (BoundHeader known in _bound)
            if (known.Header.Is(header)) return known;

        var bound = new BoundHeader(header, _shape.Bind(header));
        BoundHeader[] before = _bound;
        // Two readers may overwrite each other's addition: the header is then bound once more.
        if (before.Length < MostHeaders && header.Length <= LongestHeader) _bound = [.. before, bound];
        return bound;
    }

    internal sealed record BoundHeader(CsvHeader Header, ICsvTable<TRow> Table);
}
