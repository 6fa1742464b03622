using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>The run's row.</summary>
internal static class SqlServerRun
{
    /// <summary>The books, by the names of their columns.</summary>
    public static readonly string[] Counts =
    [
        "Listed", "Loaded", "AlreadyLoaded", "AlreadyQuarantined", "Quarantined", "Deferred",
        "RowsRead", "RowsInserted", "RowsUpdated", "RowsUnchanged", "RowsRejected", "Bytes",
    ];

    /// <summary>Opens a row and returns its number. Rows that a killed run left open are closed as <c>interrupted</c>: we hold the claim, so it cannot be under way.</summary>
    public static async Task<long> StartAsync(SqlConnection db, SqlServerSinkOptions options, RunStart run)
    {
        string table = SqlServerText.Quote(options.Schema, options.RunTable);
        return await db.ExecuteScalarAsync<long>($"""
            UPDATE {table} SET Outcome = N'interrupted' WHERE Source = @source AND Outcome = N'running';
            INSERT INTO {table} (Source, StartedUtc, Outcome, Host, Version) OUTPUT inserted.RunId VALUES (@source, @started, N'running', @host, @version);
            """, Named(new { source = run.Source, host = run.Host, version = run.Version }, "started", run.StartedUtc)).ConfigureAwait(false);
    }

    public static Task EndAsync(SqlConnection db, SqlServerSinkOptions options, long runId, string outcome, RunBooks books)
    {
        long[] counts =
        [
            books.Listed, books.Loaded, books.AlreadyLoaded, books.AlreadyQuarantined, books.Quarantined, books.Deferred,
            books.RowsRead, books.RowsInserted, books.RowsUpdated, books.RowsUnchanged, books.RowsRejected, books.Bytes,
        ];
        DynamicParameters values = Named(new { runId, outcome }, "ended", options.Clock.GetUtcNow().UtcDateTime);
        for (int i = 0; i < counts.Length; i++)
            values.Add(Counts[i], counts[i]);
        return db.ExecuteAsync($"""
            UPDATE {SqlServerText.Quote(options.Schema, options.RunTable)} SET Outcome = @outcome, EndedUtc = @ended, {string.Join(", ", Counts.Select(c => $"{c} = @{c}"))} WHERE RunId = @runId
            """, values);
    }

    /// <summary>Without saying so, a time would be sent as <c>datetime</c> and lose digits.</summary>
    private static DynamicParameters Named(object values, string name, DateTime time)
    {
        var named = new DynamicParameters(values);
        named.Add(name, time, System.Data.DbType.DateTime2);
        return named;
    }
}
