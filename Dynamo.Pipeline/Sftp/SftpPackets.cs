using System.Buffers.Binary;
using System.Text;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Decodes the fields of one packet, front to back. Every length is a stranger's claim and is checked against the bytes that are there;
/// a claim that does not fit throws <see cref="SftpProtocolException"/>, and nothing is allocated on the strength of a claim.
/// </summary>
internal ref struct SftpReader(ReadOnlySpan<byte> packet)
{
    private const int LongestMessageShown = 300;
    private ReadOnlySpan<byte> _rest = packet;

    public readonly int Remaining => _rest.Length;

    /// <summary>
    /// Finds the first frame in <paramref name="received"/>: a 32-bit length, then that many bytes.
    /// </summary>
    /// <returns>The packet's length without its length field, or -1 while the frame is incomplete.</returns>
    /// <exception cref="SftpProtocolException">The claimed length cannot be that of a packet.</exception>
    public static int FrameLength(ReadOnlySpan<byte> received)
    {
        if (received.Length < 4) return -1;
        uint length = BinaryPrimitives.ReadUInt32BigEndian(received);
        // A type byte and an id or version are in every packet.
        if (length is < 5 or > SftpProtocol.LongestPacket)
            throw new SftpProtocolException(
                $"a packet claims {length} bytes, where 5 to {SftpProtocol.LongestPacket} are possible; it begins {Hex(received)}");
        return received.Length - 4 < length ? -1 : (int)length;
    }

    public byte Byte() => Take(1)[0];

    public uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    /// <summary>A string of the protocol: 32-bit length and bytes. The span is a view of the packet.</summary>
    public ReadOnlySpan<byte> Bytes()
    {
        uint length = UInt32();
        if (length > (uint)_rest.Length)
            throw new SftpProtocolException($"a string claims {length} bytes where {_rest.Length} are left in the packet");
        return Take((int)length);
    }

    public byte[] Handle()
    {
        ReadOnlySpan<byte> handle = Bytes();
        if (handle.Length > SftpProtocol.LongestHandle) throw new SftpProtocolException($"a handle of {handle.Length} bytes");
        return handle.ToArray();
    }

    public SftpStatus Status()
    {
        var code = (SftpCode)UInt32();
        // Servers older than version 3 send no text, and nothing of importance hangs on it.
        if (_rest.Length < 4) return new SftpStatus(code, "");
        return new SftpStatus(code, Printable(Bytes()));
    }

    public SftpAttributes Attributes()
    {
        uint flags = UInt32();
        long? size = (flags & 1) != 0 ? Signed(UInt64()) : null;
        if ((flags & 2) != 0) Take(8);
        uint? mode = (flags & 4) != 0 ? UInt32() : null;
        DateTime? modified = (flags & 8) != 0 ? Modified() : null;
        if ((flags & 0x8000_0000) != 0) SkipExtended();
        return new SftpAttributes(size, mode, modified);
    }

    /// <summary>Text of a server for people: UTF-8, control characters replaced, cut.</summary>
    public static string Printable(ReadOnlySpan<byte> text)
    {
        string all = Encoding.UTF8.GetString(text[..Math.Min(text.Length, LongestMessageShown)]);
        return string.Create(all.Length, all, static (to, from) =>
        {
            for (int i = 0; i < to.Length; i++) to[i] = char.IsControl(from[i]) ? '?' : from[i];
        });
    }

    private DateTime Modified()
    {
        Take(4);
        return DateTime.UnixEpoch.AddSeconds(UInt32());
    }

    private void SkipExtended()
    {
        // Each pair takes at least 8 bytes of the packet, so a lying count runs into its end.
        for (uint pairs = UInt32(); pairs > 0; pairs--)
        {
            Bytes();
            Bytes();
        }
    }

    private static long Signed(ulong size) =>
        size <= long.MaxValue ? (long)size : throw new SftpProtocolException($"a file claims {size} bytes");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length) throw new SftpProtocolException($"a packet ends {count - _rest.Length} bytes too early");
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private static string Hex(ReadOnlySpan<byte> received)
    {
        ReadOnlySpan<byte> first = received[..Math.Min(16, received.Length)];
        // A login script that prints something is by far the most frequent cause; its words say it best.
        string text = new([.. Encoding.Latin1.GetString(first).Select(c => c is '\t' or '\r' or '\n' ? ' ' : c)]);
        bool isText = text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0;
        return isText ? $"'{text.Trim()}': does a login script on the server print something?" : Convert.ToHexString(first);
    }
}

/// <summary>
/// Encodes requests one behind the other into a buffer, so that many small ones leave in one write. Not thread-safe: the connection's lock
/// guards it.
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

    /// <summary>
    /// Any other request: every one that this client sends is an id, a string (path, handle or extension) and fixed fields.
    /// </summary>
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
