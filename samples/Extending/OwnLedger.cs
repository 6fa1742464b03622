using Dynamo.Pipeline;

/// <summary>
/// The ledger of a sink of your own, in memory: what <c>dynamo status</c> and <c>dynamo retry</c> ask of a database. The sink locks it for
/// its transactions.
/// </summary>
internal sealed class OwnLedger : ILedger
{
    private readonly Dictionary<(string Source, SourceFile File), (FileResult Result, DateTime AtUtc)> _files = [];
    private readonly List<ImportedRun> _runs = [];

    public Lock Transaction { get; } = new();

    public void Begin(RunStart run) =>
        _runs.Add(new ImportedRun(_runs.Count + 1, run.Source, run.StartedUtc, null, "running", run.Host, new RunBooks()));

    public void End(RunOutcome outcome, RunBooks books) =>
        _runs[^1] = _runs[^1] with { EndedUtc = Now(), Outcome = outcome.ToString().ToLowerInvariant(), Books = books };

    public LedgerEntry? Find(SourceFile file) =>
        _files.TryGetValue((_runs[^1].Source, file), out var known) ? new LedgerEntry(known.Result.Outcome, known.Result.Defect) : null;

    /// <returns>Whether the file was new.</returns>
    public bool TryAdd(FileResult result) => _files.TryAdd((_runs[^1].Source, result.File), (result, Now()));

    public Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken = default) =>
        Ask<IReadOnlyList<ImportedRun>>(() => [.. Enumerable.Reverse(_runs).Take(most)]);

    public Task<LedgerTotals> TotalsAsync(string? source, CancellationToken cancellationToken = default) => Ask(() =>
    {
        FileResult[] files = [.. Of(source).Select(known => known.Value.Result)];
        long quarantined = files.Count(file => file.Outcome == FileOutcome.Quarantined), rejected = files.Sum(file => file.Rejected);
        return new LedgerTotals(files.Length - quarantined, quarantined, files.Sum(file => file.Inserted) + rejected, rejected);
    });

    public Task<IReadOnlyList<QuarantinedEntry>> QuarantinedAsync(
        string? source, int most, CancellationToken cancellationToken = default) =>
        Ask<IReadOnlyList<QuarantinedEntry>>(() => [.. Bad(source).OrderBy(known => known.Value.AtUtc).Take(most)
            .Select(known => new QuarantinedEntry(known.Key.Source, known.Key.File, known.Value.Result.Defect!, known.Value.AtUtc))]);

    public Task<int> RetryAsync(
        string source, IReadOnlyCollection<SourceFile>? files, CancellationToken cancellationToken = default) => Ask(() =>
        Bad(source).Where(known => files is null || files.Contains(known.Key.File)).ToArray().Count(known => _files.Remove(known.Key)));

    private Task<T> Ask<T>(Func<T> answer)
    {
        lock (Transaction) return Task.FromResult(answer());
    }

    private IEnumerable<KeyValuePair<(string Source, SourceFile File), (FileResult Result, DateTime AtUtc)>> Of(string? source) =>
        _files.Where(known => source is null || known.Key.Source == source);

    private IEnumerable<KeyValuePair<(string Source, SourceFile File), (FileResult Result, DateTime AtUtc)>> Bad(string? source) =>
        Of(source).Where(known => known.Value.Result.Outcome == FileOutcome.Quarantined);

    private static DateTime Now() => TimeProvider.System.GetUtcNow().UtcDateTime;
}
