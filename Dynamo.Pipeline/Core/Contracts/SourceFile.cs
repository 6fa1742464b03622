namespace Dynamo.Pipeline;

/// <summary>
/// A file as a source listed it. The ledger identifies a file by the source's name, <see cref="Path"/>, <see cref="Size"/>
/// and <see cref="ModifiedUtc"/>. If the ledger has all four, the file was imported before. If the size or time differs,
/// the file has new content. Immutable.
/// </summary>
/// <param name="Path">The path below the source's root as the source spells it, with <c>/</c> between folders.</param>
/// <param name="Size">The size in bytes, when the file was listed.</param>
/// <param name="ModifiedUtc">The time of the last change in UTC, when the file was listed, as precise as the source gives it.</param>
public sealed record SourceFile(string Path, long Size, DateTime ModifiedUtc)
{
    /// <summary>
    /// Why this run does not import the file, such as "still changing" or "not a regular file"; <see langword="null"/> if it is ready.
    /// A deferred file is counted but not read. The next run lists it again.
    /// </summary>
    public string? DeferReason { get; init; }

    /// <summary>
    /// How long the file must not change any more before it counts as whole, for a file that a sweep gives and that may still be written.
    /// It has a <see cref="DeferReason"/> as well. Default <see langword="null"/>.
    /// </summary>
    public TimeSpan? SettlesIn { get; init; }

    /// <summary>
    /// Whether the ledger has a file of this path, size and time with other content, which this one replaces. A dispatcher that has
    /// compared them tells its workers so. Default false.
    /// </summary>
    public bool HasNewContent { get; init; }

    /// <summary>The path of the compressed file that this is a text of; <see langword="null"/>: it is no part of another file.</summary>
    internal string? Delivered { get; init; }
}
