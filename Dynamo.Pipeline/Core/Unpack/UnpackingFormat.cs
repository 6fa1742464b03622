
namespace Dynamo.Pipeline.Unpack;

/// <summary>
/// Unpacks compressed files, <c>.gz</c> and <c>.zip</c>, between a source's content and the format, so that every source and every format
/// has them. All other files go to the format as they are. Thread-safe, as the format is.
/// </summary>
/// <remarks>
/// The room Unpack is for the pipeline, which reads files, and for tools that read one by themselves. Everything but the text that the
/// format sees is the delivered file's: its path, its size, its hash, its place in the archive.
/// <para>
/// Content in memory is unpacked into memory, entry by entry, as long as all of it is at most <paramref name="wholeUpTo"/> bytes; beyond
/// that, the reader says <see cref="UnpackingReader{TRow}.IsTooLarge"/> and reads nothing more. Streamed content is unpacked as a stream.
/// </para>
/// </remarks>
/// <param name="inner">The format of the text.</param>
/// <param name="limit">How many bytes a file may unpack to. 0: nothing is unpacked.</param>
/// <param name="entries">The pattern of the entries of an archive that are read; <see langword="null"/>: all.</param>
/// <param name="wholeUpTo">How many bytes a file in memory may unpack to in memory.</param>
internal sealed class UnpackingFormat<TRow>(
    IFileFormat<TRow> inner, long limit, FilePattern? entries = null, Func<long, long>? wholeUpTo = null) : IFileFormat<TRow>
{
    public IRowReader<TRow> Open(SourceFile file, FileContent content)
    {
        if (!Packed.Is(file.Path) || limit == 0) return inner.Open(file, content);
        return new UnpackingReader<TRow>(inner, content, Packed.Open(file, limit, entries), wholeUpTo?.Invoke(file.Size) ?? long.MaxValue);
    }
}

/// <summary>Tells compressed files by their names, which costs other files next to nothing.</summary>
internal static class Packed
{
    private const string Gzip = ".gz", Zip = ".zip";

    /// <summary>
    /// How many times its size a small compressed file may be in memory. Tables of text shrink to a tenth, seldom to less.
    /// </summary>
    private const int Expansion = 32;

    public static bool Is(string path) => IsGzip(path) || path.EndsWith(Zip, StringComparison.OrdinalIgnoreCase);

    public static bool IsGzip(string path) => path.EndsWith(Gzip, StringComparison.OrdinalIgnoreCase);

    /// <summary>The texts in a compressed file.</summary>
    public static IPackedTexts Open(SourceFile file, long limit, FilePattern? entries) =>
        IsGzip(file.Path) ? new GzipText(file, limit) : new ZipTexts(file, limit, entries);

    /// <summary>The name of what is in a <c>.gz</c>: that of the file without its ending.</summary>
    public static string Inside(string path) => IsGzip(path) ? path[..^Gzip.Length] : path;

    /// <summary>How many bytes of a compressed file's text are held in memory. A file with more is streamed.</summary>
    public static long WholeUpTo(long size, long streamAbove) => Math.Min(streamAbove, size * Expansion);
}

/// <summary>The texts in a compressed file, one after the other. Used by one thread at a time.</summary>
internal interface IPackedTexts : IDisposable
{
    /// <summary>Opens the next text.</summary>
    /// <param name="content">The file's content.</param>
    /// <param name="cancellationToken">Cancels the opening.</param>
    /// <returns>The text, or <see langword="null"/> if there are no more and the content was read to its end.</returns>
    /// <exception cref="BadFileException">The file cannot be unpacked.</exception>
    ValueTask<PackedText?> NextAsync(FileContent content, CancellationToken cancellationToken);
}

/// <summary>One text in a compressed file.</summary>
/// <param name="File">The file as the format sees it: its path is the text's.</param>
/// <param name="Entry">How messages name it; <see langword="null"/>: the file has one text only, without a name of its own.</param>
/// <param name="Text">The text.</param>
internal sealed record PackedText(SourceFile File, string? Entry, Stream Text);
