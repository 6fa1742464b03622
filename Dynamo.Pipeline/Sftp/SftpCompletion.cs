using System.Collections.Concurrent;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// What happens to a file on the server after the commit. Every step looks first at what is there, so that a run killed between any two of
/// them is finished by the next, and only the version that was listed is ever touched. Thread-safe: many files are completed at once.
/// </summary>
internal sealed class SftpCompletion(string source, SftpPlace place, SftpSourceOptions options)
{
    private const int MostRefusals = 5;

    private readonly SftpFolders _folders = new(source, place);

    /// <summary>Deals with one file.</summary>
    /// <exception cref="SftpConnectionException">The connection was lost; doing it again is harmless.</exception>
    /// <exception cref="SourceException">The server refuses.</exception>
    public async Task CompleteAsync(ISftpSession session, CompletedFile completed)
    {
        (SourceFile file, Defect? defect) = completed;
        if (defect is null && options.AfterCommit == AfterCommit.Keep) return;
        string path = place.PathOf(file);
        string plain = SftpPlace.Below(defect is null ? place.Archive : place.Quarantine, file.Path);
        try
        {
            // Both looks travel together: what is there, and what is in the way.
            Task<SftpAttributes?> here = session.StatAsync(place.Encode(path)), there = session.LstatAsync(place.Encode(plain));
            await Task.WhenAll(here, there).ConfigureAwait(false);
            // Gone means dealt with by the run before; another size or time means new content, which the next run imports.
            if (await here.ConfigureAwait(false) is not { } now || !now.Is(file)) return;
            if (defect is null && options.AfterCommit == AfterCommit.Delete) await DeleteAsync(session, path).ConfigureAwait(false);
            else
            {
                string target = await FreeNameAsync(session, file, plain, await there.ConfigureAwait(false)).ConfigureAwait(false);
                await PutAsideAsync(session, completed, path, target).ConfigureAwait(false);
            }
        }
        catch (SftpStatusException e)
        {
            throw SftpFaults.Completing(source, "looked at", path, e.Status);
        }
    }

    private async Task DeleteAsync(ISftpSession session, string path)
    {
        Task<SftpStatus> file = session.RemoveAsync(place.Encode(path));
        SftpStatus marker = default;
        if (options.DoneMarker is { } ending) marker = await session.RemoveAsync(place.Encode(path + ending)).ConfigureAwait(false);
        CheckCompleted(await file.ConfigureAwait(false), "deleted", path);
        CheckCompleted(marker, "deleted", path + options.DoneMarker);
    }

    private async Task PutAsideAsync(ISftpSession session, CompletedFile completed, string path, string target)
    {
        bool keep = options.AfterCommit == AfterCommit.Keep;
        if (completed.Defect is { } defect)
        {
            try
            {
                await ExplainAsync(session, completed.File, defect, keep ? path : null, target).ConfigureAwait(false);
            }
            catch (Exception e) when (keep && SftpFaults.IsDenied(e))
            {
                // A server that only gives: the file stays where it is, and the ledger has the reason.
            }
            if (keep) return;
        }
        await MoveAsync(session, path, target).ConfigureAwait(false);
        // The marker last: without it the file would be deferred and never dealt with.
        if (options.DoneMarker is { } ending)
            await MoveAsync(session, path + ending, SftpPlace.Append(target, ending)).ConfigureAwait(false);
    }

    /// <summary>Writes the reason, after a copy of the file where that is kept.</summary>
    private async Task ExplainAsync(ISftpSession session, SourceFile file, Defect defect, string? kept, string target)
    {
        ReasonFile? known = await ReasonAsync(session, target).ConfigureAwait(false);
        // Each run settles a kept bad file again: the first reason stays.
        if (kept is not null && known?.IsAbout(file) == true) return;
        await _folders.EnsureAsync(session, SftpPlace.FolderOfPath(target)).ConfigureAwait(false);
        var reason = new ReasonFile(SftpPlace.NameOf(target), source, file, options.TimeProvider.GetUtcNow().UtcDateTime, defect);
        // The copy before its reason, which says that all is done; a moved file after it, or a kill in between would lose the reason.
        if (kept is not null) await CopyAsync(session, file, kept, target).ConfigureAwait(false);
        await WriteAsync(session, SftpPlace.Append(target, ReasonFile.Ending), reason.ToBytes(), null).ConfigureAwait(false);
    }

