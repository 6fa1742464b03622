using System.Globalization;

namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// The SQL statements of <c>dynamo status</c> and <c>dynamo retry</c>, in the SQL that both databases understand. Values are parameters:
/// <c>@Source</c> (null for all sources), <c>@Most</c>, <c>@Path</c>, and those of <see cref="IsFile"/>.
/// </summary>
internal sealed class LedgerSql
{
    /// <summary>The name of the table of files, quoted.</summary>
    public required string Ledger { get; init; }

    /// <summary>The name of the table that its rows are deleted from, quoted, where <see cref="Ledger"/> is a view of it.</summary>
    public string Entries { get => field ?? Ledger; init; }

    /// <summary>The name of the table of runs, quoted.</summary>
    public required string Runs { get; init; }

    /// <summary>The name of the table of rejected rows, quoted.</summary>
    public required string Rejects { get; init; }

    /// <summary>The condition that finds one file in <see cref="Entries"/> by its key.</summary>
    public required string IsFile { get; init; }

    /// <summary>The column with the key of a file, for databases that have one, such as <c>, FileKey</c>.</summary>
    public string Key { get; init; } = "";

    /// <summary>Limits the number of rows, for databases that write it after SELECT, such as <c>TOP (@Most)</c>.</summary>
    public string Top { get; init; } = "";

    /// <summary>Limits the number of rows, for databases that write it at the end, such as <c>LIMIT @Most</c>.</summary>
    public string Limit { get; init; } = "";

    /// <summary>Returns the deleted rows, for databases that write it before the condition, such as <c>OUTPUT</c>.</summary>
    public string Output { get; init; } = "";

    /// <summary>Returns the deleted rows, for databases that write it at the end, such as <c>RETURNING</c>.</summary>
    public string Returning { get; init; } = "";

    /// <summary>Selects all columns without naming them, because older tables have fewer.</summary>
    public string LastRuns => $"SELECT {Top} * FROM {Runs} ORDER BY RunId DESC {Limit}";

    public string Totals => $"""
        SELECT COALESCE(SUM(CASE WHEN Outcome = '{LedgerOutcome.Loaded}' THEN 1 ELSE 0 END), 0) AS Loaded,
          COALESCE(SUM(CASE WHEN {IsQuarantined} THEN 1 ELSE 0 END), 0) AS Quarantined,
          COALESCE(SUM(Rows), 0) AS Rows, COALESCE(SUM(Rejected), 0) AS Rejected
        FROM {Ledger} WHERE {IsOfSource}
        """;

    public string Quarantine => $"""
        SELECT {Top} Source, Path, Size, ModifiedUtc, Reason, ImportedUtc{Key}
        FROM {Ledger} WHERE {IsQuarantined} AND {IsOfSource} ORDER BY ImportedUtc, Path {Limit}
        """;

    /// <summary>Reads no entry of a loaded file, if there is an index that begins with the outcome.</summary>
    public string QuarantineCount => $"SELECT COUNT(*) FROM {Ledger} WHERE {IsQuarantined} AND {IsOfSource}";

    /// <summary>Run it before <see cref="ForgetFile"/>, because it finds the rejects by the entry of the file.</summary>
    public string ForgetRejects =>
        $"DELETE FROM {Rejects} WHERE Source = @Source AND Path = @Path "
        + $"AND RunId IN (SELECT RunId FROM {Entries} WHERE {IsFile} AND {IsQuarantined})";

    /// <summary>Deletes the entry of a file and returns a row for it, if there was one.</summary>
    public string ForgetFile => $"DELETE FROM {Entries} {Output} WHERE {IsFile} AND {IsQuarantined} {Returning}";

    private static string IsQuarantined => $"Outcome = '{LedgerOutcome.Quarantined}'";

    private static string IsOfSource => "(@Source IS NULL OR Source = @Source)";
}

/// <summary>
/// The values of a statement. Each public property is a parameter with the same name. The token cancels the statement; it is not public, so
/// it is not a parameter. Dapper.AOT writes code only for types of the project that it works in, so each database derives the types that it
/// uses, from this one and from those below.
/// </summary>
internal abstract class SqlArguments
{
    internal CancellationToken Cancellation { get; init; }
}

/// <summary>A row of the ledger with a quarantined file.</summary>
internal abstract class QuarantineColumns
{
    public string Source { get; init; } = "";

    public string Path { get; init; } = "";

    public long Size { get; init; }

    public DateTime ModifiedUtc { get; init; }

    public string? Reason { get; init; }

    public DateTime ImportedUtc { get; init; }

    public QuarantinedEntry ToEntry() =>
        new(Source, new SourceFile(Path, Size, LedgerTime.Utc(ModifiedUtc)), DefectJson.Read(Reason ?? ""), LedgerTime.Utc(ImportedUtc));
}

/// <summary>Marks the times of the tables as UTC, because a database returns them without a kind.</summary>
internal static class LedgerTime
{
    /// <summary>A time that SQLite has as text.</summary>
    public static DateTime Parse(string? text) => DateTime.Parse(
        text ?? "", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);

    public static DateTime Utc(DateTime time) =>
        time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : DateTime.SpecifyKind(time, DateTimeKind.Utc);
}
