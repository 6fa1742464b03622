namespace Dynamo.Pipeline;

// The room Ledger has what every database's ledger of imported files and every source's quarantine share: their records, and the
// state of a file while it is written. Sinks, sources and users call it, from any thread unless a type says otherwise.

/// <summary>A run as recorded in the run table.</summary>
/// <param name="RunId">The number of the run. Later runs have higher numbers.</param>
/// <param name="Source">The name of the source.</param>
/// <param name="StartedUtc">When the run began, in UTC.</param>
/// <param name="EndedUtc">
/// When the run ended, in UTC, or <see langword="null"/> if it is still running or its process was killed.
/// </param>
/// <param name="Outcome"><c>running</c>, <c>completed</c>, <c>cancelled</c>, <c>failed</c> or <c>interrupted</c>.</param>
/// <param name="Host">The name of the machine.</param>
/// <param name="Counts">
/// The books, by the names of their columns: <c>Listed</c>, <c>Loaded</c>, …, <c>RowsRead</c>, …, <c>Bytes</c>.
/// For an interrupted run, they are the files and rows that it committed.
/// </param>
public sealed record ImportedRun(
    long RunId,
    string Source,
    DateTime StartedUtc,
    DateTime? EndedUtc,
    string Outcome,
    string Host,
    IReadOnlyDictionary<string, long> Counts);

/// <summary>The totals of a ledger.</summary>
/// <param name="Loaded">How many files were loaded.</param>
/// <param name="Quarantined">How many files are in quarantine.</param>
/// <param name="Rows">How many rows were read from these files.</param>
/// <param name="Rejected">How many of these rows were not loaded.</param>
public sealed record LedgerTotals(long Loaded, long Quarantined, long Rows, long Rejected);

/// <summary>A quarantined file as recorded in the ledger.</summary>
/// <param name="Source">The name of the source.</param>
/// <param name="File">The file.</param>
/// <param name="Defect">Why it is in quarantine.</param>
/// <param name="QuarantinedUtc">Since when it is in quarantine, in UTC.</param>
public sealed record QuarantinedEntry(string Source, SourceFile File, Defect Defect, DateTime QuarantinedUtc);
