namespace Dynamo.Pipeline.Host;

/// <summary>What is to become of each <see cref="BadKind"/>.</summary>
public static class BadKinds
{
    /// <summary>All kinds, in the order they are mixed in.</summary>
    public static IReadOnlyList<BadKind> All { get; } = Enum.GetValues<BadKind>();

    /// <summary>The expected outcome with the default format and policies.</summary>
    /// <param name="kind">The kind.</param>
    /// <returns>Loaded, with how many rows rejected, or quarantined.</returns>
    public static (FileOutcome Outcome, int RejectedRows) Verdict(BadKind kind) => kind switch
    {
        BadKind.EmptyFile or BadKind.MissingColumn or BadKind.DoubledColumn or BadKind.UnknownHeader => (FileOutcome.Quarantined, 0),
        BadKind.UnclosedQuote or BadKind.BinaryFile or BadKind.OneLongLine => (FileOutcome.Quarantined, 0),
        BadKind.HeaderOnly or BadKind.ReadingTwice or BadKind.SameAsOtherFile or BadKind.OtherColumns => (FileOutcome.Loaded, 0),
        BadKind.Utf8Mark or BadKind.Utf16LittleEndian or BadKind.Utf16BigEndian => (FileOutcome.Loaded, 0),
        BadKind.CrLfLineEnds or BadKind.CrLineEnds => (FileOutcome.Loaded, 0),
        _ => (FileOutcome.Loaded, 1),
    };
}
