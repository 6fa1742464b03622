using System.Buffers.Binary;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>LOGIN7: [MS-TDS] 2.2.6.4.</summary>
internal sealed record LoginRequest(string Host, string User, string Password, string Application, string Database, int PacketSize)
{
    /// <summary>In the place of user and password.</summary>
    public string? Token { get; init; }

    public static LoginRequest Parse(ReadOnlySpan<byte> message)
    {
        // The fixed part is 36 bytes; then pairs of offset and length in characters: host, user, password, application, server,
        // unused, library, language, database.
        int packetSize = BinaryPrimitives.ReadInt32LittleEndian(message[8..]);
        return new LoginRequest(
            Text(message, 36), Text(message, 40), Password7(message, 44), Text(message, 48), Text(message, 68), packetSize);
    }

    /// <summary>The password stays out of any log of a test.</summary>
    public override string ToString() => $"{User} from {Host} ({Application}) to {Database}";

    private static string Text(ReadOnlySpan<byte> message, int at) => Encoding.Unicode.GetString(Field(message, at));

    /// <summary>Each byte has its halves swapped and is then XORed with A5.</summary>
    private static string Password7(ReadOnlySpan<byte> message, int at)
    {
        byte[] bytes = Field(message, at).ToArray();
        for (int i = 0; i < bytes.Length; i++)
        {
            int plain = bytes[i] ^ 0xA5;
            bytes[i] = (byte)((plain >> 4) | (plain << 4));
        }
        return Encoding.Unicode.GetString(bytes);
    }

    private static ReadOnlySpan<byte> Field(ReadOnlySpan<byte> message, int at) =>
        message.Slice(
            BinaryPrimitives.ReadUInt16LittleEndian(message[at..]), 2 * BinaryPrimitives.ReadUInt16LittleEndian(message[(at + 2)..]));
}

/// <summary>PRELOGIN: [MS-TDS] 2.2.6.5.</summary>
internal static class PreLogin
{
    public const byte EncryptOff = 0;
    public const byte EncryptOn = 1;
    public const byte EncryptNotSupported = 2;

    /// <returns>The client's ENCRYPTION option.</returns>
    public static byte Encryption(ReadOnlySpan<byte> message)
    {
        for (int at = 0; message[at] != 0xFF; at += 5)
        {
            if (message[at] == 0x01) return message[BinaryPrimitives.ReadUInt16BigEndian(message[(at + 1)..])];
        }
        return EncryptNotSupported;
    }

    /// <summary>VERSION and ENCRYPTION; no MARS.</summary>
    public static byte[] Answer(byte encryption) =>
    [
        0x00, 0, 16, 0, 6,
        0x01, 0, 22, 0, 1,
        0x04, 0, 23, 0, 1,
        0xFF,
        16, 0, 0x03, 0xE8, 0, 0,
        encryption,
        0,
    ];
}
