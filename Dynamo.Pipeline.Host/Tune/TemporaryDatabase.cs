namespace Dynamo.Pipeline.Host;

/// <summary>A SQLite sink whose database is created for one run and deleted after it.</summary>
internal sealed class TemporaryDatabase(string path, HostSettings settings) : IBatchSink<Reading>
{
    private readonly SqliteSink<Reading> _sink = new(path, Composition.Table(settings), settings.Sqlite);

    public string Name => _sink.Name;

    public int MaxWriters => _sink.MaxWriters;

    public ValueTask PrepareAsync(RunStart run, CancellationToken cancellationToken) => _sink.PrepareAsync(run, cancellationToken);

    public ValueTask<LedgerEntry?[]> LookUpAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        _sink.LookUpAsync(files, cancellationToken);

    public ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<Reading>> files, CancellationToken cancellationToken) =>
        _sink.WriteAsync(files, cancellationToken);

    public ValueTask EndRunAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken) =>
        _sink.EndRunAsync(outcome, books, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _sink.DisposeAsync();
        string folder = Path.GetDirectoryName(path)!;
        // The database, its log and index, and the lock file of its source.
        foreach (string file in Directory.EnumerateFiles(folder, Path.GetFileName(path) + "*")) File.Delete(file);
    }
}
