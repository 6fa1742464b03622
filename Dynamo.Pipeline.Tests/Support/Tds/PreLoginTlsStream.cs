using System.Buffers.Binary;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What TLS is given as its transport: during the handshake its records travel in PRELOGIN packets, afterwards naked ([MS-TDS]
/// 3.2.5.1 and 2.2.6.5).
/// </summary>
internal sealed class PreLoginTlsStream(Stream inner) : Stream
{
    private byte[] _packet = [];
    private int _position;

    public bool HandshakeDone { get; set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (HandshakeDone && _position == _packet.Length) return inner.Read(buffer);
        if (_position == _packet.Length) ReadPacket();
        int step = Math.Min(buffer.Length, _packet.Length - _position);
        _packet.AsSpan(_position, step).CopyTo(buffer);
        _position += step;
        return step;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (HandshakeDone)
        {
            inner.Write(buffer);
            return;
        }
        byte[] packet = new byte[8 + buffer.Length];
        packet[0] = 0x12;
        packet[1] = 1;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        buffer.CopyTo(packet.AsSpan(8));
        inner.Write(packet);
    }

    public override void Flush() => inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void ReadPacket()
    {
        byte[] header = new byte[8];
        inner.ReadExactly(header);
        _packet = new byte[BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(2)) - 8];
        _position = 0;
        inner.ReadExactly(_packet);
    }
}
