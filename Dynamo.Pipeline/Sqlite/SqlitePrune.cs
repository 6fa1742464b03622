using System.Globalization;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Removes old records. What goes is chosen first, without a lock, and written down in tables of this connection. Then it is removed in
/// short transactions, with pauses in which other writers take their turns. On a connection of its own; used by one thread at a time.
/// </summary>
internal sealed class SqlitePrune(SqliteDb db, SqliteSinkOptions options, LedgerRetention retention)
{
    private const string Doing = "removing old records";

    /// <summary>A writer that waits looks every 16 ms, one with SQLite's own time-out every 100 ms.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(150);

    private readonly string _entries = SqliteSchema.Quote(SqliteSchema.Entries(options));
    private readonly string _runs = SqliteSchema.Quote(options.RunTable);
    private readonly string _rejects = SqliteSchema.Quote(options.RejectTable);
    private readonly SqliteUndo _undo = new(db, options);

    /// <summary>How many rows are removed in one transaction.</summary>
    internal static int AtOnce { get; set; } = 5_000;

    private string SourceId => $"(SELECT SourceId FROM {SqliteSchema.Quote(SqliteSchema.Sources(options))} WHERE Name = ?1)";

    /// <param name="table">The table of rows.</param>
    /// <param name="cancellationToken">Stops between two transactions.</param>
    public async Task<PrunedLedger> RunAsync(string table, CancellationToken cancellationToken)
    {
        _undo.RefuseOlder();
        db.Execute("CREATE TEMP TABLE Undone (FileId INTEGER PRIMARY KEY)", Doing);
        // The rejects first: the entries tell their age.
        Pruned rejects = retention.RejectsBeforeUtc is { } rejected
            ? await RemoveAsync("OldReject", () => ChooseRejects(rejected), DeleteRejects, cancellationToken).ConfigureAwait(false)
            : Pruned.Nothing;
        Pruned files = retention.FilesBeforeUtc is { } imported
            ? await RemoveAsync("OldFile", () => ChooseFiles(table, imported), DeleteFiles, cancellationToken).ConfigureAwait(false)
            : Pruned.Nothing;
        Pruned runs = retention.RunsBeforeUtc is { } ended
            ? await RemoveAsync("OldRun", () => ChooseRuns(ended), DeleteRuns, cancellationToken).ConfigureAwait(false)
            : Pruned.Nothing;
        return new PrunedLedger(files, rejects, runs);
    }

