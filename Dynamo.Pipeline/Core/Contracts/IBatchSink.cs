namespace Dynamo.Pipeline;

/// <summary>
/// Where rows go, together with the ledger of imported files. A run calls <see cref="PrepareAsync"/> once and first, then
/// <see cref="LookUpAsync"/> and up to <see cref="MaxWriters"/> <see cref="WriteAsync"/> calls at once, and <see cref="EndRunAsync"/> last.
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
public interface IBatchSink<TRow> : IAsyncDisposable
{
    /// <summary>The sink's identity, free of secrets, such as <c>sqlite:/data/readings.db</c>.</summary>
    string Name { get; }

    /// <summary>How many batches can be written at once. 1 for SQLite, which has one writer. Asked once prepared.</summary>
    int MaxWriters { get; }

    /// <summary>Rows that suit one transaction, for who leaves <see cref="PipelineOptions.BatchRows"/> open. Asked once prepared. Default: 20,000.</summary>
    int BatchRows => 20_000;

    /// <summary>
    /// Which of the writers gets a file. A writer writes one batch after the other, so files of one lane never meet each other; files of different lanes may be written at the same
    /// time. Asked once prepared, when there are several writers. Default: by the path, evenly.
    /// </summary>
    /// <param name="file">The file, with its rows unless it is streamed.</param>
    /// <param name="lanes">How many writers there are.</param>
    /// <returns>The writer, from 0 on.</returns>
    int LaneOf(FileRows<TRow> file, int lanes) => Lanes.ByPath(file.File, lanes);

    /// <summary>
    /// Claims the sink for one source, checks the tables (creating missing ones where that is configured), and opens a row in the run table.
    /// </summary>
    /// <param name="run">Who imports what.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A task that completes when the sink is ready to write.</returns>
    /// <exception cref="AlreadyRunningException">Another run, of this process or another, holds this source and sink. Raised at once.</exception>
    /// <exception cref="SinkException">The sink cannot be reached or its tables do not fit.</exception>
    ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken);

    /// <summary>Asks the ledger which of these files are done. Safe to call while batches are written.</summary>
    /// <param name="files">Listed files.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>In step with <paramref name="files"/>: the ledger's entry, or <see langword="null"/> for a file that is new or has new content.</returns>
    ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken);

    /// <summary>
    /// Writes rows, rejects and ledger entries of these files in one transaction, or nothing at all. A file that is in the ledger by then is left alone
    /// (<see cref="FileOutcome.AlreadyLoaded"/>). A row that the database refuses is rejected by name and costs neither its file nor its batch. A file with a
    /// <see cref="FileRows{TRow}.Defect"/> is quarantined: ledger entry and rejects, no rows. A sink that refuses rows itself also quarantines a file with more
    /// than <see cref="RunStart.MaxBadRows"/> rejects, or with nothing but rejects. A streamed file comes alone; when <see cref="FileRows{TRow}.ReadAsync"/>
    /// throws <see cref="BadFileException"/> or <see cref="FileChangedException"/>, roll back and let it pass: the pipeline calls again with the defect, or defers
    /// the file.
    /// </summary>
    /// <param name="files">The files, those to quarantine included.</param>
    /// <param name="cancellationToken">Rolls back.</param>
    /// <returns>In step with <paramref name="files"/>: what became of each. Everything is committed when the task completes.</returns>
    /// <exception cref="SinkException">Nothing was written. When <see cref="SinkException.IsTransient"/>, the same call may be made again.</exception>
    ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken);

    /// <summary>Closes the run's row with its books, and releases the claim.</summary>
    /// <param name="outcome">How it ended.</param>
    /// <param name="books">The counts at the end.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A task that completes when the row is written.</returns>
    ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken);
}

/// <summary>Who imports what: the opening of a run's row.</summary>
/// <param name="Source">The source's <see cref="IFileSource.Name"/>.</param>
/// <param name="StartedUtc">When the run began.</param>
/// <param name="Host">The machine's name.</param>
/// <param name="Version">The library's version.</param>
/// <param name="MaxBadRows">How many rejected rows a file may have and still be loaded.</param>
public sealed record RunStart(string Source, DateTime StartedUtc, string Host, string Version, int MaxBadRows);

/// <summary>How a run ended.</summary>
public enum RunOutcome
{
    /// <summary>Everything that was listed went through.</summary>
    Completed,

    /// <summary>It was stopped early by its caller; what was read is committed.</summary>
    Cancelled,

    /// <summary>It ended with an error; what is committed stays.</summary>
    Failed,
}

/// <summary>Lanes for files of which nothing else is known.</summary>
internal static class Lanes
{
    public static int ByPath(SourceFile file, int lanes) => (int)((uint)file.Path.GetHashCode(StringComparison.Ordinal) % (uint)lanes);
}
