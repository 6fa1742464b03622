namespace Dynamo.Pipeline;

/// <summary>
/// Turns the bytes of a file into rows. Use <see cref="CsvFormat{TRow}"/> for CSV, or write your own for another format.
/// All readers share one format, so it must be thread-safe. Each <see cref="IRowReader{TRow}"/> is used by one thread at a time.
/// </summary>
/// <typeparam name="TRow">The type of a row: <see cref="Reading"/> or your own type.</typeparam>
public interface IFileFormat<TRow>
{
    /// <summary>Begins to read a file. The caller disposes the content, after the row reader.</summary>
    /// <param name="file">The file, for its path.</param>
    /// <param name="content">The bytes or the stream of the file. Valid until the row reader is disposed.</param>
    /// <returns>The row reader, before the first row.</returns>
    /// <exception cref="BadFileException">The file cannot be read at all: it is quarantined.</exception>
    IRowReader<TRow> Open(SourceFile file, FileContent content);
}

/// <summary>Reads the rows of one file, in portions. Used by one thread at a time.</summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public interface IRowReader<TRow> : IDisposable
{
    /// <summary>
    /// Adds the next rows and rejects to a batch. It returns when the batch has <paramref name="limit"/> of both together,
    /// when the file ends, or after many lines that brought no rows.
    /// </summary>
    /// <param name="rows">Receives the rows with their line numbers, and the rejects.</param>
    /// <param name="limit">The most rows and rejects that the batch should have. The last line may bring some more.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <returns>Whether there is more; <see langword="false"/> at the end of the file.</returns>
    /// <exception cref="BadFileException">
    /// The rest of the file cannot be read, such as a file without a header, a binary file or an unclosed quote.
    /// </exception>
    /// <exception cref="FileChangedException">The file changed while it was read.</exception>
    /// <exception cref="UnreadableFileException">The source failed while the file was read.</exception>
    ValueTask<bool> ReadAsync(RowBatch<TRow> rows, int limit, CancellationToken cancellationToken);
}
