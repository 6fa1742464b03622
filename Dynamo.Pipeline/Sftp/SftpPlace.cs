using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>The folders of a source on its server, and the paths below them. Immutable.</summary>
internal sealed class SftpPlace
{
    private readonly SftpNames _names;

    public SftpPlace(SftpSourceOptions options)
    {
        _names = new SftpNames(options.NameEncoding);
        Root = options.Path;
        Days = ArchivePattern.Parse(options.ArchiveFolder, nameof(options.ArchiveFolder));
        Archive = Resolve(Days.Root);
        Quarantine = Resolve(options.QuarantineFolder);
        if (Archive == Root || Quarantine == Root || Archive == Quarantine)
            throw new ArgumentException(
                $"The source's folder ({Root}), its {OptionName.Of(nameof(FileSourceOptions.ArchiveFolder))} ({Archive}) "
                + $"and its {OptionName.Of(nameof(FileSourceOptions.QuarantineFolder))} ({Quarantine}) must be three different folders",
                nameof(options));
    }

    public string Root { get; }

    /// <summary>The archive's root.</summary>
    public string Archive { get; }

    /// <summary>The folders of the archive by the time.</summary>
    public ArchivePattern Days { get; }

    public string Quarantine { get; }

    /// <summary>The folder of the archive for a day, as <see cref="Days"/> names it.</summary>
    public string ArchiveOf(string day) => day.Length == 0 ? Archive : Join(Archive, day);

    public SftpNames Names => _names;

    /// <summary>The path of a folder below the root; the root itself for the empty path.</summary>
    public string FolderOf(string below) => below.Length == 0 ? Root : Join(Root, below);

    /// <summary>A listed file's path on the server.</summary>
    /// <exception cref="ArgumentException">It does not stay below the root.</exception>
    public string PathOf(SourceFile file) => Below(Root, file.Path);

    public byte[] Encode(string path) => _names.Encode(path);

    /// <summary>Whether a folder below the root is where this source puts files itself.</summary>
    public bool IsOwnFolder(string below) => Join(Root, below) is var path && (path == Archive || path == Quarantine);

    /// <summary>Whether a path is that of the archive or the quarantine, or of a folder below.</summary>
    public bool IsOwn(string folder) => IsAtOrBelow(folder, Archive) || IsAtOrBelow(folder, Quarantine);

    /// <summary>Whether a path is that of a folder below the archive or the quarantine.</summary>
    public bool IsBelowOwn(string folder) => IsOwn(folder) && folder != Archive && folder != Quarantine;

    /// <summary>A path below a folder, checked where it leaves for the server, whoever wrote it.</summary>
    /// <exception cref="ArgumentException">It does not stay below the folder.</exception>
    public static string Below(string folder, string path)
    {
        foreach (Range part in path.AsSpan().Split('/'))
            if (path.AsSpan()[part] is "" or "." or ".." || path.Contains('\0'))
                throw new ArgumentException($"'{path}' is no path of a file below '{folder}'", nameof(path));
        return Join(folder, path);
    }

    /// <summary>The folder of a path; empty for a name alone.</summary>
    public static string FolderOfPath(string path) => path.LastIndexOf('/') is var slash and > 0 ? path[..slash] : "";

    public static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    /// <summary>A path whose name has an ending; see <see cref="FileNames.Append"/>.</summary>
    public static string Append(string path, string ending) => Beside(path, FileNames.Append(NameOf(path), ending));

    /// <summary><c>a.csv</c> becomes <c>a.20260101T000000.0000000Z.csv</c>, from the second on with a number.</summary>
    public static string WithTime(string path, DateTime modifiedUtc, int number) =>
        Beside(path, FileNames.WithTime(NameOf(path), modifiedUtc, number));

    /// <summary>A hidden name in the same folder for content that is on its way.</summary>
    public static string Temporary(string path) => Beside(path, FileNames.NewTemporary());

    private static bool IsAtOrBelow(string path, string folder) =>
        path == folder || (path.StartsWith(folder, StringComparison.Ordinal) && path[folder.Length] == '/');

    private static string Beside(string path, string name) => path[..(path.LastIndexOf('/') + 1)] + name;

    private string Resolve(string folder)
    {
        string path = folder.TrimEnd('/');
        return path.StartsWith('/') ? path : Join(Root, path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path);
    }

    public static string Join(string folder, string path) => folder.EndsWith('/') ? folder + path : $"{folder}/{path}";
}

/// <summary>
/// The server's names, which are bytes, and our paths, which are text. A name becomes part of a path only after it was checked: a server
/// must not be able to lead a rename or a delete out of the folder it listed.
/// </summary>
internal sealed class SftpNames(Encoding encoding)
{
    private const int LongestName = 4096;

    // Throws instead of replacing: a replaced byte would name another file.
    private readonly Encoding _encoding =
        Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);

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
