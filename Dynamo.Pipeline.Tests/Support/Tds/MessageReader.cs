using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>A packet, [MS-TDS] 2.2.3, its payload in a rented array.</summary>
internal readonly record struct TdsPacket(byte Type, byte Status, byte[] Payload, int Length)
{
    public bool IsLast => (Status & 0x01) != 0;

    /// <summary>The client takes back the message it has sent so far: [MS-TDS] 2.2.3.1.2.</summary>
    public bool IsIgnored => (Status & 0x02) != 0;

    public bool ResetsConnection => (Status & 0x18) != 0;
}

/// <summary>The client has taken the request back.</summary>
internal sealed class RequestCancelledException(bool acknowledge) : Exception("The client has taken the request back.")
{
    /// <summary>Whether the cancelling attention has been read already and wants its answer.</summary>
    public bool Acknowledge { get; } = acknowledge;
}

/// <summary>
/// Reads the numbers and strings of one message across its packets. One thread only; the packets come from the thread that reads
/// the socket, so that an attention is
/// noticed while a request runs.
/// </summary>
internal sealed class MessageReader(BlockingCollection<TdsPacket> packets)
{
    private TdsPacket _packet;
    private int _position;
    private byte[] _scratch = new byte[64];

    public byte Type => _packet.Type;

    public bool ResetsConnection { get; private set; }

    /// <returns>False when the client is gone.</returns>
    public bool NextMessage()
    {
        Release();
        if (!packets.TryTake(out _packet, Timeout.Infinite)) return false;
        _position = 0;
        ResetsConnection = _packet.ResetsConnection;
        return true;
    }

    public bool AtEnd
    {
        get
        {
            while (_position == _packet.Length)
            {
                if (_packet.IsLast) return true;
                NextPacket();
            }
            return false;
        }
    }

    public byte Byte() => Span(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Span(2));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Span(4));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Span(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Span(8));

    public string Unicode(int characters) => Encoding.Unicode.GetString(Span(2 * characters));

    /// <summary>B_VARCHAR: [MS-TDS] 2.2.5.1.1.</summary>
    public string ShortText() => Unicode(Byte());

    public void Skip(int count) => _ = Span(count);

    /// <summary>The next bytes, valid until the next call.</summary>
    public ReadOnlySpan<byte> Span(int count)
    {
        if (_packet.Length - _position >= count)
        {
            _position += count;
            return _packet.Payload.AsSpan(_position - count, count);
        }
        if (_scratch.Length < count) _scratch = new byte[Math.Max(count, 2 * _scratch.Length)];
        int filled = 0;
        while (filled < count)
        {
            if (AtEnd) throw new InvalidDataException($"The client's message ends {count - filled} bytes early.");
            int step = Math.Min(count - filled, _packet.Length - _position);
            _packet.Payload.AsSpan(_position, step).CopyTo(_scratch.AsSpan(filled));
            _position += step;
            filled += step;
        }
        return _scratch.AsSpan(0, count);
    }

    /// <summary>Whatever is left of the message.</summary>
    public byte[] Rest()
    {
        using var rest = new MemoryStream();
        while (!AtEnd)
        {
            rest.Write(_packet.Payload, _position, _packet.Length - _position);
            _position = _packet.Length;
        }
        return rest.ToArray();
    }

    public void Drain()
    {
        while (!AtEnd) _position = _packet.Length;
    }

    private void NextPacket()
    {
        byte type = _packet.Type;
        Release();
        if (!packets.TryTake(out _packet, Timeout.Infinite)) throw new EndOfStreamException("The client left in the middle of a message.");
        _position = 0;
        // [MS-TDS] 2.2.1.7: an attention in the middle of a message cancels it.
        if (_packet.Type != type) throw new RequestCancelledException(acknowledge: true);
        if (_packet is { IsLast: true, IsIgnored: true })
        {
            _position = _packet.Length;
            throw new RequestCancelledException(acknowledge: false);
        }
    }

    private void Release()
    {
        if (_packet.Payload is not null) ArrayPool<byte>.Shared.Return(_packet.Payload);
        _packet = default;
        _position = 0;
    }
}
