using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// The server's names, which are bytes, and our paths, which are text. A name becomes part of a path only after it was checked: a server must not
/// be able to lead a rename or a delete out of the folder it listed.
/// </summary>
internal sealed class SftpNames(Encoding encoding)
{
    private const int LongestName = 4096;

    // Throws instead of replacing: a replaced byte would name another file.
    private readonly Encoding _encoding = Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);

    /// <summary>Checks a listed name.</summary>
    /// <param name="name">The bytes of the server.</param>
    /// <exception cref="SftpProtocolException">It is no name of a file in a folder.</exception>
    public static void Check(ReadOnlySpan<byte> name)
    {
        string? wrong = name.Length switch
        {
            0 => "is empty",
            > LongestName => $"has {name.Length} bytes",
            _ when name.Contains((byte)'/') => "contains '/'",
            _ when name.Contains((byte)0) => "contains a NUL",
            _ => null,
        };
        if (wrong is not null) throw new SftpProtocolException($"it listed the name '{Show(name)}', which {wrong}");
    }

    public static bool IsSelfOrParent(ReadOnlySpan<byte> name) => name.SequenceEqual("."u8) || name.SequenceEqual(".."u8);

    /// <summary>The name as text, or false when its bytes are none in the encoding.</summary>
    public bool TryDecode(ReadOnlySpan<byte> name, [NotNullWhen(true)] out string? text)
    {
        try
        {
            text = _encoding.GetString(name);
            return true;
        }
        catch (DecoderFallbackException)
        {
            text = null;
            return false;
        }
    }

    /// <summary>A path's bytes for the server.</summary>
    /// <exception cref="SourceException">The path has characters that the encoding does not know.</exception>
    public byte[] Encode(string path)
    {
        try
        {
            return _encoding.GetBytes(path);
        }
        catch (EncoderFallbackException e)
        {
            throw new SourceException($"The path '{path}' cannot be written in {encoding.WebName}, the encoding of the server's names.", e);
        }
    }

    /// <summary>A name for people: what is not printable ASCII as <c>\xNN</c>.</summary>
    public static string Show(ReadOnlySpan<byte> name)
    {
        var shown = new StringBuilder();
        foreach (byte b in name[..Math.Min(name.Length, 100)])
            if (b is >= 0x20 and < 0x7F) shown.Append((char)b);
            else shown.Append(CultureInfo.InvariantCulture, $"\\x{b:X2}");
        return shown.Append(name.Length > 100 ? "…" : "").ToString();
    }
}
