namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// The files that an <see cref="SftpSource"/> has archived on its server. It uses the source's connection and lives no longer than it. Do
/// not use it while a run on the same source is active.
/// </summary>
internal sealed class SftpArchiveReturn(SftpSource source)
{
    /// <summary>The archive has a version of a path under its own name or under one with its time; a few are looked for.</summary>
    private const int MostNames = 20;

    private readonly SftpPlace _place = source.Place;
    private readonly SftpReturn _return = new(source);

    /// <summary>Moves a file back to the source, if it is not there. Idempotent, thread-safe, and nothing is replaced.</summary>
    /// <returns>Why it cannot be, or null: it is at the source.</returns>
    /// <exception cref="ArgumentException">The file's path does not stay below the source.</exception>
    /// <exception cref="SourceException">The server refuses or cannot be reached.</exception>
    public async ValueTask<string?> BringBackAsync(SourceFile file, DateTime importedUtc, CancellationToken cancellationToken)
    {
        string home = _place.PathOf(file);
        return await _return.RunAsync(home, session => BringBackAsync(session, file, importedUtc, home), cancellationToken)
            .ConfigureAwait(false);
    }

    private async Task<string?> BringBackAsync(ISftpSession session, SourceFile file, DateTime importedUtc, string home)
    {
        string found = SftpPlace.Below(_place.ArchiveOf(_place.Days.Of(importedUtc)), file.Path);
        if (await session.StatAsync(_place.Encode(home)).ConfigureAwait(false) is { } there)
        {
            if (!there.Is(file)) return _return.IsTaken;
        }
        else
        {
            if (await FindAsync(session, file, importedUtc).ConfigureAwait(false) is not { } archived)
                return $"it is neither in {_place.Root} nor in {_place.Archive}";
            await _return.MoveAsync(session, found = archived, home).ConfigureAwait(false);
        }
        await _return.MarkAsync(session, found, home).ConfigureAwait(false);
        return null;
    }

    /// <summary>Usually it was archived on the day of its import; one that could not be archived then went there on a later day.</summary>
    private async Task<string?> FindAsync(ISftpSession session, SourceFile file, DateTime importedUtc)
    {
        foreach (string day in _place.Days.Since(importedUtc, source.Options.TimeProvider.GetUtcNow().UtcDateTime))
        {
            string plain = SftpPlace.Below(_place.ArchiveOf(day), file.Path);
            string[] names = [plain, .. Enumerable.Range(1, MostNames).Select(n => SftpPlace.WithTime(plain, file.ModifiedUtc, n))];
            SftpAttributes?[] looks = await Task.WhenAll(names.Select(name => session.LstatAsync(_place.Encode(name))))
                .ConfigureAwait(false);
            int at = Array.FindIndex(looks, look => look is { IsRegular: true } archived && archived.Is(file));
            if (at >= 0) return names[at];
        }
        return null;
    }
}

/// <summary>The way back to the source, from the quarantine or the archive. Thread-safe.</summary>
internal sealed class SftpReturn(SftpSource source)
{
    private readonly SftpPlace _place = source.Place;
    private readonly SftpFolders _folders = new(source.Name, source.Place);

    /// <summary>Why a file cannot go where another one is.</summary>
    public string IsTaken => $"another file of that name is in {_place.Root}; import or move that one first";

    /// <summary>Does it again after a lost connection, so every step must be one that can be repeated.</summary>
    public async Task<string?> RunAsync(string path, Func<ISftpSession, Task<string?>> bringBack, CancellationToken cancellationToken)
    {
        while (true)
        {
            ISftpSession session = await source.Line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await bringBack(session).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
            catch (SftpStatusException error)
            {
                throw SftpFaults.Completing(source.Name, "brought back", path, error.Status);
            }
        }
    }

    /// <summary>Gives a file at the source its marker, if such a source has them: the one that went with it, or a new one.</summary>
    public async Task MarkAsync(ISftpSession session, string from, string home)
    {
        if (source.Options.DoneMarker is not { } marker) return;
        string moved = SftpPlace.Append(from, marker), inbox = home + marker;
        if (await session.StatAsync(_place.Encode(inbox)).ConfigureAwait(false) is null)
        {
            if (await session.StatAsync(_place.Encode(moved)).ConfigureAwait(false) is not null)
                await MoveAsync(session, moved, inbox).ConfigureAwait(false);
            else
                Check(await session.WriteAsync(_place.Encode(inbox), Stream.Null, SftpCompletion.NewFile).ConfigureAwait(false), inbox);
        }
        // A marker older than its file does not count, and the file may have been mended in the quarantine.
        SftpAttributes? set = await session.StatAsync(_place.Encode(inbox)).ConfigureAwait(false);
        SftpAttributes? file = await session.StatAsync(_place.Encode(home)).ConfigureAwait(false);
        if (file?.ModifiedUtc is { } changed && set?.ModifiedUtc < changed)
            Check(await session.SetTimeAsync(_place.Encode(inbox), changed).ConfigureAwait(false), inbox);
    }

    public async Task MoveAsync(ISftpSession session, string from, string to)
    {
        await _folders.EnsureAsync(session, SftpPlace.FolderOfPath(to)).ConfigureAwait(false);
        Check(await session.RenameAsync(_place.Encode(from), _place.Encode(to)).ConfigureAwait(false), from);
    }

    public async Task RemoveAsync(ISftpSession session, string path)
    {
        SftpStatus status = await session.RemoveAsync(_place.Encode(path)).ConfigureAwait(false);
        if (status.Code != SftpCode.NoSuchFile) Check(status, path);
    }

    private void Check(SftpStatus status, string path)
    {
        if (!status.IsOk) throw SftpFaults.Completing(source.Name, "brought back", path, status);
    }
}
