using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>
/// One listing of a source: ready files at once, files that may be too young when a second look finds them unchanged. A folder whose listing is
/// interrupted is listed again from its beginning, and what was offered before is left out. Used once, by one reader.
/// </summary>
internal sealed class SftpWalk(SftpPlace place, SftpLine line, SftpSourceOptions options, string source)
{
    /// <summary>When so many files are young the listing waits for them before it goes on.</summary>
    internal const int MostYoung = 20_000;

    private const int LooksAtOnce = 512;

    private readonly FolderFilter _filter = new(new FolderSourceOptions
    {
        Pattern = options.Pattern,
        Recursive = options.Recursive,
        DoneMarker = options.DoneMarker,
    });
    private readonly TimeProvider _time = options.TimeProvider;
    private readonly Stack<string> _folders = new([""]);
    private readonly List<SourceFile> _young = [];
    private long _youngSince;
    private int _names;

    public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (_folders.TryPop(out string? folder))
        {
            SftpMarkers? markers = options.DoneMarker is { } ending ? new SftpMarkers(ending) : null;
            await foreach ((SourceFile file, bool isMarker) in FolderAsync(folder, cancellationToken).ConfigureAwait(false))
            {
                if (markers is not null) markers.Add(file, isMarker);
                else if (file.DeferReason is not null || !IsYoung(file)) yield return file;
                if (_young.Count < MostYoung) continue;
                await foreach (SourceFile settled in LookAgainAsync(cancellationToken).ConfigureAwait(false)) yield return settled;
            }
            foreach (SourceFile file in markers?.Verdicts() ?? []) yield return file;
        }
        await foreach (SourceFile settled in LookAgainAsync(cancellationToken).ConfigureAwait(false)) yield return settled;
    }

    private async IAsyncEnumerable<(SourceFile File, bool IsMarker)> FolderAsync(string folder, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var seen = new SftpSeenNames();
        for (bool isDone = false; !isDone;)
        {
            SftpConnection connection = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            var batches = SftpListing.ListAsync(connection, place.Encode(place.FolderOf(folder)), cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using ConfiguredAsyncDisposable closing = batches.ConfigureAwait(false);
            while (!isDone)
            {
                List<(SourceFile, bool)>? batch;
                try
                {
                    batch = await batches.MoveNextAsync().ConfigureAwait(false)
                        ? await TakeAsync(connection, folder, batches.Current, seen, cancellationToken).ConfigureAwait(false) : null;
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

    /// <summary>A folder below that cannot be listed is deferred; without the root there is no source.</summary>
    private List<(SourceFile, bool)>? Unlisted(string folder, SftpStatusException error)
    {
        if (folder.Length == 0) throw SftpFaults.Listing(source, place.Root, error);
        if (error.Status.Code == SftpCode.NoSuchFile) return null;
        return [(new SourceFile(folder, 0, DateTime.UnixEpoch) { DeferReason = $"the folder cannot be listed: {error.Status}" }, false)];
    }

    private async Task<List<(SourceFile, bool)>> TakeAsync(
        SftpConnection connection, string folder, SftpEntry[] entries, SftpSeenNames seen, CancellationToken cancellationToken)
    {
        // An answer without names counts as well, or a server could send them for ever.
        _names += Math.Max(1, entries.Length);
        if (_names > options.MostNames) throw new SourceException($"{source}: the server listed more than {options.MostNames:N0} names; the listing seems endless.");
        var taken = new List<(SourceFile, bool)>(entries.Length);
        List<Task<(SourceFile, bool)?>>? links = null;
        foreach (SftpEntry entry in entries)
        {
            SftpNames.Check(entry.Name);
            if (SftpNames.IsSelfOrParent(entry.Name) || !seen.Add(entry.Name)) continue;
            bool isText = place.Names.TryDecode(entry.Name, out string? name);
            string path = Join(folder, name ?? SftpNames.Show(entry.Name));
            if (!isText) taken.Add((new SourceFile(path, 0, DateTime.UnixEpoch) { DeferReason = $"the name is not valid {options.NameEncoding.WebName}" }, false));
            else if (entry.Attributes.IsFolder) AddFolder(path, name!);
            else if (!_filter.WantsFile(name!) && !IsMarker(name!)) continue;
            // A link's own size says nothing about the file it leads to, and some servers list names only.
            else if (entry.Attributes.IsLink || entry.Attributes is { Size: null } or { ModifiedUtc: null }) (links ??= []).Add(FollowAsync(connection, path, name!));
            else taken.Add(Entry(path, name!, entry.Attributes));
        }
        foreach (Task<(SourceFile, bool)?> link in links ?? [])
            if (await link.WaitAsync(cancellationToken).ConfigureAwait(false) is { } entry) taken.Add(entry);
        if (taken.Count > 0) line.Progressed();
        return taken;
    }

    private void AddFolder(string path, string name)
    {
        if (_filter.WantsFolder(name) && !place.IsOwnFolder(path)) _folders.Push(path);
    }

    private async Task<(SourceFile, bool)?> FollowAsync(SftpConnection connection, string path, string name)
    {
        SftpAttributes? found = await connection.StatAsync(place.Encode(place.FolderOf(path))).ConfigureAwait(false);
        if (found is { IsFolder: true }) return null;
        if (found is { } attributes) return Entry(path, name, attributes);
        return (new SourceFile(path, 0, DateTime.UnixEpoch) { DeferReason = "the symbolic link leads nowhere" }, IsMarker(name));
    }

    private (SourceFile, bool) Entry(string path, string name, SftpAttributes attributes) =>
        (new SourceFile(path, attributes.Size ?? 0, attributes.ModifiedUtc ?? DateTime.UnixEpoch) { DeferReason = Defer(attributes) }, IsMarker(name));

    private bool IsMarker(string name) => options.DoneMarker is { } marker && name.EndsWith(marker, StringComparison.Ordinal);

    private static string? Defer(SftpAttributes attributes)
    {
        if (!attributes.IsRegular) return "not a regular file";
        return attributes is { Size: null } or { ModifiedUtc: null } ? "the server tells no size or time" : null;
    }

    /// <summary>
    /// Two clocks tell a file's age, so a young one is any that may be young; what decides then is our clock alone, between two looks.
    /// </summary>
    private bool IsYoung(SourceFile file)
    {
        if (options.SettleTime == TimeSpan.Zero) return false;
        DateTime now = _time.GetUtcNow().UtcDateTime;
        if (now - file.ModifiedUtc >= options.SettleTime + options.ClockSkew) return false;
        _young.Add(file);
        _youngSince = _time.GetTimestamp();
        return true;
    }

    private async IAsyncEnumerable<SourceFile> LookAgainAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_young.Count == 0) yield break;
        TimeSpan wait = options.SettleTime - _time.GetElapsedTime(_youngSince);
        if (wait > TimeSpan.Zero) await Task.Delay(wait, _time, cancellationToken).ConfigureAwait(false);
        foreach (SourceFile[] files in _young.Chunk(LooksAtOnce))
            foreach (SourceFile? file in await LookAsync(files, cancellationToken).ConfigureAwait(false))
                if (file is not null) yield return file;
        _young.Clear();
    }

    private async Task<List<SourceFile?>> LookAsync(SourceFile[] files, CancellationToken cancellationToken)
    {
        while (true)
        {
            SftpConnection connection = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                Task<SftpAttributes?>[] looks = [.. files.Select(file => connection.StatAsync(place.Encode(place.PathOf(file))))];
                var settled = new List<SourceFile?>(files.Length);
                for (int i = 0; i < files.Length; i++) settled.Add(Compare(files[i], await looks[i].WaitAsync(cancellationToken).ConfigureAwait(false)));
                line.Progressed();
                return settled;
            }
            catch (SftpConnectionException)
            {
                // All of them are looked at again on the next connection.
            }
            catch (SftpStatusException e)
            {
                throw SftpFaults.Listing(source, place.Root, e);
            }
        }
    }

    private static SourceFile? Compare(SourceFile listed, SftpAttributes? now)
    {
        if (now is not { } found) return null;
        if (found.Size == listed.Size && found.ModifiedUtc == listed.ModifiedUtc) return listed;
        return new SourceFile(listed.Path, found.Size ?? 0, found.ModifiedUtc ?? DateTime.UnixEpoch) { DeferReason = "still changing" };
    }

    private static string Join(string folder, string name) => folder.Length == 0 ? name : $"{folder}/{name}";
}
