namespace Dynamo.Pipeline;

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
