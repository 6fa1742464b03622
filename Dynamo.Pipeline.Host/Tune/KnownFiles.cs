namespace Dynamo.Pipeline.Host;

/// <summary>A source whose files are known beforehand, and that is read and otherwise left as it is: nothing is archived, deleted or put into quarantine.</summary>
internal sealed class KnownFiles(IFileSource source, Func<CancellationToken, IAsyncEnumerable<SourceFile>> list) : IFileSource
{
    public string Name => source.Name;

    public int OpensInFlight => source.OpensInFlight;

    public static KnownFiles Of(IFileSource source, IReadOnlyList<SourceFile> files) => new(source, _ => files.ToAsyncEnumerable());

    /// <summary>Lists the source anew, as a run would, and passes on only the files that are known, as they were.</summary>
    public static KnownFiles Relisted(IFileSource source, IReadOnlyList<SourceFile> files)
    {
        Dictionary<string, SourceFile> known = files.ToDictionary(file => file.Path, StringComparer.Ordinal);
        return new(source, token => source.ListAsync(token).Where(file => known.ContainsKey(file.Path)).Select(file => known[file.Path]));
    }

    public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken) => list(cancellationToken);

    public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken) => source.OpenAsync(file, wholeUpTo, cancellationToken);

    public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>The source belongs to whoever made it.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
