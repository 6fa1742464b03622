namespace Dynamo.Pipeline.Run;

/// <summary>
/// Counts the files and rows of a run. Thread-safe. While the run goes on, the numbers of <see cref="Books"/> can be of slightly
/// different moments.
/// </summary>
internal sealed class RunCounter
{
    private long _listed, _loaded, _alreadyLoaded, _alreadyQuarantined, _quarantined, _deferred;
    private long _read, _inserted, _updated, _unchanged, _rejected, _skipped, _flagged, _collided, _bytes;

    public void Listed() => Interlocked.Increment(ref _listed);

    public void Read(long rows) => Interlocked.Add(ref _read, rows);

    public void Known(LedgerEntry entry)
    {
        Interlocked.Increment(ref _alreadyLoaded);
        if (entry.Outcome == FileOutcome.Quarantined) Interlocked.Increment(ref _alreadyQuarantined);
    }

    public void Deferred() => Interlocked.Increment(ref _deferred);

    /// <summary>A file that was deferred is offered again: it is listed once, and has no outcome now.</summary>
    public void OfferedAgain() => Interlocked.Decrement(ref _deferred);

    public void Add(FileResult result)
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
        Interlocked.Add(ref _collided, result.Collided);
        Interlocked.Add(ref _bytes, result.File.Size);
    }

    /// <summary>A snapshot of the counts.</summary>
    public RunBooks Books() => new()
    {
        Listed = Volatile.Read(ref _listed),
        Loaded = Volatile.Read(ref _loaded),
        AlreadyLoaded = Volatile.Read(ref _alreadyLoaded),
        AlreadyQuarantined = Volatile.Read(ref _alreadyQuarantined),
        Quarantined = Volatile.Read(ref _quarantined),
        Deferred = Volatile.Read(ref _deferred),
        RowsRead = Volatile.Read(ref _read),
        RowsInserted = Volatile.Read(ref _inserted),
        RowsUpdated = Volatile.Read(ref _updated),
        RowsUnchanged = Volatile.Read(ref _unchanged),
        RowsRejected = Volatile.Read(ref _rejected),
        RowsSkipped = Volatile.Read(ref _skipped),
        RowsFlagged = Volatile.Read(ref _flagged),
        RowsCollided = Volatile.Read(ref _collided),
        Bytes = Volatile.Read(ref _bytes),
    };
}
