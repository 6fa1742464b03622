namespace Dynamo.Pipeline;

/// <summary>
/// Reads and counts all rows, quarantines files like a database sink, but stores nothing. For measurements and dry runs.
/// Its ledger is always empty. Thread-safe.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public sealed class NullSink<TRow> : IBatchSink<TRow>
{
    private const int NotedRejects = 10;

    /// <summary>Always <c>nowhere:</c>.</summary>
    public string Name => "nowhere:";

    /// <summary>One writer for each processor.</summary>
    public int MaxWriters => Environment.ProcessorCount;

    /// <inheritdoc/>
    public ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        new(new LedgerEntry?[files.Count]);

    /// <inheritdoc/>
    public async ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        var results = new FileResult[files.Count];
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = files[i].IsStreamed
                ? await CountStreamedAsync(files[i], cancellationToken).ConfigureAwait(false)
                : Judge(files[i], files[i].Batch.Rows.Count, files[i].Batch.Rejects);
        }
        return results;
    }

    /// <inheritdoc/>
    public ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Does nothing: the sink holds no resources.</summary>
    /// <returns>A completed task.</returns>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static async ValueTask<FileResult> CountStreamedAsync(FileRows<TRow> file, CancellationToken cancellationToken)
    {
        long good = 0, rejected = 0;
        var rejects = new List<Defect>();
        try
        {
            await foreach (RowBatch<TRow> rows in file.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                good += rows.Rows.Count;
                rejected += rows.Rejects.Count;
                rejects.AddRange(rows.Rejects.Take(NotedRejects - rejects.Count));
            }
        }
        catch (BadFileException error)
        {
            file.Quarantine(error.Defect);
        }
        catch (FileChangedException error)
        {
            return new FileResult(file.File, FileOutcome.Deferred) { Defect = new Defect(error.Message) };
        }
        return Judge(file, good, rejects, rejected);
    }

    private static FileResult Judge(FileRows<TRow> file, long good, IReadOnlyList<Defect> rejects, long? rejected = null)
    {
        if (file.Defect is { } defect)
            return new FileResult(file.File, FileOutcome.Quarantined) { Defect = defect, Rejected = file.RowsRead };
        long bad = rejected ?? rejects.Count;
        return new FileResult(file.File, FileOutcome.Loaded)
        {
            Inserted = good,
            Rejected = bad,
            Rejects = bad == 0 ? [] : [.. rejects.Take(NotedRejects)],
        };
    }
}
