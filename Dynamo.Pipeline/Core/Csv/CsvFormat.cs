using CsvHelper;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline;

/// <summary>
/// Reads the rows of CSV files, whatever their columns mean: create it and give it to a pipeline, or call it yourself,
/// from any thread and from several at once.
/// </summary>
/// <remarks>
/// For your own type of row, give it the names of the columns and a <see cref="CsvRecordParser{TRow}"/>. For <see cref="Reading"/>, give it
/// a <see cref="ReadingFormat"/>. The format itself takes care of encodings, quotes, line numbers and rejects.
/// <para>
/// A line that cannot be read is rejected with its line and column, and the rest of the file is read. A file without a usable header, or
/// one that cannot be split into lines, is a <see cref="BadFileException"/>.
/// </para>
/// <para>
/// A last line without a line end is read if it has all its fields; nobody can see whether its last field was cut off.
/// A file that has only a header is good and has no rows. Blank lines are skipped, and so are empty fields beyond those of the header.
/// </para>
/// <para>Fields are parsed as UTF-8 bytes, without a string per field and without an allocation per row.</para>
/// </remarks>
/// <typeparam name="TRow">The type of a row.</typeparam>
public sealed class CsvFormat<TRow> : IFileFormat<TRow>
{
    // The files of one source have only a few different headers. Above this number, columns are found again for each file.
    private const int MostHeaders = 16;
    private const int LongestHeader = 1 << 16;

    private readonly ICsvShape<TRow> _shape;
    private readonly CsvVariant[] _variants;
    private volatile BoundHeader[] _bound = [];

    /// <summary>
    /// Creates a format for your own type of row.
    /// <code>
    /// var format = new CsvFormat&lt;PumpEvent&gt;(["pump", "kW"], Parse, new CsvText { Separator = ';' });
    /// </code>
    /// </summary>
    /// <param name="columns">
    /// The columns that a file must have, by name and in any order. Case does not matter. <c>#3</c> is the third column, unless a column
    /// has that name. The index of a name in this list is the number of its column in <see cref="CsvRecord"/>. Other columns are ignored.
    /// A file in which one of these columns is missing, or there twice, is quarantined.
    /// </param>
    /// <param name="parse">Turns a line into a row, or returns what is wrong with it. Called from several threads at once.</param>
    /// <param name="text">
    /// How the text is written: separator, quote, encoding, lines above and below the table. Default <see cref="CsvText.Default"/>.
    /// </param>
    /// <exception cref="ArgumentNullException">There are no columns or there is no parser.</exception>
    /// <exception cref="ArgumentException">
    /// The list of columns is empty, a name is empty or there twice, or settings of the text exclude each other.
    /// </exception>
    public CsvFormat(IReadOnlyList<string> columns, CsvRecordParser<TRow> parse, CsvText? text = null)
        : this(new CsvColumns<TRow>(columns, parse, text ?? CsvText.Default))
    {
    }

    /// <summary>
    /// Creates a format from a shape. A shape can also use the file's path and preamble, and make several rows from one line.
    /// </summary>
    /// <param name="shape">The meaning of the columns, such as <see cref="ReadingFormat.Default"/>.</param>
    /// <exception cref="ArgumentNullException">There is no shape.</exception>
    /// <exception cref="ArgumentException">Settings of the shape exclude each other.</exception>
    public CsvFormat(ICsvShape<TRow> shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        _shape = shape;
        Text = shape.Text;
        Blocks = shape is IBlockShape { HasBlocks: true } blocks ? blocks : null;
        Text.Check();
        shape.Check();
        _variants = Text.Separator == CsvText.Detected
            ? [.. SeparatorGuess.Candidates.ToArray()
                .Where(c => c != Text.Quote && c != Text.Comment)
                .Select(c => new CsvVariant(Text, (char)c))]
            : [new CsvVariant(Text, Text.Separator)];
    }

    internal CsvText Text { get; }

    internal CsvNames Names { get; } = new();

    /// <summary>Tells where another station begins inside a table; null if a file has one only.</summary>
    internal IBlockShape? Blocks { get; }

    /// <inheritdoc/>
    public IRowReader<TRow> Open(SourceFile file, FileContent content)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(content);
        return new CsvRowReader<TRow>(this, file, content);
    }

    internal CsvVariant Variant(char separator) =>
        _variants.Length == 1 ? _variants[0] : Array.Find(_variants, v => v.Text.Separator == separator)!;

    /// <summary>The columns of the header that the reader is at, if they were found before; otherwise null.</summary>
    internal BoundHeader? Known(CsvReader csv, long line, CsvText text)
    {
        foreach (BoundHeader known in _bound)
            if (known.Header.Is(csv.RawRecord, line, text)) return known;
        return null;
    }

    /// <summary>Finds the columns of a header.</summary>
    internal BoundHeader Bind(CsvHeader header)
    {
        foreach (BoundHeader known in _bound)
            if (known.Header.Is(header)) return known;

        var bound = new BoundHeader(header, _shape.Bind(header));
        BoundHeader[] before = _bound;
        // Two threads may overwrite each other's addition. Then the columns of that header are found once more.
        if (before.Length < MostHeaders && header.Length <= LongestHeader) _bound = [.. before, bound];
        return bound;
    }

    internal sealed class BoundHeader(CsvHeader header, ICsvTable<TRow> table)
    {
        public CsvHeader Header => header;

        public ICsvTable<TRow> Table => table;
    }
}
