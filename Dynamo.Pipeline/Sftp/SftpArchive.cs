using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// The archive of an <see cref="SftpSource"/>: removes its old files, from any thread, also during a run. Of strangers' folders it knows
/// nothing: version 3 of SFTP tells no owner for sure.
/// </summary>
public sealed class SftpArchive : IArchive
{
    private readonly SftpSource _source;

    /// <summary>The archive of a source.</summary>
    /// <param name="source">The source whose archive folder and connections are used.</param>
    /// <exception cref="ArgumentNullException">There is no source.</exception>
    public SftpArchive(SftpSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
    }

    private SftpPlace Place => _source.Place;

    /// <inheritdoc/>
    public async Task<Pruned> PruneAsync(ArchiveRetention retention, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(retention);
        DateTime now = _source.Options.TimeProvider.GetUtcNow().UtcDateTime;
        var pruning = new ArchivePruning(Place.Days, retention, now);
        while (true)
        {
            ISftpSession session = await _source.Line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await PruneAsync(session, pruning, retention.DryRun, cancellationToken).ConfigureAwait(false);
                return pruning.Pruned;
            }
            catch (SftpConnectionException)
            {
                // What is removed is counted, and the line replaces the connection or says why it cannot. Nothing is removed twice.
                if (retention.DryRun) pruning = new ArchivePruning(Place.Days, retention, now);
            }
            catch (SftpProtocolException error)
            {
                throw new SourceException($"{_source.Name}: the server does not speak SFTP as it should: {error.Message}.", error);
            }
            catch (SftpStatusException error)
            {
                throw SftpFaults.Completing(_source.Name, "cleaned up", Place.Archive, error.Status);
            }
        }
    }

    private async Task PruneAsync(ISftpSession session, ArchivePruning pruning, bool dryRun, CancellationToken cancellationToken)
    {
        if (await session.LstatAsync(Place.Encode(Place.Archive)).ConfigureAwait(false) is not { } root) return;
        if (root.IsLink)
            throw new SourceException(
                $"{_source.Name}: {Place.Archive} is a symbolic link, and nothing in it is removed. "
                + $"Name the folder itself ({OptionName.Of(nameof(FileSourceOptions.ArchiveFolder))}).");
        await PruneAsync(session, "", pruning, dryRun, cancellationToken).ConfigureAwait(false);
    }

    private async Task PruneAsync(
        ISftpSession session, string path, ArchivePruning pruning, bool dryRun, CancellationToken cancellationToken)
    {
        var folders = new List<(string Name, DateTime ModifiedUtc)>();
        var files = new List<ArchivedFile>();
        string full = Place.ArchiveOf(path);
        await foreach (SftpEntry[] entries in session.ListAsync(Place.Encode(full), cancellationToken).ConfigureAwait(false))
        {
            foreach (SftpEntry entry in entries)
            {
                SftpNames.Check(entry.Name);
                if (SftpNames.IsSelfOrParent(entry.Name) || !Place.Names.TryDecode(entry.Name, out string? name)) continue;
                SftpAttributes its = entry.Attributes;
                if (its.IsFolder) folders.Add((name, its.ModifiedUtc ?? DateTime.MaxValue));
                else if (its is { IsRegular: true, Mode: not null, Size: { } size, ModifiedUtc: { } time })
                    files.Add(new ArchivedFile(name, size, time));
            }
            if (files.Count >= ArchivePruning.AtOnce) await RemoveAsync().ConfigureAwait(false);
        }
        await RemoveAsync().ConfigureAwait(false);
        foreach ((string name, DateTime modifiedUtc) in folders.OrderBy(below => below.Name, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string below = FileNames.Join(path, name);
            byte[] there = Place.Encode(Place.ArchiveOf(below));
            if (!pruning.Enters(below) || Place.ArchiveOf(below) == Place.Root || Place.ArchiveOf(below) == Place.Quarantine) continue;
            if (await session.LstatAsync(there).ConfigureAwait(false) is not { IsFolder: true }) continue;
            await PruneAsync(session, below, pruning, dryRun, cancellationToken).ConfigureAwait(false);
            if (pruning.MayRemove(below, modifiedUtc)) await session.RemoveFolderAsync(there).ConfigureAwait(false);
        }

        async Task RemoveAsync()
        {
            List<ArchivedFile> old = await pruning.OldAsync(path, files, cancellationToken).ConfigureAwait(false);
            files.Clear();
            if (dryRun) return;
            await Task.WhenAll(old.Select(file => RemoveFileAsync(session, SftpPlace.Join(full, file.Name)))).ConfigureAwait(false);
        }
    }

    private async Task RemoveFileAsync(ISftpSession session, string path)
    {
        SftpStatus status = await session.RemoveAsync(Place.Encode(path)).ConfigureAwait(false);
        if (!status.IsOk && status.Code != SftpCode.NoSuchFile) throw SftpFaults.Completing(_source.Name, "removed", path, status);
        if (_source.Options.DoneMarker is { } ending)
            await session.RemoveAsync(Place.Encode(SftpPlace.Append(path, ending))).ConfigureAwait(false);
    }
}
