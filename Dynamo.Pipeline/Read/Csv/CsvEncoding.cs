using System.Buffers;
using System.Text;

namespace Dynamo.Pipeline;

/// <summary>Brings a file to UTF-8, by its byte order mark, and refuses what is no text.</summary>
internal static class CsvEncoding
{
    // What is looked at before the engine: a header that is longer is looked at again when it is read.
    private const int HeadLength = 1024;

    private static readonly SearchValues<byte> NoText = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(b => b is not ('\t' or '\r' or '\n')).Select(b => (byte)b), 0x7F]);

    /// <summary>The content in UTF-8, in place unless it is UTF-16.</summary>
    public static ReadOnlyMemory<byte> ToUtf8(ReadOnlyMemory<byte> content) =>
        Utf16Of(content.Span) is { } utf16 ? Encoding.Convert(utf16, Encoding.UTF8, content[2..].ToArray()) : content;

    /// <summary>The stream in UTF-8, with its head read. The stream stays the caller's.</summary>
    public static async ValueTask<HeadStream> ToUtf8Async(Stream stream, CancellationToken cancellationToken)
    {
        var file = new HeadStream(stream, leaveOpen: true);
        await file.ReadHeadAsync(HeadLength, cancellationToken).ConfigureAwait(false);
        if (Utf16Of(file.Head.Span) is not { } utf16) return file;

        file.Skip(2);
        var utf8 = new HeadStream(Encoding.CreateTranscodingStream(file, utf16, Encoding.UTF8), leaveOpen: false);
        await utf8.ReadHeadAsync(HeadLength, cancellationToken).ConfigureAwait(false);
        return utf8;
    }

    /// <summary>Refuses control characters in a file's first line.</summary>
    /// <exception cref="BadFileException">It is no text.</exception>
    public static void RefuseBinary(ReadOnlySpan<byte> text, long line = 1)
    {
        ReadOnlySpan<byte> head = text.Length > HeadLength ? text[..HeadLength] : text;
        int end = head.IndexOfAny((byte)'\r', (byte)'\n');
        if (end >= 0) head = head[..end];
        if (head.ContainsAny(NoText)) throw new BadFileException(CsvDefects.Binary(head, line));
    }

    private static UnicodeEncoding? Utf16Of(ReadOnlySpan<byte> content) => content switch
    {
        [0xFF, 0xFE, ..] => LittleEndian,
        [0xFE, 0xFF, ..] => BigEndian,
        _ => null,
    };

    private static readonly UnicodeEncoding LittleEndian = new(bigEndian: false, byteOrderMark: false);
    private static readonly UnicodeEncoding BigEndian = new(bigEndian: true, byteOrderMark: false);
}
