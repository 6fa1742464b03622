namespace Dynamo.Pipeline;

/// <summary>The run's row.</summary>
internal static class SqliteRun
{
    /// <summary>Opens a row and returns its number. Rows that a killed run left open are closed as <c>interrupted</c>: we hold the claim, so it cannot be under way.</summary>
    public static long Start(SqliteDb db, SqliteSinkOptions options, RunStart run)
    {
        string table = SqliteSchema.Quote(options.RunTable);
        using (SqliteStatement close = db.Prepare($"UPDATE {table} SET Outcome = 'interrupted' WHERE Source = ? AND Outcome = 'running'"))
        {
            close.Text(1, run.Source);
            close.Run("closing interrupted runs");
        }
        using SqliteStatement open = db.Prepare($"INSERT INTO {table} (Source, StartedUtc, Outcome, Host, Version) VALUES (?, ?, 'running', ?, ?)");
        open.Text(1, run.Source);
        open.Time(2, run.StartedUtc);
        open.Text(3, run.Host);
        open.Text(4, run.Version);
        open.Run("opening the run");
        return db.LastInsertRowId;
    }

    public static void End(SqliteDb db, SqliteSinkOptions options, long runId, string outcome, RunBooks books)
    {
        using SqliteStatement end = db.Prepare($"""
            UPDATE {SqliteSchema.Quote(options.RunTable)} SET Outcome = ?1, EndedUtc = ?2, Listed = ?3, Loaded = ?4, AlreadyLoaded = ?5, AlreadyQuarantined = ?6,
              Quarantined = ?7, Deferred = ?8, RowsRead = ?9, RowsInserted = ?10, RowsUpdated = ?11, RowsUnchanged = ?12, RowsRejected = ?13, RowsSkipped = ?14, RowsFlagged = ?15, Bytes = ?16
            WHERE RunId = ?17
            """);
        end.Text(1, outcome);
        end.Time(2, options.Clock.GetUtcNow().UtcDateTime);
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
