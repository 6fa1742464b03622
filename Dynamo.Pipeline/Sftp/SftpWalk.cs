using System.Runtime.CompilerServices;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// One listing of a source: ready files at once, files that may be too young when a second look finds them unchanged. A folder whose
/// listing is interrupted is listed again from its beginning, and what was offered before is left out. Used once, by one reader.
/// </summary>
internal sealed class SftpWalk(
    SftpPlace place, ReconnectingConnection line, SftpSourceOptions options, SftpClock clock, string source)
{
    private const int LongestPath = 4096;

    private const string OnlyKeeps = "a symbolic link, which the managed client cannot move or delete without what it leads to; keep files "
        + "after the commit, or use the ssh client";

    private const string SetAside =
        "a version that an interrupted run had set aside; it is put back when there is no other file of that name";

    private const long MostFolderNames = 32L << 20;

    private readonly FileSelection _filter = new(new FolderSourceOptions
    {
        Pattern = options.Pattern,
        Recursive = options.Recursive,
        DoneMarker = options.DoneMarker,
    });
    private readonly SftpYoungFiles _young = new(place, line, options, clock);
    private readonly SftpOwnFolders _own = new(place, line);
    private readonly Stack<string> _folders = new([""]);
    private readonly List<(string Path, string Name)> _claims = [];
    private long _folderNames;
    private int _names;

    /// <summary>Whether to say only what a killed run left set aside, and not to put it back.</summary>
    public bool ChangesNothing { get; init; }

    /// <summary>Whether a file that may be too young is given as that, without waiting.</summary>
    public bool WaitsForNothing { get; init; }

    public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!ChangesNothing) await clock.AskAsync(line, cancellationToken).ConfigureAwait(false);
        if (options.Recursive || options.FollowLinks) await _own.FindAsync(cancellationToken).ConfigureAwait(false);
        while (_folders.TryPop(out string? folder))
        {
            _folderNames -= folder.Length;
            SftpMarkers? markers = options.DoneMarker is { } ending ? new SftpMarkers(ending) : null;
            await foreach ((SourceFile file, bool isMarker) in FolderAsync(folder, cancellationToken).ConfigureAwait(false))
            {
                if (markers is not null) markers.Add(file, isMarker);
                else if (Settling(file) is { } known) yield return known;
                if (!_young.IsFull) continue;
                await foreach (SourceFile settled in _young.LookAgainAsync(cancellationToken).ConfigureAwait(false)) yield return settled;
            }
            foreach (SourceFile left in await PutBackAsync(folder, cancellationToken).ConfigureAwait(false))
            {
                // With markers, the next listing matches them.
                if ((markers is null || left.DeferReason is not null) && Settling(left) is { } known) yield return known;
            }
            foreach (SourceFile file in markers?.Verdicts() ?? []) yield return file;
        }
        await foreach (SourceFile settled in _young.LookAgainAsync(cancellationToken).ConfigureAwait(false)) yield return settled;
    }

    /// <summary>The file as it is given now, or <see langword="null"/> if it is looked at again first.</summary>
    private SourceFile? Settling(SourceFile file)
    {
        if (file.DeferReason is not null) return file;
        if (WaitsForNothing)
            return _young.IsYoung(file) ? file with { DeferReason = "it may still be written", SettlesIn = options.SettleTime } : file;
        return _young.Takes(file) ? null : file;
    }

    private async IAsyncEnumerable<(SourceFile File, bool IsMarker)> FolderAsync(
        string folder, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var seen = new SftpSeenNames();
        for (bool isDone = false; !isDone;)
        {
            ISftpSession session = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            var batches = session.ListAsync(place.Encode(place.FolderOf(folder)), cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using ConfiguredAsyncDisposable closing = batches.ConfigureAwait(false);
            while (!isDone)
            {
                List<(SourceFile, bool)>? batch;
                try
                {
                    batch = await batches.MoveNextAsync().ConfigureAwait(false)
                        ? await TakeAsync(session, folder, batches.Current, seen, cancellationToken).ConfigureAwait(false) : null;
                }
                catch (SftpConnectionException)
                {
                    // The line replaces the connection, or says why it cannot.
                    break;
                }
                catch (SftpProtocolException e)
                {
                    throw new SourceException($"{source}: the server does not speak SFTP as it should: {e.Message}.", e);
                }
                catch (SftpStatusException e)
                {
                    batch = Unlisted(folder, e);
                    isDone = true;
                }
                if (batch is null) isDone = true;
                else foreach ((SourceFile, bool) entry in batch) yield return entry;
            }
        }
    }

    /// <summary>
    /// Puts back what a killed run had set aside in a folder, so that it is listed: the ledger says what is to be done with it. If another
    /// file has its path by now, it stays until that one is dealt with.
    /// </summary>
    private async Task<List<SourceFile>> PutBackAsync(string folder, CancellationToken cancellationToken)
    {
        var files = new List<SourceFile>();
        foreach ((string path, string name) in _claims.Where(claims => !SftpClaims.IsInUse(claims.Name)))
        {
            try
            {
                ISftpSession session = await line.GetAsync(cancellationToken).ConfigureAwait(false);
                await PutBackAsync(session, folder, path, files, cancellationToken).ConfigureAwait(false);
            }
            catch (SftpStatusException e) when (e.Status.Code == SftpCode.NoSuchFile)
            {
                // Another host put it back, or it is here twice because the listing was interrupted.
            }
            catch (Exception e) when (e is SftpStatusException or SftpConnectionException or SftpProtocolException)
            {
                files.Add(Deferred(path, $"set aside, and cannot be put back: {e.Message}"));
            }
        }
        _claims.Clear();
        return files;
    }

    private async Task PutBackAsync(
        ISftpSession session, string folder, string claims, List<SourceFile> files, CancellationToken cancellationToken)
    {
        string from = place.FolderOf(claims);
        await foreach (SftpEntry[] entries in session.ListAsync(place.Encode(from), cancellationToken).ConfigureAwait(false))
        {
            foreach (SftpEntry entry in entries)
            {
                SftpNames.Check(entry.Name);
                if (SftpNames.IsSelfOrParent(entry.Name) || !place.Names.TryDecode(entry.Name, out string? name)) continue;
                string path = Join(folder, name);
                var status = new SftpStatus(SftpCode.Failure, "");
                if (!ChangesNothing)
                {
                    Task<SftpStatus> moving =
                        session.RenameAsync(place.Encode(SftpPlace.Join(from, name)), place.Encode(place.FolderOf(path)));
                    status = await moving.WaitAsync(cancellationToken).ConfigureAwait(false);
                }
                if (status.Code == SftpCode.NoSuchFile || !_filter.WantsFile(name)) continue;
                (SourceFile file, _) = Entry(path, name, entry.Attributes);
                files.Add(status.IsOk && options.DoneMarker is null ? file : file with { DeferReason = SetAside });
            }
        }
        if (!ChangesNothing) await session.RemoveFolderAsync(place.Encode(from)).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A folder below that cannot be listed is deferred; without the root there is no source.</summary>
    private List<(SourceFile, bool)>? Unlisted(string folder, SftpStatusException error)
    {
        if (folder.Length == 0) throw SftpFaults.Listing(source, place.Root, error);
        if (error.Status.Code == SftpCode.NoSuchFile) return null;
        return [(Deferred(folder, $"the folder cannot be listed: {error.Status}"), false)];
    }

    private async Task<List<(SourceFile, bool)>> TakeAsync(
        ISftpSession session, string folder, SftpEntry[] entries, SftpSeenNames seen, CancellationToken cancellationToken)
    {
        // An answer without names counts as well, or a server could send them for ever.
        _names += Math.Max(1, entries.Length);
        if (_names > options.MostNames)
            throw new SourceException($"{source}: the server listed more than {options.MostNames:N0} names; the listing seems endless.");
        var taken = new List<(SourceFile, bool)>(entries.Length);
        List<Task<(SourceFile, bool)?>>? links = null;
        foreach (SftpEntry entry in entries)
        {
            SftpNames.Check(entry.Name);
            if (SftpNames.IsSelfOrParent(entry.Name) || !seen.Add(entry.Name)) continue;
            bool isText = place.Names.TryDecode(entry.Name, out string? name);
            string path = Join(folder, name ?? SftpNames.Show(entry.Name));
            if (!isText) taken.Add((Deferred(path, $"the name is not valid {options.NameEncoding.WebName}"), false));
            else if (entry.Attributes.IsFolder)
            {
                if (FileNames.IsClaims(name)) _claims.Add((path, name!));
                if (AddFolder(path, name!) is { } deferred) taken.Add((deferred, false));
            }
            else if (!_filter.WantsFile(name!) && !IsMarker(name!)) continue;
            else if (entry.Attributes.IsLink && !options.FollowLinks) taken.Add((Deferred(path, FileNames.NotFollowed), IsMarker(name!)));
            else if (entry.Attributes.IsLink && !session.MovesLinks && options.AfterCommit != AfterCommit.Keep)
                taken.Add((Deferred(path, OnlyKeeps), IsMarker(name!)));
            // A link's own size says nothing about the file it leads to, and some servers list names only.
            else if (entry.Attributes.IsLink || entry.Attributes is { Size: null } or { ModifiedUtc: null })
                (links ??= []).Add(FollowAsync(session, path, name!, entry.Attributes.IsLink));
            else taken.Add(Entry(path, name!, entry.Attributes));
        }
        foreach (Task<(SourceFile, bool)?> link in links ?? [])
            if (await link.WaitAsync(cancellationToken).ConfigureAwait(false) is { } entry) taken.Add(entry);
        if (taken.Count > 0) line.Progressed();
        return taken;
    }

    /// <summary>Takes note of a folder to list. A server may nest folders without end, and name them without end.</summary>
    private SourceFile? AddFolder(string path, string name)
    {
        if (!_filter.WantsFolder(name) || _own.Contains(path)) return null;
        if (path.Length > LongestPath) return Deferred(path, $"its path is longer than {LongestPath:N0} characters");
        _folderNames += path.Length;
        if (_folderNames > MostFolderNames)
            throw new SourceException($"{source}: the names of the folders that the server lists fill more than {MostFolderNames:N0} "
                + "characters; the listing seems endless.");
        _folders.Push(path);
        return null;
    }

    private async Task<(SourceFile, bool)?> FollowAsync(ISftpSession session, string path, string name, bool isLink)
    {
        try
        {
            byte[] file = place.Encode(place.FolderOf(path));
            SftpAttributes? found = await session.StatAsync(file).ConfigureAwait(false);
            if (found is { IsFolder: true }) return null;
            if (isLink && found is not null && !_own.IsBelow(await session.RealPathAsync(file).ConfigureAwait(false)))
                return (Deferred(path, "the symbolic link leads out of the source"), IsMarker(name));
            if (found is not { } attributes) return (Deferred(path, "the symbolic link leads nowhere"), IsMarker(name));
            return Entry(path, name, attributes);
        }
        catch (SftpStatusException e)
        {
            return (SftpFaults.Unseen(path, e), IsMarker(name));
        }
    }

    private static SourceFile Deferred(string path, string reason) => new(path, 0, DateTime.UnixEpoch) { DeferReason = reason };

    private (SourceFile, bool) Entry(string path, string name, SftpAttributes attributes) =>
        (new SourceFile(path, attributes.Size ?? 0, attributes.ModifiedUtc ?? DateTime.UnixEpoch) { DeferReason = Defer(attributes) },
            IsMarker(name));

    private bool IsMarker(string name) => options.DoneMarker is { } marker && name.EndsWith(marker, StringComparison.Ordinal);

    private static string? Defer(SftpAttributes attributes)
    {
        if (!attributes.IsRegular) return "not a regular file";
        return attributes is { Size: null } or { ModifiedUtc: null } ? "the server tells no size or time" : null;
    }

    private static string Join(string folder, string name) => folder.Length == 0 ? name : $"{folder}/{name}";
}

/// <summary>
/// Files of a listing that may be too young to be whole. Two clocks tell a file's age, so a young one is any that may be young; what
/// decides then is our clock alone, between two looks.
/// </summary>
internal sealed class SftpYoungFiles(SftpPlace place, ReconnectingConnection line, SftpSourceOptions options, SftpClock clock)
{
    private const int Most = 20_000, LooksAtOnce = 512;

    private readonly TimeProvider _time = options.TimeProvider;
    private readonly List<SourceFile> _files = [];
    private long _since;

    /// <summary>So many that the listing waits for them before it goes on.</summary>
    public bool IsFull => _files.Count >= Most;

    /// <summary>Takes the file when it may be young.</summary>
    public bool Takes(SourceFile file)
    {
        if (!IsYoung(file)) return false;
        _files.Add(file);
        _since = _time.GetTimestamp();
        return true;
    }

    /// <summary>Whether the file may have changed within the settle time, by either clock.</summary>
    public bool IsYoung(SourceFile file) => options.SettleTime > TimeSpan.Zero
        && clock.UtcNow - file.ModifiedUtc < options.SettleTime + options.ClockSkew;

    /// <summary>Waits until the last one taken has had its time, and gives them back: ready, or deferred.</summary>
    public async IAsyncEnumerable<SourceFile> LookAgainAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_files.Count == 0) yield break;
        TimeSpan wait = options.SettleTime - _time.GetElapsedTime(_since);
        if (wait > TimeSpan.Zero) await Task.Delay(wait, _time, cancellationToken).ConfigureAwait(false);
        foreach (SourceFile[] files in _files.Chunk(LooksAtOnce))
            foreach (SourceFile? file in await LookAsync(files, cancellationToken).ConfigureAwait(false))
                if (file is not null) yield return file;
        _files.Clear();
    }

    private async Task<SourceFile?[]> LookAsync(SourceFile[] files, CancellationToken cancellationToken)
    {
        while (true)
        {
            ISftpSession session = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                Task<SourceFile?[]> looks = Task.WhenAll(files.Select(file => LookAsync(session, file)));
                SourceFile?[] found = await looks.WaitAsync(cancellationToken).ConfigureAwait(false);
                line.Progressed();
                return found;
            }
            catch (SftpConnectionException)
            {
                // All of them are looked at again on the next session.
            }
        }
    }

    private async Task<SourceFile?> LookAsync(ISftpSession session, SourceFile listed)
    {
        try
        {
            if (await session.StatAsync(place.Encode(place.PathOf(listed))).ConfigureAwait(false) is not { } now) return null;
            if (now.Size == listed.Size && now.ModifiedUtc == listed.ModifiedUtc) return listed;
            return new SourceFile(listed.Path, now.Size ?? 0, now.ModifiedUtc ?? DateTime.UnixEpoch) { DeferReason = "still changing" };
        }
        catch (SftpStatusException e)
        {
            return SftpFaults.Unseen(listed.Path, e);
        }
    }
}

