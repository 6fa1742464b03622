namespace Dynamo.Pipeline;

/// <summary>
/// Where a source puts bad files, and the way back: <see cref="FolderQuarantine"/> for a folder, <c>SftpQuarantine</c> for a server. Not to be used while
/// a run on the same source goes on.
/// </summary>
public interface IQuarantine
{
    /// <summary>Lists the quarantined files, of other sources that share the quarantine too, ordered by location. A missing one is empty.</summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <returns>The files.</returns>
    /// <exception cref="SourceException">The quarantine cannot be listed.</exception>
    ValueTask<IReadOnlyList<QuarantinedFile>> ListAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Brings a file back to its source: moves it, or, where it is still there unchanged, removes the copy; and removes the reason. Idempotent: interrupted
    /// at any instant, it is finished when it is asked for again.
    /// </summary>
    /// <param name="file">A file from <see cref="ListAsync"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Whether it is back, and if not, why.</returns>
    /// <exception cref="SourceException">The source refuses or cannot be reached.</exception>
    ValueTask<QuarantineReturn> ReturnAsync(QuarantinedFile file, CancellationToken cancellationToken = default);
}

/// <summary>A file in quarantine, as <see cref="FolderQuarantine.List"/> found it.</summary>
/// <param name="Source">The <see cref="IFileSource.Name"/> of the source it came from.</param>
/// <param name="File">The file as it was listed then: with <paramref name="Source"/> its identity in the ledger. When <see cref="IsDamaged"/>, as it lies in the quarantine.</param>
/// <param name="Location">The full path in the quarantine. There may be no file when the source keeps its files and this one cannot be read.</param>
public sealed record QuarantinedFile(string Source, SourceFile File, string Location)
{
    /// <summary>When it was quarantined, or <see langword="null"/> when that is not known.</summary>
    public DateTime? QuarantinedUtc { get; init; }

    /// <summary>Why, or <see langword="null"/> when the reason file is missing or damaged.</summary>
    public Defect? Defect { get; init; }

    /// <summary>Whether the reason file is missing or cannot be read.</summary>
    public bool IsDamaged => Defect is null;
}

/// <summary>What <see cref="FolderQuarantine.Return"/> did.</summary>
/// <param name="File">The file.</param>
/// <param name="Obstacle">Why it stays in quarantine, with the remedy; <see langword="null"/> when it is back at its source.</param>
public sealed record QuarantineReturn(QuarantinedFile File, string? Obstacle)
{
    /// <summary>
    /// Whether the file is back. Its ledger entry (<see cref="QuarantinedFile.Source"/>, path, size and time) must be removed now, or the next run quarantines
    /// it again under the same reason.
    /// </summary>
    public bool IsReturned => Obstacle is null;
}
