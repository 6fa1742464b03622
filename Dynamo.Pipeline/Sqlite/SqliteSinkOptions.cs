namespace Dynamo.Pipeline.Sqlite;

/// <summary>How a <see cref="SqliteSink{TRow}"/> writes. Immutable; a value out of range is refused by name when it is set.</summary>
public sealed record SqliteSinkOptions
{
    /// <summary>What happens to a row whose key is there already. Default: <see cref="DuplicatePolicy.LastWins"/>.</summary>
    public DuplicatePolicy Duplicates
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value : throw new ArgumentOutOfRangeException(nameof(Duplicates), value, "Duplicates must be LastWins, FirstWins or Reject.");
    }

    /// <summary>
    /// Whether missing tables, and the database itself, are created. Default: true. When false, a missing table is refused with the
    /// statement that creates it.
    /// </summary>
    public bool CreateTables { get; init; } = true;

    /// <summary>
    /// Whether every commit waits until the disk has it (<c>synchronous=FULL</c>). Default: true, since a source file is archived or
    /// deleted right after the commit: with false (<c>NORMAL</c>) a power cut can take back the last commits while their files are gone.
    /// Neither can corrupt the database, and neither loses anything when only the process dies. True costs one more wait for the disk a
    /// batch.
    /// </summary>
    public bool Durable { get; init; } = true;

    /// <summary>
    /// How long to wait for another writer of the same database before the batch fails with a transient <see cref="SinkException"/>.
    /// Default: 30 s. Zero does not wait. A run of another source that streams a very large file holds the database until that file is
    /// written.
    /// </summary>
    public TimeSpan BusyTimeout
    {
        get;
        init => field = value >= TimeSpan.Zero && value <= TimeSpan.FromDays(1)
            ? value : throw new ArgumentOutOfRangeException(nameof(BusyTimeout), value, "BusyTimeout must be between 0 and one day.");
    } = TimeSpan.FromSeconds(30);

    /// <summary>The table of imported files, the ledger. Default: <c>ImportedFile</c>.</summary>
    public string LedgerTable { get; init => field = SqlName.Checked(value); } = "ImportedFile";

    /// <summary>The table with a row a run. Default: <c>ImportRun</c>.</summary>
    public string RunTable { get; init => field = SqlName.Checked(value); } = "ImportRun";

    /// <summary>The table of rejected rows. Default: <c>RejectedRow</c>.</summary>
    public string RejectTable { get; init => field = SqlName.Checked(value); } = "RejectedRow";

    /// <summary>
    /// The table of pairs of files that brought the same key, the newer and the older one: with it a file can be taken back. Default:
    /// <c>FileOverlap</c>.
    /// </summary>
    public string OverlapTable { get; init => field = SqlName.Checked(value); } = "FileOverlap";

    /// <summary>
    /// The column of the row table that has the number of each row's file in the ledger. Default: <c>FileId</c>. A table that the sink
    /// creates has it. In a table that lacks it, of two rows with the same key the one that is written later wins, whichever file is newer,
    /// and no row can be traced to its file or taken back with it.
    /// </summary>
    public string FileColumn { get; init => field = SqlName.Checked(value); } = "FileId";

    /// <summary>The table that holds the version of the others. Default: <c>ImportSchema</c>.</summary>
    public string SchemaTable { get; init => field = SqlName.Checked(value); } = "ImportSchema";

    /// <summary>Where the time comes from, for the ledger and the waiting. Default: the system's clock.</summary>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;
}
