using System.Collections.Concurrent;
using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Folder;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// What happens to a file on the server after the commit. It is set aside under a name of ours and looked at there, so that only the
/// version that was listed is ever touched. A run killed between two steps is finished by the next. Nothing is replaced. Thread-safe: many
/// files are completed at once.
/// </summary>
internal sealed class SftpCompletion(string source, SftpPlace place, SftpSourceOptions options)
{
    /// <summary>The permission bits of a file that is not like another one; the server's umask takes from them.</summary>
    public const uint NewFile = 0x1B6;

    private const int MostRefusals = 5;

    // So many versions of one name find room in a folder. Beyond, something else is wrong.
    private const int MostNames = 10_000;

    private readonly SftpFolders _folders = new(source, place);

    /// <summary>Deals with one file.</summary>
    /// <exception cref="SftpConnectionException">The connection was lost; doing it again is harmless.</exception>
    /// <exception cref="SourceException">The server refuses.</exception>
    public async Task CompleteAsync(ISftpSession session, SftpClaims claims, CompletedFile completed)
    {
        (SourceFile file, Defect? defect) = completed;
        if (defect is null && options.AfterCommit == AfterCommit.Keep) return;
        string path = place.PathOf(file);
        try
        {
            await AgainAsync(async () =>
            {
                if (options.AfterCommit != AfterCommit.Keep) await ClaimAsync(session, claims, completed, path).ConfigureAwait(false);
                else if (await session.StatAsync(place.Encode(path)).ConfigureAwait(false) is { } now && now.Is(file))
                    await KeepAsync(session, file, defect!, path, now.Permissions).ConfigureAwait(false);
            }).ConfigureAwait(false);
        }
        catch (SftpStatusException e)
        {
            throw SftpFaults.Completing(source, "looked at", path, e.Status);
        }
    }

    /// <summary>
    /// Sets the file aside, looks at it, and deals with it or puts it back. Setting aside and looking travel together. When all of this is
    /// done once more after a lost connection, the file may be set aside already, or gone.
    /// </summary>
    private async Task ClaimAsync(ISftpSession session, SftpClaims claims, CompletedFile completed, string path)
    {
        SourceFile file = completed.File;
        string claim = await claims.PathAsync(session, path).ConfigureAwait(false);
        // Taking replaces what an earlier attempt has set aside, so that is looked for first.
        bool isThere = !claims.IsNew(claim) && await session.LstatAsync(place.Encode(claim)).ConfigureAwait(false) is not null;
        Task<SftpStatus> taking =
            isThere ? Task.FromResult(default(SftpStatus)) : session.TakeAsync(place.Encode(path), place.Encode(claim));
        Task<SftpAttributes?> looking = session.LstatAsync(place.Encode(claim));
        await Task.WhenAll(taking, looking).ConfigureAwait(false);
        SftpStatus taken = await taking.ConfigureAwait(false);
        SftpAttributes? found = await looking.ConfigureAwait(false);
        // The managed client does not keep the order.
        if (found is null && taken.IsOk) found = await session.LstatAsync(place.Encode(claim)).ConfigureAwait(false);
        if (found is not { } now)
        {
            // Gone means dealt with by the run before, or by another host.
            CheckCompleted(taken, "set aside", path);
            return;
        }
        if (now.IsLink)
        {
            await PutBackAsync(session, claim, path).ConfigureAwait(false);
            // A link may lead somewhere else from another folder, so it is looked at where it is. It has no content of its own to lose.
            if (await session.StatAsync(place.Encode(path)).ConfigureAwait(false) is not { } linked || !linked.Is(file)) return;
            await DealWithAsync(session, completed, path, path, path, linked.Permissions, claims.NowUtc).ConfigureAwait(false);
        }
        else if (now.Is(file))
            await DealWithAsync(
                session, completed, path, claim, claim + options.DoneMarker, now.Permissions, claims.NowUtc).ConfigureAwait(false);
        else await PutBackAsync(session, claim, path).ConfigureAwait(false);
    }

