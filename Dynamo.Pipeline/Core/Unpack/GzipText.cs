using System.Buffers.Binary;
using System.IO.Compression;

namespace Dynamo.Pipeline.Unpack;

/// <summary>The one text in a <c>.gz</c>.</summary>
internal sealed class GzipText(SourceFile file, long limit) : IPackedTexts
{
    private GzipStream? _text;

    public ValueTask<PackedText?> NextAsync(FileContent content, CancellationToken cancellationToken)
    {
        if (_text is not null) return new((PackedText?)null);
        string path = Packed.Inside(file.Path);
        if (PackedDefects.Nested(path, []) is { } nested) throw new BadFileException(nested);
        _text = new GzipStream(content.AsStream(), new Allowance(file, limit));
        return new(new PackedText(file with { Path = path, Delivered = file.Path }, null, _text));
    }

    public void Dispose() => _text?.Dispose();
}

/// <summary>
/// Unpacks gzip (RFC 1952), one member after the other, and checks each one's length and check sum. The runtime's own stream takes a file
/// that was cut off, or that something else follows, for a whole one.
/// </summary>
internal sealed class GzipStream(Stream packed, Allowance allowance) : UnpackedStream(allowance)
{
    private const int TrailerLength = 8;
    private const byte HasSum = 2, HasExtra = 4, HasName = 8, HasComment = 16;

    private readonly GzipSource _source = new(packed);
    private DeflateStream? _member;
    private bool _isFirst = true, _isBegin = true, _ended;

