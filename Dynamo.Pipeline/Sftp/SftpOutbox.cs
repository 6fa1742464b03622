using System.Buffers.Binary;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Encodes requests one behind the other into a buffer, so that many small ones leave in one write. Not thread-safe: the connection's lock guards it.
/// </summary>
internal sealed class SftpOutbox
{
    private byte[] _buffer = new byte[16 * 1024];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    public void Clear() => Length = 0;

    /// <summary>The first packet: it carries a version where all others carry an id.</summary>
    public void Init(uint version)
    {
        Span<byte> packet = Frame(SftpProtocol.Init, 4);
        BinaryPrimitives.WriteUInt32BigEndian(packet, version);
    }

    /// <summary>Any other request: every one that this client sends is an id, a string (path, handle or extension) and fixed fields.</summary>
    /// <param name="type">The packet type.</param>
    /// <param name="id">The id its answer will carry.</param>
    /// <param name="text">The string.</param>
    /// <param name="fields">The encoded fields behind it.</param>
    public void Request(byte type, uint id, ReadOnlySpan<byte> text, ReadOnlySpan<byte> fields)
    {
        Span<byte> packet = Frame(type, 8 + text.Length + fields.Length);
        BinaryPrimitives.WriteUInt32BigEndian(packet, id);
        BinaryPrimitives.WriteInt32BigEndian(packet[4..], text.Length);
        text.CopyTo(packet[8..]);
        fields.CopyTo(packet[(8 + text.Length)..]);
    }

    private Span<byte> Frame(byte type, int bodyLength)
    {
        int start = Length;
        Length += 5 + bodyLength;
        if (Length > _buffer.Length) Array.Resize(ref _buffer, Math.Max(Length, _buffer.Length * 2));
        BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(start), 1 + bodyLength);
        _buffer[start + 4] = type;
        return _buffer.AsSpan(start + 5, bodyLength);
    }
}
