namespace Dynamo.Pipeline;

/// <summary>
/// Reads the tables in which a sink records its runs, its files and its quarantine, and forgets quarantined files: users call it, and so do
/// <c>dynamo status</c> and <c>dynamo retry</c>, from any thread, several at once and also during a run.
/// </summary>
/// <remarks>
/// <c>SqliteLedger</c> and <c>SqlServerLedger</c> are the ledgers of the two database sinks; your own sink can have one too.
/// The room Ledger also has what these sinks and the quarantines of the sources share.
/// </remarks>
public interface ILedger
{
    /// <summary>Gets the last runs, newest first; workers are part of the run that they worked for.</summary>
    /// <param name="most">The most runs to return.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>The runs.</returns>
    /// <exception cref="SinkException">The database cannot be read, or no import has been run into it.</exception>
    Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken = default);

    /// <summary>Gets the totals over all files of a source, or of all sources.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>, or <see langword="null"/> for all sources.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>The totals.</returns>
    /// <exception cref="SinkException">The database cannot be read, or no import has been run into it.</exception>
    Task<LedgerTotals> TotalsAsync(string? source, CancellationToken cancellationToken = default);

    /// <summary>
    /// Gets the newest time in the table of rows, which tells how old the data is. Default: <see langword="null"/>, not known.
    /// </summary>
    /// <typeparam name="TRow">The type of a row.</typeparam>
    /// <param name="map">The table of rows. The first time column of its key is used.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>The time in UTC, or <see langword="null"/> if the table is empty or its key has no time.</returns>
    /// <exception cref="SinkException">The database cannot be read, or it does not have the table.</exception>
    Task<DateTime?> NewestAsync<TRow>(RowMap<TRow> map, CancellationToken cancellationToken = default) => Task.FromResult<DateTime?>(null);

    /// <summary>
    /// Counts the files in quarantine. Default: from <see cref="TotalsAsync"/>. A database that can count them without reading the entries
    /// of all loaded files does.
    /// </summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>, or <see langword="null"/> for all sources.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>How many files are in quarantine.</returns>
    /// <exception cref="SinkException">The database cannot be read, or no import has been run into it.</exception>
    async Task<long> CountQuarantinedAsync(string? source, CancellationToken cancellationToken = default) =>
        (await TotalsAsync(source, cancellationToken).ConfigureAwait(false)).Quarantined;

    /// <summary>Gets the files in quarantine, oldest first.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>, or <see langword="null"/> for all sources.</param>
    /// <param name="most">The most files to return.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>The files.</returns>
    /// <exception cref="SinkException">The database cannot be read, or no import has been run into it.</exception>
    Task<IReadOnlyList<QuarantinedEntry>> QuarantinedAsync(string? source, int most, CancellationToken cancellationToken = default);

    /// <summary>
    /// Forgets quarantined files and their rejects, so that the next run loads these files again. Loaded files are never forgotten.
    /// First return the files to their source (<see cref="IQuarantine.ReturnAsync"/>).
    /// </summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>.</param>
    /// <param name="files">
    /// The files to forget, by path, size and time, or <see langword="null"/> for all files in quarantine.
    /// Other versions of the same path do not change.
    /// </param>
    /// <param name="cancellationToken">Cancels the change; then nothing is changed.</param>
    /// <returns>How many files were forgotten.</returns>
    /// <exception cref="SinkException">
    /// The database cannot be written, or no import has been run into it. Nothing was changed.
    /// </exception>
    Task<int> RetryAsync(string source, IReadOnlyCollection<SourceFile>? files, CancellationToken cancellationToken = default);

    /// <summary>
    /// Removes old records of a source, in small transactions that let other writers in between, also during a run. If it is interrupted,
    /// what is removed stays removed, and the next call goes on. Default: not supported.
    /// </summary>
    /// <typeparam name="TRow">The type of a row.</typeparam>
    /// <param name="map">The table of rows. Nothing in it is changed.</param>
    /// <param name="retention">What is old.</param>
    /// <param name="cancellationToken">Stops between two transactions.</param>
    /// <returns>What was removed, or with <see cref="LedgerRetention.DryRun"/> what would be.</returns>
    /// <exception cref="SinkException">The database cannot be written, or no import has been run into it.</exception>
    /// <exception cref="NotSupportedException">This ledger cannot do it.</exception>
    Task<PrunedLedger> PruneAsync<TRow>(RowMap<TRow> map, LedgerRetention retention, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException($"{GetType().Name} does not remove old records.");
}

/// <summary>A run as recorded in the run table.</summary>
/// <param name="RunId">The number of the run. Later runs have higher numbers.</param>
/// <param name="Source">The name of the source.</param>
/// <param name="StartedUtc">When the run began, in UTC.</param>
/// <param name="EndedUtc">
/// When the run ended, in UTC. Of a watch that goes on or was killed, its last sign of life: at most a minute old while it goes on.
/// <see langword="null"/> for another run that goes on or was killed.
/// </param>
/// <param name="Outcome"><c>running</c>, <c>completed</c>, <c>cancelled</c>, <c>failed</c> or <c>interrupted</c>.</param>
/// <param name="Host">The name of the machine.</param>
/// <param name="Books">
/// The counts. All are 0 while a run is active; those of a watch follow its commits. An interrupted run could not write them; then SQLite
/// has the files and rows that the run committed.
/// </param>
public sealed record ImportedRun(
    long RunId, string Source, DateTime StartedUtc, DateTime? EndedUtc, string Outcome, string Host, RunBooks Books)
{
    /// <summary>
    /// Why the run failed, or what is or was wrong with the source of a watch that goes on or was stopped; <see langword="null"/> if
    /// nothing was, or if the table does not say.
    /// </summary>
    public string? Reason { get; init; }

    /// <summary>The run of a dispatcher that this one is a worker of; <see langword="null"/>: it is a run of its own.</summary>
    public long? PartOf { get; init; }

    /// <summary>The workers that imported what this run handed out, newest first. Empty for a run that imported its files itself.</summary>
    public IReadOnlyList<ImportedRun> Workers { get; init; } = [];

    /// <summary>Until when everything that landed at the source is imported; <see langword="null"/>: this run does not tell.</summary>
    internal DateTime? SeenUtc { get; init; }
}

/// <summary>The totals of a ledger.</summary>
/// <param name="Loaded">How many files were loaded.</param>
/// <param name="Quarantined">How many files are in quarantine.</param>
/// <param name="Rows">How many rows were read from these files.</param>
/// <param name="Rejected">How many of these rows were not loaded.</param>
public sealed record LedgerTotals(long Loaded, long Quarantined, long Rows, long Rejected);

/// <summary>A quarantined file as recorded in the ledger.</summary>
/// <param name="Source">The name of the source.</param>
/// <param name="File">The file.</param>
/// <param name="Defect">Why it is in quarantine.</param>
/// <param name="QuarantinedUtc">Since when it is in quarantine, in UTC.</param>
public sealed record QuarantinedEntry(string Source, SourceFile File, Defect Defect, DateTime QuarantinedUtc);
