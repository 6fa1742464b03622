using System.Runtime.ExceptionServices;
using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Ledger;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Keeps, archives, deletes or quarantines files of a folder after the commit. A file is first moved to a folder of ours beside it, and
/// looked at there, so only the version that was listed is ever touched. If a run is killed between two steps, the next one finishes its
/// work. Nothing is replaced, in the archive or elsewhere. Thread-safe.
/// </summary>
internal sealed class FolderCompletion(string source, FolderPlace place, FolderDisk disk, FolderSourceOptions options)
{
    /// <summary>
    /// So many versions of one name find room in a folder of the archive. Beyond, something else is wrong, and looking on takes for ever.
    /// </summary>
    private const int MostNames = 10_000;

    /// <summary>With so many files that cannot be dealt with, it is the disk that fails.</summary>
    private const int MostFailures = 100;

    /// <summary>
    /// Deals with files, folder by folder. One that cannot be dealt with does not keep the others where they are: the first error is thrown
    /// at the end.
    /// </summary>
    public void Complete(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken)
    {
        using var held = new HeldFolders(place, disk);
        DateTime now = options.TimeProvider.GetUtcNow().UtcDateTime;
        IEnumerable<CompletedFile> ordered =
            options.Recursive ? files.OrderBy(file => FileNames.FolderOf(file.File.Path), StringComparer.Ordinal) : files;
        ExceptionDispatchInfo? first = null;
        int failures = 0;
        foreach (CompletedFile file in ordered)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (file.Defect is null && options.AfterCommit == AfterCommit.Keep) continue;
            try
            {
                Complete(held, file, now);
            }
            catch (SourceException error)
            {
                first ??= ExceptionDispatchInfo.Capture(error);
                if (++failures == MostFailures) break;
            }
        }
        first?.Throw();
    }

    private void Complete(HeldFolders held, CompletedFile completed, DateTime now)
    {
        (SourceFile file, Defect? defect) = completed;
        string verb = defect is not null ? "quarantined" : options.AfterCommit == AfterCommit.Delete ? "deleted" : "archived";
        try
        {
            string below = FileNames.FolderOf(file.Path);
            if (held.Source(below) is not { } from) return;
            if (defect is not null && options.AfterCommit == AfterCommit.Keep) CopyToQuarantine(held, from, file, defect);
            else Claim(held, from, below, completed, now);
        }
        catch (FileNotFoundException)
        {
            // Another host was faster.
        }
        catch (FileChangedException)
        {
            // New content, which the next run imports.
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Completing(verb, place.PathOf(file.Path), error);
        }
    }

    /// <summary>Sets the file aside, looks at it, and deals with it or puts it back.</summary>
    private void Claim(HeldFolders held, HeldFolder from, string below, CompletedFile completed, DateTime now)
    {
        SourceFile file = completed.File;
        string name = FileNames.NameOf(file.Path);
        // A file that is seen to be another one stays where it is. This look decides nothing else.
        FileStat here = from.Stat(name);
        string? link = here.Kind == FileKind.Link ? from.LinkTarget(name) : null;
        using SafeFileHandle? linked = link is null ? null : OpenLinked(file);
        if (!(link is null ? here : linked is null ? default : disk.Stat(linked)).Is(file)) return;

        HeldFolder claims = held.Claims(below, from);
        // Not there any more, or the same file twice in one call.
        if (from.TryMove(name, claims, name) != Moved.Done) return;
        bool isDone = false;
        try
        {
            if (link is null ? !claims.Stat(name).Is(file) : claims.LinkTarget(name) != link) return;
            Place? put = DealWith(held, below, claims, name, completed, linked, now);
            isDone = true;
            if (options.DoneMarker is { } ending) DealWithMarker(held, from, claims, name, ending, put);
        }
        finally
        {
            if (!isDone) PutBack(claims, name, from);
        }
    }

    /// <summary>Where a file was put: a folder of the archive or quarantine, and its name there.</summary>
    private readonly struct Place(HeldFolder folder, string name)
    {
        public HeldFolder Folder => folder;

        public string Name => name;
    }

    /// <summary>Archives, deletes or quarantines a claimed file, and returns where it went, if it is anywhere.</summary>
    private Place? DealWith(
        HeldFolders held, string below, HeldFolder claims, string name, CompletedFile completed, SafeFileHandle? linked, DateTime now)
    {
        if (completed.Defect is null && options.AfterCommit == AfterCommit.Delete)
        {
            claims.Delete(name);
            return null;
        }
        if (completed.Defect is null && completed.ImportedUtc is { } imported
            && Archived(held, below, claims, name, completed.File, linked, place.Days.Since(imported, now)) is { } archived)
        {
            claims.Delete(name);
            return archived;
        }
        HeldFolder to = completed.Defect is null ? held.Archive(place.Days.Of(now), below) : held.Quarantine(below);
        for (int number = 0; number <= MostNames; number++)
        {
            string candidate = number == 0 ? name : FileNames.WithTime(name, completed.File.ModifiedUtc, number);
            if (completed.Defect is { } defect && Look(to, candidate).Kind == FileKind.Missing)
            {
                // Before the file: a kill between the two would lose the reason.
                using SafeFileHandle? bad = TryOpen(claims, name, linked);
                FolderReasons.Write(to, Reason(candidate, completed.File, defect), bad ?? linked);
            }
            Moved moved = claims.TryMove(name, to, candidate);
            if (moved == Moved.OtherFileSystem) moved = CopyOver(held, claims, name, linked, completed.File, to, candidate);
            if (moved == Moved.Missing) CheckFolder(claims, name, to);
            if (moved == Moved.Taken && IsThere(claims, name, linked, completed.File, to, candidate))
            {
                claims.Delete(name);
                moved = Moved.Done;
            }
            if (moved != Moved.Taken) return new Place(to, candidate);
        }
        throw TooMany(to);
    }

    /// <summary>Where an earlier run has archived a file that it could not take away any more.</summary>
    private Place? Archived(
        HeldFolders held, string below, HeldFolder claims, string name, SourceFile file, SafeFileHandle? linked, IEnumerable<string> days)
    {
        foreach (string folder in days.Select(day => FileNames.Join(day, below)))
        {
            for (int number = 0; number <= MostNames; number++)
            {
                string candidate = number == 0 ? name : FileNames.WithTime(name, file.ModifiedUtc, number);
                // This look saves opening the folders; it decides nothing else.
                FileStat there = disk.Stat(Path.Join(place.Archive, folder, candidate));
                if (there.Kind == FileKind.Missing) break;
                if (there.Is(file) && held.ExistingArchive(folder) is { } to && IsThere(claims, name, linked, file, to, candidate))
                    return new Place(to, candidate);
            }
        }
        return null;
    }

    /// <summary>Copies a claimed file to another file system. It goes only when its copy is safe.</summary>
    private Moved CopyOver(
        HeldFolders held, HeldFolder claims, string name, SafeFileHandle? linked, SourceFile file, HeldFolder to, string target)
    {
        held.Tidy(to, options.TimeProvider);
        Moved moved;
        using (SafeFileHandle? opened = linked is null ? claims.OpenFile(name) : null)
            moved = FolderMove.TryCopy(disk, linked ?? opened!, file, to, target);
        if (moved == Moved.Done)
        {
            held.FlushMade();
            claims.Delete(name);
            claims.Flush();
        }
        return moved;
    }

    /// <summary>
    /// Whether that name has the same version with the same content: a killed run put it there, or it was delivered twice.
    /// </summary>
    private static bool IsThere(
        HeldFolder claims, string name, SafeFileHandle? linked, SourceFile file, HeldFolder to, string target)
    {
        if (!Look(to, target).Is(file)) return false;
        using SafeFileHandle? opened = linked is null ? claims.OpenFile(name) : null;
        using SafeFileHandle there = to.OpenFile(target);
        return FolderMove.AreSame(linked ?? opened!, there);
    }

    /// <summary>A file that cannot be moved because it is not there is another host's. A folder that is not there is an error.</summary>
    private static void CheckFolder(HeldFolder claims, string name, HeldFolder to)
    {
        if (claims.Stat(name).Kind != FileKind.Missing) throw new DirectoryNotFoundException($"{to.Path} was removed");
    }

    /// <summary>
    /// Puts a claimed file back. If there is a newer one at its path by now, it stays where it is, and a later listing puts it back.
    /// </summary>
    private static void PutBack(HeldFolder claims, string name, HeldFolder to)
    {
        try
        {
            claims.TryMove(name, to, name);
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            // The next listing tries again. The error that led here is the one to report.
        }
    }

    /// <summary>
    /// The marker goes last. A file without its marker would be deferred for ever; a marker without its file does no harm,
    /// because it is older than any new file of that name.
    /// </summary>
    private void DealWithMarker(HeldFolders held, HeldFolder from, HeldFolder claims, string name, string ending, Place? put)
    {
        string marker = name + ending;
        if (from.TryMove(marker, claims, marker) != Moved.Done) return;
        bool isDone = false;
        try
        {
            // A marker comes after its file. So if a new file is there by now, the marker may be its own.
            if (from.Stat(name).Kind != FileKind.Missing) return;
            if (put is { } place) MoveMarker(held, claims, marker, place.Folder, FileNames.Append(place.Name, ending));
            else claims.Delete(marker);
            isDone = true;
        }
        finally
        {
            if (!isDone) PutBack(claims, marker, from);
        }
    }

    private void MoveMarker(HeldFolders held, HeldFolder claims, string marker, HeldFolder to, string name)
    {
        FileStat stat = claims.Stat(marker);
        var file = new SourceFile(marker, stat.Size, stat.ModifiedUtc);
        for (int number = 0; number <= MostNames; number++)
        {
            string candidate = number == 0 ? name : FileNames.WithTime(name, stat.ModifiedUtc, number);
            Moved moved = claims.TryMove(marker, to, candidate);
            if (moved == Moved.OtherFileSystem) moved = CopyOver(held, claims, marker, null, file, to, candidate);
            if (moved != Moved.Taken) return;
        }
    }

    private void CopyToQuarantine(HeldFolders held, HeldFolder from, SourceFile file, Defect defect)
    {
        try
        {
            TryCopyToQuarantine(held, from, file, defect);
        }
        catch (Exception error) when (FolderFaults.IsDenied(error))
        {
            // A read-only folder: the file stays where it is, and the ledger has the reason.
        }
    }

    private void TryCopyToQuarantine(HeldFolders held, HeldFolder from, SourceFile file, Defect defect)
    {
        string name = FileNames.NameOf(file.Path);
        if (from.Stat(name).Kind == FileKind.Missing) return;
        HeldFolder to = held.Quarantine(FileNames.FolderOf(file.Path));
        for (int number = 0; number <= MostNames; number++)
        {
            string candidate = number == 0 ? name : FileNames.WithTime(name, file.ModifiedUtc, number);
            if (FolderReasons.TryRead(disk, to, candidate) is { } known)
            {
                // Each run completes a kept bad file again. The first reason stays.
                if (known.IsAbout(file)) return;
                continue;
            }
            FileStat there = Look(to, candidate);
            if (there.Kind != FileKind.Missing && !there.Is(file)) continue;
            using SafeFileHandle? content = TryOpenListed(from, name, file);
            if (content is not null && there.Kind == FileKind.Missing)
            {
                held.Tidy(to, options.TimeProvider);
                if (FolderMove.TryCopy(disk, content, file, to, candidate) == Moved.Taken) continue;
            }
            else if (content is not null)
            {
                using SafeFileHandle copy = to.OpenFile(candidate);
                if (!FolderMove.AreSame(content, copy)) continue;
            }
            // A copy comes before its reason, because the reason says that all is done.
            FolderReasons.Write(to, Reason(candidate, file, defect), content);
            return;
        }
        throw TooMany(to);
    }

    /// <summary>What is at a name in a folder of ours. If nobody can tell, it is neither free nor taken.</summary>
    private static FileStat Look(HeldFolder own, string name) => own.Stat(name) is { Kind: not FileKind.Unknown } stat
        ? stat : throw new UnauthorizedAccessException($"There is no permission to look at {name} in {own.Path}");

    private static IOException TooMany(HeldFolder to) => new($"{MostNames:N0} files of that name are in {to.Path}");

    private ReasonFile Reason(string name, SourceFile file, Defect defect) =>
        new(name, source, file, options.TimeProvider.GetUtcNow().UtcDateTime, defect);

    /// <summary>The listed file, or <see langword="null"/> if it cannot be read: then that is why it is bad.</summary>
    private SafeFileHandle? TryOpenListed(HeldFolder from, string name, SourceFile file)
    {
        SafeFileHandle? opened = null;
        try
        {
            opened = from.Stat(name).Kind == FileKind.Link ? OpenLinked(file) : from.OpenFile(name);
            if (opened is null) throw new FileChangedException("is now a symbolic link");
            FileChange.Check(file, disk.Stat(opened), file.Size);
            return opened;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
        catch
        {
            opened?.Dispose();
            throw;
        }
    }

    private static SafeFileHandle? TryOpen(HeldFolder claims, string name, SafeFileHandle? linked)
    {
        try
        {
            return linked is null ? claims.OpenFile(name) : null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    private SafeFileHandle? OpenLinked(SourceFile file) => options.FollowLinks ? disk.OpenLinked(file.Path) : null;
}
