using System.Buffers;
using System.Text;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Csv;

/// <summary>Brings a file to UTF-8, by its byte order mark or its declared encoding, and refuses what is no text.</summary>
internal static class CsvEncoding
{
    // What is looked at before the engine: a header that is longer is looked at again when it is read.
    private const int HeadLength = 1024;

    private static readonly SearchValues<byte> NoText = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(b => b is not ('\t' or '\r' or '\n')).Select(b => (byte)b), 0x7F]);

    /// <summary>The content in UTF-8, in place where it is that already.</summary>
    public static ReadOnlyMemory<byte> ToUtf8(ReadOnlyMemory<byte> content, Encoding? declared)
    {
        if (Utf16Of(content.Span) is { } utf16) return Encoding.Convert(utf16, Encoding.UTF8, content[2..].ToArray());
        if (declared is null || IsUtf8(content.Span) || (declared.IsSingleByte && Ascii.IsValid(content.Span))) return content;
        return Encoding.Convert(declared, Encoding.UTF8, content.ToArray());
    }

    /// <summary>The stream in UTF-8, with its head read. The stream stays the caller's.</summary>
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
    /// <exception cref="BadFileException">It is no text.</exception>
    public static void RefuseBinary(ReadOnlySpan<byte> text, long line = 1)
    {
        ReadOnlySpan<byte> head = text.Length > HeadLength ? text[..HeadLength] : text;
        int end = head.IndexOfAny((byte)'\r', (byte)'\n');
        if (end >= 0) head = head[..end];
        if (head.ContainsAny(NoText)) throw new BadFileException(CsvDefects.Binary(head, line));
    }

    /// <summary>Whether the content says that it is UTF-8.</summary>
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

/// <summary>A stream whose first bytes can be looked at before they are read, and that knows where it ended.</summary>
internal sealed class HeadStream(Stream inner, bool leaveOpen) : ForwardStream
{
    private byte[] _buffer = [];
    private int _position;
    private int _filled;

    /// <summary>What is read ahead and not yet handed out.</summary>
    public ReadOnlyMemory<byte> Head => _buffer.AsMemory(_position, _filled - _position);

    /// <summary>How many bytes were handed out.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Whether the inner stream said that it ends; the head may still hold bytes.</summary>
    public bool Ended { get; private set; }

    /// <summary>Reads ahead.</summary>
    public async ValueTask ReadHeadAsync(int length, CancellationToken cancellationToken)
    {
        _buffer = new byte[length];
        _filled = await inner.ReadAtLeastAsync(_buffer, length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        Ended = _filled < length;
    }

    /// <summary>Drops the first bytes of the head: a byte order mark.</summary>
    public void Skip(int bytes) => _position += bytes;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (TakeHead(buffer.Span, out int taken)) return taken;
        return Count(buffer.Length, await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false));
    }

    public override int Read(Span<byte> buffer) => TakeHead(buffer, out int taken) ? taken : Count(buffer.Length, inner.Read(buffer));

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
