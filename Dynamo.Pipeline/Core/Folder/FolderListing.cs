using System.Runtime.CompilerServices;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// One listing of a folder. It gives ready files at once. It gives young files when they have not changed for the settle time,
/// and those that did change as deferred. It holds a portion of names and at most <see cref="MostYoung"/> young files in memory.
/// </summary>
internal sealed class FolderListing(
    FolderPlace place, FolderDisk disk, FolderSourceOptions options, bool changesNothing, LinuxArrivals? arrivals = null)
{
    /// <summary>
    /// With this many young files, the listing waits for them before it goes on. So a million new files are never held in memory.
    /// </summary>
    internal const int MostYoung = 20_000;

    private const string SetAside =
        "a version that an interrupted run had set aside; it is put back when there is no other file of that name";

    private readonly FileSelection _filter = new(options);
    private readonly TimeProvider _clock = options.TimeProvider;

    private readonly record struct YoungFile(SourceFile File, DateTime ReadyAt);

    public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (options.AfterCommit != AfterCommit.Keep) CheckOwnFolders();
        var young = new List<YoungFile>();
        foreach (SourceFile file in Walk())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (ReadyAt(file) is not { } readyAt)
            {
                yield return file;
                continue;
            }
            young.Add(new YoungFile(file, readyAt));
            if (young.Count < MostYoung) continue;
            await WaitAsync(young, cancellationToken).ConfigureAwait(false);
            foreach (SourceFile settled in LookAgain(young)) yield return settled;
            young.Clear();
        }
        await WaitAsync(young, cancellationToken).ConfigureAwait(false);
        foreach (SourceFile settled in LookAgain(young)) yield return settled;
        // If the folder is removed or unmounted during the listing, that looks like its end.
        place.CheckThere();
    }

    /// <summary>All files, without waiting: of a young one it says how long it takes to settle.</summary>
    public async IAsyncEnumerable<SourceFile> SweepAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (options.AfterCommit != AfterCommit.Keep) CheckOwnFolders();
        foreach (SourceFile file in Walk())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (file.DeferReason is null && arrivals?.IsBeingWritten(file.Path) == true)
                yield return file with { DeferReason = "it is being written" };
            else if (ReadyAt(file) is { } readyAt)
                yield return file with { DeferReason = "it may still be written", SettlesIn = readyAt - _clock.GetUtcNow().UtcDateTime };
            else
                yield return file;
        }
        place.CheckThere();
        await Task.CompletedTask.ConfigureAwait(false);
    }

    /// <summary>A file that somebody says is there, as a listing would give it; <see langword="null"/> if it would not.</summary>
    public SourceFile? Find(string path)
    {
        if (!_filter.WantsFile(FileNames.NameOf(path))) return null;
        FolderEntry entry = disk.Look(path);
        return entry.Stat.Kind is FileKind.Missing or FileKind.Folder
            ? null : new SourceFile(path, entry.Stat.Size, entry.Stat.ModifiedUtc) { DeferReason = DeferReason(entry, path) };
    }

    /// <summary>When the file will have been unchanged for the settle time, or <see langword="null"/> if it already has.</summary>
    private DateTime? ReadyAt(SourceFile file)
    {
        if (file.DeferReason is not null || options.DoneMarker is not null || options.SettleTime == TimeSpan.Zero) return null;
        DateTime now = _clock.GetUtcNow().UtcDateTime;
        // A time in the future comes from another clock. Then the settle time starts now.
        if (file.ModifiedUtc > now) return now + options.SettleTime;
        return now - file.ModifiedUtc >= options.SettleTime ? null : file.ModifiedUtc + options.SettleTime;
    }

    private async Task WaitAsync(List<YoungFile> young, CancellationToken cancellationToken)
    {
        if (young.Count == 0) return;
        TimeSpan wait = young.Max(file => file.ReadyAt) - _clock.GetUtcNow().UtcDateTime;
        if (wait > options.SettleTime) wait = options.SettleTime;
        if (wait > TimeSpan.Zero) await Task.Delay(wait, _clock, cancellationToken).ConfigureAwait(false);
    }

    private IEnumerable<SourceFile> LookAgain(List<YoungFile> young)
    {
        foreach ((SourceFile file, _) in young)
        {
            FileStat now = Look(file.Path);
            if (now.Kind == FileKind.Missing) continue;
            yield return now.Is(file) ? file : new SourceFile(file.Path, now.Size, now.ModifiedUtc) { DeferReason = "still changing" };
        }
    }

    /// <exception cref="SourceException">The disk or the network share fails.</exception>
    private FileStat Look(string path)
    {
        try
        {
            return disk.Stat(place.PathOf(path));
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Listing(place.Root, error);
        }
    }

    /// <summary>All wanted files, folder by folder, with only one folder open at a time.</summary>
    private IEnumerable<SourceFile> Walk()
    {
        var pending = new Stack<string>([""]);
        long files = 0, unknown = 0;
        while (pending.TryPop(out string? folder))
        {
            // Before it is listed, so that nothing lands unnoticed in between.
            arrivals?.Add(folder);
            using FolderReader? reader = OpenFolder(folder, out SourceFile? deferred);
            if (deferred is not null) yield return deferred;
            while (reader is not null && TryRead(reader, out FolderEntry entry))
            {
                string path = folder.Length == 0 ? entry.Name : folder + "/" + entry.Name;
                if (entry is { Stat.Kind: FileKind.Folder, IsText: true })
                {
                    if (!place.IsOwnFolder(path)) pending.Push(path);
                }
                else
                {
                    files++;
                    if (entry.Stat.Kind == FileKind.Unknown) unknown++;
                    yield return new SourceFile(path, entry.Stat.Size, entry.Stat.ModifiedUtc) { DeferReason = DeferReason(entry, path) };
                }
            }
            // After the names were read, so that what comes back is not listed twice.
            foreach (SourceFile left in reader?.Claims.SelectMany(claims => PutBack(folder, claims)) ?? []) yield return left;
        }
        // A folder that may be read and not entered shows names and nothing else.
        if (unknown > 0 && unknown == files) throw FolderFaults.Listing(place.Root, new UnauthorizedAccessException());
    }

    private void CheckOwnFolders()
    {
        using var held = new HeldFolders(place, disk);
        held.CheckOwn();
    }

    /// <summary>
    /// Puts back what a killed run had set aside, so that it is listed: the ledger says what is to be done with it. If another file has its
    /// path by now, it stays until that one is dealt with. A folder of a stranger under such a name is left alone.
    /// </summary>
    private List<SourceFile> PutBack(string folder, string claims)
    {
        var files = new List<SourceFile>();
        if (FolderClaims.IsInUse(claims)) return files;
        try
        {
            using var held = new HeldFolders(place, disk);
            if (held.Source(folder) is not { } home || home.Open(claims) is not { } opened) return files;
            using (opened)
            {
                if (opened.Stranger is not null) return files;
                foreach (string name in opened.Names().Order(StringComparer.Ordinal).ToArray())
                {
                    string path = folder.Length == 0 ? name : folder + "/" + name;
                    Moved moved = changesNothing ? Moved.Taken : opened.TryMove(name, home, name);
                    if (moved == Moved.Missing || !_filter.WantsFile(name)) continue;
                    FileStat stat = moved == Moved.Done ? home.Stat(name) : opened.Stat(name);
                    var entry = new FolderEntry(name, true, stat.Kind == FileKind.Link, stat);
                    string? reason = moved == Moved.Done ? DeferReason(entry, path) : SetAside;
                    files.Add(new SourceFile(path, stat.Size, stat.ModifiedUtc) { DeferReason = reason });
                }
            }
            if (!changesNothing) home.TryRemoveFolder(claims);
        }
        catch (Exception error) when (FolderFaults.IsDisk(error) || error is FolderReplacedException)
        {
            string path = folder.Length == 0 ? claims : folder + "/" + claims;
            files.Add(new SourceFile(path, 0, DateTime.UnixEpoch) { DeferReason = $"set aside, and cannot be put back: {error.Message}" });
        }
        return files;
    }

    private FolderReader? OpenFolder(string folder, out SourceFile? deferred)
    {
        deferred = null;
        try
        {
            return disk.OpenFolder(folder.Length == 0 ? place.Root : place.PathOf(folder), _filter);
        }
        catch (DirectoryNotFoundException) when (folder.Length > 0)
        {
            return null;
        }
        catch (Exception error) when (folder.Length > 0 && error is UnauthorizedAccessException or PathTooLongException)
        {
            deferred = new SourceFile(folder, 0, DateTime.UnixEpoch) { DeferReason = $"the folder cannot be listed: {error.Message}" };
            return null;
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Listing(place.Root, error);
        }
    }

    private bool TryRead(FolderReader reader, out FolderEntry entry)
    {
        try
        {
            return reader.TryRead(out entry);
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Listing(place.Root, error);
        }
    }

    private string? DeferReason(FolderEntry entry, string path)
    {
        if (!entry.IsText) return "the name is not valid UTF-8";
        if (entry.IsLink && !options.FollowLinks) return FileNames.NotFollowed;
        return entry.Stat.Kind switch
        {
            FileKind.Regular when entry.IsLink && !disk.LeadsBelow(path) => "the symbolic link leads out of the source",
            FileKind.Regular => options.DoneMarker is { } marker ? MarkerReason(path + marker, entry) : null,
            FileKind.BrokenLink => "the symbolic link leads nowhere",
            FileKind.LinkLoop => "the symbolic link leads in a circle",
            FileKind.Unknown => "there is no permission to look at it",
            _ => "not a regular file",
        };
    }

    private string? MarkerReason(string marker, FolderEntry entry)
    {
        FileStat stat = Look(marker);
        if (stat.Kind != FileKind.Regular) return $"there is no {entry.Name}{options.DoneMarker} yet";
        // An old marker that was left behind does not count for a new file of that name.
        return stat.ModifiedUtc < entry.Stat.ModifiedUtc ? $"{entry.Name}{options.DoneMarker} is older than the file" : null;
    }
}
