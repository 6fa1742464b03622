namespace Dynamo.Pipeline;

/// <summary>
/// The meaning of the columns of a CSV file, for one type of row. Write one if a <see cref="CsvRecordParser{TRow}"/> is not enough:
/// if rows depend on the file's path or preamble, if only the header tells which columns there are, or if a line has several rows.
/// <see cref="ReadingFormat"/> is the shape for <see cref="Reading"/>. It must be thread-safe.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public interface ICsvShape<TRow>
{
    /// <summary>How the text is written: separator, quote, longest line. Read once, when the format is created.</summary>
    CsvText Text { get; }

    /// <summary>
    /// Finds the columns in a header. Called once for each different header, not for each file, because all files with that header share
    /// the result. With very many different headers, it may be called again for the same one.
    /// </summary>
    /// <param name="header">The column names of the file.</param>
    /// <returns>The table, which must be thread-safe.</returns>
    /// <exception cref="BadFileException">A column is missing or there twice, see <see cref="CsvHeader.Column"/>.</exception>
    ICsvTable<TRow> Bind(CsvHeader header);

    /// <summary>Refuses settings that exclude each other. Called once, when the format is created. Default: refuses nothing.</summary>
    /// <exception cref="ArgumentException">Settings exclude each other. The message says which.</exception>
    void Check() { }
}

/// <summary>A shape with the columns of one header. Used by several threads at once.</summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public interface ICsvTable<TRow>
{
    /// <summary>Gets the parser for a file. If rows do not depend on the file, return the same parser for all files.</summary>
    /// <param name="file">The file: its path and the lines above its table.</param>
    /// <returns>The parser for the lines of the file.</returns>
    /// <exception cref="BadFileException">The path or the preamble does not have what the rows need.</exception>
    ICsvRowParser<TRow> Open(in CsvFile file);
}

/// <summary>
/// Turns the lines of one file into rows. Used by one thread at a time. A parser that its table returns for several files is used by
/// several threads at once.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public interface ICsvRowParser<TRow>
{
    /// <summary>
    /// Adds the rows of a line to the batch (none, one or several), each with <see cref="CsvRecord.Line"/>. Rejects what cannot be read
    /// with a defect from <see cref="CsvRecord.Defect"/>. Bad content is data: do not throw for it.
    /// </summary>
    /// <param name="record">A line with as many fields as the header.</param>
    /// <param name="rows">Receives the rows and rejects.</param>
    void Parse(in CsvRecord record, RowBatch<TRow> rows);
}

/// <summary>What is known about a CSV file before its first line of data.</summary>
public readonly record struct CsvFile
{
    internal CsvFile(SourceFile source, IReadOnlyList<string> preamble, CsvHeader header, CsvNames names) =>
        (Source, Preamble, Header, Names) = (source, preamble, header, names);

    /// <summary>The file, for rows that depend on its path.</summary>
    public SourceFile Source { get; }

    /// <summary>The lines above the table, trimmed; see <see cref="CsvText.PreambleLines"/>.</summary>
    public IReadOnlyList<string> Preamble { get; }

    /// <summary>The header of the table.</summary>
    internal CsvHeader Header { get; }

    /// <summary>The names of the format, in which equal names are one string.</summary>
    internal CsvNames Names { get; }
}

/// <summary>A shape whose files may have several stations below each other, each with lines above its rows that name it.</summary>
internal interface IBlockShape
{
    /// <summary>Whether lines inside the table are looked at for this. It costs a little for each line.</summary>
    bool HasBlocks { get; }

    /// <summary>The text with which a line that names a station begins; null if only a pattern tells.</summary>
    string? Label { get; }

    /// <summary>Whether a line names a station.</summary>
    bool StartsBlock(string line, char separator);
}
