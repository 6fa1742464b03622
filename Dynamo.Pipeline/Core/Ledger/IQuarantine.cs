namespace Dynamo.Pipeline;

/// <summary>
/// Lists the bad files of a source and returns them to it: <see cref="FolderQuarantine"/> for a folder, <c>SftpQuarantine</c>
/// for a server. Do not use it while a run on the same source is active.
/// </summary>
public interface IQuarantine
{
    /// <summary>
    /// Lists the quarantined files, ordered by location. Files of other sources that share the quarantine are listed as well.
    /// If the folder does not exist, the quarantine is empty.
    /// </summary>
    /// <param name="cancellationToken">Cancels the listing.</param>
    /// <returns>The files.</returns>
    /// <exception cref="SourceException">The quarantine cannot be listed.</exception>
    ValueTask<IReadOnlyList<QuarantinedFile>> ListAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Returns a file to its source and deletes its reason file. The file is moved; if the source still has it unchanged,
    /// only the copy in the quarantine is deleted. Idempotent: if it is interrupted at any instant, the next call finishes it.
    /// </summary>
    /// <param name="file">A file from <see cref="ListAsync"/>.</param>
    /// <param name="cancellationToken">Cancels the return.</param>
    /// <returns>Whether the file is back, and if not, why.</returns>
    /// <exception cref="SourceException">The source refuses or cannot be reached.</exception>
    ValueTask<QuarantineReturn> ReturnAsync(QuarantinedFile file, CancellationToken cancellationToken = default);
}

/// <summary>A file in quarantine, as a quarantine lists it.</summary>
/// <param name="Source">The <see cref="IFileSource.Name"/> of the source that the file came from.</param>
/// <param name="File">
/// The file as its source listed it; with <paramref name="Source"/> this identifies it in the ledger.
/// If <see cref="IsDamaged"/>, the file as it is in the quarantine.
/// </param>
/// <param name="Location">
/// The full path in the quarantine. There may be no file at it, if the source keeps its files and this one cannot be read.
/// </param>
public sealed record QuarantinedFile(string Source, SourceFile File, string Location)
{
    /// <summary>When the file was quarantined, in UTC, or <see langword="null"/> if that is not known.</summary>
    public DateTime? QuarantinedUtc { get; init; }

    /// <summary>Why it is in quarantine, or <see langword="null"/> if the reason file is missing or damaged.</summary>
    public Defect? Defect { get; init; }

    /// <summary>Whether the reason file is missing or cannot be read.</summary>
    public bool IsDamaged => Defect is null;
}

/// <summary>The result of returning a file from quarantine.</summary>
/// <param name="File">The file.</param>
/// <param name="Obstacle">
/// Why the file stays in quarantine, with the remedy; <see langword="null"/> if it is back at its source.
/// </param>
public sealed record QuarantineReturn(QuarantinedFile File, string? Obstacle)
{
    /// <summary>
    /// Whether the file is back. If so, remove its ledger entry (<see cref="QuarantinedFile.Source"/>, path, size and time).
    /// Otherwise the next run quarantines it again for the same reason.
    /// </summary>
    public bool IsReturned => Obstacle is null;
}
