using Dynamo.Pipeline;

/// <summary>A sink of your own: the latest value of each channel, in memory, with its ledger. The lock is its transaction.</summary>
internal sealed class LatestValues : IBatchSink<Reading>
{
    public Dictionary<(string Source, SourceFile File), (FileResult Result, DateTime AtUtc)> Ledger { get; } = [];

    public List<ImportedRun> Runs { get; } = [];

    public Dictionary<(string Logger, string Channel), Reading> Latest { get; } = [];

    public string Name => "memory:latest";

    public int MaxWriters => 1;

    public ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken)
    {
        lock (Ledger)
            Runs.Add(new ImportedRun(Runs.Count + 1, run.Source, run.StartedUtc, null, "running", run.Host, new RunBooks()));
        return ValueTask.CompletedTask;
    }

    public ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        lock (Ledger) return ValueTask.FromResult(files.Select(Find).ToArray());
    }

    public async ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<Reading>> files, CancellationToken cancellationToken)
    {
        var results = new List<FileResult>();
        foreach (FileRows<Reading> file in files)
            results.Add(await WriteAsync(file, cancellationToken));
        return [.. results];
    }

    public ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken)
    {
        lock (Ledger) Runs[^1] = Runs[^1] with { EndedUtc = Now, Outcome = outcome.ToString().ToLowerInvariant(), Books = books };
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Writes a file together with its ledger entry, or nothing of it.</summary>
    private async Task<FileResult> WriteAsync(FileRows<Reading> file, CancellationToken cancellationToken)
    {
        var latest = new Dictionary<(string, string), Reading>();
        long good = 0, rejected = 0;
        await foreach (RowBatch<Reading> portion in file.ReadAsync(cancellationToken))
        {
            foreach (Reading row in portion.Rows) Keep(latest, row);
            (good, rejected) = (good + portion.Rows.Count, rejected + portion.Rejects.Count);
        }
        FileResult result = file.Defect is { } defect
            ? new FileResult(file.File, FileOutcome.Quarantined) { Defect = defect, Rejected = file.RowsRead }
            : new FileResult(file.File, FileOutcome.Loaded) { Inserted = good, Rejected = rejected };
        lock (Ledger)
        {
            if (!Ledger.TryAdd((Runs[^1].Source, file.File), (result, Now))) return new FileResult(file.File, FileOutcome.AlreadyLoaded);
            foreach (Reading row in result.Outcome == FileOutcome.Loaded ? latest.Values.ToArray() : []) Keep(Latest, row);
            return result;
        }
    }

    private LedgerEntry? Find(SourceFile file) =>
        Ledger.TryGetValue((Runs[^1].Source, file), out var known) ? new LedgerEntry(known.Result.Outcome, known.Result.Defect) : null;

    private static DateTime Now => TimeProvider.System.GetUtcNow().UtcDateTime;

    private static void Keep(Dictionary<(string, string), Reading> latest, Reading row)
    {
        if (!latest.TryGetValue((row.Logger, row.Channel), out Reading known) || row.TimestampUtc > known.TimestampUtc)
            latest[(row.Logger, row.Channel)] = row;
    }
}
