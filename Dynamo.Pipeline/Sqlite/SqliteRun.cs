using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// The run's row. It is written on the sink's own connection: opened in the transaction that creates the tables, and closed like a batch is
/// committed.
/// </summary>
internal static class SqliteRun
{
    /// <summary>Opens a row and returns its number. Rows that a killed run left open are closed first.</summary>
    public static long Start(SqliteDb db, SqliteSinkOptions options, RunStart run)
    {
        string table = SqliteSchema.Quote(options.RunTable);
        CloseInterrupted(db, options, run.Source);
        using SqliteStatement open = db.Prepare(
            $"INSERT INTO {table} (Source, StartedUtc, Outcome, Host, Version, Settings) VALUES (?, ?, 'running', ?, ?, ?)");
        open.Text(1, run.Source);
        open.Time(2, run.StartedUtc);
        open.Text(3, run.Host);
        open.Text(4, run.Version);
        open.Text(5, run.Settings);
        open.Run("opening the run");
        return db.LastInsertRowId;
    }

    /// <summary>
    /// An open row cannot be of a run that is under way, since we hold the lease. A killed run could not write its books: the ledger has
    /// what it committed. It is read from end to end ("+"): by the index of the source, each entry would be a page of its own.
    /// </summary>
    private static void CloseInterrupted(SqliteDb db, SqliteSinkOptions options, string source)
    {
        string table = SqliteSchema.Quote(options.RunTable);
        using SqliteStatement close = db.Prepare($"""
            UPDATE {table} SET Outcome = 'interrupted',
              (Listed, Loaded, Quarantined, RowsRead, RowsInserted, RowsUpdated, RowsUnchanged, RowsRejected, Bytes) = (
                SELECT count(*), count(*) FILTER (WHERE f.Outcome = 'loaded'), count(*) FILTER (WHERE f.Outcome = 'quarantined'),
                  coalesce(sum(f.Rows), 0), coalesce(sum(f.Inserted), 0), coalesce(sum(f.Updated), 0), coalesce(sum(f.Unchanged), 0),
                  coalesce(sum(f.Rejected), 0), coalesce(sum(f.Size), 0)
                FROM {SqliteSchema.Quote(options.LedgerTable)} f WHERE +f.Source = ?1 AND f.RunId = {table}.RunId)
            WHERE Source = ?1 AND Outcome = 'running'
            """);
        close.Text(1, source);
        close.Run("closing interrupted runs");
    }

    /// <summary>Closes the row with the books. Without an outcome it stays open, with a sign of life in place of its end.</summary>
    public static void End(SqliteDb db, SqliteSinkOptions options, long runId, RunOutcome? outcome, RunBooks books, string? reason)
    {
        string table = SqliteSchema.Quote(options.RunTable);
        string counts = string.Concat(RunColumns.Counts.Select(count => $", {count.Name} = ?"));
        using SqliteStatement end = db.Prepare($"UPDATE {table} SET Outcome = ?, EndedUtc = ?, Reason = ?{counts} WHERE RunId = ?");
        int parameter = 0;
        end.Text(++parameter, LedgerOutcome.Of(outcome));
        end.Time(++parameter, options.TimeProvider.GetUtcNow().UtcDateTime);
        end.Text(++parameter, reason is null ? null : RunColumns.Shortened(reason));
        foreach ((_, Func<RunBooks, long> of) in RunColumns.Counts)
            end.Int64(++parameter, of(books));
        end.Int64(++parameter, runId);
        end.Run("closing the run");
    }
}
