using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline;

/// <summary>The archive of a <see cref="FolderSource"/>: removes its old files, from any thread, also during a run.</summary>
public sealed class FolderArchive : IArchive
{
    /// <summary>The archive has a version of a path under its own name or under one with its time; a few are looked for.</summary>
    private const int MostNames = 20;

    private static readonly EnumerationOptions s_noLinks = new() { AttributesToSkip = FileAttributes.ReparsePoint };

    private readonly FolderSource _source;

    /// <summary>The archive of a _source.</summary>
    /// <param name="source">The source whose archive folder is used.</param>
    /// <exception cref="ArgumentNullException">There is no _source.</exception>
    public FolderArchive(FolderSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
    }

    private string Root => _source.Place.Archive;

    private ArchivePattern Days => _source.Place.Days;

    /// <inheritdoc/>
    public async Task<Pruned> PruneAsync(ArchiveRetention retention, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(retention);
        var pruning = new ArchivePruning(Days, retention, _source.Options.TimeProvider.GetUtcNow().UtcDateTime);
        try
        {
            using var held = new HeldFolders(_source.Place, _source.Disk);
            if (held.ExistingArchive() is { } root)
                await PruneAsync(root, "", pruning, retention.DryRun, cancellationToken).ConfigureAwait(false);
            return pruning.Pruned;
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Pruning(Root, error);
        }
    }

    private async Task PruneAsync(
        HeldFolder folder, string path, ArchivePruning pruning, bool dryRun, CancellationToken cancellationToken)
    {
        var folders = new List<(string Name, DateTime ModifiedUtc)>();
        var files = new List<ArchivedFile>();
        foreach (string name in folder.Names())
        {
            FileStat stat = folder.Stat(name);
            if (stat.Kind == FileKind.Folder) folders.Add((name, stat.ModifiedUtc));
            // What a killed run was still writing.
            if (stat.Kind == FileKind.Regular && FileNames.IsTemporary(name))
            {
                if (pruning.IsLeftOver(stat.ModifiedUtc)) folder.Delete(name);
            }
            else if (stat.Kind == FileKind.Regular) files.Add(new ArchivedFile(name, stat.Size, stat.ModifiedUtc));
            if (files.Count == ArchivePruning.AtOnce) await RemoveAsync().ConfigureAwait(false);
        }
        await RemoveAsync().ConfigureAwait(false);
        foreach ((string name, DateTime modifiedUtc) in folders.OrderBy(below => below.Name, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string below = FileNames.Join(path, name);
            if (!pruning.Enters(below) || _source.Place.IsNoneOfTheArchive(below)) continue;
            using (HeldFolder? opened = TryOpen(folder, name))
            {
                if (opened is null or { Stranger: not null }) continue;
                await PruneAsync(opened, below, pruning, dryRun, cancellationToken).ConfigureAwait(false);
            }
            if (pruning.MayRemove(below, modifiedUtc)) folder.TryRemoveFolder(name);
        }

        async Task RemoveAsync()
        {
            foreach (ArchivedFile file in await pruning.OldAsync(path, files, cancellationToken).ConfigureAwait(false))
            {
                if (dryRun || folder.Stat(file.Name) != new FileStat(FileKind.Regular, file.Size, file.ModifiedUtc)) continue;
                folder.Delete(file.Name);
                if (_source.Options.DoneMarker is { } ending) folder.Delete(FileNames.Append(file.Name, ending));
            }
            files.Clear();
        }
    }

    /// <summary>A folder that was there a moment ago. A link in its place is left alone.</summary>
    private static HeldFolder? TryOpen(HeldFolder folder, string name)
    {
        try
        {
            return folder.Open(name);
        }
        catch (FolderReplacedException)
        {
            return null;
        }
    }

    /// <summary>Where a file is now: at the source, or in the archive. Null if it is in neither.</summary>
    /// <param name="file">The file.</param>
    /// <param name="importedUtc">When it was imported: usually it was archived on that day.</param>
    /// <exception cref="ArgumentException">The file's path does not stay below the source.</exception>
    internal string? Find(SourceFile file, DateTime importedUtc)
    {
        FileNames.CheckBelow(file);
        string home = _source.Place.PathOf(file.Path);
        if (_source.Disk.Stat(home).Is(file)) return home;
        IEnumerable<string> likely = [Days.Of(importedUtc), Days.Of(importedUtc.AddDays(1)), ""];
        IEnumerable<string> folders = likely.Concat(FoldersOf(Days, "")).Concat(FoldersOf(ArchivePattern.Default, "")).Distinct();
        return folders.Select(folder => FindIn(Path.Join(Root, folder, file.Path), file)).FirstOrDefault(found => found is not null);
    }

    /// <summary>Moves a file back to the source, if it is not there. No link is followed, and nothing is replaced.</summary>
    /// <returns>Why it cannot be, or null: it is at the source.</returns>
    /// <exception cref="SourceException">The disk refuses.</exception>
    internal string? BringBack(SourceFile file, DateTime importedUtc)
    {
        try
        {
            if (Find(file, importedUtc) is not { } found) return $"it is neither in {_source.Place.Root} nor in {Root}";
            return found == _source.Place.PathOf(file.Path) ? null : BringBack(file, found);
        }
        catch (FolderReplacedException error)
        {
            return $"{error.Message}, and no file is put there; remove it";
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Completing("brought back", _source.Place.PathOf(file.Path), error);
        }
    }

    private string? BringBack(SourceFile file, string found)
    {
        using var held = new HeldFolders(_source.Place, _source.Disk);
        string name = FileNames.NameOf(file.Path), archived = Path.GetFileName(found);
        string folder = Path.GetRelativePath(Root, Path.GetDirectoryName(found)!).Replace(Path.DirectorySeparatorChar, '/');
        if (held.ExistingArchive(folder == "." ? "" : folder) is not { } from) return $"it cannot be reached in {Root} without a link";
        HeldFolder to = held.MakeSource(FileNames.FolderOf(file.Path));
        FileStat stat = from.Stat(archived);
        if (!stat.Is(file) || !FolderMove.TryMove(_source.Disk, from, archived, stat, to, name))
            return $"another file of that name is in {_source.Place.Root}; import or move that one first";
        if (_source.Options.DoneMarker is { } ending && to.Stat(name + ending).Kind == FileKind.Missing)
            to.CreateFile(name + ending, OwnFile.Shared).Dispose();
        return null;
    }

    private string? FindIn(string plain, SourceFile file) =>
        Enumerable.Range(1, MostNames).Select(number => FileNames.WithTime(plain, file.ModifiedUtc, number)).Prepend(plain)
            .FirstOrDefault(name => _source.Disk.Stat(name).Is(file));

    /// <summary>The folders that are there for a whole day, below one for more of them.</summary>
    private IEnumerable<string> FoldersOf(ArchivePattern days, string below)
    {
        string full = Path.Join(Root, below);
        if (!days.HasDays || !Directory.Exists(full)) yield break;
        foreach (string path in Directory.EnumerateDirectories(full, "*", s_noLinks))
        {
            string folder = FileNames.Join(below, Path.GetFileName(path));
            if (days.DayOf(folder) is not { } day) continue;
            if (day.Below is not null) yield return folder;
            else foreach (string deeper in FoldersOf(days, folder)) yield return deeper;
        }
    }
}
