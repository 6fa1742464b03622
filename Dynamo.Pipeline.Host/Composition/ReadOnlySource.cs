namespace Dynamo.Pipeline.Host;

/// <summary>
/// A source whose files are read but never archived, deleted or quarantined: for <c>--dry-run</c> and for measurements.
/// It has the same name, so the ledger knows its files. Whoever made the other source disposes it.
/// </summary>
/// <param name="source">The source.</param>
/// <param name="list">What is listed; <see langword="null"/>: everything the source lists.</param>
internal sealed class ReadOnlySource(IFileSource source, Func<CancellationToken, IAsyncEnumerable<SourceFile>>? list = null) : IFileSource
{
    public string Name => source.Name;

    public int OpensInFlight => source.OpensInFlight;

    public TimeSpan LongestWait => source.LongestWait;

    /// <summary>Lists only these files, without asking the source.</summary>
    public static ReadOnlySource Of(IFileSource source, IReadOnlyList<SourceFile> files) => new(source, _ => files.ToAsyncEnumerable());

    /// <summary>Lists the source again, as a run would, but passes on only these files, as they were.</summary>
    public static ReadOnlySource Relisted(IFileSource source, IReadOnlyList<SourceFile> files)
    {
        Dictionary<string, SourceFile> known = files.ToDictionary(file => file.Path, StringComparer.Ordinal);
        return new(source, token => source.ListAsync(token).Where(file => known.ContainsKey(file.Path)).Select(file => known[file.Path]));
    }

    public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken) =>
        list is null ? source.ListAsync(cancellationToken) : list(cancellationToken);

    public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken) =>
        source.OpenAsync(file, wholeUpTo, cancellationToken);

    public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
