using System.Buffers.Binary;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A login with a token of Entra: FEATUREEXT in [MS-TDS] 2.2.6.4, FEDAUTHINFO in 2.2.7.12, the token's message in 2.2.6.3.
/// </summary>
internal static class FederatedLogin
{
    private const byte Feature = 0x02;

    public static bool IsWanted(ReadOnlySpan<byte> login7)
    {
        const byte hasExtension = 0x10;
        if ((login7[27] & hasExtension) == 0) return false;
        int at = BinaryPrimitives.ReadInt32LittleEndian(login7[BinaryPrimitives.ReadUInt16LittleEndian(login7[56..])..]);
        while (login7[at] != 0xFF)
        {
            if (login7[at] == Feature) return true;
            at += 5 + BinaryPrimitives.ReadInt32LittleEndian(login7[(at + 1)..]);
        }
        return false;
    }

    /// <summary>Tells the client where to get a token, and for what.</summary>
    public static void Ask(TokenWriter writer)
    {
        byte[] authority = Encoding.Unicode.GetBytes(
            "https://login.invalid/tenant"), resource = Encoding.Unicode.GetBytes("https://database.invalid/");
        const int head = 4 + (2 * 9);
        writer.Byte(0xEE).Int32(head + authority.Length + resource.Length).Int32(2)
            .Byte(0x01).Int32(authority.Length).Int32(head).Byte(0x02).Int32(resource.Length).Int32(head + authority.Length)
                .Bytes(authority).Bytes(resource).Finish();
    }

    public static string Token(ReadOnlySpan<byte> message) =>
        Encoding.Unicode.GetString(message.Slice(8, BinaryPrimitives.ReadInt32LittleEndian(message[4..])));

    /// <summary>FEATUREEXTACK.</summary>
    public static void Acknowledge(TokenWriter writer) => writer.Byte(0xAE).Byte(Feature).Int32(0).Byte(0xFF);
}
