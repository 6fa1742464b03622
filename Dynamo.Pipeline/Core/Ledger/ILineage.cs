namespace Dynamo.Pipeline;

/// <summary>
/// Says which file a row is from, and takes back what files brought: users call it, and so do <c>dynamo lineage</c> and <c>dynamo undo</c>,
/// from any thread and also during a run of another source.
/// </summary>
public interface ILineage
{
    /// <summary>Gets the last rows in the order of the key, with the file of each.</summary>
    /// <typeparam name="TRow">The type of a row.</typeparam>
    /// <param name="map">The table of rows.</param>
    /// <param name="key">Values of columns of the key, by the column's name. Columns that are not named may have any value.</param>
    /// <param name="most">The most rows to return.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>The rows in the order of the key.</returns>
    /// <exception cref="ArgumentException">The map's key has no such column.</exception>
    /// <exception cref="SinkException">The database cannot be read, or its table does not say of which file a row is.</exception>
    Task<IReadOnlyList<TracedRow>> TraceAsync<TRow>(
        RowMap<TRow> map, IReadOnlyDictionary<string, string> key, int most, CancellationToken cancellationToken = default);

    /// <summary>Gets what a file met: files that brought some of the same keys.</summary>
    /// <param name="fileId">The number of the file.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>The files that come before it, the newest first.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    Task<IReadOnlyList<DeliveredFile>> OlderAsync(long fileId, CancellationToken cancellationToken = default);

    /// <summary>Says what <see cref="UndoAsync"/> would take back, and changes nothing.</summary>
    /// <typeparam name="TRow">The type of a row.</typeparam>
    /// <param name="map">The table of rows.</param>
    /// <param name="files">Which files.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>What would be taken back.</returns>
    /// <exception cref="SinkException">The database cannot be read, or its table does not say of which file a row is.</exception>
    Task<Undone> PlanUndoAsync<TRow>(RowMap<TRow> map, UndoneFiles files, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes back what files brought, in one transaction: their rows, their ledger entries and their rejects. A row that a newer file has
    /// replaced stays, for it is the newer file's. A row that replaced an older one goes, and the older one does not come back by itself:
    /// <see cref="Undone.Others"/> are the files to import again for that. Offer those to their source first, and name them in
    /// <paramref name="again"/>: if the process is killed before the commit, they count as imported, and after it as new.
    /// </summary>
    /// <typeparam name="TRow">The type of a row.</typeparam>
    /// <param name="map">The table of rows.</param>
    /// <param name="files">Which files.</param>
    /// <param name="again">
    /// The numbers of other, loaded files that the next run imports again although the ledger has them. Their rows stay until then.
    /// </param>
    /// <param name="cancellationToken">Cancels the change; then nothing is changed.</param>
    /// <returns>What was taken back.</returns>
    /// <exception cref="SinkException">The database cannot be written, or its table does not say of which file a row is.</exception>
    Task<Undone> UndoAsync<TRow>(
        RowMap<TRow> map, UndoneFiles files, IReadOnlyCollection<long> again, CancellationToken cancellationToken = default);
}

/// <summary>A row of the table and the file that it is from.</summary>
/// <param name="Values">The values in the order of the map's columns, as the database writes them; <see langword="null"/> for null.</param>
/// <param name="File">
/// The file; <see langword="null"/> if the row was written before its table kept files, or its file is no longer in the ledger.
/// </param>
public sealed record TracedRow(IReadOnlyList<string?> Values, DeliveredFile? File)
{
    /// <summary>The number of its file, also of one that is no longer in the ledger; <see langword="null"/> if the row has none.</summary>
    public long? FileId { get; init; }
}

/// <summary>A file in the ledger, with the run that imported it.</summary>
/// <param name="FileId">Its number, which its rows have.</param>
/// <param name="Source">The name of its source.</param>
/// <param name="File">The file.</param>
/// <param name="Outcome"><c>loaded</c>, <c>quarantined</c>, or <c>requeued</c> if it is to be imported again.</param>
/// <param name="Rows">How many rows were read of it.</param>
/// <param name="ImportedUtc">When it was imported, in UTC.</param>
/// <param name="RunId">The run that imported it.</param>
/// <param name="Host">The machine of that run, if the run is still in its table.</param>
/// <param name="Version">The version of the library in that run.</param>
public sealed record DeliveredFile(
    long FileId,
    string Source,
    SourceFile File,
    string Outcome,
    long Rows,
    DateTime ImportedUtc,
    long RunId,
    string? Host,
    string? Version)
{
    /// <summary>The <see cref="PipelineOptions.Settings"/> of that run, if they were kept.</summary>
    public string? Settings { get; init; }
}

/// <summary>Which files to take back: those for which everything that is given holds. Immutable.</summary>
/// <param name="Source">The name of their source.</param>
public sealed record UndoneFiles(string Source)
{
    /// <summary>
    /// Their paths, or the ends of their paths after a <c>/</c>; <see langword="null"/> for any. All versions of a path are meant.
    /// </summary>
    public IReadOnlyCollection<string>? Paths { get; init; }

    /// <summary>The run that imported them; <see langword="null"/> for any.</summary>
    public long? RunId { get; init; }

    /// <summary>The time, in UTC, since which they were imported; <see langword="null"/> for any.</summary>
    public DateTime? SinceUtc { get; init; }
}

/// <summary>What was, or would be, taken back.</summary>
/// <param name="Files">The files.</param>
/// <param name="Rows">How many rows of theirs are in the table.</param>
/// <param name="Rejects">How many of their rejected rows are recorded.</param>
/// <param name="Others">
/// The files that brought some of the same keys and lost to these: to be imported again, so that their rows come back.
/// </param>
public sealed record Undone(
    IReadOnlyList<DeliveredFile> Files, long Rows, long Rejects, IReadOnlyList<DeliveredFile> Others)
{
    /// <summary>
    /// The files that are meant and stay: a version imported them which did not record whose readings they replaced, so that nobody could
    /// say what to bring back. The number of such a file may be 0 or less. Default: none.
    /// </summary>
    public IReadOnlyList<DeliveredFile> Unrecorded { get; init; } = [];
}
