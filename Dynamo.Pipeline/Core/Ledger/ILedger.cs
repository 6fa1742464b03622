namespace Dynamo.Pipeline;

/// <summary>
/// Looks into the tables that a sink keeps: the runs, the ledger of files, and what is in quarantine. <c>SqliteLedger</c> and
/// <c>SqlServerLedger</c> are those of the two sinks; a sink of your own can have one too. It may be asked while a run goes on. Safe for
/// concurrent use.
/// </summary>
public interface ILedger
{
    /// <summary>The last runs, newest first.</summary>
    /// <param name="most">How many at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The runs.</returns>
    /// <exception cref="SinkException">The database cannot be read, or no import has run into it.</exception>
    Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken = default);

    /// <summary>The sums over all files of a source, or of all sources.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>, or <see langword="null"/> for all.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The sums.</returns>
    /// <exception cref="SinkException">The database cannot be read, or no import has run into it.</exception>
    Task<LedgerTotals> TotalsAsync(string? source, CancellationToken cancellationToken = default);

    /// <summary>The newest time in the row table: how far behind the data is. Default: <see langword="null"/>, it is not known.</summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The row table. The first time in its key is meant.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The time in UTC, or <see langword="null"/> where there is none: an empty table, or a key without a time.</returns>
    /// <exception cref="SinkException">The database cannot be read, or has no such table.</exception>
    Task<DateTime?> NewestAsync<TRow>(RowMap<TRow> map, CancellationToken cancellationToken = default) => Task.FromResult<DateTime?>(null);

    /// <summary>The files in quarantine, oldest first.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>, or <see langword="null"/> for all.</param>
    /// <param name="most">How many at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The files.</returns>
    /// <exception cref="SinkException">The database cannot be read, or no import has run into it.</exception>
    Task<IReadOnlyList<QuarantinedEntry>> QuarantinedAsync(string? source, int most, CancellationToken cancellationToken = default);

    /// <summary>
    /// Forgets quarantined files and their rejects, so that the next run that finds them loads them. Loaded files are never forgotten.
    /// Bring the files themselves back first (<see cref="IQuarantine.ReturnAsync"/>).
    /// </summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>.</param>
    /// <param name="files">
    /// Which files, by path, size and time, or <see langword="null"/> for all in quarantine. Other versions of the same path stay as they
    /// are.
    /// </param>
    /// <param name="cancellationToken">Gives up and changes nothing.</param>
    /// <returns>How many files were forgotten.</returns>
    /// <exception cref="SinkException">The database cannot be written, or no import has run into it. Nothing was changed.</exception>
    Task<int> RetryAsync(string source, IReadOnlyCollection<SourceFile>? files, CancellationToken cancellationToken = default);
}

/// <summary>A run, as the run table has it.</summary>
/// <param name="RunId">Its number, rising.</param>
/// <param name="Source">The source's name.</param>
/// <param name="StartedUtc">When it began.</param>
/// <param name="EndedUtc">When it ended, or <see langword="null"/>: it is under way, or its process was killed.</param>
/// <param name="Outcome"><c>running</c>, <c>completed</c>, <c>cancelled</c>, <c>failed</c> or <c>interrupted</c>.</param>
/// <param name="Host">The machine.</param>
/// <param name="Books">
/// The counts: all 0 while the run is under way. An interrupted run could not write them: SQLite then has the files and rows that it
/// committed.
/// </param>
public sealed record ImportedRun(
    long RunId, string Source, DateTime StartedUtc, DateTime? EndedUtc, string Outcome, string Host, RunBooks Books);

/// <summary>The sums of a ledger.</summary>
/// <param name="Loaded">Files loaded.</param>
/// <param name="Quarantined">Files in quarantine.</param>
/// <param name="Rows">Rows read from both.</param>
/// <param name="Rejected">Rows left out.</param>
public sealed record LedgerTotals(long Loaded, long Quarantined, long Rows, long Rejected);

/// <summary>A quarantined file, as the ledger has it.</summary>
/// <param name="Source">The source's name.</param>
/// <param name="File">The file.</param>
/// <param name="Defect">Why.</param>
/// <param name="QuarantinedUtc">Since when.</param>
public sealed record QuarantinedEntry(string Source, SourceFile File, Defect Defect, DateTime QuarantinedUtc);
