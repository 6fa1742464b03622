namespace Dynamo.Pipeline;

/// <summary>
/// The origin of files: the pipeline calls it from several threads at once, so an implementation must be thread-safe.
/// </summary>
/// <remarks>
/// The room Contracts has the interfaces and messages between the parts of a pipeline; everybody may use them, and each type says from
/// which threads.
/// <para>
/// The library has a source for a folder and one for SFTP. Write your own for anything else that can list and open files.
/// A run calls <see cref="ListAsync"/> once, <see cref="OpenAsync"/> from several readers at once, and <see cref="CompleteAsync"/>
/// one call at a time, all in parallel.
/// </para>
/// </remarks>
public interface IFileSource : IAsyncDisposable
{
    /// <summary>
    /// The identity of the source, such as <c>folder:/data/inbox</c>. It must be the same in every run and must not contain secrets.
    /// It is part of every key in the ledger: under a new name, a source imports all its files again.
    /// </summary>
    string Name { get; }

    /// <summary>
    /// How many calls of <see cref="OpenAsync"/> each reader makes ahead. With 1,
    /// which suits a local folder, a file is opened when the file
    /// before it is parsed. A remote source needs more, so that the connection is always busy. Opened files are in memory, within
    /// <see cref="PipelineOptions.BytesInFlight"/>. Default 1.
    /// </summary>
    int OpensInFlight => 1;

    /// <summary>
    /// How long a call may take although nothing is wrong, by the source's own time-outs: until files have settled, or a server is
    /// reached again. A run counts as stalled only when nothing moves for that long and <see cref="PipelineOptions.StallTimeout"/>, so
    /// that the source's own error comes first. Default zero.
    /// </summary>
    TimeSpan LongestWait => TimeSpan.Zero;

    /// <summary>
    /// Whether <see cref="CompleteAsync"/> takes files away. A file that is there although the ledger has it, is then read again and
    /// compared before it is completed, and imported if its content is another one. Default false: no file is read twice.
    /// </summary>
    bool TakesFiles => false;

    /// <summary>
    /// Lists the files one by one, so that a million files are never in memory at once. A file that is not ready has a
    /// <see cref="SourceFile.DeferReason"/>.
    /// </summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <returns>The files in any order.</returns>
    /// <exception cref="SourceException">The source cannot be reached or listed.</exception>
    IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Lists the files for a watch, which looks again and again: like <see cref="ListAsync"/>, but without waiting. A file that may still
    /// be written has a <see cref="SourceFile.DeferReason"/> and says how long it takes to settle (<see cref="SourceFile.SettlesIn"/>).
    /// Default: <see cref="ListAsync"/>.
    /// </summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <returns>The files in any order.</returns>
    /// <exception cref="SourceException">The source cannot be reached or listed.</exception>
    IAsyncEnumerable<SourceFile> SweepAsync(CancellationToken cancellationToken) => ListAsync(cancellationToken);

    /// <summary>
    /// Begins to take note of what lands, for a watch. Default <see langword="null"/>: nobody tells this source, and it is listed again
    /// and again.
    /// </summary>
    /// <param name="landed">
    /// Called when something has landed or may have been missed, from any thread. It returns at once.
    /// </param>
    /// <returns>What has landed since, or <see langword="null"/>. The watch disposes it.</returns>
    IArrivals? Listen(Action landed) => null;

    /// <summary>Opens a listed file, and checks that it is still the file that was listed.</summary>
    /// <param name="file">A file from <see cref="ListAsync"/>.</param>
    /// <param name="wholeUpTo">
    /// In bytes. A file of at most this size should be returned as a whole in memory; a larger one must be a stream.
    /// </param>
    /// <param name="cancellationToken">Cancels the opening.</param>
    /// <returns>The content. The caller disposes it.</returns>
    /// <exception cref="FileChangedException">The file vanished or changed since it was listed: it is deferred to the next run.</exception>
    /// <exception cref="BadFileException">The source has the file but refuses to give it (no permission): it is quarantined.</exception>
    /// <exception cref="UnreadableFileException">
    /// The source failed at this file, and others may be fine: it is tried again later, then deferred.
    /// </exception>
    /// <exception cref="SourceException">The source cannot be reached: the run ends.</exception>
    ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken);

    /// <summary>
    /// Completes files whose ledger entries are committed: keeps, archives or deletes loaded files and moves bad files to quarantine.
    /// Idempotent: a file that is already completed is not an error, because the next run finishes the work of a killed one.
    /// </summary>
    /// <param name="files">The files and their outcomes.</param>
    /// <param name="cancellationToken">Cancels the work; the next run does the rest.</param>
    /// <returns>A task that completes when all files are completed.</returns>
    /// <exception cref="SourceException">The source cannot be reached, or a file cannot be moved.</exception>
    ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken);
}

/// <summary>A file whose ledger entry is committed, for <see cref="IFileSource.CompleteAsync"/>.</summary>
/// <param name="File">The file as it was listed.</param>
/// <param name="Defect">Why the file was quarantined, or <see langword="null"/> if its rows were loaded.</param>
public readonly record struct CompletedFile(SourceFile File, Defect? Defect)
{
    /// <summary>
    /// When an earlier run imported it, in UTC, and perhaps completed it in part; <see langword="null"/> for a file of this run.
    /// </summary>
    public DateTime? ImportedUtc { get; init; }
}
