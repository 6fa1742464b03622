namespace Dynamo.Pipeline.Host;

/// <summary>A format for some sample files, and what is known about it.</summary>
/// <param name="Files">The files it was made from.</param>
/// <param name="Format">The format.</param>
/// <param name="Sure">What the samples show.</param>
/// <param name="Decide">What they do not show, what was assumed, and what to change if that is wrong.</param>
internal sealed record Proposal(IReadOnlyList<string> Files, ReadingFormat Format, IReadOnlyList<string> Sure, IReadOnlyList<string> Decide)
{
    /// <summary>Each thing to decide in a few words, in the order of <see cref="Decide"/>.</summary>
    public IReadOnlyList<string> Topics { get; init; } = [];

    /// <summary>Each column that is not imported, with the reason.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];

    /// <summary>What the format reads from the samples.</summary>
    public Proof Proof { get; init; } = new([], 0, null, 0);

    /// <summary>The pattern of the names of its files, or of the entries of its archives.</summary>
    public string Pattern { get; init; } = "*";

    /// <summary>The pattern of the names of its files as they are delivered.</summary>
    public string Delivered { get; init; } = "*";

    /// <summary>The pattern of the entries to read, if archives have others as well.</summary>
    public string? Entries { get; init; }
}

/// <summary>A file for which nothing could be proposed.</summary>
/// <param name="File">The file.</param>
/// <param name="Why">What is missing, and what to do.</param>
internal sealed record NoProposal(string File, string Why);
