namespace Dynamo.Pipeline;

/// <summary>The folders of a source, and the paths below them. Immutable.</summary>
internal sealed class FolderPlace
{
    private static readonly StringComparison PathComparison =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    public FolderPlace(string folder, FolderSourceOptions options)
    {
        if (string.IsNullOrWhiteSpace(folder)) throw new ArgumentException("The source's folder is empty; expected a path such as inbox", nameof(folder));
        Root = Full(folder);
        Archive = Full(Path.Combine(Root, options.ArchiveFolder));
        Quarantine = Full(Path.Combine(Root, options.QuarantineFolder));
        if (Same(Archive, Root) || Same(Quarantine, Root) || Same(Archive, Quarantine))
        {
            throw new ArgumentException($"The source's folder ({Root}), its ArchiveFolder ({Archive}) and its QuarantineFolder ({Quarantine}) must be three different folders",
                nameof(options));
        }
    }

    public string Root { get; }

    public string Archive { get; }

    public string Quarantine { get; }

    /// <summary>The full path of a listed file.</summary>
    public string PathOf(string path) => Path.Join(Root, path);

    /// <summary>Whether a folder below the root is where this source puts files itself.</summary>
    public bool IsOwnFolder(string path)
    {
        string full = Path.GetFullPath(PathOf(path));
        return Same(full, Archive) || Same(full, Quarantine);
    }

    /// <summary>Whether a path stays below the root, whoever wrote it.</summary>
    public static bool IsBelow(string path)
    {
        if (path.Length == 0 || path.Contains('\0') || Path.IsPathRooted(path)) return false;
        if (OperatingSystem.IsWindows() && path.AsSpan().IndexOfAny('\\', ':') >= 0) return false;
        if (path[0] != '.' && !path.Contains("/.", StringComparison.Ordinal) && !path.Contains("//", StringComparison.Ordinal)) return true;
        foreach (Range part in path.AsSpan().Split('/'))
        {
            if (path.AsSpan()[part] is "" or "." or "..") return false;
        }
        return true;
    }

    /// <summary>Refuses a path that does not stay below the root.</summary>
    public static void CheckBelow(SourceFile file)
    {
        if (!IsBelow(file.Path)) throw new ArgumentException($"'{file.Path}' is not a path below the source's folder", nameof(file));
    }

    /// <summary>Fails when the folder is gone as a whole.</summary>
    public void CheckThere()
    {
        if (!Directory.Exists(Root)) throw FolderFaults.Listing(Root, new DirectoryNotFoundException());
    }

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private static bool Same(string one, string other) => string.Equals(one, other, PathComparison);
}