    /// <summary>Chooses numbers with their times, and removes what they stand for, some at a time.</summary>
    private async Task<Pruned> RemoveAsync(string chosen, Action choose, Func<string, string> delete, CancellationToken cancellationToken)
    {
        db.Execute($"CREATE TEMP TABLE {chosen} (Id INTEGER PRIMARY KEY, Ticks INTEGER)", Doing);
        choose();
        long count = db.Number($"SELECT count(*) FROM temp.{chosen}") ?? 0, removed = 0;
        DateTime? oldest = Ticks($"SELECT min(Ticks) FROM temp.{chosen}");
        if (retention.DryRun) return new Pruned(count, oldest);
        string some = string.Create(CultureInfo.InvariantCulture, $"(SELECT Id FROM temp.{chosen} ORDER BY Id LIMIT {AtOnce})");
        for (bool more = count > 0; more;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long began = options.TimeProvider.GetTimestamp();
            db.Execute("BEGIN IMMEDIATE", Doing);
            try
            {
                db.Execute(delete(some), Doing);
                removed += db.Changes;
                db.Execute($"DELETE FROM temp.{chosen} WHERE Id IN {some}", Doing);
                db.Commit(Doing);
            }
            finally
            {
                db.Rollback();
            }
            more = db.Number($"SELECT 1 FROM temp.{chosen}") is not null;
            TimeSpan took = options.TimeProvider.GetElapsedTime(began);
            if (more) await Task.Delay(took > s_pause ? took : s_pause, options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        return new Pruned(removed, removed == 0 ? null : oldest);
    }

    private void ChooseFiles(string table, DateTime before)
    {
        using (SqliteStatement note = db.Prepare("INSERT INTO temp.OldFile VALUES (?, ?)"))
        // Read from end to end ("+"): by the index of the source, each entry would be a page of its own.
        using (SqliteStatement old = db.Prepare(
            $"SELECT FileId, ImportedTicks, Path FROM {_entries} WHERE +SourceId = {SourceId} AND {IsOld}"))
        {
            old.Text(1, retention.Source);
            old.Int64(2, before.Ticks);
            while (old.Next())
            {
                if (retention.AtSource!.MayHold(old.Text(2) ?? "")) continue;
                note.Int64(1, old.Int64(0));
                note.Int64(2, old.Int64(1));
                note.Run(Doing);
            }
        }
        if (!retention.KeepsLineage || db.Number("SELECT 1 FROM temp.OldFile") is null || !_undo.HasFiles(table)) return;
        string file = SqliteSchema.Quote(options.FileColumn);
        db.Execute($"DELETE FROM temp.OldFile WHERE Id IN (SELECT {file} FROM {SqliteSchema.Quote(table)})", "looking for readings");
    }

    /// <summary>
    /// Its number must not be given to another file, so the entry with the highest one stays. Asked again when it is removed: somebody may
    /// have taken back what came after it.
    /// </summary>
    private string IsOld =>
        $"Outcome = '{LedgerOutcome.Loaded}' AND ImportedTicks < ?2 AND FileId < (SELECT max(FileId) FROM {_entries})";

    private string DeleteFiles(string some)
    {
        string before = retention.FilesBeforeUtc!.Value.Ticks.ToString(CultureInfo.InvariantCulture);
        string old = IsOld.Replace("?2", before, StringComparison.Ordinal);
        return $"""
            DELETE FROM temp.Undone;
            INSERT INTO temp.Undone SELECT FileId FROM {_entries} WHERE FileId IN {some} AND {old};
            {_undo.Forget}
            """;
    }

    private void ChooseRejects(DateTime before)
    {
        string entry = $"FROM {_entries} e WHERE e.SourceId = {SourceId} AND e.Path = r.Path AND e.RunId = r.RunId";
        using SqliteStatement choose = db.Prepare($"""
            INSERT INTO temp.OldReject
            SELECT r.RejectId, (SELECT min(e.ImportedTicks) {entry})
            FROM {_rejects} r LEFT JOIN {_runs} u ON u.RunId = r.RunId
            WHERE r.Source = ?1 AND NOT EXISTS (SELECT 1 {entry} AND (e.Outcome = '{LedgerOutcome.Quarantined}' OR e.ImportedTicks >= ?2))
              AND (EXISTS (SELECT 1 {entry}) OR u.RunId IS NULL
                OR (u.Outcome <> 'running' AND coalesce(u.EndedUtc, u.StartedUtc) < ?3))
            """);
        choose.Text(1, retention.Source);
        choose.Int64(2, before.Ticks);
        choose.Time(3, before);
        choose.Run(Doing);
    }

    private string DeleteRejects(string some) => $"DELETE FROM {_rejects} WHERE RejectId IN {some}";

    private void ChooseRuns(DateTime before)
    {
        const string Ended = "coalesce(EndedUtc, StartedUtc)";
        using SqliteStatement note = db.Prepare("INSERT INTO temp.OldRun VALUES (?, ?)");
        using SqliteStatement old = db.Prepare($"""
            SELECT RunId, {Ended} FROM {_runs} WHERE Source = ?1 AND Outcome <> 'running' AND {Ended} < ?2
              AND RunId < (SELECT max(RunId) FROM {_runs} WHERE Source = ?1)
            """);
        old.Text(1, retention.Source);
        old.Time(2, before);
        while (old.Next())
        {
            note.Int64(1, old.Int64(0));
            note.Int64(2, LedgerTime.Parse(old.Text(1)).Ticks);
            note.Run(Doing);
        }
    }

    private string DeleteRuns(string some) => $"DELETE FROM {_runs} WHERE RunId IN {some}";

    private DateTime? Ticks(string sql)
    {
        using SqliteStatement query = db.Prepare(sql);
        DateTime? time = query.Next() && query.Number(0) is { } ticks ? new DateTime(ticks, DateTimeKind.Utc) : null;
        query.Reset();
        return time;
    }
}
