using System.Runtime.CompilerServices;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// One listing of a source: ready files at once, files that may be too young when a second look finds them unchanged. A folder whose listing is
/// interrupted is listed again from its beginning, and what was offered before is left out. Used once, by one reader.
/// </summary>
internal sealed class SftpWalk(SftpPlace place, ReconnectingConnection line, SftpSourceOptions options, string source)
{
    private const int LongestPath = 4096;

    private const long MostFolderNames = 32L << 20;

    private readonly FileSelection _filter = new(new FolderSourceOptions
    {
        Pattern = options.Pattern,
        Recursive = options.Recursive,
        DoneMarker = options.DoneMarker,
    });
    private readonly SftpYoungFiles _young = new(place, line, options);
    private readonly SftpOwnFolders _own = new(place, line);
    private readonly Stack<string> _folders = new([""]);
    private long _folderNames;
    private int _names;

    public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (options.Recursive) await _own.FindAsync(cancellationToken).ConfigureAwait(false);
        while (_folders.TryPop(out string? folder))
        {
            _folderNames -= folder.Length;
            SftpMarkers? markers = options.DoneMarker is { } ending ? new SftpMarkers(ending) : null;
            await foreach ((SourceFile file, bool isMarker) in FolderAsync(folder, cancellationToken).ConfigureAwait(false))
            {
                if (markers is not null) markers.Add(file, isMarker);
                else if (file.DeferReason is not null || !_young.Takes(file)) yield return file;
                if (!_young.IsFull) continue;
                await foreach (SourceFile settled in _young.LookAgainAsync(cancellationToken).ConfigureAwait(false)) yield return settled;
            }
            foreach (SourceFile file in markers?.Verdicts() ?? []) yield return file;
        }
        await foreach (SourceFile settled in _young.LookAgainAsync(cancellationToken).ConfigureAwait(false)) yield return settled;
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
        return [(Deferred(folder, $"the folder cannot be listed: {error.Status}"), false)];
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
            if (!isText) taken.Add((Deferred(path, $"the name is not valid {options.NameEncoding.WebName}"), false));
            else if (entry.Attributes.IsFolder)
            {
                if (AddFolder(path, name!) is { } deferred) taken.Add((deferred, false));
            }
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

    /// <summary>Takes note of a folder to list. A server may nest folders without end, and name them without end.</summary>
    private SourceFile? AddFolder(string path, string name)
    {
        if (!_filter.WantsFolder(name) || _own.Contains(path)) return null;
        if (path.Length > LongestPath) return Deferred(path, $"its path is longer than {LongestPath:N0} characters");
        _folderNames += path.Length;
        if (_folderNames > MostFolderNames) throw new SourceException($"{source}: the names of the folders that the server lists fill more than {MostFolderNames:N0} characters; the listing seems endless.");
        _folders.Push(path);
        return null;
    }

    private async Task<(SourceFile, bool)?> FollowAsync(SftpConnection connection, string path, string name)
    {
        try
        {
            SftpAttributes? found = await connection.StatAsync(place.Encode(place.FolderOf(path))).ConfigureAwait(false);
            if (found is { IsFolder: true }) return null;
            return found is { } attributes ? Entry(path, name, attributes) : (Deferred(path, "the symbolic link leads nowhere"), IsMarker(name));
        }
        catch (SftpStatusException e)
        {
            return (SftpFaults.Unseen(path, e), IsMarker(name));
        }
    }

    private static SourceFile Deferred(string path, string reason) => new(path, 0, DateTime.UnixEpoch) { DeferReason = reason };

    private (SourceFile, bool) Entry(string path, string name, SftpAttributes attributes) =>
        (new SourceFile(path, attributes.Size ?? 0, attributes.ModifiedUtc ?? DateTime.UnixEpoch) { DeferReason = Defer(attributes) }, IsMarker(name));

    private bool IsMarker(string name) => options.DoneMarker is { } marker && name.EndsWith(marker, StringComparison.Ordinal);

    private static string? Defer(SftpAttributes attributes)
    {
        if (!attributes.IsRegular) return "not a regular file";
        return attributes is { Size: null } or { ModifiedUtc: null } ? "the server tells no size or time" : null;
    }

    private static string Join(string folder, string name) => folder.Length == 0 ? name : $"{folder}/{name}";
}
