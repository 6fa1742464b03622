using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// What happens to a file on the server after the commit. Every step looks first at what is there, so that a run killed between any two of them is
/// finished by the next, and only the version that was listed is ever touched. Thread-safe: many files are settled at once.
/// </summary>
internal sealed class SftpCompletion(string source, SftpPlace place, SftpSourceOptions options)
{
    private const int MostRefusals = 5;

    private readonly SftpFolders _folders = new(source, place);

    /// <summary>Deals with one file.</summary>
    /// <exception cref="SftpConnectionException">The connection was lost; doing it again is harmless.</exception>
    /// <exception cref="SourceException">The server refuses.</exception>
    public async Task CompleteAsync(SftpConnection connection, CompletedFile settled)
    {
        (SourceFile file, Defect? defect) = settled;
        if (defect is null && options.AfterCommit == AfterCommit.Keep) return;
        string path = place.PathOf(file);
        string plain = SftpPlace.Below(defect is null ? place.Archive : place.Quarantine, file.Path);
        try
        {
            // Both looks travel together: what is there, and what is in the way.
            Task<SftpAttributes?> here = connection.StatAsync(place.Encode(path)), there = connection.LstatAsync(place.Encode(plain));
            await Task.WhenAll(here, there).ConfigureAwait(false);
            // Gone means dealt with by the run before; another size or time means new content, which the next run imports.
            if (await here.ConfigureAwait(false) is not { } now || !now.Is(file)) return;
            if (defect is null && options.AfterCommit == AfterCommit.Delete) await DeleteAsync(connection, path).ConfigureAwait(false);
            else await PutAsideAsync(connection, settled, path, await FreeNameAsync(connection, file, plain, await there.ConfigureAwait(false)).ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (SftpStatusException e)
        {
            throw SftpFaults.Completing(source, "looked at", path, e.Status);
        }
    }

    private async Task DeleteAsync(SftpConnection connection, string path)
    {
        Task<SftpStatus> file = connection.RemoveAsync(place.Encode(path));
        SftpStatus marker = default;
        if (options.DoneMarker is { } ending) marker = await connection.RemoveAsync(place.Encode(path + ending)).ConfigureAwait(false);
        CheckCompleted(await file.ConfigureAwait(false), "deleted", path);
        CheckCompleted(marker, "deleted", path + options.DoneMarker);
    }

    private async Task PutAsideAsync(SftpConnection connection, CompletedFile settled, string path, string target)
    {
        bool keep = options.AfterCommit == AfterCommit.Keep;
        if (settled.Defect is { } defect)
        {
            try
            {
                await ExplainAsync(connection, settled.File, defect, keep ? path : null, target).ConfigureAwait(false);
            }
            catch (Exception e) when (keep && SftpFaults.IsDenied(e))
            {
                // A server that only gives: the file stays where it is, and the ledger has the reason.
            }
            if (keep) return;
        }
        await MoveAsync(connection, path, target).ConfigureAwait(false);
        // The marker last: without it the file would be deferred and never dealt with.
        if (options.DoneMarker is { } ending) await MoveAsync(connection, path + ending, SftpPlace.Append(target, ending)).ConfigureAwait(false);
    }

    /// <summary>Its own path, or, when other content is there, its name with its time: what was put aside once is never overwritten.</summary>
    /// <summary>Writes the reason, after a copy of the file where that is kept.</summary>
    private async Task ExplainAsync(SftpConnection connection, SourceFile file, Defect defect, string? kept, string target)
    {
        ReasonFile? known = await ReasonAsync(connection, target).ConfigureAwait(false);
        // Each run settles a kept bad file again: the first reason stays.
        if (kept is not null && known?.IsAbout(file) == true) return;
        await _folders.EnsureAsync(connection, SftpPlace.FolderOfPath(target)).ConfigureAwait(false);
        var reason = new ReasonFile(SftpPlace.NameOf(target), source, file, options.TimeProvider.GetUtcNow().UtcDateTime, defect);
        // The copy before its reason, which says that all is done; a moved file after it, or a kill in between would lose the reason.
        if (kept is not null) await CopyAsync(connection, file, kept, target).ConfigureAwait(false);
        await WriteAsync(connection, SftpPlace.Append(target, ReasonFile.Ending), reason.ToBytes(), null).ConfigureAwait(false);
    }

    private async Task<string> FreeNameAsync(SftpConnection connection, SourceFile file, string plain, SftpAttributes? inTheWay)
    {
        string target = plain;
        for (int number = 1; !await IsFreeAsync(connection, file, target, inTheWay).ConfigureAwait(false); number++)
        {
            target = SftpPlace.WithTime(plain, file.ModifiedUtc, number);
            inTheWay = await connection.LstatAsync(place.Encode(target)).ConfigureAwait(false);
        }
        return target;
    }

    /// <summary>Nothing is there, or the same version, put there by a run that was killed.</summary>
    private async Task<bool> IsFreeAsync(SftpConnection connection, SourceFile file, string target, SftpAttributes? inTheWay)
    {
        if (inTheWay is not { } there || there.Is(file)) return true;
        return there.IsRegular && await ReasonAsync(connection, target).ConfigureAwait(false) is { } reason && reason.IsAbout(file);
    }

    private async Task MoveAsync(SftpConnection connection, string path, string target)
    {
        string folder = SftpPlace.FolderOfPath(target);
        await _folders.EnsureAsync(connection, folder).ConfigureAwait(false);
        SftpStatus status = await connection.RenameAsync(place.Encode(path), place.Encode(target)).ConfigureAwait(false);
        if (status.Code == SftpCode.NoSuchFile && await _folders.IsGoneAsync(connection, folder).ConfigureAwait(false))
        {
            await _folders.EnsureAsync(connection, folder).ConfigureAwait(false);
            status = await connection.RenameAsync(place.Encode(path), place.Encode(target)).ConfigureAwait(false);
        }
        CheckCompleted(status, $"moved to {target}", path);
    }

    private async Task CopyAsync(SftpConnection connection, SourceFile file, string path, string target)
    {
        try
        {
            byte[] handle = await OpenAsync(() => connection.OpenFileAsync(place.Encode(path))).ConfigureAwait(false);
            var from = new SftpFileStream(connection, handle, file, 0, static () => { });
            await using (from.ConfigureAwait(false)) await WriteAsync(connection, target, from, file.ModifiedUtc).ConfigureAwait(false);
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

    private async Task WriteAsync(SftpConnection connection, string target, ReadOnlyMemory<byte> content, DateTime? modifiedUtc)
    {
        using var from = new MemoryStream(content.ToArray(), writable: false);
        await WriteAsync(connection, target, from, modifiedUtc).ConfigureAwait(false);
    }

    /// <summary>Under a temporary name first, so that the target has all of it or nothing.</summary>
    private async Task WriteAsync(SftpConnection connection, string target, Stream from, DateTime? modifiedUtc)
    {
        byte[] temporary = place.Encode(SftpPlace.Temporary(target));
        byte[] handle = await OpenAsync(() => connection.CreateFileAsync(temporary)).ConfigureAwait(false);
        var buffer = new byte[SftpProtocol.SafeReadLength];
        long offset = 0;
        for (int read; (read = await from.ReadAsync(buffer).ConfigureAwait(false)) > 0; offset += read)
            Check(await connection.WriteAsync(handle, offset, buffer.AsSpan(0, read)).ConfigureAwait(false), "written", target);
        Check(await connection.CloseAsync(handle).ConfigureAwait(false), "written", target);
        if (modifiedUtc is { } time) Check(await connection.SetTimeAsync(temporary, time).ConfigureAwait(false), "given its time", target);
        // Without posix-rename a target is not replaced; what is there is the same version or a reason that was damaged.
        if (!connection.HasPosixRename) await connection.RemoveAsync(place.Encode(target)).ConfigureAwait(false);
        Check(await connection.RenameAsync(temporary, place.Encode(target)).ConfigureAwait(false), "written", target);
    }

    private async Task<ReasonFile?> ReasonAsync(SftpConnection connection, string target)
    {
        byte[] path = place.Encode(SftpPlace.Append(target, ReasonFile.Ending));
        if (await connection.LstatAsync(path).ConfigureAwait(false) is not { IsRegular: true, Size: > 0 and <= ReasonFile.LongestRead and var size }) return null;
        byte[] handle = await OpenAsync(() => connection.OpenFileAsync(path)).ConfigureAwait(false);
        var text = new byte[(int)size];
        var reason = new SourceFile("", size, default);
        var from = new SftpFileStream(connection, handle, reason, 0, static () => { });
        await using (from.ConfigureAwait(false)) await from.ReadExactlyAsync(text).ConfigureAwait(false);
        return ReasonFile.TryParse(text);
    }

    /// <summary>A server that has no handle left answers FAILURE; those under way come free in a moment.</summary>
    private async Task<byte[]> OpenAsync(Func<Task<byte[]>> open)
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