    /// <summary>
    /// Its own path, or, when other content is there, its name with its time: what was put aside once is never overwritten.
    /// </summary>
    private async Task<string> FreeNameAsync(ISftpSession session, SourceFile file, string plain, SftpAttributes? inTheWay)
    {
        string target = plain;
        for (int number = 1; !await IsFreeAsync(session, file, target, inTheWay).ConfigureAwait(false); number++)
        {
            target = SftpPlace.WithTime(plain, file.ModifiedUtc, number);
            inTheWay = await session.LstatAsync(place.Encode(target)).ConfigureAwait(false);
        }
        return target;
    }

    /// <summary>Nothing is there, or the same version, put there by a run that was killed.</summary>
    private async Task<bool> IsFreeAsync(ISftpSession session, SourceFile file, string target, SftpAttributes? inTheWay)
    {
        if (inTheWay is not { } there || there.Is(file)) return true;
        return there.IsRegular && await ReasonAsync(session, target).ConfigureAwait(false) is { } reason && reason.IsAbout(file);
    }

    private async Task MoveAsync(ISftpSession session, string path, string target)
    {
        string folder = SftpPlace.FolderOfPath(target);
        await _folders.EnsureAsync(session, folder).ConfigureAwait(false);
        SftpStatus status = await session.RenameAsync(place.Encode(path), place.Encode(target)).ConfigureAwait(false);
        if (status.Code == SftpCode.NoSuchFile && await _folders.IsGoneAsync(session, folder).ConfigureAwait(false))
        {
            await _folders.EnsureAsync(session, folder).ConfigureAwait(false);
            status = await session.RenameAsync(place.Encode(path), place.Encode(target)).ConfigureAwait(false);
        }
        if (status.Code == SftpCode.Failure && !session.ReplacesOnRename
            && await session.LstatAsync(place.Encode(target)).ConfigureAwait(false) is not null)
        {
            // The name was found free before, or taken by the same version: that one makes room.
            await session.RemoveAsync(place.Encode(target)).ConfigureAwait(false);
            status = await session.RenameAsync(place.Encode(path), place.Encode(target)).ConfigureAwait(false);
        }
        CheckCompleted(status, $"moved to {target}", path);
    }

    private async Task CopyAsync(ISftpSession session, SourceFile file, string path, string target)
    {
        try
        {
            ForwardStream from = await AgainAsync(() => session.OpenAsync(file, place.Encode(path), 0, null)).ConfigureAwait(false);
            await using (from.ConfigureAwait(false)) await WriteAsync(session, target, from, file.ModifiedUtc).ConfigureAwait(false);
        }
        catch (SftpStatusException e) when (e.Status.Code == SftpCode.PermissionDenied)
        {
            // The file is bad because it cannot be read; it stays where it is, and the reason says so.
        }
        catch (FileChangedException)
        {
            // New content, which the next run judges anew.
        }
    }

    private async Task WriteAsync(ISftpSession session, string target, ReadOnlyMemory<byte> content, DateTime? modifiedUtc)
    {
        using var from = new MemoryStream(content.ToArray(), writable: false);
        await WriteAsync(session, target, from, modifiedUtc).ConfigureAwait(false);
    }

    /// <summary>Under a temporary name first, so that the target has all of it or nothing.</summary>
    private async Task WriteAsync(ISftpSession session, string target, Stream from, DateTime? modifiedUtc)
    {
        byte[] temporary = place.Encode(SftpPlace.Temporary(target));
        Check(await AgainAsync(() => session.WriteAsync(temporary, from)).ConfigureAwait(false), "written", target);
        if (modifiedUtc is { } time) Check(await session.SetTimeAsync(temporary, time).ConfigureAwait(false), "given its time", target);
        // What is there is the same version, or a reason that was damaged.
        if (!session.ReplacesOnRename) await session.RemoveAsync(place.Encode(target)).ConfigureAwait(false);
        Check(await session.RenameAsync(temporary, place.Encode(target)).ConfigureAwait(false), "written", target);
    }

