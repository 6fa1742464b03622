namespace Dynamo.Pipeline;

/// <summary>
/// Writes the ledger entries of a batch. They come first, with the counts that nearly every file ends with (all rows new): the unique key is
/// the check whether a file is done already, so that none has to be asked for. Entries that turn out otherwise are corrected before the commit.
/// </summary>
internal sealed class SqliteLedgerWriter : IDisposable
{
    private const int Block = 16, Width = 13;
    private const string Doing = "writing the ledger";

    private readonly SqliteDb _db;
    private readonly SqliteSinkOptions _options;
    private readonly string _source;
    private readonly long _runId;
    private readonly SqliteStatement _block, _one, _correct;

    public SqliteLedgerWriter(SqliteDb db, SqliteSinkOptions options, string source, long runId)
    {
        (_db, _options, _source, _runId) = (db, options, source, runId);
        string table = SqliteSchema.Quote(options.LedgerTable);
        const string Columns = "Source, Path, Size, ModifiedUtc, RunId, Outcome, Rows, Inserted, Updated, Unchanged, Rejected, Reason, ImportedUtc";
        const string Values = "(?,?,?,?,?,?,?,?,?,?,?,?,?)";
        _block = db.Prepare($"INSERT OR FAIL INTO {table} ({Columns}) VALUES {string.Join(',', Enumerable.Repeat(Values, Block))}");
        _one = db.Prepare($"INSERT OR ABORT INTO {table} ({Columns}) VALUES {Values} ON CONFLICT (Source, Path, Size, ModifiedUtc) DO NOTHING");
        _correct = db.Prepare($"UPDATE {table} SET Outcome = ?5, Rows = ?6, Inserted = ?7, Updated = ?8, Unchanged = ?9, Rejected = ?10, Reason = ?11 "
            + "WHERE Source = ?1 AND Path = ?2 AND Size = ?3 AND ModifiedUtc = ?4");
    }

    /// <summary>Enters the files; those that the ledger has, or that came before in the batch, are marked as known.</summary>
    public void Claim<TRow>(IReadOnlyList<FileWork<TRow>> works)
    {
        DateTime now = _options.Clock.GetUtcNow().UtcDateTime;
        int at = 0;
        for (; at + Block <= works.Count; at += Block)
        {
            for (int i = 0; i < Block; i++)
                Bind(_block, i * Width, works[at + i], now);
            int code = _block.TryRun();
            if (code == SqliteNative.Done) continue;
            if (!SqliteFault.CountsChanges(code) || !_db.InTransaction) throw _db.Fault(Doing);
            for (int i = (int)_db.Changes; i < Block; i++)
                ClaimOne(works[at + i], now);
        }
        for (; at < works.Count; at++)
            ClaimOne(works[at], now);
    }

    /// <summary>Brings a claimed entry up to what became of the file.</summary>
    public void Correct<TRow>(FileWork<TRow> work)
    {
        bool loaded = work.Outcome == FileOutcome.Loaded;
        if (loaded && !work.Rows.IsStreamed && work.Inserted == work.Rows.Rows.Rows.Count && work.Rejected == work.Rows.Rows.Rejects.Count) return;
        BindKey(_correct, 0, work.File);
        _correct.Text(5, Name(work.Outcome));
        _correct.Int64(6, work.Rows.RowsRead);
        _correct.Int64(7, loaded ? work.Inserted : 0);
        _correct.Int64(8, loaded ? work.Updated : 0);
        _correct.Int64(9, loaded ? work.Unchanged : 0);
        _correct.Int64(10, loaded ? work.Rejected : work.Rows.RowsRead);
        _correct.Text(11, loaded ? null : Reason(work));
        _correct.Run(Doing);
    }

    public void Dispose()
    {
        _block.Dispose();
        _one.Dispose();
        _correct.Dispose();
    }

    private void ClaimOne<TRow>(FileWork<TRow> work, DateTime now)
    {
        Bind(_one, 0, work, now);
        _one.Run(Doing);
        if (_db.Changes == 0) work.IsKnown = true;
    }

    private void Bind<TRow>(SqliteStatement to, int at, FileWork<TRow> work, DateTime now)
    {
        bool loaded = work.Outcome == FileOutcome.Loaded;
        BindKey(to, at, work.File);
        to.Int64(at + 5, _runId);
        to.Text(at + 6, Name(work.Outcome));
        to.Int64(at + 7, work.Rows.RowsRead);
        to.Int64(at + 8, loaded ? work.Rows.Rows.Rows.Count : 0);
        to.Int64(at + 9, 0);
        to.Int64(at + 10, 0);
        to.Int64(at + 11, loaded ? work.Rows.Rows.Rejects.Count : work.Rows.RowsRead);
        to.Text(at + 12, loaded ? null : Reason(work));
        to.Time(at + 13, now);
    }

    private void BindKey(SqliteStatement to, int at, SourceFile file)
    {
        to.Text(at + 1, _source);
        to.Text(at + 2, file.Path);
        to.Int64(at + 3, file.Size);
        to.Time(at + 4, file.ModifiedUtc);
    }

    private static string Name(FileOutcome outcome) => outcome == FileOutcome.Loaded ? LedgerOutcome.Loaded : LedgerOutcome.Quarantined;

    private static string? Reason<TRow>(FileWork<TRow> work) => work.Verdict is { } verdict ? DefectJson.Write(verdict) : null;
}

/// <summary>How outcomes are spelt in the ledger.</summary>
internal static class LedgerOutcome
{
    public const string Loaded = "loaded", Quarantined = "quarantined";
}
