namespace Dynamo.Pipeline;

/// <summary>
/// Writes the ledger entries of a batch, after its rows, when the counts are known. That a file is new is what the table's unique key says: nearly every file is, so none is asked for
/// before, and one that is not costs the batch a second pass. A streamed file is asked for, since its pass is long.
/// </summary>
internal sealed class SqliteLedgerWriter : IDisposable
{
    private const int Block = 16, Width = 13;
    private const string Doing = "writing the ledger";

    private readonly SqliteDb _db;
    private readonly SqliteSinkOptions _options;
    private readonly string _source;
    private readonly long _runId;
    private readonly SqliteStatement _block, _one, _find;

    public SqliteLedgerWriter(SqliteDb db, SqliteSinkOptions options, string source, long runId)
    {
        (_db, _options, _source, _runId) = (db, options, source, runId);
        string table = SqliteSchema.Quote(options.LedgerTable);
        const string Columns = "Source, Path, Size, ModifiedUtc, RunId, Outcome, Rows, Inserted, Updated, Unchanged, Rejected, Reason, ImportedUtc";
        const string Values = "(?,?,?,?,?,?,?,?,?,?,?,?,?)";
        _block = db.Prepare($"INSERT OR FAIL INTO {table} ({Columns}) VALUES {string.Join(',', Enumerable.Repeat(Values, Block))}");
        _one = db.Prepare($"INSERT OR ABORT INTO {table} ({Columns}) VALUES {Values} ON CONFLICT (Source, Path, Size, ModifiedUtc) DO NOTHING");
        _find = db.Prepare($"SELECT 1 FROM {table} WHERE Source = ? AND Path = ? AND Size = ? AND ModifiedUtc = ?");
    }

    /// <summary>Whether the ledger has the file already.</summary>
    public bool Has(SourceFile file)
    {
        BindKey(_find, 0, file);
        if (!_find.Next()) return false;
        _find.Reset();
        return true;
    }

    /// <summary>Enters the files with what became of them. Those that the ledger has, or that came before in the batch, are marked as known; the result is whether there was none.</summary>
    public bool Enter<TRow>(IReadOnlyList<FileWork<TRow>> works)
    {
        DateTime now = _options.Clock.GetUtcNow().UtcDateTime;
        bool allNew = true;
        int at = 0;
        for (; at + Block <= works.Count; at += Block)
        {
            for (int i = 0; i < Block; i++)
                Bind(_block, i * Width, works[at + i], now);
            int code = _block.TryRun();
            if (code == SqliteNative.Done) continue;
            if (!SqliteFault.CountsChanges(code) || !_db.InTransaction) throw _db.Fault(Doing);
            for (int i = (int)_db.Changes; i < Block; i++)
                allNew &= EnterOne(works[at + i], now);
        }
        for (; at < works.Count; at++)
            allNew &= EnterOne(works[at], now);
        return allNew;
    }

    public void Dispose()
    {
        _block.Dispose();
        _one.Dispose();
        _find.Dispose();
    }

    private bool EnterOne<TRow>(FileWork<TRow> work, DateTime now)
    {
        Bind(_one, 0, work, now);
        _one.Run(Doing);
        work.IsKnown = _db.Changes == 0;
        return !work.IsKnown;
    }

    private void Bind<TRow>(SqliteStatement to, int at, FileWork<TRow> work, DateTime now)
    {
        bool loaded = work.Outcome == FileOutcome.Loaded;
        BindKey(to, at, work.File);
        to.Int64(at + 5, _runId);
        to.Text(at + 6, Name(work.Outcome));
        to.Int64(at + 7, work.Rows.RowsRead);
        to.Int64(at + 8, loaded ? work.Inserted : 0);
        to.Int64(at + 9, loaded ? work.Updated : 0);
        to.Int64(at + 10, loaded ? work.Unchanged : 0);
        to.Int64(at + 11, loaded ? work.Rejected : work.Rows.RowsRead);
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
