using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>Looks files up in the ledger, on a connection of its own: in WAL mode it waits for no writer. Safe to call from several threads.</summary>
internal sealed class SqliteLedgerReader : IDisposable
{
    private static readonly LedgerEntry s_loaded = new(FileOutcome.Loaded, null);

    private readonly Lock _gate = new();
    private readonly SqliteDb _db;
    private readonly SqliteStatement _find;
    private readonly string _source;
    private readonly LedgerFilter? _filter;

    public SqliteLedgerReader(string path, SqliteSinkOptions options, string source)
    {
        _source = source;
        _db = SqliteDb.Open(path, create: false);
        try
        {
            _db.Execute($"PRAGMA query_only=ON; PRAGMA busy_timeout={(int)options.BusyTimeout.TotalMilliseconds}", "preparing to read");
            string table = SqliteSchema.Quote(options.LedgerTable);
            _find = _db.Prepare($"SELECT Outcome = '{LedgerOutcome.Quarantined}', Reason FROM {table} WHERE Source = ? AND Path = ? AND Size = ? AND ModifiedUtc = ?");
            // Only the holder of the claim enters files of its source, so an empty ledger fills through Remember alone.
            if (_db.Number($"SELECT 1 FROM {table} WHERE Source = ? LIMIT 1", source) is null) _filter = new LedgerFilter();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A file that is committed to the ledger.</summary>
    public void Remember(SourceFile file) => _filter?.Add(file);

    public LedgerEntry?[] Find(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        var entries = new LedgerEntry?[files.Count];
        if (_filter is { } filter && !files.Any(filter.MayHold)) return entries;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_db.Handle == 0, this);
            // One read transaction for all: each alone would lock and unlock the WAL.
            _db.Execute("BEGIN", "reading the ledger");
            try
            {
                for (int i = 0; i < entries.Length; i++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (_filter?.MayHold(files[i]) != false) entries[i] = Find(files[i]);
                }
            }
            finally
            {
                _db.Rollback();
            }
        }
        return entries;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _find?.Dispose();
            _db.Dispose();
        }
    }

    private LedgerEntry? Find(SourceFile file)
    {
        _find.Text(1, _source);
        _find.Text(2, file.Path);
        _find.Int64(3, file.Size);
        _find.Time(4, file.ModifiedUtc);
        if (!_find.Next()) return null;
        LedgerEntry entry = _find.Int64(0) == 0
            ? s_loaded
            : new LedgerEntry(FileOutcome.Quarantined, _find.Text(1) is { } reason ? DefectJson.Read(reason) : null);
        _find.Reset();
        return entry;
    }
}

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
        DateTime now = _options.TimeProvider.GetUtcNow().UtcDateTime;
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
