namespace Dynamo.Pipeline;

/// <summary>
/// What the columns of a CSV file mean, for one row type, where a <see cref="CsvRecordParser{TRow}"/> is not enough: for rows that depend
/// on the file's path or preamble, columns that are known from the header only, or several rows a line. <see cref="ReadingFormat"/> is the
/// one for <see cref="Reading"/>. Used by several readers at once.
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
public interface ICsvShape<TRow>
{
    /// <summary>How the text is written: separator, quote, longest line. Asked once.</summary>
    CsvText Text { get; }

    /// <summary>
    /// Finds the columns. Called once for each different header, not for each file: the result is shared by all files with that header.
    /// </summary>
    /// <param name="header">The names in the file's first line.</param>
    /// <returns>The bound columns, thread-safe.</returns>
    /// <exception cref="BadFileException">A column is missing or doubled; see <see cref="CsvHeader.Column"/>.</exception>
    ICsvTable<TRow> Bind(CsvHeader header);

    /// <summary>Refuses settings that exclude each other. Called once, when the format is made. Default: nothing to refuse.</summary>
    /// <exception cref="ArgumentException">They exclude each other; the message says which.</exception>
    void Check() { }
}

/// <summary>A shape bound to one header. Used by several readers at once.</summary>
/// <typeparam name="TRow">The row.</typeparam>
public interface ICsvTable<TRow>
{
    /// <summary>Begins a file. A table whose rows do not depend on the file's path returns the same parser each time.</summary>
    /// <param name="file">The file: its path, what stands above its table, and where repeated texts become one string.</param>
    /// <returns>The parser of the file's records.</returns>
    /// <exception cref="BadFileException">The path or the preamble lacks what the rows need.</exception>
    ICsvRowParser<TRow> Open(in CsvFile file);
}

/// <summary>Turns the records of one file into rows. Used by one reader at a time, unless its table gives it to several files.</summary>
/// <typeparam name="TRow">The row.</typeparam>
public interface ICsvRowParser<TRow>
{
    /// <summary>
    /// Adds the record's rows to the batch (none, one or many), each with <see cref="CsvRecord.Line"/>, and rejects what cannot be read
    /// with a defect from <see cref="CsvRecord.Defect"/>. Bad content is data: do not throw for it.
    /// </summary>
    /// <param name="record">A line with as many fields as the header.</param>
    /// <param name="rows">Receives rows and rejects.</param>
    void Parse(in CsvRecord record, RowBatch<TRow> rows);
}

/// <summary>What is known about a CSV file before its first record.</summary>
/// <param name="Source">The file, for what is in its path.</param>
/// <param name="Preamble">The lines above the table, trimmed; see <see cref="CsvText.PreambleLines"/>.</param>
/// <param name="Names">Where repeated texts become one string.</param>
public readonly record struct CsvFile(SourceFile Source, IReadOnlyList<string> Preamble, CsvNames Names);