    /// <summary>
    /// New content goes back. If there is something newer at its path by now, it stays, and a later listing puts it back.
    /// </summary>
    private async Task PutBackAsync(ISftpSession session, string claim, string path) =>
        await session.RenameAsync(place.Encode(claim), place.Encode(path)).ConfigureAwait(false);

    private async Task DealWithAsync(
        ISftpSession session, CompletedFile completed, string path, string claim, string marker, uint mode, DateTime now)
    {
        string? target = null;
        if (completed.Defect is null && options.AfterCommit == AfterCommit.Delete)
            CheckCompleted(await session.RemoveAsync(place.Encode(claim)).ConfigureAwait(false), "deleted", path);
        else
        {
            target = await PutAsideAsync(session, completed, path, claim, mode, now).ConfigureAwait(false);
            if (target is null) return;
        }
        // The marker last: without it the file would be deferred and never dealt with.
        if (options.DoneMarker is { } ending) await DealWithMarkerAsync(session, path, marker, target, ending).ConfigureAwait(false);
    }

    /// <summary>A marker comes after its file. So if a new file is there by now, the marker may be its own.</summary>
    private async Task DealWithMarkerAsync(ISftpSession session, string path, string claim, string? target, string ending)
    {
        string marker = path + ending;
        if (claim == path) claim = marker;
        if (claim != marker)
        {
            SftpStatus taken = await session.TakeAsync(place.Encode(marker), place.Encode(claim)).ConfigureAwait(false);
            if (taken.Code == SftpCode.NoSuchFile) return;
            CheckCompleted(taken, "set aside", marker);
        }
        if (claim != marker && await session.LstatAsync(place.Encode(path)).ConfigureAwait(false) is not null)
            await PutBackAsync(session, claim, marker).ConfigureAwait(false);
        else if (target is null) CheckCompleted(await session.RemoveAsync(place.Encode(claim)).ConfigureAwait(false), "deleted", marker);
        else await MoveAsync(session, claim, SftpPlace.Append(target, ending), marker).ConfigureAwait(false);
    }

    /// <summary>
    /// Moves a file to the archive or quarantine, under a name that is free. Returns that, or nothing if another host did it.
    /// </summary>
    private async Task<string?> PutAsideAsync(
        ISftpSession session, CompletedFile completed, string path, string claim, uint mode, DateTime now)
    {
        SourceFile file = completed.File;
        if (completed.Defect is null && completed.ImportedUtc is { } imported
            && await ArchivedAsync(session, file, claim, path, place.Days.Since(imported, now)).ConfigureAwait(false) is { } archived)
        {
            return archived;
        }
        string plain = SftpPlace.Below(completed.Defect is null ? place.ArchiveOf(place.Days.Of(now)) : place.Quarantine, file.Path);
        await _folders.EnsureAsync(session, SftpPlace.FolderOfPath(plain)).ConfigureAwait(false);
        for (int number = 0; number <= MostNames; number++)
        {
            string target = number == 0 ? plain : SftpPlace.WithTime(plain, file.ModifiedUtc, number);
            if (completed.Defect is { } defect)
            {
                if (await session.LstatAsync(place.Encode(target)).ConfigureAwait(false) is not null)
                {
                    if (await IsMovedAlreadyAsync(session, file, claim, path, target).ConfigureAwait(false)) return target;
                    continue;
                }
                // Before the file: a kill between the two would lose the reason.
                await WriteReasonAsync(session, Reason(file, defect, target), target, mode).ConfigureAwait(false);
            }
            switch (await MoveAsync(session, claim, target, path).ConfigureAwait(false))
            {
                case Moved.Done:
                    return target;
                case Moved.Missing:
                    return null;
                case Moved.Taken when await IsMovedAlreadyAsync(session, file, claim, path, target).ConfigureAwait(false):
                    return target;
            }
        }
        throw new SourceException($"{source}: {MostNames:N0} files named {SftpPlace.NameOf(path)} are in {SftpPlace.FolderOfPath(plain)}.");
    }

