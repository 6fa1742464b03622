namespace Dynamo.Pipeline.Tests;

/// <summary>A sink in memory that records its batches, and can be held, delayed or made to fail.</summary>
internal sealed class MemorySink<TRow> : IBatchSink<TRow>
{
    private readonly Lock _lock = new();
    private readonly HashSet<string> _ledger = [];

    public string Name => "memory:";

    public int MaxWriters { get; init; } = 1;

    /// <summary>Called when a run begins.</summary>
    public Func<CancellationToken, ValueTask> OnPrepare { get; init; } = _ => ValueTask.CompletedTask;

    /// <summary>Called before files are looked up.</summary>
    public Action OnLookUp { get; init; } = () => { };

    /// <summary>Which writer gets a file.</summary>
    public Func<FileRows<TRow>, int, int> OnLane { get; init; } = (file, lanes) => Lanes.ByPath(file.File, lanes);

    public int LaneOf(FileRows<TRow> file, int lanes) => OnLane(file, lanes);

    /// <summary>Called before each batch is written.</summary>
    public Func<IReadOnlyList<FileRows<TRow>>, CancellationToken, ValueTask> OnWrite { get; init; } = (_, _) => ValueTask.CompletedTask;

    /// <summary>Called after each batch is written, before the answer is given.</summary>
    public Func<CancellationToken, ValueTask> OnWritten { get; init; } = _ => ValueTask.CompletedTask;

    /// <summary>What it answers to a batch.</summary>
    public Func<FileResult[], FileResult[]> OnAnswer { get; init; } = results => results;

    /// <summary>Called when a run ends.</summary>
    public Func<CancellationToken, ValueTask> OnEnd { get; init; } = _ => ValueTask.CompletedTask;

    public List<TRow> Rows { get; } = [];

    public List<string[]> Batches { get; } = [];

    public RunOutcome? Outcome { get; private set; }

    public int FilesWritten { get { lock (_lock) return Batches.Sum(batch => batch.Length); } }

    /// <summary>The run that goes on, or the last one.</summary>
    public RunStart? Run { get; private set; }

    public ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken)
    {
        Run = run;
        return OnPrepare(cancellationToken);
    }

    public ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        OnLookUp();
        lock (_lock)
            return ValueTask.FromResult(
                files.Select(file => _ledger.Contains(file.Path) ? new LedgerEntry(FileOutcome.Loaded, null) : null).ToArray());
    }

    public async ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        await OnWrite(files, cancellationToken);
        var results = new List<FileResult>();
        foreach (FileRows<TRow> file in files)
            results.Add(await WriteAsync(file, cancellationToken));
        lock (_lock) Batches.Add([.. files.Select(file => file.File.Path)]);
        await OnWritten(cancellationToken);
        return OnAnswer([.. results]);
    }

    public async ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken)
    {
        await OnEnd(cancellationToken);
        Outcome = outcome;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<FileResult> WriteAsync(FileRows<TRow> file, CancellationToken cancellationToken)
    {
        var rows = new List<TRow>();
        long rejected = 0;
        await foreach (RowBatch<TRow> portion in file.ReadAsync(cancellationToken))
        {
            rows.AddRange(portion.Rows);
            rejected += portion.Rejects.Count;
        }
        lock (_lock)
        {
            _ledger.Add(file.File.Path);
            if (file.Defect is { } defect)
                return new FileResult(file.File, FileOutcome.Quarantined) { Defect = defect, Rejected = file.RowsRead };
            Rows.AddRange(rows);
            return new FileResult(file.File, FileOutcome.Loaded) { Inserted = rows.Count, Rejected = rejected };
        }
    }
}
