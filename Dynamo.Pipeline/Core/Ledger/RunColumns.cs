namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// A row of the run table as it is read, opened and closed: its properties are the columns, and the parameters of the same names. A column
/// that an older table does not have reads as 0.
/// </summary>
internal abstract record RunColumns : SqlArguments
{
    /// <summary>
    /// The counts in the table's order: what its definition, the end of a run and <c>dynamo status --json</c> are made of.
    /// </summary>
    public static readonly IReadOnlyList<(string Name, Func<RunBooks, long> Of)> Counts =
    [
        (nameof(Listed), b => b.Listed),
        (nameof(Loaded), b => b.Loaded),
        (nameof(AlreadyLoaded), b => b.AlreadyLoaded),
        (nameof(AlreadyQuarantined), b => b.AlreadyQuarantined),
        (nameof(Quarantined), b => b.Quarantined),
        (nameof(Deferred), b => b.Deferred),
        (nameof(RowsRead), b => b.RowsRead),
        (nameof(RowsInserted), b => b.RowsInserted),
        (nameof(RowsUpdated), b => b.RowsUpdated),
        (nameof(RowsUnchanged), b => b.RowsUnchanged),
        (nameof(RowsRejected), b => b.RowsRejected),
        (nameof(RowsSkipped), b => b.RowsSkipped),
        (nameof(RowsFlagged), b => b.RowsFlagged),
        (nameof(Bytes), b => b.Bytes),
    ];

    public long RunId { get; init; }

    public string Source { get; init; } = "";

    public DateTime StartedUtc { get; init; }

    public DateTime? EndedUtc { get; init; }

    public string Outcome { get; init; } = "";

    public string Host { get; init; } = "";

    public string Version { get; init; } = "";

    public long Listed { get; init; }

    public long Loaded { get; init; }

    public long AlreadyLoaded { get; init; }

    public long AlreadyQuarantined { get; init; }

    public long Quarantined { get; init; }

    public long Deferred { get; init; }

    public long RowsRead { get; init; }

    public long RowsInserted { get; init; }

    public long RowsUpdated { get; init; }

    public long RowsUnchanged { get; init; }

    public long RowsRejected { get; init; }

    public long RowsSkipped { get; init; }

    public long RowsFlagged { get; init; }

    public long Bytes { get; init; }

    public ImportedRun ToRun()
    {
        var books = new RunBooks
        {
            Listed = Listed,
            Loaded = Loaded,
            AlreadyLoaded = AlreadyLoaded,
            AlreadyQuarantined = AlreadyQuarantined,
            Quarantined = Quarantined,
            Deferred = Deferred,
            RowsRead = RowsRead,
            RowsInserted = RowsInserted,
            RowsUpdated = RowsUpdated,
            RowsUnchanged = RowsUnchanged,
            RowsRejected = RowsRejected,
            RowsSkipped = RowsSkipped,
            RowsFlagged = RowsFlagged,
            Bytes = Bytes,
        };
        DateTime? ended = EndedUtc is { } utc ? LedgerTime.Utc(utc) : null;
        return new ImportedRun(RunId, Source, LedgerTime.Utc(StartedUtc), ended, Outcome, Host, books);
    }
}
