using System.Collections.Concurrent;

namespace Dynamo.Pipeline;

/// <summary>
/// What happens to files on the server after the commit, many at once. Every file is looked at first: one that is gone was dealt with by a run before,
/// one of another size or time is new content for the next run, and only what was listed is touched.
/// </summary>
internal sealed class SftpSettling(string source, SftpPlace place, SftpSourceOptions options)
{
    private const int LastNumber = 1000;

    // Folders are made once per run; the server is asked again should a rename find one missing.
    private readonly ConcurrentDictionary<string, Task> _folders = new(StringComparer.Ordinal);

    /// <summary>Deals with one file.</summary>
    /// <exception cref="SftpConnectionException">The connection was lost; doing it again is harmless.</exception>
    /// <exception cref="SourceException">The server refuses.</exception>
    public async Task SettleAsync(SftpConnection connection, SettledFile settled)
    {
        (SourceFile file, Defect? defect) = settled;
        bool isArchived = defect is not null || options.AfterCommit == AfterCommit.Archive;
        string path = place.PathOf(file), plain = SftpPlace.Below(defect is null ? place.Archive : place.Quarantine, file.Path);
        // Both looks travel together: what is there, and what is in the way.
        Task<SftpAttributes?> here = connection.StatAsync(place.Encode(path));
        Task<SftpAttributes?> there = isArchived ? connection.LstatAsync(place.Encode(plain)) : Task.FromResult<SftpAttributes?>(null);
        try
        {
            await Task.WhenAll(here, there).ConfigureAwait(false);
        }
        catch (SftpStatusException e)
        {
            throw SftpFaults.Settling(source, "looked at", path, e.Status);
        }
        SftpAttributes? found = await here.ConfigureAwait(false);
        if (found is not { } now || now.Size != file.Size || now.ModifiedUtc != file.ModifiedUtc) return;
        if (isArchived) await MoveAsync(connection, file, path, plain, await there.ConfigureAwait(false)).ConfigureAwait(false);
        else await DeleteAsync(connection, path).ConfigureAwait(false);
    }

    private async Task DeleteAsync(SftpConnection connection, string path)
    {
        Task<SftpStatus> file = connection.RemoveAsync(place.Encode(path));
        Task<SftpStatus> marker = options.DoneMarker is { } ending ? connection.RemoveAsync(place.Encode(path + ending)) : Task.FromResult(default(SftpStatus));
        CheckSettled(await file.ConfigureAwait(false), "deleted", path);
        CheckSettled(await marker.ConfigureAwait(false), "deleted", path + options.DoneMarker);
    }

    private async Task MoveAsync(SftpConnection connection, SourceFile file, string path, string plain, SftpAttributes? inTheWay)
    {
        string target = await FreeNameAsync(connection, file, plain, inTheWay).ConfigureAwait(false);
        await RenameAsync(connection, path, target).ConfigureAwait(false);
        // The marker last: without it the file would be deferred and never dealt with.
        if (options.DoneMarker is { } ending) await RenameAsync(connection, path + ending, target + ending).ConfigureAwait(false);
    }

    /// <summary>Its own path, or when something is there, its name with its time: what was archived once is never overwritten.</summary>
    private async Task<string> FreeNameAsync(SftpConnection connection, SourceFile file, string plain, SftpAttributes? inTheWay)
    {
        string target = plain;
        for (int number = 1; inTheWay is not null; number++)
        {
            if (number > LastNumber) throw new SourceException($"{source}: {plain} has {LastNumber} namesakes; clear the folder.");
            target = SftpPlace.WithTime(plain, file.ModifiedUtc, number);
            inTheWay = await connection.LstatAsync(place.Encode(target)).ConfigureAwait(false);
        }
        return target;
    }

    private async Task RenameAsync(SftpConnection connection, string path, string target)
    {
        string folder = target[..target.LastIndexOf('/')];
        await FolderAsync(connection, folder).ConfigureAwait(false);
        SftpStatus status = await connection.RenameAsync(place.Encode(path), place.Encode(target)).ConfigureAwait(false);
        if (status.Code == SftpCode.NoSuchFile && await connection.LstatAsync(place.Encode(folder)).ConfigureAwait(false) is null)
        {
            // Somebody removed the folder since it was made.
            _folders.TryRemove(folder, out _);
            await FolderAsync(connection, folder).ConfigureAwait(false);
            status = await connection.RenameAsync(place.Encode(path), place.Encode(target)).ConfigureAwait(false);
        }
        CheckSettled(status, $"moved to {target}", path);
    }

    private async Task FolderAsync(SftpConnection connection, string folder)
    {
        Task made = _folders.GetOrAdd(folder, static (path, me) => me.Item1.MakeAsync(me.connection, path), (this, connection));
        try
        {
            await made.ConfigureAwait(false);
        }
        catch
        {
            _folders.TryRemove(new KeyValuePair<string, Task>(folder, made));
            throw;
        }
    }

    private async Task MakeAsync(SftpConnection connection, string folder)
    {
        byte[] path = place.Encode(folder);
        if (await connection.LstatAsync(path).ConfigureAwait(false) is not null) return;
        int slash = folder.LastIndexOf('/');
        if (slash > 0 && folder != place.Root) await MakeAsync(connection, folder[..slash]).ConfigureAwait(false);
        SftpStatus status = await connection.MakeFolderAsync(path).ConfigureAwait(false);
        // "Exists" has no code of its own in version 3.
        if (status.IsOk || await connection.LstatAsync(path).ConfigureAwait(false) is not null) return;
        throw SftpFaults.Settling(source, "made", folder, status);
    }

    /// <summary>What is gone was dealt with by another run.</summary>
    private void CheckSettled(SftpStatus status, string what, string path)
    {
        if (!status.IsOk && status.Code != SftpCode.NoSuchFile) throw SftpFaults.Settling(source, what, path, status);
    }
}
