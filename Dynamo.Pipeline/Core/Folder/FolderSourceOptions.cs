namespace Dynamo.Pipeline;

/// <summary>How a <see cref="FolderSource"/> chooses files and what it does with them after the commit. Immutable.</summary>
public sealed record FolderSourceOptions : FileSourceOptions
{
    /// <summary>Creates options with all defaults; the settle time is 2 seconds.</summary>
    public FolderSourceOptions() : base(settleTime: TimeSpan.FromSeconds(2)) { }

    /// <inheritdoc/>
    private protected override string NotInNames => "/\\\0";
}
