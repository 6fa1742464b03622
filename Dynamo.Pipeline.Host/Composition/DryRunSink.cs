namespace Dynamo.Pipeline.Host;

/// <summary>
/// Counts what would be written, for <c>--dry-run</c>. It asks the ledger of the real database, if there is one, which files are known.
/// It does not find out which of the rows would be new.
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

    public ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<Reading>> files, CancellationToken cancellationToken) =>
        _counted.WriteAsync(files, cancellationToken);

    public ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