    /// <summary>
    /// Where an earlier run has archived a file that it could not take away any more; the name that is set aside is removed.
    /// </summary>
    private async Task<string?> ArchivedAsync(
        ISftpSession session, SourceFile file, string claim, string path, IEnumerable<string> days)
    {
        foreach (string day in days)
        {
            string plain = SftpPlace.Below(place.ArchiveOf(day), file.Path);
            for (int number = 0; number <= MostNames; number++)
            {
                string target = number == 0 ? plain : SftpPlace.WithTime(plain, file.ModifiedUtc, number);
                if (await session.LstatAsync(place.Encode(target)).ConfigureAwait(false) is null) break;
                if (await IsMovedAlreadyAsync(session, file, claim, path, target).ConfigureAwait(false)) return target;
            }
        }
        return null;
    }

    /// <summary>
    /// OpenSSH renames with a link and an unlink, so a server that is killed between the two, or one that outlives its connection, leaves
    /// the file under both names. If what is there is this version to the last byte, only the name that is set aside is removed.
    /// </summary>
    private async Task<bool> IsMovedAlreadyAsync(ISftpSession session, SourceFile file, string claim, string path, string target)
    {
        if (claim == path) return false;
        if (await session.LstatAsync(place.Encode(target)).ConfigureAwait(false) is not { } there || !there.Is(file)) return false;
        try
        {
            ForwardStream one = await session.OpenAsync(file, place.Encode(claim), 0, null).ConfigureAwait(false);
            await using (one.ConfigureAwait(false))
            {
                ForwardStream other = await session.OpenAsync(file, place.Encode(target), 0, null).ConfigureAwait(false);
                await using (other.ConfigureAwait(false))
                    if (!await IsSameAsync(one, other).ConfigureAwait(false)) return false;
            }
        }
        catch (Exception e) when (e is FileChangedException || SftpFaults.Has(e, SftpCode.NoSuchFile) || SftpFaults.IsDenied(e))
        {
            return false;
        }
        CheckCompleted(await session.RemoveAsync(place.Encode(claim)).ConfigureAwait(false), "removed", claim);
        return true;
    }

    private static async Task<bool> IsSameAsync(Stream one, Stream other)
    {
        byte[] first = new byte[32_768], second = new byte[first.Length];
        while (true)
        {
            int count = await one.ReadAtLeastAsync(first, first.Length, throwOnEndOfStream: false).ConfigureAwait(false);
            int same = await other.ReadAtLeastAsync(second, second.Length, throwOnEndOfStream: false).ConfigureAwait(false);
            if (!first.AsSpan(0, count).SequenceEqual(second.AsSpan(0, same))) return false;
            if (count == 0) return true;
        }
    }

    /// <summary>Moves a file to a name that is free, or says that it is not.</summary>
    private async Task<Moved> MoveAsync(ISftpSession session, string from, string target, string shown)
    {
        string folder = SftpPlace.FolderOfPath(target);
        SftpStatus status = await session.RenameAsync(place.Encode(from), place.Encode(target)).ConfigureAwait(false);
        if (status.Code == SftpCode.NoSuchFile && await _folders.IsGoneAsync(session, folder).ConfigureAwait(false))
        {
            await _folders.EnsureAsync(session, folder).ConfigureAwait(false);
            status = await session.RenameAsync(place.Encode(from), place.Encode(target)).ConfigureAwait(false);
        }
        if (status.IsOk) return Moved.Done;
        if (status.Code == SftpCode.NoSuchFile) return Moved.Missing;
        // "Exists" has no code of its own in version 3.
        if (await session.LstatAsync(place.Encode(target)).ConfigureAwait(false) is not null) return Moved.Taken;
        throw SftpFaults.Completing(source, $"moved to {target}", shown, status);
    }

