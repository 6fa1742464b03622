namespace Dynamo.Pipeline.Host;

/// <summary>
/// Counts what would be written, for <c>--dry-run</c>. Asks the ledger of the real database, where there is one, which files are known; which of the
/// rows would be new is not found out.
/// </summary>
internal sealed class DryRunSink(IStore store) : IBatchSink<Reading>
{
    private readonly NullSink<Reading> _counted = new();
    private string _source = "";

    public string Name => store.Name;

    public int MaxWriters => 1;

    public ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken)
    {
        _source = run.Source;
        return _counted.PrepareAsync(run, cancellationToken);
    }

    public async ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        await store.LookUpAsync(_source, files, cancellationToken);

    public ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<Reading>> files, CancellationToken cancellationToken) => _counted.WriteAsync(files, cancellationToken);

    public ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
