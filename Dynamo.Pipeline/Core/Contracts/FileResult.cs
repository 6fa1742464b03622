namespace Dynamo.Pipeline;

/// <summary>What became of a file.</summary>
public enum FileOutcome
{
    /// <summary>Its rows and its ledger entry are committed.</summary>
    Loaded,

    /// <summary>It is bad: only its ledger entry and its rejects are committed, and it goes into quarantine.</summary>
    Quarantined,

    /// <summary>The ledger had it already.</summary>
    AlreadyLoaded,

    /// <summary>It was not complete, or changed while it was read: the next run tries again.</summary>
    Deferred,
}

/// <summary>What a sink did with one file, for the books.</summary>
/// <param name="File">The file.</param>
/// <param name="Outcome">What became of it.</param>
public sealed record FileResult(SourceFile File, FileOutcome Outcome)
{
    /// <summary>Why it was quarantined or deferred.</summary>
    public Defect? Defect { get; init; }

    /// <summary>Rows that were new.</summary>
    public long Inserted { get; init; }

    /// <summary>Rows whose key was there with other values, which were replaced.</summary>
    public long Updated { get; init; }

    /// <summary>Rows whose key was there, with the same values or under the policy that the first wins.</summary>
    public long Unchanged { get; init; }

    /// <summary>Rows that were left out: by the reader, by a block, or by the database; all rows that were read of a quarantined file.</summary>
    public long Rejected { get; init; }

    /// <summary>Readings without a value, which were left out: the pipeline fills this in from <see cref="FileRows{TRow}.RowsSkipped"/>.</summary>
    public long Skipped { get; init; }

    /// <summary>Rows that are doubtful and were loaded: the pipeline fills this in from <see cref="FileRows{TRow}.RowsFlagged"/>.</summary>
    public long Flagged { get; init; }

    /// <summary>Why the first ten of them are doubtful.</summary>
    public IReadOnlyList<Defect> Flags { get; init; } = [];

    /// <summary>The first few reasons for rejected rows, for people; all are in the reject table.</summary>
    public IReadOnlyList<Defect> Rejects { get; init; } = [];
}

/// <summary>A file's entry in the ledger.</summary>
/// <param name="Outcome"><see cref="FileOutcome.Loaded"/> or <see cref="FileOutcome.Quarantined"/>.</param>
/// <param name="Defect">Why it was quarantined.</param>
public sealed record LedgerEntry(FileOutcome Outcome, Defect? Defect);
