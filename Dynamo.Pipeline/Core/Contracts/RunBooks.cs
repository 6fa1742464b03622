namespace Dynamo.Pipeline;

/// <summary>
/// The counts of a run at one moment, and the check that no file and no row was lost or counted twice. Immutable.
/// </summary>
public sealed record RunBooks
{
    /// <summary>How many files the source listed.</summary>
    public long Listed { get; init; }

    /// <summary>How many files this run loaded.</summary>
    public long Loaded { get; init; }

    /// <summary>
    /// How many files were already in the ledger, from an earlier run or from another run at the same time. Quarantined files count too.
    /// </summary>
    public long AlreadyLoaded { get; init; }

    /// <summary>How many of <see cref="AlreadyLoaded"/> an earlier run quarantined.</summary>
    public long AlreadyQuarantined { get; init; }

    /// <summary>How many files this run quarantined.</summary>
    public long Quarantined { get; init; }

    /// <summary>How many files are left for the next run, because they were too young, still changing, or gone.</summary>
    public long Deferred { get; init; }

    /// <summary>How many rows were read from the files that this run loaded or quarantined.</summary>
    public long RowsRead { get; init; }

    /// <summary>How many rows were new in the table.</summary>
    public long RowsInserted { get; init; }

    /// <summary>How many rows replaced a row with the same key.</summary>
    public long RowsUpdated { get; init; }

    /// <summary>How many rows were already in the table.</summary>
    public long RowsUnchanged { get; init; }

    /// <summary>How many rows were not loaded, including all rows that were read of quarantined files.</summary>
    public long RowsRejected { get; init; }

    /// <summary>
    /// How many readings had no value and were not loaded. They do not count as
    /// rows, so they are not part of the books' balance.
    /// </summary>
    public long RowsSkipped { get; init; }

    /// <summary>How many rows were loaded although they may be wrong. They are also counted as inserted, updated or unchanged.</summary>
    public long RowsFlagged { get; init; }

    /// <summary>
    /// How many rows had the key of an earlier row of the same file. They are also counted as inserted, updated, unchanged or rejected.
    /// </summary>
    public long RowsCollided { get; init; }

    /// <summary>How many bytes the files have that were loaded or quarantined.</summary>
    public long Bytes { get; init; }

    /// <summary>What was counted since an earlier moment of the same run.</summary>
    internal RunBooks Since(RunBooks earlier) => Combine(earlier, static (now, before) => now - before);

    /// <summary>What was counted in two runs.</summary>
    internal RunBooks Plus(RunBooks other) => Combine(other, static (one, another) => one + another);

    private RunBooks Combine(RunBooks other, Func<long, long, long> of) => new()
    {
        Listed = of(Listed, other.Listed),
        Loaded = of(Loaded, other.Loaded),
        AlreadyLoaded = of(AlreadyLoaded, other.AlreadyLoaded),
        AlreadyQuarantined = of(AlreadyQuarantined, other.AlreadyQuarantined),
        Quarantined = of(Quarantined, other.Quarantined),
        Deferred = of(Deferred, other.Deferred),
        RowsRead = of(RowsRead, other.RowsRead),
        RowsInserted = of(RowsInserted, other.RowsInserted),
        RowsUpdated = of(RowsUpdated, other.RowsUpdated),
        RowsUnchanged = of(RowsUnchanged, other.RowsUnchanged),
        RowsRejected = of(RowsRejected, other.RowsRejected),
        RowsSkipped = of(RowsSkipped, other.RowsSkipped),
        RowsFlagged = of(RowsFlagged, other.RowsFlagged),
        RowsCollided = of(RowsCollided, other.RowsCollided),
        Bytes = of(Bytes, other.Bytes),
    };

    /// <summary>How many files have an outcome so far.</summary>
    public long FilesDone => Loaded + AlreadyLoaded + Quarantined + Deferred;

    /// <summary>
    /// Checks that <c>listed = loaded + already loaded + quarantined + deferred</c>
    /// and <c>read = inserted + updated + unchanged + rejected</c>.
    /// </summary>
    /// <exception cref="BooksDoNotBalanceException">One of the two does not hold. The message has all counts.</exception>
    public void Check()
    {
        if (Listed == FilesDone && RowsRead == RowsInserted + RowsUpdated + RowsUnchanged + RowsRejected) return;
        throw new BooksDoNotBalanceException($"The books do not balance: {this}. A file or row was lost or counted twice; "
            + "if you linked blocks of your own, each must pass on every file it gets, once.");
    }

    /// <summary>The counts of files and rows.</summary>
    /// <returns>One line for people.</returns>
    public override string ToString() =>
        $"files: {Listed} listed, {Loaded} loaded, {AlreadyLoaded} already loaded, {Quarantined} quarantined, {Deferred} deferred; "
        + $"rows: {RowsRead} read, {RowsInserted} inserted, {RowsUpdated} updated, {RowsUnchanged} unchanged, {RowsRejected} rejected"
        + (RowsSkipped > 0 ? $"; {RowsSkipped} readings without a value" : "");
}
