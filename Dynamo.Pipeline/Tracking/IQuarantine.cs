namespace Dynamo.Pipeline;

/// <summary>
/// Where a source puts bad files, and the way back: <see cref="Quarantine"/> for a folder, <see cref="SftpQuarantine"/> for a server. Not to be used while
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
