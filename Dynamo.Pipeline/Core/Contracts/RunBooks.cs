namespace Dynamo.Pipeline;

/// <summary>
/// The counts of a run, and the conservation check: what was listed went somewhere, what was read went somewhere.
/// Counting is thread-safe; a read while the run goes on sees each number as of some recent moment. Of a run that is over, they are made from its row.
/// </summary>
public sealed class RunBooks
{
    private long _listed, _loaded, _alreadyLoaded, _alreadyQuarantined, _quarantined, _deferred;
    private long _read, _inserted, _updated, _unchanged, _rejected, _skipped, _flagged, _bytes;

    /// <summary>Files the source listed.</summary>
    public long Listed { get => Volatile.Read(ref _listed); init => _listed = value; }

    /// <summary>Files loaded by this run.</summary>
    public long Loaded { get => Volatile.Read(ref _loaded); init => _loaded = value; }

    /// <summary>Files the ledger had from an earlier run (or another one at the same time), quarantined ones included.</summary>
    public long AlreadyLoaded { get => Volatile.Read(ref _alreadyLoaded); init => _alreadyLoaded = value; }

    /// <summary>How many of <see cref="AlreadyLoaded"/> are in quarantine since an earlier run.</summary>
    public long AlreadyQuarantined { get => Volatile.Read(ref _alreadyQuarantined); init => _alreadyQuarantined = value; }

    /// <summary>Files quarantined by this run.</summary>
    public long Quarantined { get => Volatile.Read(ref _quarantined); init => _quarantined = value; }

    /// <summary>Files left for the next run: too young, still changing, vanished.</summary>
    public long Deferred { get => Volatile.Read(ref _deferred); init => _deferred = value; }

    /// <summary>Rows read from the files that were loaded or quarantined by this run.</summary>
    public long RowsRead { get => Volatile.Read(ref _read); init => _read = value; }

    /// <summary>Rows that were new in the table.</summary>
    public long RowsInserted { get => Volatile.Read(ref _inserted); init => _inserted = value; }

    /// <summary>Rows that replaced others with the same key.</summary>
    public long RowsUpdated { get => Volatile.Read(ref _updated); init => _updated = value; }

    /// <summary>Rows that were there already.</summary>
    public long RowsUnchanged { get => Volatile.Read(ref _unchanged); init => _unchanged = value; }

    /// <summary>Rows that were left out, all rows read of quarantined files included.</summary>
    public long RowsRejected { get => Volatile.Read(ref _rejected); init => _rejected = value; }

    /// <summary>Readings without a value, which were left out. They are no rows: in neither side of the equation.</summary>
    public long RowsSkipped { get => Volatile.Read(ref _skipped); init => _skipped = value; }

    /// <summary>Rows that are doubtful, as the format says, and were loaded all the same; counted among the loaded as well.</summary>
    public long RowsFlagged { get => Volatile.Read(ref _flagged); init => _flagged = value; }

    /// <summary>Bytes of the files that were loaded or quarantined.</summary>
    public long Bytes { get => Volatile.Read(ref _bytes); init => _bytes = value; }

    /// <summary>Files with a verdict so far.</summary>
    public long FilesDone => Loaded + AlreadyLoaded + Quarantined + Deferred;

    internal void CountListed() => Interlocked.Increment(ref _listed);

    internal void CountRead(long rows) => Interlocked.Add(ref _read, rows);

    internal void CountKnown(LedgerEntry entry)
    {
        Interlocked.Increment(ref _alreadyLoaded);
        if (entry.Outcome == FileOutcome.Quarantined) Interlocked.Increment(ref _alreadyQuarantined);
    }

    internal void CountDeferred() => Interlocked.Increment(ref _deferred);

    internal void Count(FileResult result)
    {
        switch (result.Outcome)
        {
            case FileOutcome.Loaded: Interlocked.Increment(ref _loaded); break;
            case FileOutcome.Quarantined: Interlocked.Increment(ref _quarantined); break;
            case FileOutcome.AlreadyLoaded: Interlocked.Increment(ref _alreadyLoaded); return;
            default: Interlocked.Increment(ref _deferred); return;
        }
        Interlocked.Add(ref _inserted, result.Inserted);
        Interlocked.Add(ref _updated, result.Updated);
        Interlocked.Add(ref _unchanged, result.Unchanged);
        Interlocked.Add(ref _rejected, result.Rejected);
        Interlocked.Add(ref _skipped, result.Skipped);
        if (result.Outcome == FileOutcome.Loaded) Interlocked.Add(ref _flagged, result.Flagged);
        Interlocked.Add(ref _bytes, result.File.Size);
    }

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