/// <summary>The files and done-markers of one folder, matched when both are known.</summary>
internal sealed class SftpMarkers(string ending)
{
    private readonly List<SourceFile> _files = [];
    private readonly Dictionary<string, DateTime> _markers = new(StringComparer.Ordinal);

    public void Add(SourceFile file, bool isMarker)
    {
        if (isMarker) _markers[file.Path] = file.ModifiedUtc;
        else _files.Add(file);
    }

    public IEnumerable<SourceFile> Verdicts()
    {
        foreach (SourceFile file in _files)
            yield return file.DeferReason is null ? file with { DeferReason = Reason(file) } : file;
    }

    private string? Reason(SourceFile file)
    {
        if (!_markers.TryGetValue(file.Path + ending, out DateTime marked)) return "no done marker yet";
        return marked < file.ModifiedUtc ? "changed after its done marker" : null;
    }
}

/// <summary>
/// Where a source puts files itself, as the server knows these folders: a listing leaves them out by whatever path or link they are named.
/// </summary>
internal sealed class SftpOwnFolders(SftpPlace place, ReconnectingConnection line)
{
    private string? _root;
    private string?[] _own = [];

    /// <summary>Asks the server. What it does not know is told by its path alone.</summary>
    public async Task FindAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            ISftpSession session = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                Task<string?[]> asked = Task.WhenAll(
                    RealAsync(session, place.Root), RealAsync(session, place.Archive), RealAsync(session, place.Quarantine));
                string?[] real = await asked.WaitAsync(cancellationToken).ConfigureAwait(false);
                (_root, _own) = (real[0], real[1..]);
                return;
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
        }
    }

    public bool Contains(string below) => place.IsOwnFolder(below) || (_root is not null && _own.Contains(SftpPlace.Join(_root, below)));

    /// <summary>Whether the real path of a file is below the source. Unknown where the server does not tell the source's.</summary>
    public bool IsBelow(byte[] real) =>
        _root is not null && place.Names.TryDecode(real, out string? path)
        && path.StartsWith(SftpPlace.Join(_root, ""), StringComparison.Ordinal);

    private async Task<string?> RealAsync(ISftpSession session, string path)
    {
        try
        {
            byte[] name = await session.RealPathAsync(place.Encode(path)).ConfigureAwait(false);
            return place.Names.TryDecode(name, out string? real) ? real : null;
        }
        catch (SftpStatusException)
        {
            return null;
        }
    }
}

/// <summary>
/// The names of a folder that were taken, as 64-bit hashes: a million take 24 MB. Two names with one hash would leave the second one out of
/// a run; the seed is drawn anew for each listing, so that the next run takes it, and so that nobody can prepare such names.
/// </summary>
internal sealed class SftpSeenNames
{
    private readonly HashSet<ulong> _hashes = [];
    private readonly ulong _seed = (ulong)Random.Shared.NextInt64();

    public bool Add(ReadOnlySpan<byte> name)
    {
        ulong hash = StableHash.Of(name, _seed);
        // A final mix.
        hash ^= hash >> 32;
        return _hashes.Add(hash * 0x9E3779B97F4A7C15);
    }
}
