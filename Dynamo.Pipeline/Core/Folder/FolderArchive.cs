using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>The files that a folder source has archived. Do not use it while a run on the same source is active.</summary>
internal sealed class FolderArchive(FolderSource source)
{
    /// <summary>The archive has a version of a path under its own name or under one with its time; a few are looked for.</summary>
    private const int MostNames = 20;

    /// <summary>Where a file is now: at the source, or in the archive. Null if it is in neither.</summary>
    /// <exception cref="ArgumentException">The file's path does not stay below the source.</exception>
    public string? Find(SourceFile file)
    {
        FileNames.CheckBelow(file);
        string home = source.Place.PathOf(file.Path), plain = Path.Join(source.Place.Archive, file.Path);
        IEnumerable<string> withTime = Enumerable.Range(1, MostNames).Select(n => FileNames.WithTime(plain, file.ModifiedUtc, n));
        IEnumerable<string> names = [home, plain, .. withTime];
        return names.FirstOrDefault(name => source.Disk.Stat(name).Is(file));
    }

    /// <summary>Moves a file back to the source, if it is not there. No link is followed, and nothing is replaced.</summary>
    /// <returns>Why it cannot be, or null: it is at the source.</returns>
    /// <exception cref="SourceException">The disk refuses.</exception>
    public string? BringBack(SourceFile file)
    {
        try
        {
            if (Find(file) is not { } found) return $"it is neither in {source.Place.Root} nor in {source.Place.Archive}";
            return found == source.Place.PathOf(file.Path) ? null : BringBack(file, Path.GetFileName(found));
        }
        catch (FolderReplacedException error)
        {
            return $"{error.Message}, and no file is put there; remove it";
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Completing("brought back", source.Place.PathOf(file.Path), error);
        }
    }

    private string? BringBack(SourceFile file, string archived)
    {
        using var held = new HeldFolders(source.Place, source.Disk);
        string below = FileNames.FolderOf(file.Path), name = FileNames.NameOf(file.Path);
        HeldFolder from = held.Archive(below), to = held.MakeSource(below);
        FileStat stat = from.Stat(archived);
        if (!stat.Is(file) || !FolderMove.TryMove(source.Disk, from, archived, stat, to, name))
            return $"another file of that name is in {source.Place.Root}; import or move that one first";
        if (source.Options.DoneMarker is { } ending && to.Stat(name + ending).Kind == FileKind.Missing)
            to.CreateFile(name + ending, OwnFile.Shared).Dispose();
        return null;
    }
}
