namespace Dynamo.Pipeline;

/// <summary>
/// The counts of a run at one moment, and the conservation check: what was listed went somewhere, what was read went somewhere. Immutable.
/// </summary>
public sealed record RunBooks
{
    /// <summary>Files the source listed.</summary>
    public long Listed { get; init; }

    /// <summary>Files loaded by this run.</summary>
    public long Loaded { get; init; }

    /// <summary>Files the ledger had from an earlier run (or from another run at the same time), quarantined ones included.</summary>
    public long AlreadyLoaded { get; init; }

    /// <summary>How many of <see cref="AlreadyLoaded"/> are in quarantine since an earlier run.</summary>
    public long AlreadyQuarantined { get; init; }

    /// <summary>Files quarantined by this run.</summary>
    public long Quarantined { get; init; }

    /// <summary>Files left for the next run: too young, still changing, vanished.</summary>
    public long Deferred { get; init; }

    /// <summary>Rows read from the files that were loaded or quarantined by this run.</summary>
    public long RowsRead { get; init; }

    /// <summary>Rows that were new in the table.</summary>
    public long RowsInserted { get; init; }

    /// <summary>Rows that replaced others with the same key.</summary>
    public long RowsUpdated { get; init; }

    /// <summary>Rows that were there already.</summary>
    public long RowsUnchanged { get; init; }

    /// <summary>Rows that were left out, all rows read of quarantined files included.</summary>
    public long RowsRejected { get; init; }

    /// <summary>Readings without a value, which were left out. They are no rows: they are in neither side of the equation.</summary>
    public long RowsSkipped { get; init; }

    /// <summary>Rows that the format found doubtful and that were loaded all the same; they are counted among the loaded as well.</summary>
    public long RowsFlagged { get; init; }

    /// <summary>Bytes of the files that were loaded or quarantined.</summary>
    public long Bytes { get; init; }

    /// <summary>Files with a verdict so far.</summary>
    public long FilesDone => Loaded + AlreadyLoaded + Quarantined + Deferred;

    /// <summary>Checks <c>listed = loaded + already loaded + quarantined + deferred</c> and <c>read = inserted + updated + unchanged + rejected</c>.</summary>
    /// <exception cref="BooksDoNotBalanceException">They differ; the message holds all counts.</exception>
    public void Check()
    {
        if (Listed == FilesDone && RowsRead == RowsInserted + RowsUpdated + RowsUnchanged + RowsRejected) return;
        throw new BooksDoNotBalanceException($"The books do not balance: {this}. A file or row was lost or counted twice; "
            + "if you linked blocks of your own, each must pass on every file it gets, once.");
    }

    /// <summary>Both equations with their numbers.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        $"files: {Listed} listed, {Loaded} loaded, {AlreadyLoaded} already loaded, {Quarantined} quarantined, {Deferred} deferred; "
        + $"rows: {RowsRead} read, {RowsInserted} inserted, {RowsUpdated} updated, {RowsUnchanged} unchanged, {RowsRejected} rejected"
        + (RowsSkipped > 0 ? $"; {RowsSkipped} readings without a value" : "");
}
