namespace Dynamo.Pipeline;

/// <summary>The outcome of a file.</summary>
public enum FileOutcome
{
    /// <summary>The file's rows and its ledger entry are committed.</summary>
    Loaded,

    /// <summary>The file is bad. Only its ledger entry and its rejects are committed, and it goes into quarantine.</summary>
    Quarantined,

    /// <summary>The file was already in the ledger.</summary>
    AlreadyLoaded,

    /// <summary>The file was not complete, or changed while it was read. The next run tries again.</summary>
    Deferred,
}

/// <summary>What a sink did with one file, for the books. Immutable.</summary>
/// <param name="File">The file.</param>
/// <param name="Outcome">The outcome of the file.</param>
public sealed record FileResult(SourceFile File, FileOutcome Outcome)
{
    /// <summary>Why the file was quarantined or deferred, otherwise <see langword="null"/>.</summary>
    public Defect? Defect { get; init; }

    /// <summary>
    /// When the file was imported, in UTC, if its outcome is <see cref="FileOutcome.AlreadyLoaded"/> and the sink says so.
    /// </summary>
    public DateTime? ImportedUtc { get; init; }

    /// <summary>How many rows were new.</summary>
    public long Inserted { get; init; }

    /// <summary>How many rows replaced a row with the same key and other values.</summary>
    public long Updated { get; init; }

    /// <summary>
    /// How many rows changed nothing, because a row with their key was there: with the same values,
    /// or of a file that comes first by the <see cref="DuplicatePolicy"/>.
    /// </summary>
    public long Unchanged { get; init; }

    /// <summary>
    /// How many rows were rejected by the reader, a block or the database. For a quarantined file, all rows that were read of it.
    /// </summary>
    public long Rejected { get; init; }

    /// <summary>
    /// How many rows had the key of an earlier row of the same file, so that one of them replaced the other. They are also counted as
    /// inserted, updated, unchanged or rejected. A file has such rows when its format is wrong: a column of the key is missing in it.
    /// </summary>
    public long Collided { get; init; }

    /// <summary>
    /// How many readings had no value and were not loaded. The pipeline sets it from <see cref="FileRows{TRow}.RowsSkipped"/>.
    /// </summary>
    public long Skipped { get; init; }

    /// <summary>
    /// How many rows were loaded although they may be wrong. The pipeline sets
    /// it from <see cref="FileRows{TRow}.RowsFlagged"/>.
    /// </summary>
    public long Flagged { get; init; }

    /// <summary>Why rows were flagged, for the first ten of them.</summary>
    public IReadOnlyList<Defect> Flags { get; init; } = [];

    /// <summary>Why rows were rejected, for the first few of them. A database sink has all in its table of rejects.</summary>
    public IReadOnlyList<Defect> Rejects { get; init; } = [];
}

/// <summary>The entry of a file in the ledger.</summary>
/// <param name="Outcome"><see cref="FileOutcome.Loaded"/> or <see cref="FileOutcome.Quarantined"/>.</param>
/// <param name="Defect">Why the file was quarantined; <see langword="null"/> if it was loaded.</param>
public sealed record LedgerEntry(FileOutcome Outcome, Defect? Defect)
{
    /// <summary>
    /// The <see cref="FileRows{TRow}.ContentHash"/> of what was imported; <see langword="null"/> if it was not kept. With it, a file of the
    /// same path, size and time is not archived or deleted before it was compared.
    /// </summary>
    public long? ContentHash { get; init; }

    /// <summary>When it was imported, in UTC; <see langword="null"/> if the sink does not say.</summary>
    public DateTime? ImportedUtc { get; init; }
}
