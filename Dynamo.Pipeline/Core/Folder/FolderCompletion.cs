using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Keeps, archives, deletes or quarantines a file of a folder after the commit. Each step first looks at what is there,
/// so the next run can finish the work of one that was killed between two steps.
/// It only ever touches the version that was listed.
/// </summary>
internal sealed class FolderCompletion(string source, FolderPlace place, FolderDisk disk, FolderSourceOptions options)
{
    public void Complete(CompletedFile completed)
    {
        (SourceFile file, Defect? defect) = completed;
        FileNames.CheckBelow(file);
        string path = place.PathOf(file.Path);
        string verb = defect is not null ? "quarantined" : options.AfterCommit == AfterCommit.Delete ? "deleted" : "archived";
        try
        {
            // A missing file was handled by an earlier run. Another size or time means new content, which the next run imports.
            if (!disk.Stat(path).Is(file)) return;
            if (defect is not null) Quarantine(file, path, defect);
            else if (options.AfterCommit == AfterCommit.Delete) Delete(path);
            else if (options.AfterCommit == AfterCommit.Archive) Move(file, path, FreeName(place.Archive, file));
        }
        catch (FileNotFoundException)
        {
            // Another host was faster.
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
        // Each run completes a kept bad file again. The first reason stays.
        if (keep && ReasonFile.TryRead(ReasonFile.For(target)) is { } known && known.IsAbout(file)) return;

        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            var reason = new ReasonFile(Path.GetFileName(target), source, file, options.TimeProvider.GetUtcNow().UtcDateTime, defect);
            // A copy comes before its reason, because the reason says that all is done. A moved file comes after its reason,
            // because a kill between the two would lose the reason.
            if (keep) CopyIfReadable(path, target, file);
            reason.Write(target);
        }
        catch (Exception error) when (keep && FolderFaults.IsDenied(error))
        {
            // A read-only folder: the file stays where it is, and the ledger has the reason.
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
            // The file is bad because it cannot be read. It stays where it is, and the reason says so.
            // If the folder refuses instead, writing the reason fails with that error.
        }
    }

    private void Move(SourceFile file, string path, string target)
    {
        FolderMove.Move(path, target, file.ModifiedUtc);
        // The marker goes last. A file without its marker would be deferred for ever; a marker without its file does no harm,
        // because it is older than any new file of that name.
        if (options.DoneMarker is { } marker && File.Exists(path + marker))
            FolderMove.Move(path + marker, FileNames.Append(target, marker), File.GetLastWriteTimeUtc(path + marker));
    }

    private void Delete(string path)
    {
        File.Delete(path);
        if (options.DoneMarker is { } marker) File.Delete(path + marker);
    }

    /// <summary>The target of the file: its own path, or its name with its time when that path holds other content.</summary>
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

    /// <summary>Whether the target is missing or holds the same version, which a killed run put there.</summary>
    private bool IsFree(string target, SourceFile file)
    {
        FileStat stat = disk.Stat(target);
        if (stat.Kind == FileKind.Missing || stat.Is(file)) return true;
        // On a disk with coarser times a finished copy has another time; its reason file tells that it is the same file.
        // This does not hold for moved files: moving again would replace a file that somebody may have repaired by hand.
        return options.AfterCommit == AfterCommit.Keep
            && ReasonFile.TryRead(ReasonFile.For(target)) is { } reason
            && reason.IsAbout(file);
    }
}
