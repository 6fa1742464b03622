using System.Buffers;
using System.Text;

namespace Dynamo.Pipeline.Csv;

/// <summary>
/// Converts a file to UTF-8, from the encoding of its byte order mark or from the declared one. Refuses files that are not text.
/// </summary>
internal static class CsvEncoding
{
    // The bytes of a stream that are checked before CsvHelper reads them. A longer header is checked again when it is read.
    private const int HeadLength = 1024;

    private static readonly SearchValues<byte> NoText = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(b => b is not ('\t' or '\r' or '\n')).Select(b => (byte)b), 0x7F]);

    /// <summary>The content in UTF-8. Content that already is UTF-8 is not copied.</summary>
    public static ReadOnlyMemory<byte> ToUtf8(ReadOnlyMemory<byte> content, Encoding? declared)
    {
        if (Utf16Of(content.Span) is { } utf16) return Encoding.Convert(utf16, Encoding.UTF8, content[2..].ToArray());
        if (declared is null || IsUtf8(content.Span) || (declared.IsSingleByte && Ascii.IsValid(content.Span))) return content;
        return Encoding.Convert(declared, Encoding.UTF8, content.ToArray());
    }

    /// <summary>The stream in UTF-8, with its head already read. The caller still owns <paramref name="stream"/> and disposes it.</summary>
    public static async ValueTask<HeadStream> ToUtf8Async(Stream stream, CsvText text, CancellationToken cancellationToken)
    {
        int length = text.HasHead ? CsvHead.Longest : HeadLength;
        var file = new HeadStream(stream, leaveOpen: true);
        await file.ReadHeadAsync(length, cancellationToken).ConfigureAwait(false);
        UnicodeEncoding? utf16 = Utf16Of(file.Head.Span);
        if (utf16 is not null) file.Skip(2);
        Encoding? other = utf16 ?? (IsUtf8(file.Head.Span) ? null : text.Declared);
        if (other is null) return file;

        var utf8 = new HeadStream(Encoding.CreateTranscodingStream(file, other, Encoding.UTF8), leaveOpen: false);
        await utf8.ReadHeadAsync(length, cancellationToken).ConfigureAwait(false);
        return utf8;
    }

    /// <summary>Refuses control characters in a file's first line.</summary>
    /// <exception cref="BadFileException">The file is not text.</exception>
    public static void RefuseBinary(ReadOnlySpan<byte> text, long line = 1)
    {
        int end = text.IndexOfAny((byte)'\r', (byte)'\n');
        if (end >= 0) text = text[..end];
        if (text.ContainsAny(NoText)) throw new BadFileException(CsvDefects.Binary(text, line));
    }

    /// <summary>Whether the content begins with the byte order mark of UTF-8.</summary>
    public static bool IsUtf8(ReadOnlySpan<byte> content) => content is [0xEF, 0xBB, 0xBF, ..];

    private static UnicodeEncoding? Utf16Of(ReadOnlySpan<byte> content) => content switch
    {
        [0xFF, 0xFE, ..] => LittleEndian,
        [0xFE, 0xFF, ..] => BigEndian,
        _ => null,
    };

    private static readonly UnicodeEncoding LittleEndian = new(bigEndian: false, byteOrderMark: false);
    private static readonly UnicodeEncoding BigEndian = new(bigEndian: true, byteOrderMark: false);
}

/// <summary>A stream whose first bytes can be inspected before they are read, and that knows when it has ended.</summary>
internal sealed class HeadStream(Stream inner, bool leaveOpen) : ForwardStream
{
    private byte[] _buffer = [];
    private int _position;
    private int _filled;

    /// <summary>The bytes that were read ahead and not yet given to the reader.</summary>
    public ReadOnlyMemory<byte> Head => _buffer.AsMemory(_position, _filled - _position);

    /// <summary>Sees all that the reader is given; null if nobody looks for comments.</summary>
    public CommentLines? Comments { get; set; }

    /// <summary>How many bytes the reader was given.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Whether the inner stream has ended. The head may still contain bytes.</summary>
    public bool Ended { get; private set; }

    public async ValueTask ReadHeadAsync(int length, CancellationToken cancellationToken)
    {
        _buffer = new byte[length];
        _filled = await inner.ReadAtLeastAsync(_buffer, length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        Ended = _filled < length;
    }

    /// <summary>Drops the first bytes of the head: a byte order mark, or the lines above the table.</summary>
    public void Skip(int bytes) => _position += bytes;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!TakeHead(buffer.Span, out int taken))
            taken = Count(buffer.Length, await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false));
        Comments?.Feed(buffer.Span[..taken]);
        return taken;
    }

    public override int Read(Span<byte> buffer)
    {
        if (!TakeHead(buffer, out int taken)) taken = Count(buffer.Length, inner.Read(buffer));
        Comments?.Feed(buffer[..taken]);
        return taken;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !leaveOpen) inner.Dispose();
        base.Dispose(disposing);
    }

    private bool TakeHead(Span<byte> buffer, out int taken)
    {
        taken = Math.Min(buffer.Length, _filled - _position);
        if (taken == 0) return false;
        _buffer.AsSpan(_position, taken).CopyTo(buffer);
        _position += taken;
        BytesRead += taken;
        return true;
    }

    private int Count(int asked, int read)
    {
        Ended |= read == 0 && asked > 0;
        BytesRead += read;
        return read;
    }
}
