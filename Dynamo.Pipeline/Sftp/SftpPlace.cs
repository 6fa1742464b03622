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
        Archive = Resolve(options.ArchiveFolder);
        Quarantine = Resolve(options.QuarantineFolder);
        if (Archive == Root || Quarantine == Root || Archive == Quarantine)
            throw new ArgumentException($"The source's folder ({Root}), its ArchiveFolder ({Archive}) and its QuarantineFolder ({Quarantine}) must be three different folders", nameof(options));
    }

    public string Root { get; }

    public string Archive { get; }

    public string Quarantine { get; }

    public SftpNames Names => _names;

    /// <summary>The path of a folder below the root; the root itself for the empty path.</summary>
    public string FolderOf(string below) => below.Length == 0 ? Root : Join(Root, below);

    /// <summary>A listed file's path on the server.</summary>
    /// <exception cref="ArgumentException">It does not stay below the root.</exception>
    public string PathOf(SourceFile file) => Below(Root, file.Path);

    public byte[] Encode(string path) => _names.Encode(path);

    /// <summary>Whether a folder below the root is where this source puts files itself.</summary>
    public bool IsOwnFolder(string below) => Join(Root, below) is var path && (path == Archive || path == Quarantine);

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
    public static string WithTime(string path, DateTime modifiedUtc, int number) => Beside(path, FileNames.WithTime(NameOf(path), modifiedUtc, number));

    /// <summary>A hidden name in the same folder for content that is on its way.</summary>
    public static string Temporary(string path) => Beside(path, FileNames.Temporary(NameOf(path)));

    private static string Beside(string path, string name) => path[..(path.LastIndexOf('/') + 1)] + name;

    private string Resolve(string folder)
    {
        string path = folder.TrimEnd('/');
        return path.StartsWith('/') ? path : Join(Root, path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path);
    }

    public static string Join(string folder, string path) => folder.EndsWith('/') ? folder + path : $"{folder}/{path}";
}
