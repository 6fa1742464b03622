using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>The files that a folder source has archived. Do not use it while a run on the same source is active.</summary>
internal sealed class FolderArchive(FolderSource source)
{
    /// <summary>The archive holds a version of a path under its own name or under one with its time; more than a few are not looked for.</summary>
    private const int MostNames = 20;

    /// <summary>Where a file is now: at the source, or in the archive. Null if it is in neither.</summary>
    /// <exception cref="ArgumentException">The file's path does not stay below the source.</exception>
    public string? Find(SourceFile file)
    {
        FileNames.CheckBelow(file);
        string home = source.Place.PathOf(file.Path), plain = Path.Join(source.Place.Archive, file.Path);
        IEnumerable<string> names = [home, plain, .. Enumerable.Range(1, MostNames).Select(n => FileNames.WithTime(plain, file.ModifiedUtc, n))];
        return names.FirstOrDefault(name => source.Disk.Stat(name).Is(file));
    }

    /// <summary>Moves a file back to the source, if it is not there.</summary>
    /// <returns>Why it cannot be, or null: it is at the source.</returns>
    /// <exception cref="SourceException">The disk refuses.</exception>
    public string? BringBack(SourceFile file)
    {
        string home = source.Place.PathOf(file.Path);
        try
        {
            if (Find(file) is not { } found) return $"it is neither in {source.Place.Root} nor in {source.Place.Archive}";
            if (found == home) return null;
            if (source.Disk.Stat(home).Kind != FileKind.Missing)
                return $"another file of that name is in {source.Place.Root}; import or move that one first";
            FolderMove.Move(found, home, file.ModifiedUtc);
            if (source.Options.DoneMarker is { } marker && !File.Exists(home + marker)) File.WriteAllBytes(home + marker, []);
            return null;
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Completing("brought back", home, error);
        }
    }
}
