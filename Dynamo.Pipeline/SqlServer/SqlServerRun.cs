using Dapper;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>The row of a run in the run table.</summary>
internal static class SqlServerRun
{
    private static readonly string s_counts = string.Join(", ", RunColumns.Counts.Select(count => $"{count.Name} = @{count.Name}"));

    /// <summary>A worker brings its row up to date once a minute.</summary>
    private static readonly TimeSpan s_workerIsGone = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Inserts the row and returns its number. Open rows of killed runs are closed as <c>interrupted</c>: we have the lease, so no other
    /// run of this source is running. Workers, which have no lease, are closed when they gave no sign of life for long.
    /// </summary>
    public static Task<long> StartAsync(
        SqlServerDb db, SqlConnection connection, RunStart run, DateTime? leaseUntilUtc, CancellationToken cancellationToken)
    {
        string table = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
        string close = db.Options.PartOfRun is null ? " OR PartOf IS NULL" : "";
        string sql = $"""
            UPDATE {table} SET Outcome = N'interrupted' WHERE Source = @Source AND Outcome = N'running'
              AND (PartOf IS NOT NULL AND COALESCE(EndedUtc, StartedUtc) < @GoneUtc{close});
            INSERT INTO {table} (Source, StartedUtc, Outcome, Host, Version, Settings, PartOf, LeaseUntilUtc)
            OUTPUT inserted.RunId
            VALUES (@Source, @StartedUtc, N'running', @Host, @Version, @Settings, @PartOf, @LeaseUntilUtc);
            """;
        var row = new RunRow
        {
            Source = run.Source,
            StartedUtc = run.StartedUtc,
            Host = run.Host,
            Version = run.Version,
            Settings = run.Settings is null ? null : SqlServerText.Cut(run.Settings),
            PartOf = db.Options.PartOfRun,
            LeaseUntilUtc = leaseUntilUtc,
            GoneUtc = db.Options.TimeProvider.GetUtcNow().UtcDateTime - s_workerIsGone,
            Cancellation = cancellationToken,
        };
        return connection.QuerySingleAsync<long>(sql, row, commandTimeout: db.CommandSeconds);
    }

    /// <summary>
    /// Whether no other run of this source was recorded, so that the ledger has no file of it. It is asked here, since the ledger has too
    /// many rows to be read for a source that it may not have. Should rows of runs have been deleted, files are read again, and the key of
    /// the ledger keeps them from being loaded twice.
    /// </summary>
    public static async Task<bool> IsFirstAsync(
        SqlServerDb db, SqlConnection connection, string source, long runId, CancellationToken cancellationToken)
    {
        string table = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
        var row = new RunRow { Source = source, RunId = runId, Cancellation = cancellationToken };
        string sql = $"SELECT TOP (1) 1 FROM {table} WHERE Source = @Source AND RunId <> @RunId";
        return await connection.ExecuteScalarAsync<int?>(sql, row, commandTimeout: db.CommandSeconds).ConfigureAwait(false) is null;
    }

    /// <summary>Closes the row with the final counts. Without an outcome it stays open, with a sign of life in place of its end.</summary>
    public static Task EndAsync(
        SqlServerDb db, SqlConnection connection, long runId, RunOutcome? outcome, RunBooks books, string? reason,
        CancellationToken cancellationToken)
    {
        string table = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
        var row = new RunRow
        {
            RunId = runId,
            Outcome = LedgerOutcome.Of(outcome),
            Reason = reason is null ? null : RunColumns.Shortened(reason),
            EndedUtc = db.Options.TimeProvider.GetUtcNow().UtcDateTime,
            Listed = books.Listed,
            Loaded = books.Loaded,
            AlreadyLoaded = books.AlreadyLoaded,
            AlreadyQuarantined = books.AlreadyQuarantined,
            Quarantined = books.Quarantined,
            Deferred = books.Deferred,
            RowsRead = books.RowsRead,
            RowsInserted = books.RowsInserted,
            RowsUpdated = books.RowsUpdated,
            RowsUnchanged = books.RowsUnchanged,
            RowsRejected = books.RowsRejected,
            RowsSkipped = books.RowsSkipped,
            RowsFlagged = books.RowsFlagged,
            RowsCollided = books.RowsCollided,
            Bytes = books.Bytes,
            Cancellation = cancellationToken,
        };
        string sql = $"UPDATE {table} SET Outcome = @Outcome, EndedUtc = @EndedUtc, Reason = @Reason, {s_counts} WHERE RunId = @RunId";
        // A row that another has closed stays closed.
        if (outcome is null) sql += " AND Outcome = N'running'";
        return connection.ExecuteAsync(sql, row, commandTimeout: db.CommandSeconds);
    }
}
