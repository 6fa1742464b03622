namespace Dynamo.Pipeline;

/// <summary>
/// Files that somebody else has listed and hands out, for <see cref="FilePipeline{TRow}.WorkAsync"/>: a message of a queue. A worker calls
/// it from one thread at a time.
/// </summary>
public abstract class FileChunk
{
    /// <summary>Names the files.</summary>
    /// <param name="files">At least one file, and each of them once.</param>
    /// <exception cref="ArgumentException">There is no file, or one is named twice.</exception>
    protected FileChunk(IReadOnlyList<SourceFile> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        if (files.Count == 0) throw new ArgumentException("A chunk has at least one file.", nameof(files));
        if (files.DistinctBy(file => (file.Path, file.Size, file.ModifiedUtc)).Count() != files.Count)
            throw new ArgumentException("A chunk names a file twice.", nameof(files));
        Files = files;
    }

    /// <summary>The files, as they were listed.</summary>
    public IReadOnlyList<SourceFile> Files { get; }

    /// <summary>
    /// Whether another worker may have imported files of it, because it was handed out before. Then the ledger is asked before they are
    /// read; otherwise only the transaction that writes them asks it. Default false.
    /// </summary>
    public virtual bool MayBeKnown => false;

    /// <summary>All files have an outcome: they are committed and completed at the source, or deferred.</summary>
    /// <param name="results">The result of each file, in the order of <see cref="Files"/>.</param>
    /// <param name="cancellationToken">Ends the call, when the worker has to go.</param>
    /// <returns>A task that completes when whoever handed it out is told. An exception ends the worker.</returns>
    public abstract ValueTask ImportedAsync(IReadOnlyList<FileResult> results, CancellationToken cancellationToken);
}

/// <summary>
/// Those who import what a dispatcher lists: other processes, on this machine or on others. See <see cref="PipelineSource.HandOut"/>.
/// Thread-safe.
/// </summary>
public interface IFileWorkers
{
    /// <summary>How many chunks are handed out at once, at most. With more, files wait at the dispatcher.</summary>
    int ChunksInFlight { get; }

    /// <summary>
    /// Hands files to a worker, and waits until they are imported, for as long as that takes: a worker that dies is replaced by another.
    /// </summary>
    /// <param name="files">
    /// The files, whose <see cref="SourceFile.HasNewContent"/> the worker has to know.
    /// </param>
    /// <param name="cancellationToken">Ends the waiting. The files may be imported nevertheless.</param>
    /// <returns>What became of them.</returns>
    ValueTask<ChunkResult> ImportAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken);
}

/// <summary>What became of files that were handed out. Immutable.</summary>
/// <param name="Results">The files that are in the ledger or deferred, in any order.</param>
public sealed record ChunkResult(IReadOnlyList<FileResult> Results)
{
    /// <summary>
    /// The other files, with why no worker can import them: each attempt ended its worker. The dispatcher enters them in the ledger and
    /// puts them into quarantine. Default none.
    /// </summary>
    public IReadOnlyList<CompletedFile> Refused { get; init; } = [];
}
