namespace Dynamo.Pipeline;

/// <summary>
/// The target of rows, together with the ledger of imported files. A run first calls <see cref="PrepareAsync"/> once. Then it calls
/// <see cref="LookUpAsync"/> and up to <see cref="MaxWriters"/> times <see cref="WriteAsync"/>, all at the same time.
/// At the end it calls <see cref="EndRunAsync(RunOutcome, RunBooks, string, CancellationToken)"/>.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public interface IBatchSink<TRow> : IAsyncDisposable
{
    /// <summary>The identity of the sink, such as <c>sqlite:/data/readings.db</c>. It must not contain secrets.</summary>
    string Name { get; }

    /// <summary>
    /// How many batches can be written at once. 1 for SQLite, which has one writer. Read after <see cref="PrepareAsync"/>.
    /// </summary>
    int MaxWriters { get; }

    /// <summary>
    /// How many rows suit one transaction, for runs that do not set <see cref="PipelineOptions.BatchRows"/>. Default 20,000.
    /// Read after <see cref="PrepareAsync"/>.
    /// </summary>
    int BatchRows => 20_000;

    /// <summary>
    /// Chooses the writer of a file. A writer writes one batch after the other, so files of one lane are never written at the same
    /// time; files of different lanes may be. Called after <see cref="PrepareAsync"/>, and only if there are several writers.
    /// Default: evenly, by the path.
    /// </summary>
    /// <param name="file">The file, with its rows unless it is streamed.</param>
    /// <param name="lanes">How many writers there are.</param>
    /// <returns>The number of the writer, from 0.</returns>
    int LaneOf(FileRows<TRow> file, int lanes) => Lanes.ByPath(file.File, lanes);

    /// <summary>
    /// Reserves the sink for one source, checks the tables (and creates missing ones if that is configured), and adds a row to the
    /// run table.
    /// </summary>
    /// <param name="run">The facts about the run.</param>
    /// <param name="cancellationToken">Cancels the preparation.</param>
    /// <returns>A task that completes when the sink is ready to write.</returns>
    /// <exception cref="AlreadyRunningException">
    /// Another run, of this process or another, holds this source and sink. Thrown at once, without waiting for it.
    /// </exception>
    /// <exception cref="SinkException">The sink cannot be reached or its tables do not fit.</exception>
    ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken);

    /// <summary>Looks up which of these files are in the ledger. May be called while batches are written.</summary>
    /// <param name="files">Listed files.</param>
    /// <param name="cancellationToken">Cancels the look-up.</param>
    /// <returns>
    /// For each of <paramref name="files"/>, in the same order, its entry in the ledger, or <see langword="null"/> if the file is new
    /// or has new content.
    /// </returns>
    /// <exception cref="SinkException">The sink cannot be reached.</exception>
    ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken);

    /// <summary>Writes the rows, rejects and ledger entries of these files in one transaction, or nothing at all.</summary>
    /// <remarks>
    /// <list type="bullet">
    /// <item>If a file is in the ledger in the meantime, skip it and return <see cref="FileOutcome.AlreadyLoaded"/>.</item>
    /// <item>If the database refuses a row, reject that row only and load the rest of its file and batch.</item>
    /// <item>A file with a <see cref="FileRows{TRow}.Defect"/> is quarantined: write its ledger entry and rejects, but no rows.
    /// Do the same for a file with more than <see cref="RunStart.MaxBadRows"/> rejects or with only rejects, if the sink itself
    /// refuses rows.</item>
    /// <item>A streamed file is alone in its batch. If <see cref="FileRows{TRow}.ReadAsync"/> throws <see cref="BadFileException"/>,
    /// <see cref="FileChangedException"/> or <see cref="UnreadableFileException"/>, roll back and do not catch the exception: the
    /// pipeline calls again, with the defect set if there is one, or it defers the file.</item>
    /// </list>
    /// </remarks>
    /// <param name="files">The files, including those to quarantine.</param>
    /// <param name="cancellationToken">Cancels the writing; roll back.</param>
    /// <returns>
    /// The result of each of <paramref name="files"/>, in the same order. When the task completes, everything is committed.
    /// </returns>
    /// <exception cref="SinkException">
    /// Nothing was written. With <see cref="SinkException.IsTransient"/>, the pipeline makes the same call again.
    /// </exception>
    ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken);

    /// <summary>
    /// Brings the books in the run's row up to date, as a sign of life of a watch, about once a second while files come. May be called
    /// while batches are written. Default: does nothing.
    /// </summary>
    /// <param name="books">The counts up to now.</param>
    /// <param name="cancellationToken">Cancels the writing of the row.</param>
    /// <returns>A task that completes when the row is written.</returns>
    /// <exception cref="SinkException">The row cannot be written now. The watch goes on.</exception>
    ValueTask ReportAsync(RunBooks books, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Completes the run's row with its books, and releases the sink.</summary>
    /// <param name="outcome">How the run ended.</param>
    /// <param name="books">The counts at the end.</param>
    /// <param name="cancellationToken">Cancels the writing of the row.</param>
    /// <returns>A task that completes when the row is written.</returns>
    ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken);

    /// <summary>
    /// Completes the run's row with its books and, if it failed, with the reason, and releases the sink. The pipeline calls this one.
    /// Default: <see cref="EndRunAsync(RunOutcome, RunBooks, CancellationToken)"/>, without the reason.
    /// </summary>
    /// <param name="outcome">How the run ended.</param>
    /// <param name="books">The counts at the end.</param>
    /// <param name="reason">Why the run failed, without secrets; <see langword="null"/> if it did not.</param>
    /// <param name="cancellationToken">Cancels the writing of the row.</param>
    /// <returns>A task that completes when the row is written.</returns>
    ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, string? reason, CancellationToken cancellationToken) =>
        EndRunAsync(outcome, books, cancellationToken);
}

