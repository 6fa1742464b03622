using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>The run's row.</summary>
internal static class SqlServerRun
{
    /// <summary>The books, by the names of their columns.</summary>
    public static readonly string[] Counts =
    [
        "Listed", "Loaded", "AlreadyLoaded", "AlreadyQuarantined", "Quarantined", "Deferred",
        "RowsRead", "RowsInserted", "RowsUpdated", "RowsUnchanged", "RowsRejected", "RowsSkipped", "RowsFlagged", "Bytes",
    ];

    /// <summary>Opens a row and returns its number. Rows that a killed run left open are closed as <c>interrupted</c>: we hold the claim, so it cannot be under way.</summary>
    public static async Task<long> StartAsync(SqlServerDb db, SqlConnection connection, RunStart run, CancellationToken cancellationToken)
    {
        string table = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
        List<long> ids = await db.QueryAsync(connection, null, $"""
            UPDATE {table} SET Outcome = N'interrupted' WHERE Source = @source AND Outcome = N'running';
            INSERT INTO {table} (Source, StartedUtc, Outcome, Host, Version) OUTPUT inserted.RunId VALUES (@source, @started, N'running', @host, @version);
            """, r => SqlServerQueries.Whole(r, 0), cancellationToken, ("@source", run.Source), ("@started", run.StartedUtc), ("@host", run.Host), ("@version", run.Version)).ConfigureAwait(false);
        return ids[0];
    }

    public static Task EndAsync(SqlServerDb db, SqlConnection connection, long runId, RunOutcome outcome, RunBooks books, CancellationToken cancellationToken)
    {
        long[] counts =
        [
            books.Listed, books.Loaded, books.AlreadyLoaded, books.AlreadyQuarantined, books.Quarantined, books.Deferred,
            books.RowsRead, books.RowsInserted, books.RowsUpdated, books.RowsUnchanged, books.RowsRejected, books.RowsSkipped, books.RowsFlagged, books.Bytes,
        ];
        return db.ExecuteAsync(connection, null, $"""
            UPDATE {SqlServerText.Quote(db.Options.Schema, db.Options.RunTable)} SET Outcome = @outcome, EndedUtc = @ended, {string.Join(", ", Counts.Select(c => $"{c} = @{c}"))} WHERE RunId = @runId
            """, cancellationToken,
            [("@runId", runId), ("@outcome", LedgerOutcome.Of(outcome)), ("@ended", db.Options.TimeProvider.GetUtcNow().UtcDateTime), .. Counts.Zip(counts, (name, count) => ($"@{name}", (object?)count))]);
    }
}
