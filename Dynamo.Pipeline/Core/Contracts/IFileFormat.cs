namespace Dynamo.Pipeline;

/// <summary>
/// Turns a file's bytes into rows. <see cref="CsvFormat{TRow}"/> ships; write your own for another text or a binary format.
/// One format serves all readers at once and must be thread-safe; the <see cref="IRowReader{TRow}"/> it opens is used by one at a time.
/// </summary>
/// <typeparam name="TRow">The row: <see cref="Reading"/> or your own type.</typeparam>
public interface IFileFormat<TRow>
{
    /// <summary>Begins to read a file. The row reader does not own the content.</summary>
    /// <param name="file">The file, for its path.</param>
    /// <param name="content">Its bytes or stream; valid until the row reader is disposed.</param>
    /// <returns>The row reader, before the first row.</returns>
    IRowReader<TRow> Open(SourceFile file, FileContent content);
}

/// <summary>Reads the rows of one file, in portions. Used by one thread at a time.</summary>
/// <typeparam name="TRow">The row.</typeparam>
public interface IRowReader<TRow> : IDisposable
{
    /// <summary>Adds the next rows and rejects to a batch until it holds <paramref name="limit"/> of both together, many more lines than that are read, or the file ends.</summary>
    /// <param name="rows">Receives the rows, with their line numbers, and the rejects.</param>
    /// <param name="limit">How many rows and rejects the batch is to hold at most, give or take those of one line.</param>
    /// <param name="cancellationToken">Gives up reading.</param>
    /// <returns>Whether there is more: <see langword="false"/> at the end of the file.</returns>
    /// <exception cref="BadFileException">The file cannot be read on: header missing, binary, unclosed quote.</exception>
    /// <exception cref="FileChangedException">The file changed while it was read.</exception>
    ValueTask<bool> ReadAsync(RowBatch<TRow> rows, int limit, CancellationToken cancellationToken);
}
