namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// What <c>status</c> and <c>retry</c> ask of the tables, in the SQL that both databases understand. Its parameters are <c>@Source</c> (or
/// null for all), <c>@Most</c>, <c>@Path</c>, and those of <see cref="IsFile"/>.
/// </summary>
internal sealed record LedgerSql
{
    /// <summary>The table of files, quoted.</summary>
    public required string Ledger { get; init; }

    /// <summary>The table of runs, quoted.</summary>
    public required string Runs { get; init; }

    /// <summary>The table of rejected rows, quoted.</summary>
    public required string Rejects { get; init; }

    /// <summary>The condition that finds one file by its key.</summary>
    public required string IsFile { get; init; }

    /// <summary>What cuts a result short where that stands first, such as <c>TOP (@Most)</c>.</summary>
    public string Top { get; init; } = "";

    /// <summary>What cuts a result short where that stands last, such as <c>LIMIT @Most</c>.</summary>
    public string Limit { get; init; } = "";

    /// <summary>What returns the deleted rows where that stands before the condition, such as <c>OUTPUT</c>.</summary>
    public string Output { get; init; } = "";

    /// <summary>What returns the deleted rows where that stands last, such as <c>RETURNING</c>.</summary>
    public string Returning { get; init; } = "";

    /// <summary>Every column, since an older table has fewer.</summary>
    public string LastRuns => $"SELECT {Top} * FROM {Runs} ORDER BY RunId DESC {Limit}";

    public string Totals => $"""
        SELECT COALESCE(SUM(CASE WHEN Outcome = '{LedgerOutcome.Loaded}' THEN 1 ELSE 0 END), 0) AS Loaded,
          COALESCE(SUM(CASE WHEN {IsQuarantined} THEN 1 ELSE 0 END), 0) AS Quarantined,
          COALESCE(SUM(Rows), 0) AS Rows, COALESCE(SUM(Rejected), 0) AS Rejected
        FROM {Ledger} WHERE {IsOfSource}
        """;

    public string Quarantine => $"""
        SELECT {Top} Source, Path, Size, ModifiedUtc, Reason, ImportedUtc
        FROM {Ledger} WHERE {IsQuarantined} AND {IsOfSource} ORDER BY ImportedUtc, Path {Limit}
        """;

    /// <summary>To be run before <see cref="ForgetFile"/>: the rejects are found by the entry.</summary>
    public string ForgetRejects => $"""
        DELETE FROM {Rejects} WHERE Source = @Source AND Path = @Path
          AND RunId IN (SELECT RunId FROM {Ledger} WHERE {IsFile} AND {IsQuarantined})
        """;

    /// <summary>Returns a row for each file that is forgotten.</summary>
    public string ForgetFile => $"DELETE FROM {Ledger} {Output} WHERE {IsFile} AND {IsQuarantined} {Returning}";

    private static string IsQuarantined => $"Outcome = '{LedgerOutcome.Quarantined}'";

    private static string IsOfSource => "(@Source IS NULL OR Source = @Source)";
}

/// <summary>
/// The values of a statement: each public property is a parameter of its name. The token is none, since it is not public; it is what stops
/// the statement. Dapper.AOT writes code for the types of its own project only, so each database derives the types that it uses from this
/// one and those below.
/// </summary>
internal abstract record SqlArguments
{
    internal CancellationToken Cancellation { get; init; }
}

/// <summary>A quarantined file, as it is read from the ledger.</summary>
internal abstract record QuarantineColumns
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

/// <summary>Times in the tables are UTC; a database does not say so.</summary>
internal static class LedgerTime
{
    public static DateTime Utc(DateTime time) =>
        time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : DateTime.SpecifyKind(time, DateTimeKind.Utc);
}