    /// <summary>For formats that read without waiting, as those of others may. Blocks where the source must wait.</summary>
    public override int Read(Span<byte> buffer)
    {
        // Ours await. A way without awaiting would be all of this file once more, for sources that mostly have to wait anyway.
        byte[] own = new byte[Math.Min(buffer.Length, 1 << 16)];
        int read = ReadAsync(own).AsTask().GetAwaiter().GetResult();
        own.AsSpan(0, read).CopyTo(buffer);
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!_ended && buffer.Length > 0)
        {
            if (_member is null && !await BeginAsync(cancellationToken).ConfigureAwait(false))
            {
                _ended = true;
                break;
            }
            int read = await InflateAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (read > 0)
            {
                if (_isBegin && PackedDefects.Nested("", buffer.Span[..read]) is { } nested) throw new BadFileException(nested);
                _isBegin = false;
                Take(buffer.Span[..read]);
                return read;
            }
            await EndAsync(cancellationToken).ConfigureAwait(false);
        }
        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _member?.Dispose();
            packed.Dispose();
        }
        base.Dispose(disposing);
    }

    private async ValueTask<int> InflateAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            int read = await _member!.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            // The decompression asks for nothing more once it is through.
            return read > 0 || !_source.Ended ? read : throw new BadFileException(PackedDefects.CutOff("gzip"));
        }
        catch (InvalidDataException)
        {
            throw await BadAsync("its data cannot be decompressed", cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Reads the head of a member. Returns false if there is none any more; zeros that fill up a block may follow the last.
    /// </summary>
    private async ValueTask<bool> BeginAsync(CancellationToken cancellationToken)
    {
        byte[] head = new byte[10];
        int length = 0;
        while (length < head.Length && await _source.ByteAsync(cancellationToken).ConfigureAwait(false) is var one and >= 0)
            head[length++] = (byte)one;
        bool isGzip = head is [0x1F, 0x8B, 8, ..] && length == head.Length;
        if (!isGzip && _isFirst)
        {
            await _source.DrainAsync(cancellationToken).ConfigureAwait(false);
            bool isCut = length < head.Length && head.AsSpan(0, Math.Min(3, length)).SequenceEqual(
                ((ReadOnlySpan<byte>)[0x1F, 0x8B, 8])[..Math.Min(3, length)]);
            throw new BadFileException(isCut ? PackedDefects.CutOff("gzip") : PackedDefects.NotPacked("gzip", head.AsSpan(0, length)));
        }
        if (!isGzip)
        {
            bool areZeros = !head.AsSpan(0, length).ContainsAnyExcept((byte)0);
            while (areZeros && await _source.ByteAsync(cancellationToken).ConfigureAwait(false) is var next and >= 0) areZeros = next == 0;
            return areZeros ? false : throw await BadAsync("something follows the text", cancellationToken).ConfigureAwait(false);
        }
        _isFirst = false;
        byte flags = head[3];
        if ((flags & HasExtra) != 0)
        {
            int low = await PartAsync(cancellationToken).ConfigureAwait(false);
            for (int left = low + (await PartAsync(cancellationToken).ConfigureAwait(false) << 8); left > 0; left--)
                await PartAsync(cancellationToken).ConfigureAwait(false);
        }
        if ((flags & HasName) != 0)
            while (await PartAsync(cancellationToken).ConfigureAwait(false) != 0) { }
        if ((flags & HasComment) != 0)
            while (await PartAsync(cancellationToken).ConfigureAwait(false) != 0) { }
        for (int left = (flags & HasSum) != 0 ? 2 : 0; left > 0; left--) await PartAsync(cancellationToken).ConfigureAwait(false);
        _member = new DeflateStream(_source, CompressionMode.Decompress, leaveOpen: true);
        Restart();
        return true;
    }

    private async ValueTask<int> PartAsync(CancellationToken cancellationToken) =>
        await _source.ByteAsync(cancellationToken).ConfigureAwait(false) is var one and >= 0
            ? one
            : throw new BadFileException(PackedDefects.CutOff("gzip"));

    /// <summary>
    /// Finds the member's check sum and length behind it. How much of the last piece the decompression took is not known, but what must
    /// follow is: eight bytes that are there by accident once in the lifetime of the universe.
    /// </summary>
    private async ValueTask EndAsync(CancellationToken cancellationToken)
    {
        byte[] trailer = new byte[TrailerLength];
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, Sum);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer.AsSpan(4), (uint)Count);
        await _member!.DisposeAsync().ConfigureAwait(false);
        _member = null;
        if (await _source.SkipToAsync(trailer, cancellationToken).ConfigureAwait(false)) return;
        throw await BadAsync("its check sum is missing or wrong, so it may be cut off", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A source tells at its end whether the file changed meanwhile. Then it is no bad file.</summary>
    private async ValueTask<BadFileException> BadAsync(string why, CancellationToken cancellationToken)
    {
        await _source.DrainAsync(cancellationToken).ConfigureAwait(false);
        return new BadFileException(PackedDefects.Broken("gzip", why));
    }
}

/// <summary>Hands compressed bytes out piece by piece, and remembers the last piece. Not thread-safe.</summary>
internal sealed class GzipSource(Stream packed) : ForwardStream
{
    private readonly byte[] _buffer = new byte[8 << 10];
    private int _last, _at, _filled;

    /// <summary>Whether more was asked for than there is.</summary>
    public bool Ended { get; private set; }

    public override int Read(Span<byte> buffer) => throw new NotSupportedException("Compressed bytes are awaited.");

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!await FillAsync(cancellationToken).ConfigureAwait(false)) return 0;
        int given = Math.Min(buffer.Length, _filled - _at);
        _buffer.AsSpan(_at, given).CopyTo(buffer.Span);
        (_last, _at) = (_at, _at + given);
        return given;
    }

    /// <summary>The next byte, or -1 at the end.</summary>
    public async ValueTask<int> ByteAsync(CancellationToken cancellationToken) =>
        await FillAsync(cancellationToken).ConfigureAwait(false) ? _buffer[_at++] : -1;

    /// <summary>Goes on behind these bytes, which are in the last piece or right behind it.</summary>
    /// <returns>Whether they are there.</returns>
    public async ValueTask<bool> SkipToAsync(byte[] wanted, CancellationToken cancellationToken)
    {
        int piece = _at - _last;
        byte[] window = new byte[piece + wanted.Length];
        _buffer.AsSpan(_last, piece).CopyTo(window);
        int length = piece;
        while (length < window.Length && await ByteAsync(cancellationToken).ConfigureAwait(false) is var one and >= 0)
            window[length++] = (byte)one;
        int found = window.AsSpan(0, length).IndexOf(wanted);
        if (found < 0) return false;
        // What was looked at too far is handed out again.
        byte[] rest = [.. window.AsSpan((found + wanted.Length)..length), .. _buffer.AsSpan(_at, _filled - _at)];
        _pushed = rest;
        _at = _filled = 0;
        return true;
    }

    /// <summary>Reads to the end and drops it.</summary>
    public async ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        do _at = _filled;
        while (await FillAsync(cancellationToken).ConfigureAwait(false));
    }

    private byte[] _pushed = [];

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_at < _filled) return true;
        (_last, _at, _filled) = (0, 0, Math.Min(_pushed.Length, _buffer.Length));
        if (_filled > 0)
        {
            _pushed.AsSpan(0, _filled).CopyTo(_buffer);
            _pushed = _pushed[_filled..];
            return true;
        }
        _filled = await packed.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false);
        Ended = _filled == 0;
        return _filled > 0;
    }
}
