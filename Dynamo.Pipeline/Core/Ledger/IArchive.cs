using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline;

/// <summary>
/// Removes old files from the archive of a source: <see cref="FolderArchive"/> for a folder, <c>SftpArchive</c> for a server. It may be
/// called during a run.
/// </summary>
public interface IArchive
{
    /// <summary>
    /// Removes files that were archived before a time and that the ledger has as loaded, each with its done marker, and folders that are
    /// empty then. A folder that is named by its day is old when that day is over by then; in an archive without days, a file is as old as
    /// its last change. The archive's root stays, and so do links, folders of strangers, and files that the ledger does not know. If it is
    /// interrupted, the next call goes on.
    /// </summary>
    /// <param name="retention">What is old.</param>
    /// <param name="cancellationToken">Stops between two folders or some hundred files.</param>
    /// <returns>The files that were removed, or with <see cref="ArchiveRetention.DryRun"/> would be. Their time is that of their last
    /// change.</returns>
    /// <exception cref="SourceException">The archive cannot be listed, is a link or a stranger's, or a file cannot be removed.</exception>
    Task<Pruned> PruneAsync(ArchiveRetention retention, CancellationToken cancellationToken = default);
}

/// <summary>Which files of an archive are removed. Immutable.</summary>
/// <param name="BeforeUtc">Files that were archived before this time, in UTC, are old.</param>
/// <param name="LookUp">
/// Looks some hundred files up in the ledger, as <see cref="IBatchSink{TRow}.LookUpAsync"/> does. Only files that it has as loaded are
/// removed, so keep entries at least as long as files.
/// </param>
public sealed record ArchiveRetention(
    DateTime BeforeUtc, Func<IReadOnlyList<SourceFile>, CancellationToken, Task<LedgerEntry?[]>> LookUp)
{
    /// <summary>Whether to say only what would be removed. Default <see langword="false"/>.</summary>
    public bool DryRun { get; init; }
}

/// <summary>A file in a folder of an archive.</summary>
internal readonly record struct ArchivedFile(string Name, long Size, DateTime ModifiedUtc);

/// <summary>Decides what of an archive is old, and counts it. It changes nothing. Used by one thread at a time.</summary>
internal sealed class ArchivePruning(ArchivePattern days, ArchiveRetention retention, DateTime nowUtc)
{
    /// <summary>How many files are looked up at once.</summary>
    public const int AtOnce = 500;

    /// <summary>What was found to be old so far.</summary>
    public Pruned Pruned { get; private set; } = Pruned.Nothing;

    /// <summary>Whether anything in a folder may be old.</summary>
    public bool Enters(string folder) => days.DayOf(folder) is not { Below: not null } day || day.EndUtc <= retention.BeforeUtc;

    /// <summary>Whether to remove a folder if it is empty. A run may have just made one that is not of an old day.</summary>
    public bool MayRemove(string folder, DateTime modifiedUtc) =>
        days.DayOf(folder) is { } day ? !retention.DryRun && day.EndUtc <= retention.BeforeUtc : IsLeftOver(modifiedUtc);

    /// <summary>Whether no run is at work any more on what was changed last at this time, and it is to be removed.</summary>
    public bool IsLeftOver(DateTime modifiedUtc) => !retention.DryRun && nowUtc - modifiedUtc > TimeSpan.FromDays(1);

    /// <summary>Which of some files of a folder are old, and were loaded.</summary>
    public async Task<List<ArchivedFile>> OldAsync(string folder, List<ArchivedFile> files, CancellationToken cancellationToken)
    {
        string below = folder;
        if (days.DayOf(folder) is { Below: { } ofDay }) below = ofDay;
        else files.RemoveAll(file => file.ModifiedUtc >= retention.BeforeUtc);
        if (files.Count == 0) return files;
        // The archive has a file under its own name, or under one with its time.
        SourceFile Named(string name, ArchivedFile file) => new(FileNames.Join(below, name), file.Size, file.ModifiedUtc);
        SourceFile[] asked = [.. files.Select(file => Named(FileNames.WithoutTime(file.Name, file.ModifiedUtc), file)),
            .. files.Select(file => Named(file.Name, file))];
        LedgerEntry?[] entries = await retention.LookUp(asked, cancellationToken).ConfigureAwait(false);
        bool IsLoaded(int at) => entries[at] is { Outcome: FileOutcome.Loaded };
        List<ArchivedFile> old = [.. files.Where((_, at) => IsLoaded(at) || IsLoaded(at + files.Count))];
        foreach (ArchivedFile file in old) Pruned = Pruned.And(file.ModifiedUtc, file.Size);
        return old;
    }
}
