using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// What a folder does with a file after the commit. Every step looks first at what is there, so that a run killed between any two of them is finished by
/// the next; only the version that was listed is ever touched.
/// </summary>
internal sealed class FolderCompletion(string source, FolderPlace place, FolderDisk disk, FolderSourceOptions options)
{
    public void Complete(CompletedFile settled)
    {
        (SourceFile file, Defect? defect) = settled;
        FileNames.CheckBelow(file);
        string path = place.PathOf(file.Path);
        string verb = defect is not null ? "quarantined" : options.AfterCommit == AfterCommit.Delete ? "deleted" : "archived";
        try
        {
            // Gone means dealt with by the run before; another size or time means new content, which the next run imports.
            if (!disk.Stat(path).Is(file)) return;
            if (defect is not null) Quarantine(file, path, defect);
            else if (options.AfterCommit == AfterCommit.Delete) Delete(path);
            else if (options.AfterCommit == AfterCommit.Archive) Move(file, path, FreeName(place.Archive, file));
        }
        catch (FileNotFoundException)
        {
            // Another host was quicker.
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Completing(verb, path, error);
        }
    }

    private void Quarantine(SourceFile file, string path, Defect defect)
    {
        string target = FreeName(place.Quarantine, file);
        bool keep = options.AfterCommit == AfterCommit.Keep;
        // Each run settles a kept bad file again: the first reason stays.
        if (keep && ReasonFile.TryRead(ReasonFile.For(target)) is { } known && known.IsAbout(file)) return;

        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            var reason = new ReasonFile(Path.GetFileName(target), source, file, options.TimeProvider.GetUtcNow().UtcDateTime, defect);
            // The copy before its reason, which says that all is done; a moved file after it, or a kill in between would lose the reason.
            if (keep) CopyIfReadable(path, target, file);
            reason.Write(target);
        }
        catch (Exception error) when (keep && FolderFaults.IsDenied(error))
        {
            // A folder that may only be read: the file stays where it is, and the ledger has the reason.
        }
        if (!keep) Move(file, path, target);
    }

    private static void CopyIfReadable(string path, string target, SourceFile file)
    {
        try
        {
            FolderMove.Copy(path, target, file.ModifiedUtc);
        }
        catch (UnauthorizedAccessException) when (Directory.Exists(Path.GetDirectoryName(target)))
        {
            // The file is bad because it cannot be read; it stays where it is, and the reason says so. Should the folder be the one that
            // refuses, writing the reason says that.
        }
    }

    private void Move(SourceFile file, string path, string target)
    {
        FolderMove.Move(path, target, file.ModifiedUtc);
        // The marker last: without it the file would be deferred and never dealt with; alone it is older than any file to come.
        if (options.DoneMarker is { } marker && File.Exists(path + marker))
            FolderMove.Move(path + marker, FileNames.Append(target, marker), File.GetLastWriteTimeUtc(path + marker));
    }

    private void Delete(string path)
    {
        File.Delete(path);
        if (options.DoneMarker is { } marker) File.Delete(path + marker);
    }

    /// <summary>Where the file goes: its own path, or, when other content is there, its name with its time. Never a name whose content is another.</summary>
    private string FreeName(string folder, SourceFile file)
    {
        string plain = Path.Join(folder, file.Path);
        if (IsFree(plain, file)) return plain;
        for (int number = 1; ; number++)
        {
            string candidate = FileNames.WithTime(plain, file.ModifiedUtc, number);
            if (IsFree(candidate, file)) return candidate;
        }
    }

    /// <summary>Nothing is there, or the same version, put there by a run that was killed.</summary>
    private bool IsFree(string target, SourceFile file)
    {
        FileStat stat = disk.Stat(target);
        if (stat.Kind == FileKind.Missing || stat.Is(file)) return true;
        // A copy on a disk with coarser times differs, yet it is done; a moved file would be replaced, which someone may have mended by hand.
        return options.AfterCommit == AfterCommit.Keep && ReasonFile.TryRead(ReasonFile.For(target)) is { } reason && reason.IsAbout(file);
    }
}