    /// <summary>Copies a bad file that is kept, with its reason.</summary>
    private async Task KeepAsync(ISftpSession session, SourceFile file, Defect defect, string path, uint mode)
    {
        string plain = SftpPlace.Below(place.Quarantine, file.Path);
        try
        {
            for (int number = 0; number <= MostNames; number++)
            {
                string target = number == 0 ? plain : SftpPlace.WithTime(plain, file.ModifiedUtc, number);
                // Each run completes a kept bad file again: the first reason stays.
                Task<ReasonFile?> known = ReasonAsync(session, target);
                Task<SftpAttributes?> there = session.LstatAsync(place.Encode(target));
                await Task.WhenAll(known, there).ConfigureAwait(false);
                if (await known.ConfigureAwait(false) is { } reason && reason.IsAbout(file)) return;
                SftpAttributes? taken = await there.ConfigureAwait(false);
                if (taken is not null && !taken.Value.Is(file)) continue;
                await _folders.EnsureAsync(session, SftpPlace.FolderOfPath(target)).ConfigureAwait(false);
                // The copy before its reason, which says that all is done.
                if (taken is null) await CopyAsync(session, file, path, target, mode).ConfigureAwait(false);
                await WriteReasonAsync(session, Reason(file, defect, target), target, mode).ConfigureAwait(false);
                return;
            }
        }
        catch (Exception e) when (SftpFaults.IsDenied(e))
        {
            // A server that only gives: the file stays where it is, and the ledger has the reason.
        }
    }

    private byte[] Reason(SourceFile file, Defect defect, string target) =>
        new ReasonFile(SftpPlace.NameOf(target), source, file, options.TimeProvider.GetUtcNow().UtcDateTime, defect).ToBytes();

    /// <summary>Writes the reason, for those only who may read the file. One that is there is of an earlier attempt, or damaged.</summary>
    private async Task WriteReasonAsync(ISftpSession session, byte[] reason, string target, uint mode)
    {
        const uint NobodyExecutes = 0x1B6;
        string path = SftpPlace.Append(target, ReasonFile.Ending);
        using var from = new MemoryStream(reason, writable: false);
        await WriteAsync(session, path, from, null, mode & NobodyExecutes).ConfigureAwait(false);
    }