/// <summary>The facts about a run that its row in the run table begins with.</summary>
/// <param name="Source">The source's <see cref="IFileSource.Name"/>.</param>
/// <param name="StartedUtc">When the run began, in UTC.</param>
/// <param name="Host">The name of the machine.</param>
/// <param name="Version">The version of the library.</param>
/// <param name="MaxBadRows">How many rejected rows a file may have and still be loaded.</param>
public sealed record RunStart(string Source, DateTime StartedUtc, string Host, string Version, int MaxBadRows)
{
    /// <summary>The <see cref="PipelineOptions.Settings"/>, to keep with the run. Default <see langword="null"/>.</summary>
    public string? Settings { get; init; }

    /// <summary>
    /// A sign of life. A sink calls it when it begins to wait, with what it waits for and how long it waits at most, such as for a lock
    /// or for the answer to a statement. Until then the run does not count as stalled, so the sink's own error, which knows what it
    /// waited for, comes first. From any thread, as often as it likes. Default: does nothing.
    /// </summary>
    public Action<string, TimeSpan> Waits { get; init; } = static (_, _) => { };

    /// <summary>
    /// How long the sink may try again by itself what the pipeline does not, such as a look-up, once the run has begun:
    /// <see cref="PipelineOptions.RetryFor"/>. Default zero: as the sink likes.
    /// </summary>
    public TimeSpan RetryFor { get; init; }

    /// <summary>What the row of the run says while nothing else is to be said, see <c>SeenWhole</c>; of a watch.</summary>
    internal Func<string>? Remark { get; init; }
}

/// <summary>How a run ended.</summary>
public enum RunOutcome
{
    /// <summary>All listed files went through the pipeline.</summary>
    Completed,

    /// <summary>The caller stopped the run early. What was read is committed.</summary>
    Cancelled,

    /// <summary>The run ended with an error. What was committed before stays.</summary>
    Failed,
}

/// <summary>Chooses writers by the path of a file alone.</summary>
internal static class Lanes
{
    public static int ByPath(SourceFile file, int lanes) =>
        (int)((uint)file.Path.GetHashCode(StringComparison.Ordinal) % (uint)lanes);
}
