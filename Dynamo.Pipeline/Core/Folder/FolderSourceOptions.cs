namespace Dynamo.Pipeline;

/// <summary>How a <see cref="FolderSource"/> chooses files and what it does with them after the commit. Immutable.</summary>
public sealed record FolderSourceOptions : FileSourceOptions
{
    /// <summary>Creates options with all defaults; the settle time is 2 seconds.</summary>
    public FolderSourceOptions() : base(settleTime: TimeSpan.FromSeconds(2)) { }

    /// <summary>
    /// Whether a symbolic link to a file is imported as that file, if it leads to something below the source's folder. Default
    /// <see langword="false"/>: links are listed as deferred. Whoever may write to the folder could otherwise have the import read
    /// what only the import may read. Links that lead out of the folder are never followed, nor are links to folders.
    /// </summary>
    public bool FollowLinks { get; init; }

    /// <inheritdoc/>
    private protected override string NotInNames => "/\\\0";
}
