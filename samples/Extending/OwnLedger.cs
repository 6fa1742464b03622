using Dynamo.Pipeline;

/// <summary>What <c>dynamo status</c> and <c>dynamo retry</c> ask of a database, of a sink of your own.</summary>
internal sealed class OwnLedger(LatestValues sink) : ILedger
{
    public Task<IReadOnlyList<ImportedRun>> RunsAsync(int most, CancellationToken cancellationToken = default) =>
        Ask<IReadOnlyList<ImportedRun>>(() => [.. Enumerable.Reverse(sink.Runs).Take(most)]);

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
        Bad(source).Where(known => files is null || files.Contains(known.Key.File)).ToArray()
            .Count(known => sink.Ledger.Remove(known.Key)));

    private Task<T> Ask<T>(Func<T> answer)
    {
        lock (sink.Ledger) return Task.FromResult(answer());
    }

    private IEnumerable<KeyValuePair<(string Source, SourceFile File), (FileResult Result, DateTime AtUtc)>> Of(string? source) =>
        sink.Ledger.Where(known => source is null || known.Key.Source == source);

    private IEnumerable<KeyValuePair<(string Source, SourceFile File), (FileResult Result, DateTime AtUtc)>> Bad(string? source) =>
        Of(source).Where(known => known.Value.Result.Outcome == FileOutcome.Quarantined);
}
