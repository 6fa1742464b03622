namespace Dynamo.Pipeline;

/// <summary>
/// A file as a source listed it. The source's name, <see cref="Path"/>, <see cref="Size"/> and <see cref="ModifiedUtc"/> together
/// are the file's identity in the ledger: when all four are known, the file has been imported; when the size or time differs, it is new content.
/// </summary>
/// <param name="Path">The path below the source's root, with <c>/</c> between folders, as the source spells it.</param>
/// <param name="Size">The size in bytes when it was listed.</param>
/// <param name="ModifiedUtc">The last change in UTC when it was listed, as precisely as the source tells.</param>
public sealed record SourceFile(string Path, long Size, DateTime ModifiedUtc)
{
    /// <summary>
    /// Why the source does not offer the file in this run ("still changing", "not a regular file"), or <see langword="null"/> when it is ready.
    /// A deferred file is counted, not read, and offered again by the next run.
    /// </summary>
    public string? DeferReason { get; init; }
}
