using System.Buffers.Binary;

namespace Dynamo.Pipeline.Unpack;

/// <summary>
/// A text while it is unpacked: counts its bytes against the limit, takes its check sum, and turns what the decompression complains of into
/// a bad file. Not thread-safe.
/// </summary>
internal abstract class UnpackedStream(Allowance allowance) : ForwardStream
{
    private Crc32 _sum = new();

    /// <summary>The check sum of what was read so far.</summary>
    protected uint Sum => _sum.Value;

    /// <summary>How many bytes were read so far.</summary>
    protected long Count { get; private set; }

    /// <summary>Begins to count another part.</summary>
    protected void Restart() => (_sum, Count) = (new Crc32(), 0);

    protected void Take(ReadOnlySpan<byte> bytes)
    {
        allowance.Take(bytes.Length);
        _sum.Append(bytes);
        Count += bytes.Length;
    }
}

/// <summary>How much a compressed file may still unpack to. Used by one thread at a time.</summary>
internal sealed class Allowance(SourceFile file, long limit)
{
    private long _taken;

    /// <exception cref="BadFileException">The file unpacks to more than it may.</exception>
    public void Take(int bytes)
    {
        if ((_taken += bytes) <= limit) return;
        throw new BadFileException(new Defect("the file unpacks to more than it may")
        {
            Found = $"{file.Size} bytes that are more than {limit} when unpacked",
            Expected = $"at most {limit} bytes",
            Remedy = $"Made to fill a disk? If the file is meant to be so long, "
                + $"raise {OptionName.Named("PipelineOptions.MaxUnpacked")}",
        });
    }
}

/// <summary>The messages about compressed files that cannot be unpacked.</summary>
internal static class PackedDefects
{
    public static Defect CutOff(string what) => new($"the {what} file is cut off")
    {
        Expected = $"a whole {what} file",
        Remedy = "Have it sent again",
    };

    public static Defect Broken(string what, string why) => new($"the {what} file is damaged: {why}")
    {
        Expected = $"a {what} file whose check sums are right",
        Remedy = "Have it sent again",
    };

    public static Defect NotPacked(string what, ReadOnlySpan<byte> head) => new($"this is no {what} file")
    {
        Found = Convert.ToHexString(head[..Math.Min(4, head.Length)]),
        Expected = $"what the name says, a {what} file",
        Remedy = "Rename it if it is something else",
    };

    /// <summary>An archive inside; <see langword="null"/>: it is none.</summary>
    public static Defect? Nested(string name, ReadOnlySpan<byte> head)
    {
        const int TarMagic = 257;
        bool isPacked = head.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B, 8]) || head.StartsWith("PK\x03\x04"u8)
            || head.StartsWith("7z\xBC\xAF"u8) || head.StartsWith("Rar!"u8) || head.StartsWith("BZh"u8)
            || (head.Length > TarMagic + 5 && head.Slice(TarMagic, 5).SequenceEqual("ustar"u8));
        string[] endings = [".gz", ".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz"];
        return isPacked || endings.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
            ? new Defect("there is an archive inside the archive")
            {
                Expected = "tables of text",
                Remedy = "Pack the tables themselves, or leave this entry out with Entries",
            }
            : null;
    }
}

/// <summary>The check sum of gzip and zip: CRC-32 as RFC 1952 describes it, eight bytes at a time. A mutable value.</summary>
internal struct Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private static readonly uint[][] s_tables = Tables();

    private uint _sum = uint.MaxValue;

    public Crc32()
    {
    }

    public readonly uint Value => ~_sum;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        uint sum = _sum;
        uint[][] t = s_tables;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            uint a = sum ^ BinaryPrimitives.ReadUInt32LittleEndian(bytes), b = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            sum = t[7][a & 0xFF] ^ t[6][(a >> 8) & 0xFF] ^ t[5][(a >> 16) & 0xFF] ^ t[4][a >> 24]
                ^ t[3][b & 0xFF] ^ t[2][(b >> 8) & 0xFF] ^ t[1][(b >> 16) & 0xFF] ^ t[0][b >> 24];
        }
        foreach (byte one in bytes) sum = (sum >> 8) ^ t[0][(sum ^ one) & 0xFF];
        _sum = sum;
    }

    private static uint[][] Tables()
    {
        uint[][] tables = [.. Enumerable.Range(0, 8).Select(_ => new uint[256])];
        for (uint i = 0; i < 256; i++)
        {
            uint sum = i;
            for (int bit = 0; bit < 8; bit++) sum = (sum >> 1) ^ ((sum & 1) * Polynomial);
            tables[0][i] = sum;
        }
        for (int table = 1; table < 8; table++)
            for (int i = 0; i < 256; i++)
                tables[table][i] = (tables[table - 1][i] >> 8) ^ tables[0][tables[table - 1][i] & 0xFF];
        return tables;
    }
}
