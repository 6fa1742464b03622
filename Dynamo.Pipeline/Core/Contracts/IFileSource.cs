namespace Dynamo.Pipeline;

/// <summary>
/// Where files come from. Implementations ship for a folder and for SFTP; write your own for anything else that lists and opens files.
/// A run calls <see cref="ListAsync"/> once, <see cref="OpenAsync"/> from several readers at once, and <see cref="CompleteAsync"/> from one place
/// at a time, while the others still run.
/// </summary>
public interface IFileSource : IAsyncDisposable
{
    /// <summary>
    /// The source's identity, stable between runs and free of secrets, such as <c>folder:/data/inbox</c>. It is the first part of every
    /// ledger key: a source under a new name imports all its files again.
    /// </summary>
    string Name { get; }

    /// <summary>
    /// How many <see cref="OpenAsync"/> calls each reader keeps under way at once. 1 (a local folder) opens a file when the one before is parsed;
    /// a distant source sets it so high that the line stays full. Opened files are held in memory, within the pipeline's byte budget.
    /// </summary>
    int OpensInFlight => 1;

    /// <summary>Lists the files, streamed: a folder of a million files is not held in memory. Files that are not ready carry a <see cref="SourceFile.DeferReason"/>.</summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <returns>The files, in no promised order.</returns>
    /// <exception cref="SourceException">The source cannot be reached or listed.</exception>
    IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken);

    /// <summary>Opens a listed file, and checks that it still is the file that was listed.</summary>
    /// <param name="file">A file from <see cref="ListAsync"/>.</param>
    /// <param name="wholeUpTo">Files of at most this many bytes are best returned whole in memory; larger ones must be a stream.</param>
    /// <param name="cancellationToken">Gives up opening.</param>
    /// <returns>The content; the caller disposes it.</returns>
    /// <exception cref="FileChangedException">The file vanished or changed since it was listed: it is deferred to the next run.</exception>
    /// <exception cref="BadFileException">The source has the file and refuses to give it (no permission): it is quarantined.</exception>
    /// <exception cref="SourceException">The source cannot be reached: the run ends.</exception>
    ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken);

    /// <summary>
    /// Deals with files whose ledger entry is committed: keeps, archives or deletes the loaded ones, puts the bad ones into quarantine.
    /// Idempotent: a file that is already dealt with is no error, since a run that was killed in between is finished by the next one.
    /// </summary>
    /// <param name="files">Files and what became of them.</param>
    /// <param name="cancellationToken">Gives up; what is left is finished by the next run.</param>
    /// <returns>A task that completes when all are dealt with.</returns>
    /// <exception cref="SourceException">The source cannot be reached, or a file cannot be moved.</exception>
    ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken);
}

/// <summary>A file whose ledger entry is committed, for <see cref="IFileSource.CompleteAsync"/>.</summary>
/// <param name="File">The file as it was listed.</param>
/// <param name="Defect">Why it was quarantined, or <see langword="null"/> when its rows were loaded.</param>
public readonly record struct CompletedFile(SourceFile File, Defect? Defect);