    private async Task CopyAsync(ISftpSession session, SourceFile file, string path, string target, uint mode)
    {
        try
        {
            ForwardStream from = await session.OpenAsync(file, place.Encode(path), 0, null).ConfigureAwait(false);
            await using (from.ConfigureAwait(false)) await WriteAsync(session, target, from, file.ModifiedUtc, mode).ConfigureAwait(false);
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

    /// <summary>Under a temporary name first, so that the target has all of it or nothing.</summary>
    private async Task WriteAsync(ISftpSession session, string target, Stream from, DateTime? modifiedUtc, uint mode)
    {
        byte[] temporary = place.Encode(SftpPlace.Temporary(target));
        try
        {
            Check(await session.WriteAsync(temporary, from, mode).ConfigureAwait(false), "written", target);
            if (modifiedUtc is { } time) Check(await session.SetTimeAsync(temporary, time).ConfigureAwait(false), "given its time", target);
            SftpStatus status = await session.RenameAsync(temporary, place.Encode(target)).ConfigureAwait(false);
            if (!status.IsOk)
            {
                // What is there is the same version, or a reason that is written anew.
                await session.RemoveAsync(place.Encode(target)).ConfigureAwait(false);
                status = await session.RenameAsync(temporary, place.Encode(target)).ConfigureAwait(false);
            }
            Check(status, "written", target);
        }
        catch (Exception e) when (SftpFaults.Has(e, SftpCode.Failure))
        {
            await session.RemoveAsync(temporary).ConfigureAwait(false);
            throw;
        }
    }

    private async Task<ReasonFile?> ReasonAsync(ISftpSession session, string target)
    {
        byte[] path = place.Encode(SftpPlace.Append(target, ReasonFile.Ending));
        SftpAttributes? found = await session.LstatAsync(path).ConfigureAwait(false);
        if (found is not { IsRegular: true, Size: > 0 and <= ReasonFile.LongestRead and var size }) return null;
        var reason = new SourceFile("", size, found.Value.ModifiedUtc ?? DateTime.UnixEpoch);
        try
        {
            ForwardStream from = await session.OpenAsync(reason, path, 0, null).ConfigureAwait(false);
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

    /// <summary>
    /// FAILURE may be over in a moment: the handles under way come free, or the server has looked at the folder anew (proftpd keeps what it
    /// saw, and now and then answers "Not a directory" for a file).
    /// </summary>
    private async Task AgainAsync(Func<Task> attempt)
    {
        for (int refusals = 1; ; refusals++)
        {
            try
            {
                await attempt().ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (SftpFaults.Has(e, SftpCode.Failure) && refusals < MostRefusals)
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
    // For everybody whom the server's umask lets in, but written by the owner and group only.
    private const uint NewFolder = 0x1FD;

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
        if (folder.Length == 0) return;
        // Each of them: a link on the way would lead what is put there elsewhere.
        if (place.IsBelowOwn(folder)) await EnsureAsync(session, SftpPlace.FolderOfPath(folder)).ConfigureAwait(false);
        if (place.IsOwn(folder) && await session.LstatAsync(path).ConfigureAwait(false) is { IsLink: true })
        {
            throw new SourceException(
                $"{source}: {folder} is a symbolic link, and no file is put there. Remove it, or name the folder itself.");
        }
        if (await session.StatAsync(path).ConfigureAwait(false) is not null) return;
        // The root is the user's: where it is missing, it is not for us to make.
        if (folder != place.Root && folder.Contains('/')) await EnsureAsync(session, SftpPlace.FolderOfPath(folder)).ConfigureAwait(false);
        SftpStatus status = await session.MakeFolderAsync(path, NewFolder).ConfigureAwait(false);
        // "Exists" has no code of its own in version 3.
        if (status.IsOk || await session.StatAsync(path).ConfigureAwait(false) is not null) return;
        throw SftpFaults.Completing(source, "made", folder, status);
    }
}

/// <summary>
/// Folders of ours beside the files of a source, under a name that nobody can guess, in which the files of one call are set aside while
/// they are archived, deleted or quarantined. A file keeps its name there, so that the next listing can put back what a killed run left.
/// Thread-safe.
/// </summary>
/// <param name="place">The folders of the source.</param>
/// <param name="nowUtc">The time of the call: all its files are archived under this day, also those that are tried again.</param>
internal sealed class SftpClaims(SftpPlace place, DateTime nowUtc) : IDisposable
{
    private const uint OwnerOnly = 0x1C0;

    private static readonly ConcurrentDictionary<string, bool> s_inUse = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, Lazy<Task>> _made = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _taken = new(StringComparer.Ordinal);
    private readonly string _name = FileNames.NewClaims();

    public DateTime NowUtc => nowUtc;

    /// <summary>Whether this process uses it right now.</summary>
    public static bool IsInUse(string name) => s_inUse.ContainsKey(name);

    /// <summary>Whether nothing was set aside under this path before. Then it is noted.</summary>
    public bool IsNew(string claim) => _taken.TryAdd(claim, true);

    /// <summary>Where a file is set aside. The folder is made before its first file.</summary>
    public async Task<string> PathAsync(ISftpSession session, string path)
    {
        s_inUse[_name] = true;
        string folder = SftpPlace.Join(SftpPlace.FolderOfPath(path), _name);
        Lazy<Task> made = _made.GetOrAdd(folder, made => new Lazy<Task>(() => MakeAsync(session, made)));
        try
        {
            await made.Value.ConfigureAwait(false);
        }
        catch
        {
            _made.TryRemove(new KeyValuePair<string, Lazy<Task>>(folder, made));
            throw;
        }
        return SftpPlace.Join(folder, SftpPlace.NameOf(path));
    }

    /// <summary>Removes the folders. One that has a file in it stays, for a later listing.</summary>
    public async Task RemoveAsync(ISftpSession? session)
    {
        if (session is null) return;
        try
        {
            await Task.WhenAll(_made.Keys.Select(folder => session.RemoveFolderAsync(place.Encode(folder)))).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SftpConnectionException or SftpStatusException)
        {
            // The next listing removes them.
        }
    }

    public void Dispose() => s_inUse.TryRemove(_name, out _);

    /// <summary>If it is there already, this call made it before its connection was lost: nobody else knows the name.</summary>
    private async Task MakeAsync(ISftpSession session, string folder)
    {
        SftpStatus status = await session.MakeFolderAsync(place.Encode(folder), OwnerOnly).ConfigureAwait(false);
        if (!status.IsOk && await session.LstatAsync(place.Encode(folder)).ConfigureAwait(false) is not { IsFolder: true })
            throw new SftpStatusException(status);
    }
}
