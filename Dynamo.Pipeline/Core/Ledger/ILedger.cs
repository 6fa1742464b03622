namespace Dynamo.Pipeline;

/// <summary>A run, as the run table has it.</summary>
/// <param name="RunId">Its number, rising.</param>
/// <param name="Source">The source's name.</param>
/// <param name="StartedUtc">When it began.</param>
/// <param name="EndedUtc">When it ended, or null: it is under way, or its process was killed.</param>
/// <param name="Outcome"><c>running</c>, <c>completed</c>, <c>cancelled</c>, <c>failed</c> or <c>interrupted</c>.</param>
/// <param name="Host">The machine.</param>
/// <param name="Counts">The books, by the names of their columns: <c>Listed</c>, <c>Loaded</c>, …, <c>RowsRead</c>, …, <c>Bytes</c>. Of an interrupted run: the files and rows it committed.</param>
public sealed record ImportedRun(long RunId, string Source, DateTime StartedUtc, DateTime? EndedUtc, string Outcome, string Host, IReadOnlyDictionary<string, long> Counts);

/// <summary>The sums of a ledger.</summary>
/// <param name="Loaded">Files loaded.</param>
/// <param name="Quarantined">Files in quarantine.</param>
/// <param name="Rows">Rows read from both.</param>
/// <param name="Rejected">Rows left out.</param>
public sealed record LedgerTotals(long Loaded, long Quarantined, long Rows, long Rejected);

/// <summary>A quarantined file, as the ledger has it.</summary>
/// <param name="Source">The source's name.</param>
/// <param name="File">The file.</param>
/// <param name="Defect">Why.</param>
/// <param name="QuarantinedUtc">Since when.</param>
public sealed record QuarantinedEntry(string Source, SourceFile File, Defect Defect, DateTime QuarantinedUtc);
