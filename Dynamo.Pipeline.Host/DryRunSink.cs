namespace Dynamo.Pipeline.Host;

/// <summary>
/// Counts what would be written, for <c>--dry-run</c>. Asks the ledger of the real database, where there is one, which files are known; which of the
/// rows would be new is not found out.
/// </summary>
internal sealed class DryRunSink(IStore store) : IBatchSink<Reading>
{
    private int _maxBadRows;
    private string _source = "";

    public string Name => store.Name;

    public int MaxWriters => 1;

    public ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken)
    {
        (_source, _maxBadRows) = (run.Source, run.MaxBadRows);
        return ValueTask.CompletedTask;
    }

    public async ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        await store.LookUpAsync(_source, files, cancellationToken);

    public async ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<Reading>> files, CancellationToken cancellationToken)
    {
        var results = new FileResult[files.Count];
        for (int i = 0; i < results.Length; i++)
            results[i] = await CountAsync(files[i], cancellationToken);
        return results;
    }

    public ValueTask EndRunAsync(string outcome, RunBooks books, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask<FileResult> CountAsync(FileRows<Reading> file, CancellationToken cancellationToken)
    {
        Defect? defect = file.Defect;
        long good = 0, rejected = 0;
        var rejects = new List<Defect>();
        try
        {
            await foreach (RowBatch<Reading> rows in file.ReadAsync(cancellationToken))
            {
                good += rows.Rows.Count;
                rejected += rows.Rejects.Count;
                rejects.AddRange(rows.Rejects.Take(10 - rejects.Count));
            }
        }
        catch (BadFileException error)
        {
            defect ??= error.Defect;
        }
        catch (FileChangedException error)
        {
            return new FileResult(file.File, FileOutcome.Deferred) { Defect = new Defect(error.Message) };
        }
        defect ??= TooBad(good, rejected, rejects);
        return defect is null
            ? new FileResult(file.File, FileOutcome.Loaded) { Inserted = good, Rejected = rejected, Rejects = rejects }
            : new FileResult(file.File, FileOutcome.Quarantined) { Defect = defect, Rejected = file.RowsRead };
    }

    /// <summary>The sink's own rule: too many bad rows, or none but bad ones.</summary>
    private Defect? TooBad(long good, long rejected, List<Defect> rejects)
    {
        if (rejected <= _maxBadRows && (good > 0 || rejected == 0)) return null;
        string problem = rejected > _maxBadRows ? $"more than {_maxBadRows} rows were rejected, the first: " : "no row could be loaded, the first: ";
        return rejects[0] with { Problem = problem + rejects[0].Problem };
    }
}
