namespace Dynamo.Pipeline.Host;

/// <summary>A source that is read and otherwise left as it is, for <c>--dry-run</c>. The same name, so that the ledger knows its files.</summary>
internal sealed class UntouchedSource(IFileSource source) : IFileSource
{
    public string Name => source.Name;

    public int OpensInFlight => source.OpensInFlight;

    public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken) => source.ListAsync(cancellationToken);

    public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken) => source.OpenAsync(file, wholeUpTo, cancellationToken);

    public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>The source belongs to whoever made it.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
