using Dapper;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>The run's row.</summary>
internal static class SqlServerRun
{
    private static readonly string s_counts = string.Join(", ", RunRow.Counts.Select(count => $"{count.Name} = @{count.Name}"));

    /// <summary>
    /// Opens a row and returns its number. Rows that a killed run left open are closed as <c>interrupted</c>: we hold the lease, so it cannot be under way.
    /// </summary>
    public static Task<long> StartAsync(SqlServerDb db, SqlConnection connection, RunStart run, CancellationToken cancellationToken)
    {
        string table = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
        return connection.QuerySingleAsync<long>($"""
            UPDATE {table} SET Outcome = N'interrupted' WHERE Source = @Source AND Outcome = N'running';
            INSERT INTO {table} (Source, StartedUtc, Outcome, Host, Version) OUTPUT inserted.RunId VALUES (@Source, @StartedUtc, N'running', @Host, @Version);
            """, RunRow.Begun(run) with { Cancellation = cancellationToken }, commandTimeout: db.CommandSeconds);
    }

    public static Task EndAsync(SqlServerDb db, SqlConnection connection, long runId, RunOutcome outcome, RunBooks books, CancellationToken cancellationToken)
    {
        string sql = $"UPDATE {SqlServerText.Quote(db.Options.Schema, db.Options.RunTable)} SET Outcome = @Outcome, EndedUtc = @EndedUtc, {s_counts} WHERE RunId = @RunId";
        RunRow row = RunRow.Ended(runId, db.Options.TimeProvider.GetUtcNow().UtcDateTime, LedgerOutcome.Of(outcome), books) with { Cancellation = cancellationToken };
        return connection.ExecuteAsync(sql, row, commandTimeout: db.CommandSeconds);
    }
}
