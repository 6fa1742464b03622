using System.Globalization;

namespace Dynamo.Pipeline;

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

    /// <summary><c>a.csv</c> becomes <c>a.20260101T000000Z.csv</c>, from the second on with a number.</summary>
    public static string WithTime(string path, DateTime modifiedUtc, int number)
    {
        int name = path.LastIndexOf('/') + 1, dot = path.LastIndexOf('.');
        int stem = dot > name ? dot : path.Length;
        string time = modifiedUtc.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        string counter = number == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{number}");
        return $"{path[..stem]}.{time}{counter}{path[stem..]}";
    }

    private string Resolve(string folder)
    {
        string path = folder.TrimEnd('/');
        return path.StartsWith('/') ? path : Join(Root, path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path);
    }

    private static string Join(string folder, string path) => folder.EndsWith('/') ? folder + path : $"{folder}/{path}";
}
