using System.Buffers.Binary;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>Writes a table response, packet type 4: [MS-TDS] 2.2.2 and 2.2.3. One thread only.</summary>
internal sealed class TokenWriter(Stream stream)
{
    private const int Header = 8;
    private byte[] _packet = new byte[4096];
    private int _position = Header;
    private byte _number = 1;

    public Stream Stream { get; set; } = stream;

    public byte PacketType { get; set; } = 0x04;

    /// <summary>To be called between messages.</summary>
    public void Resize(int packetSize) => _packet = new byte[packetSize];

    public TokenWriter Byte(byte value)
    {
        if (_position == _packet.Length) Send(last: false);
        _packet[_position++] = value;
        return this;
    }

    public TokenWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (_position == _packet.Length) Send(last: false);
            int step = Math.Min(bytes.Length, _packet.Length - _position);
            bytes[..step].CopyTo(_packet.AsSpan(_position));
            _position += step;
            bytes = bytes[step..];
        }
        return this;
    }

    public TokenWriter UInt16(ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        return Bytes(bytes);
    }

    public TokenWriter Int32(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return Bytes(bytes);
    }

    public TokenWriter Int64(long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Bytes(bytes);
    }

    public TokenWriter Unicode(string text) => Bytes(Encoding.Unicode.GetBytes(text));

    /// <summary>B_VARCHAR.</summary>
    public TokenWriter ShortText(string text) => Byte((byte)text.Length).Unicode(text);

    /// <summary>US_VARCHAR.</summary>
    public TokenWriter LongText(string text) => UInt16((ushort)text.Length).Unicode(text);

    /// <summary>Sends what is left as the message's last packet.</summary>
    public void Finish()
    {
        Send(last: true);
        _number = 1;
        Stream.Flush();
    }

    /// <summary>Forgets what has not been sent.</summary>
    public void Discard()
    {
        _position = Header;
        _number = 1;
    }

    private void Send(bool last)
    {
        _packet[0] = PacketType;
        _packet[1] = last ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt16BigEndian(_packet.AsSpan(2), (ushort)_position);
        BinaryPrimitives.WriteUInt16BigEndian(_packet.AsSpan(4), 51);
        _packet[6] = _number++;
        _packet[7] = 0;
        Stream.Write(_packet, 0, _position);
        _position = Header;
    }
}
