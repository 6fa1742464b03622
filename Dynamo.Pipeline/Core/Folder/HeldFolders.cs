using System.Collections.Concurrent;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// The folders of a source that one piece of work opens: each is opened once, looked at, and held until the work is done.
/// Used by one thread at a time.
/// </summary>
internal sealed class HeldFolders(FolderPlace place, FolderDisk disk) : IDisposable
{
    // Files come folder by folder. A call with thousands of folders holds some of them at a time.
    private const int MostOpen = 128;

    private readonly Dictionary<string, HeldFolder> _open = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FolderClaims> _claims = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tidied = new(StringComparer.Ordinal);

    // The last ones again: nearly every file is in the folder of the one before.
    private (string Below, HeldFolder Folder)? _source, _claimed, _quarantine;
    private (string Day, string Below, HeldFolder Folder)? _archive;

    /// <summary>The source's folder. Its path is the administrator's, links and all.</summary>
    public HeldFolder Root => Opened(place.Root, () => disk.Hold(place.Root));

    /// <summary>
    /// A folder below the source's, empty for that itself. Returns <see langword="null"/> if it is gone or has become a link: it belongs to
    /// whoever delivers files.
    /// </summary>
    public HeldFolder? Source(string below)
    {
        if (_source is { } last && last.Below == below) return last.Folder;
        if (_open.Count > MostOpen) Close();
        try
        {
            HeldFolder? folder = Below(Root, below, static (folder, name) => folder.Open(name));
            _source = folder is null ? null : (below, folder);
            return folder;
        }
        catch (FolderReplacedException)
        {
            return null;
        }
    }

    /// <summary>A folder below the source's, made if it is missing.</summary>
    /// <exception cref="FolderReplacedException">There is a link or a file instead.</exception>
    public HeldFolder MakeSource(string below) => Below(Root, below, (folder, name) => folder.Make(name, Root))!;

    /// <summary>Where files of a folder of the source are set aside while they are dealt with.</summary>
    public HeldFolder Claims(string below, HeldFolder folder)
    {
        if (_claimed is { } last && last.Below == below) return last.Folder;
        if (!_claims.TryGetValue(below, out FolderClaims? claims)) _claims.Add(below, claims = new FolderClaims(folder));
        _claimed = (below, claims.Folder);
        return claims.Folder;
    }

    /// <summary>A folder of the archive below that of a day, made if it is missing.</summary>
    /// <exception cref="SourceException">The archive, or a folder on the way to the day, is a link, or a stranger's.</exception>
    public HeldFolder Archive(string day, string below)
    {
        if (_archive is { } last && last.Day == day && last.Below == below) return last.Folder;
        HeldFolder folder = BelowOwn(place.Archive, nameof(FileSourceOptions.ArchiveFolder), day, below);
        _archive = (day, below, folder);
        return folder;
    }

    /// <summary>A folder of the archive, if there is one. A link below the archive is none.</summary>
    /// <exception cref="SourceException">The archive is a link, or a stranger's.</exception>
    public HeldFolder? ExistingArchive(string below = "")
    {
        HeldFolder? own = Existing(place.Archive, nameof(FileSourceOptions.ArchiveFolder));
        try
        {
            return own is null ? null : Below(own, below, static (folder, name) => folder.Open(name));
        }
        catch (FolderReplacedException)
        {
            return null;
        }
    }

    /// <summary>A folder of the quarantine, made if it is missing.</summary>
    /// <exception cref="SourceException">The quarantine is a link, or a stranger's.</exception>
    public HeldFolder Quarantine(string below)
    {
        if (_quarantine is { } last && last.Below == below) return last.Folder;
        HeldFolder folder = BelowOwn(place.Quarantine, nameof(FileSourceOptions.QuarantineFolder), "", below);
        _quarantine = (below, folder);
        return folder;
    }

    /// <summary>The quarantine, if there is one.</summary>
    /// <exception cref="SourceException">The quarantine is a link, or a stranger's.</exception>
    public HeldFolder? ExistingQuarantine() => Existing(place.Quarantine, nameof(FileSourceOptions.QuarantineFolder));

    /// <summary>Refuses an archive or quarantine that cannot be used, before a file is read.</summary>
    /// <exception cref="SourceException">It is a link, or a stranger's.</exception>
    public void CheckOwn()
    {
        try
        {
            Existing(place.Archive, nameof(FileSourceOptions.ArchiveFolder));
            ExistingQuarantine();
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            // Whether the source itself can be listed, and the folders written, shows when that is done.
        }
    }

    /// <summary>Makes the folders that were made meanwhile survive a power cut.</summary>
    public void FlushMade()
    {
        foreach (HeldFolder folder in _open.Values.Where(folder => folder.HasNewFolders)) folder.Flush();
    }