    private async Task<ReasonFile?> ReasonAsync(ISftpSession session, string target)
    {
        byte[] path = place.Encode(SftpPlace.Append(target, ReasonFile.Ending));
        SftpAttributes? found = await session.LstatAsync(path).ConfigureAwait(false);
        if (found is not { IsRegular: true, Size: > 0 and <= ReasonFile.LongestRead and var size }) return null;
        var reason = new SourceFile("", size, found.Value.ModifiedUtc ?? DateTime.UnixEpoch);
        try
        {
            ForwardStream from = await AgainAsync(() => session.OpenAsync(reason, path, 0, null)).ConfigureAwait(false);
            var text = new byte[(int)size];
            await using (from.ConfigureAwait(false)) await from.ReadExactlyAsync(text).ConfigureAwait(false);
            return ReasonFile.TryParse(text);
        }
        catch (FileChangedException)
        {
            // Somebody writes it in this very moment.
            return null;
        }
    }

    /// <summary>A server that has no handle left answers FAILURE; those under way come free in a moment.</summary>
    private async Task<T> AgainAsync<T>(Func<Task<T>> open)
    {
        for (int refusals = 1; ; refusals++)
        {
            try
            {
                return await open().ConfigureAwait(false);
            }
            catch (SftpStatusException e) when (e.Status.Code == SftpCode.Failure && refusals < MostRefusals)
            {
                await Task.Delay(SftpBackOff.Delay(refusals), options.TimeProvider).ConfigureAwait(false);
            }
        }
    }

    private void Check(SftpStatus status, string what, string path)
    {
        if (!status.IsOk) throw SftpFaults.Completing(source, what, path, status);
    }

    /// <summary>What is gone was dealt with by another run.</summary>
    private void CheckCompleted(SftpStatus status, string what, string path)
    {
        if (status.Code != SftpCode.NoSuchFile) Check(status, what, path);
    }
}

/// <summary>Makes the folders that files are put aside in, each once. Thread-safe.</summary>
internal sealed class SftpFolders(string source, SftpPlace place)
{
    private readonly ConcurrentDictionary<string, Lazy<Task>> _made = new(StringComparer.Ordinal);

    /// <summary>Makes a folder and those above it, unless they are there.</summary>
    public async Task EnsureAsync(ISftpSession session, string folder)
    {
        Lazy<Task> made = _made.GetOrAdd(folder, path => new Lazy<Task>(() => MakeAsync(session, path)));
        try
        {
            await made.Value.ConfigureAwait(false);
        }
        catch
        {
            _made.TryRemove(new KeyValuePair<string, Lazy<Task>>(folder, made));
            throw;
        }
    }

    /// <summary>Whether somebody removed it since it was made.</summary>
    public async Task<bool> IsGoneAsync(ISftpSession session, string folder)
    {
        if (await session.StatAsync(place.Encode(folder)).ConfigureAwait(false) is not null) return false;
        _made.Clear();
        return true;
    }

    private async Task MakeAsync(ISftpSession session, string folder)
    {
        byte[] path = place.Encode(folder);
        if (folder.Length == 0 || await session.StatAsync(path).ConfigureAwait(false) is not null) return;
        // The root is the user's: where it is missing, it is not for us to make.
        if (folder != place.Root && folder.Contains('/')) await EnsureAsync(session, SftpPlace.FolderOfPath(folder)).ConfigureAwait(false);
        SftpStatus status = await session.MakeFolderAsync(path).ConfigureAwait(false);
        // "Exists" has no code of its own in version 3.
        if (status.IsOk || await session.StatAsync(path).ConfigureAwait(false) is not null) return;
        throw SftpFaults.Completing(source, "made", folder, status);
    }
}
