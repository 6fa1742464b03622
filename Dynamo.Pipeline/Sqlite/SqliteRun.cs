using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>The run's row.</summary>
internal static class SqliteRun
{
    /// <summary>Opens a row and returns its number. Rows that a killed run left open are closed first.</summary>
    public static long Start(SqliteDb db, SqliteSinkOptions options, RunStart run)
    {
        string table = SqliteSchema.Quote(options.RunTable);
        CloseInterrupted(db, options, run.Source);
        using SqliteStatement open = db.Prepare($"INSERT INTO {table} (Source, StartedUtc, Outcome, Host, Version) VALUES (?, ?, 'running', ?, ?)");
        open.Text(1, run.Source);
        open.Time(2, run.StartedUtc);
        open.Text(3, run.Host);
        open.Text(4, run.Version);
        open.Run("opening the run");
        return db.LastInsertRowId;
    }

    /// <summary>Runs that are open cannot be under way, since we hold the claim. A killed run could not write its books: what it committed is in the ledger.</summary>
    private static void CloseInterrupted(SqliteDb db, SqliteSinkOptions options, string source)
    {
        string table = SqliteSchema.Quote(options.RunTable);
        using SqliteStatement close = db.Prepare($"""
            UPDATE {table} SET Outcome = 'interrupted', (Listed, Loaded, Quarantined, RowsRead, RowsInserted, RowsUpdated, RowsUnchanged, RowsRejected, Bytes) = (
              SELECT count(*), count(*) FILTER (WHERE f.Outcome = 'loaded'), count(*) FILTER (WHERE f.Outcome = 'quarantined'),
                coalesce(sum(f.Rows), 0), coalesce(sum(f.Inserted), 0), coalesce(sum(f.Updated), 0), coalesce(sum(f.Unchanged), 0), coalesce(sum(f.Rejected), 0), coalesce(sum(f.Size), 0)
              FROM {SqliteSchema.Quote(options.LedgerTable)} f WHERE f.Source = ?1 AND f.RunId = {table}.RunId)
            WHERE Source = ?1 AND Outcome = 'running'
            """);
        close.Text(1, source);
        close.Run("closing interrupted runs");
    }

    public static void End(SqliteDb db, SqliteSinkOptions options, long runId, RunOutcome outcome, RunBooks books)
    {
        using SqliteStatement end = db.Prepare($"""
            UPDATE {SqliteSchema.Quote(options.RunTable)} SET Outcome = ?1, EndedUtc = ?2, Listed = ?3, Loaded = ?4, AlreadyLoaded = ?5, AlreadyQuarantined = ?6,
              Quarantined = ?7, Deferred = ?8, RowsRead = ?9, RowsInserted = ?10, RowsUpdated = ?11, RowsUnchanged = ?12, RowsRejected = ?13, RowsSkipped = ?14, RowsFlagged = ?15, Bytes = ?16
            WHERE RunId = ?17
            """);
        end.Text(1, LedgerOutcome.Of(outcome));
        end.Time(2, options.TimeProvider.GetUtcNow().UtcDateTime);
        ReadOnlySpan<long> counts =
        [
            books.Listed, books.Loaded, books.AlreadyLoaded, books.AlreadyQuarantined, books.Quarantined, books.Deferred,
            books.RowsRead, books.RowsInserted, books.RowsUpdated, books.RowsUnchanged, books.RowsRejected, books.RowsSkipped, books.RowsFlagged, books.Bytes, runId,
        ];
        for (int i = 0; i < counts.Length; i++)
            end.Int64(i + 3, counts[i]);
        end.Run("closing the run");
    }
}
