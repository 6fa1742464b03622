using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>The paths of a source: its folder, its archive and its quarantine. Immutable.</summary>
internal sealed class FolderPlace
{
    // Linux follows as many links before it reports a loop.
    private const int MostLinks = 40;

    private static readonly StringComparison PathComparison =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    // All links are resolved here, because one folder can have several paths.
    private readonly string _real, _realArchive, _realQuarantine;

    public FolderPlace(string folder, FolderSourceOptions options)
    {
        if (string.IsNullOrWhiteSpace(folder))
            throw new ArgumentException("The source's folder is empty; expected a path such as inbox", nameof(folder));
        Root = Full(folder);
        Days = ArchivePattern.Parse(options.ArchiveFolder, nameof(options.ArchiveFolder));
        Archive = Full(Path.Combine(Root, Days.Root));
        Quarantine = Full(Path.Combine(Root, options.QuarantineFolder));
        (_real, _realArchive, _realQuarantine) = (Real(Root), Real(Archive), Real(Quarantine));
        if (Same(_realArchive, _real) || Same(_realQuarantine, _real) || Same(_realArchive, _realQuarantine))
        {
            throw new ArgumentException(
                $"The source's folder ({Root}), its {OptionName.Of(nameof(FileSourceOptions.ArchiveFolder))} ({Archive}) "
                + $"and its {OptionName.Of(nameof(FileSourceOptions.QuarantineFolder))} ({Quarantine}) "
                + "must be three different folders",
                nameof(options));
        }
    }

    public string Root { get; }

    /// <summary>The archive's root.</summary>
    public string Archive { get; }

    /// <summary>The folders of the archive by the time.</summary>
    public ArchivePattern Days { get; }

    public string Quarantine { get; }

    /// <summary>The full path of a listed file.</summary>
    public string PathOf(string path) => Path.Join(Root, path);

    /// <summary>The names that lead from the root to a folder below it, or <see langword="null"/> if it is elsewhere.</summary>
    public string[]? NamesBelow(string folder)
    {
        string root = Path.EndsInDirectorySeparator(Root) ? Root : Root + Path.DirectorySeparatorChar;
        return folder.StartsWith(root, PathComparison)
            ? folder[root.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries) : null;
    }

    /// <summary>Whether a folder below the root is the archive or the quarantine of this source.</summary>
    public bool IsOwnFolder(string path)
    {
        string real = Path.GetFullPath(Path.Join(_real, path));
        return Same(real, _realArchive) || Same(real, _realQuarantine);
    }

    /// <summary>Whether a folder below the archive is not of the archive: the source's own folder, or its quarantine.</summary>
    public bool IsNoneOfTheArchive(string path)
    {
        string real = Path.GetFullPath(Path.Join(_realArchive, path));
        return Same(real, _real) || Same(real, _realQuarantine);
    }

    /// <summary>Fails if the source's folder does not exist.</summary>
    /// <exception cref="SourceException">The folder does not exist.</exception>
    public void CheckThere()
    {
        if (!Directory.Exists(Root)) throw FolderFaults.Listing(Root, new DirectoryNotFoundException());
    }

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    /// <summary>The path with all its links resolved, as far as it exists.</summary>
    internal static string Real(string path, int links = MostLinks)
    {
        if (links == 0 || Path.GetDirectoryName(path) is not { } parent) return path;
        string real = Path.Join(Real(parent, links), Path.GetFileName(path));
        try
        {
            return new DirectoryInfo(real).ResolveLinkTarget(returnFinalTarget: true) is { } target
                ? Real(target.FullName, links - 1)
                : real;
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            return real;
        }
    }

    private static bool Same(string one, string other) => string.Equals(one, other, PathComparison);
}
