namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// A row of the run table. Its properties are the columns of the table, and they are parameters with the same names when a row is written.
/// A column that an older table does not have is read as 0.
/// </summary>
internal abstract class RunColumns : SqlArguments
{
    /// <summary>
    /// The counts in the order of the table's columns. The definition of the table, the end of a run and <c>dynamo status --json</c> use
    /// this list.
    /// </summary>
    public static readonly IReadOnlyList<(string Name, Func<RunBooks, long> Of)> Counts =
    [
        (nameof(Listed), books => books.Listed),
        (nameof(Loaded), books => books.Loaded),
        (nameof(AlreadyLoaded), books => books.AlreadyLoaded),
        (nameof(AlreadyQuarantined), books => books.AlreadyQuarantined),
        (nameof(Quarantined), books => books.Quarantined),
        (nameof(Deferred), books => books.Deferred),
        (nameof(RowsRead), books => books.RowsRead),
        (nameof(RowsInserted), books => books.RowsInserted),
        (nameof(RowsUpdated), books => books.RowsUpdated),
        (nameof(RowsUnchanged), books => books.RowsUnchanged),
        (nameof(RowsRejected), books => books.RowsRejected),
        (nameof(RowsSkipped), books => books.RowsSkipped),
        (nameof(RowsFlagged), books => books.RowsFlagged),
        (nameof(RowsCollided), books => books.RowsCollided),
        (nameof(Bytes), books => books.Bytes),
    ];

    public long RunId { get; init; }

    public string Source { get; init; } = "";

    public DateTime StartedUtc { get; init; }

    public DateTime? EndedUtc { get; init; }

    public string Outcome { get; init; } = "";

    public string Host { get; init; } = "";

    public string Version { get; init; } = "";

    public string? Reason { get; init; }

    public string? Settings { get; init; }

    public long? PartOf { get; init; }

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

    public long RowsCollided { get; init; }

    public long Bytes { get; init; }

    /// <summary>A reason for the table. A message may hold what is in a file.</summary>
    public static string Shortened(string reason)
    {
        const int Longest = 1000;
        return reason.Length <= Longest ? reason : reason[..Longest] + "…";
    }

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
            RowsCollided = RowsCollided,
            Bytes = Bytes,
        };
        DateTime? endedUtc = EndedUtc is { } ended ? LedgerTime.Utc(ended) : null;
        (bool isWatch, DateTime? seenUtc, string? reason) = SeenWhole.Parse(Reason);
        // A run that came to its end has seen what was there when it began, unless it was handed its files.
        if (!isWatch && PartOf is null && Outcome == LedgerOutcome.Of(RunOutcome.Completed)) seenUtc = LedgerTime.Utc(StartedUtc);
        return new ImportedRun(RunId, Source, LedgerTime.Utc(StartedUtc), endedUtc, Outcome, Host, books)
        {
            Reason = reason,
            SeenUtc = seenUtc,
            PartOf = PartOf,
        };
    }
}
