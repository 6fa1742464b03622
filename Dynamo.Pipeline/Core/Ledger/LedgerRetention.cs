using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>
/// Which records of a source <see cref="ILedger.PruneAsync"/> removes: what is older than a time. Whatever has no time, stays. Immutable.
/// </summary>
/// <param name="Source">The source's <see cref="IFileSource.Name"/>. Nothing of other sources is removed.</param>
public sealed record LedgerRetention(string Source)
{
    /// <summary>
    /// Entries of files that were loaded before this time, in UTC, are removed. Default <see langword="null"/>: none. A file whose entry is
    /// gone is imported again when it comes again. Entries in quarantine, entries of files to be imported again, and the entry with the
    /// highest number always stay.
    /// </summary>
    public DateTime? FilesBeforeUtc { get; init; }

    /// <summary>
    /// Rejects of files that were loaded before this time, in UTC, are removed. Default <see langword="null"/>: none. Those of a file
    /// without an entry are as old as the end of their run. Those of files in quarantine stay.
    /// </summary>
    public DateTime? RejectsBeforeUtc { get; init; }

    /// <summary>
    /// Runs that ended before this time, in UTC, are removed. Default <see langword="null"/>: none. Runs that go on and the newest run
    /// always stay.
    /// </summary>
    public DateTime? RunsBeforeUtc { get; init; }

    /// <summary>
    /// What is at the source: entries of paths that are there stay, or these files would be imported again. List the source first, whatever
    /// its pattern; if that fails, leave <see cref="FilesBeforeUtc"/> out. Must be set with it. Default <see langword="null"/>.
    /// </summary>
    public ListedPaths? AtSource { get; init; }

    /// <summary>
    /// Whether an entry stays as long as a row in the table names it as its file. Default <see langword="true"/>. That is found by
    /// reading the table of rows once. Without it, such rows no longer say which file they are from, they cannot be taken back, and each
    /// counts as older than any row that comes.
    /// </summary>
    public bool KeepsLineage { get; init; } = true;

    /// <summary>Whether to say only what would be removed. Default <see langword="false"/>.</summary>
    public bool DryRun { get; init; }

    /// <exception cref="ArgumentException">The source was not listed.</exception>
    internal void Check()
    {
        if (FilesBeforeUtc is not null && AtSource is null)
            throw new ArgumentException(
                $"{nameof(FilesBeforeUtc)} needs {nameof(AtSource)}: without a list of what is there, entries of files that are still at "
                + "the source would be removed, and the files imported again.");
    }
}

/// <summary>The paths that a source has, as 64-bit hashes: a million take about 24 MB. Thread-safe once it is made.</summary>
public sealed class ListedPaths
{
    private readonly HashSet<long> _paths = [];

    private ListedPaths() { }

    /// <summary>How many paths there are.</summary>
    public int Count => _paths.Count;

    /// <summary>Lists a source, without waiting for files that may still be written.</summary>
    /// <param name="source">The source. It should list every name, also those that are not imported any more.</param>
    /// <param name="cancellationToken">Cancels the listing.</param>
    /// <returns>The paths.</returns>
    /// <exception cref="SourceException">The source cannot be listed.</exception>
    public static async Task<ListedPaths> OfAsync(IFileSource source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        var listed = new ListedPaths();
        await foreach (SourceFile file in source.SweepAsync(cancellationToken).ConfigureAwait(false))
            listed._paths.Add(Hash(file.Path));
        return listed;
    }

    /// <summary>
    /// Whether a path may be there: it was listed, or it is below a folder that was listed as one that cannot be looked into. Very rarely
    /// true for another path.
    /// </summary>
    /// <param name="path">The path of a file.</param>
    /// <returns><see langword="false"/> only if it is not there.</returns>
    public bool MayHold(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        for (int end = path.Length; end > 0; end = path.LastIndexOf('/', end - 1))
            if (_paths.Contains(Hash(path.AsSpan(0, end)))) return true;
        return false;
    }

    private static long Hash(ReadOnlySpan<char> path) => ContentHash.Of(MemoryMarshal.AsBytes(path));
}

/// <summary>What of a ledger was, or would be, removed.</summary>
/// <param name="Files">The entries of files. Their time is that of their import.</param>
/// <param name="Rejects">The rejected rows. Their time is that of their file's import or of their run's end.</param>
/// <param name="Runs">The runs. Their time is that of their end.</param>
public sealed record PrunedLedger(Pruned Files, Pruned Rejects, Pruned Runs);

/// <summary>What of one kind was, or would be, removed.</summary>
/// <param name="Count">How many.</param>
/// <param name="OldestUtc">The time of the oldest of them, in UTC; <see langword="null"/> if there are none, or if it is not known.</param>
/// <param name="Bytes">How many bytes they had, if they are files; otherwise 0.</param>
public sealed record Pruned(long Count, DateTime? OldestUtc, long Bytes = 0)
{
    /// <summary>Nothing.</summary>
    public static Pruned Nothing { get; } = new(0, null);

    /// <summary>These and one more.</summary>
    internal Pruned And(DateTime utc, long bytes) => new(Count + 1, OldestUtc < utc ? OldestUtc : utc, Bytes + bytes);
}
