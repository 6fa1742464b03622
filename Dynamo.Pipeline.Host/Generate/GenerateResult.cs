namespace Dynamo.Pipeline.Host;

/// <summary>What was written, and what an import of it must report with the default format and policies.</summary>
public sealed record GenerateResult
{
    /// <summary>Files written.</summary>
    public long Files { get; init; }

    /// <summary>Bytes in them.</summary>
    public long Bytes { get; init; }

    /// <summary>Readings in the files that can be loaded, those that several files hold counted each time.</summary>
    public long Readings { get; init; }

    /// <summary>Different (logger, channel, timestamp) among <see cref="Readings"/>: the rows a table must hold afterwards.</summary>
    public long DistinctReadings { get; init; }

    /// <summary>Rows to be rejected from files that can otherwise be loaded.</summary>
    public long RejectedRows { get; init; }

    /// <summary>Files that go into quarantine.</summary>
    public long Quarantined { get; init; }

    /// <summary>Files of each kind that <see cref="GenerateOptions.Bad"/> mixed in; kinds that did not occur are left out.</summary>
    public required IReadOnlyDictionary<BadKind, long> Bad { get; init; }
}