    /// <summary>Removes what killed runs left in a folder into which files are copied, once.</summary>
    public void Tidy(HeldFolder folder, TimeProvider time)
    {
        if (_tidied.Add(folder.Path)) folder.Tidy(time);
    }

    public void Dispose() => Close();

    private void Close()
    {
        foreach (FolderClaims claims in _claims.Values) claims.Dispose();
        foreach (HeldFolder folder in _open.Values) folder.Dispose();
        _claims.Clear();
        _open.Clear();
        _source = _claimed = _quarantine = null;
        _archive = null;
    }

    private HeldFolder? Existing(string path, string option)
    {
        try
        {
            return Own(path, option, static (folder, name) => folder.Open(name));
        }
        catch (DirectoryNotFoundException)
        {
            // Not asked beforehand: Directory.Exists also denies what it cannot look at.
            return null;
        }
    }

    private HeldFolder BelowOwn(string path, string option, string day, string below)
    {
        // Never the source's own folder or one below it by its path: if that is unmounted now, another one would be made in its place.
        if (place.NamesBelow(path) is null && Path.GetDirectoryName(path) is { } parent && !Directory.Exists(parent))
            Directory.CreateDirectory(parent);
        HeldFolder own = Own(path, option, (folder, name) => folder.Make(name, Root))!;
        try
        {
            HeldFolder ofDay = Below(own, day, (folder, name) => NotAStrangers(folder.Make(name, own), option))!;
            return Below(ofDay, below, (folder, name) => folder.Make(name, own))!;
        }
        catch (FolderReplacedException error)
        {
            throw FolderFaults.Refused(error, option);
        }
    }

    /// <summary>
    /// Opens the archive or the quarantine. If it is below the source, no folder on the way there may be a link. If it is elsewhere, only
    /// the last one may not.
    /// </summary>
    private HeldFolder? Own(string path, string option, Func<HeldFolder, string, HeldFolder?> step)
    {
        if (_open.TryGetValue(path, out HeldFolder? known)) return known;
        try
        {
            HeldFolder? own;
            if (place.NamesBelow(path) is { } names) own = Below(Root, string.Join('/', names), step);
            else
            {
                string parent = Path.GetDirectoryName(path) ?? path;
                own = Below(Opened(parent, () => disk.Hold(parent)), Path.GetFileName(path), step);
            }
            return own is null ? null : NotAStrangers(own, option);
        }
        catch (FolderReplacedException error)
        {
            throw FolderFaults.Refused(error, option);
        }
    }

    /// <summary>Whoever made a folder of the archive can take or change what is put there.</summary>
    private static HeldFolder NotAStrangers(HeldFolder folder, string option) =>
        folder.Stranger is { } stranger ? throw FolderFaults.Strange(folder.Path, stranger, option) : folder;

    private HeldFolder? Below(HeldFolder start, string below, Func<HeldFolder, string, HeldFolder?> step)
    {
        HeldFolder? folder = start;
        if (below.Length == 0) return folder;
        foreach (string name in below.Split('/'))
        {
            string path = Path.Join(folder.Path, name);
            if (!_open.TryGetValue(path, out HeldFolder? next))
            {
                if (step(folder, name) is not { } opened) return null;
                _open.Add(path, next = opened);
            }
            folder = next;
        }
        return folder;
    }

    private HeldFolder Opened(string path, Func<HeldFolder> open)
    {
        if (!_open.TryGetValue(path, out HeldFolder? folder)) _open.Add(path, folder = open());
        return folder;
    }
}

/// <summary>
/// A folder of ours beside the files of a source, which only this user may enter, under a name that nobody can guess. A file is moved
/// there, looked at, and then archived, deleted or put back: what was looked at is what is dealt with, whatever is put at its path
/// meanwhile. It keeps its name there, so that the next run can put back what a killed one left. Used by one thread at a time.
/// </summary>
internal sealed class FolderClaims(HeldFolder folder) : IDisposable
{
    private static readonly ConcurrentDictionary<string, bool> s_inUse = new(StringComparer.Ordinal);

    private string? _name;
    private HeldFolder? _claims;

    public HeldFolder Folder => _claims ??= Make();

    /// <summary>Whether this process uses it right now.</summary>
    public static bool IsInUse(string name) => s_inUse.ContainsKey(name);

    public void Dispose()
    {
        if (_name is null) return;
        _claims?.Dispose();
        folder.TryRemoveFolder(_name);
        s_inUse.TryRemove(_name, out _);
        (_name, _claims) = (null, null);
    }

    private HeldFolder Make()
    {
        _name = FileNames.NewClaims();
        s_inUse[_name] = true;
        if (folder.TryMakeFolder(_name, like: null) && folder.Open(_name) is { } made)
        {
            made.IsPrivate = made.Stranger is null;
            if (made.IsPrivate) return made;
            made.Dispose();
        }
        throw new IOException($"{folder.Path}: somebody takes away the folders that are made there");
    }
}
