using Dynamo.Pipeline.Ledger;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Looks files up in the ledger, on a connection of its own: in WAL mode it waits for no writer. Safe to call from several threads.
/// </summary>
internal sealed class SqliteLedgerReader : IDisposable
{
    private static readonly LedgerEntry s_loaded = new(FileOutcome.Loaded, null);

    private readonly Lock _gate = new();
    private readonly SqliteDb _db;
    private readonly SqliteStatement _find;
    private readonly string _source;
    private readonly LedgerFilter? _filter;

    public SqliteLedgerReader(string path, SqliteSinkOptions options, string source)
        : this(SqliteDb.Open(path, create: false), options, source) { }

    public SqliteLedgerReader(SqliteDb db, SqliteSinkOptions options, string source)
    {
        (_source, _db) = (source, db);
        try
        {
            _db.Execute($"PRAGMA query_only=ON; PRAGMA busy_timeout={(int)options.BusyTimeout.TotalMilliseconds}", "preparing to read");
            string table = SqliteSchema.Quote(options.LedgerTable);
            _find = _db.Prepare($"SELECT Outcome = '{LedgerOutcome.Quarantined}', Reason FROM {table} WHERE {LedgerKey.IsDone}");
            // Only the holder of the lease enters files of its source. So all that an empty ledger gets comes through Remember.
            if (_db.Number($"SELECT 1 FROM {table} WHERE Source = ? LIMIT 1", source) is null) _filter = new LedgerFilter();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A file that was committed to the ledger.</summary>
    public void Remember(SourceFile file) => _filter?.Add(file);

    public LedgerEntry?[] Find(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        var entries = new LedgerEntry?[files.Count];
        if (_filter is { } filter && !files.Any(filter.MayHold)) return entries;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(!_db.IsOpen, this);
            // One read transaction for all of them: each one alone would lock and unlock the WAL.
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
        LedgerKey.Bind(_find, 1, _source, file);
        if (!_find.Next()) return null;
        LedgerEntry entry = _find.Int64(0) == 0
            ? s_loaded
            : new LedgerEntry(FileOutcome.Quarantined, _find.Text(1) is { } reason ? DefectJson.Read(reason) : null);
        _find.Reset();
        return entry;
    }
}

/// <summary>
/// Writes the ledger entries of a batch, after its rows, when the counts are known. That a file is new is what the table's unique key says:
/// nearly every file is, so none is asked for before, and one that is not costs the batch a second pass. A streamed file is asked for,
/// since its pass is long.
/// </summary>
internal sealed class SqliteLedgerWriter : IDisposable
{
    private const int Block = 16, Width = 14;
    private const string Doing = "writing the ledger";

    private readonly SqliteDb _db;
    private readonly SqliteSinkOptions _options;
    private readonly string _source;
    private readonly long _runId;
    private readonly SqliteStatement _block, _one, _find, _forget;

    public SqliteLedgerWriter(SqliteDb db, SqliteSinkOptions options, string source, long runId)
    {
        (_db, _options, _source, _runId) = (db, options, source, runId);
        string table = SqliteSchema.Quote(options.LedgerTable);
        const string Columns =
            $"{LedgerKey.Columns}, RunId, Outcome, Rows, Inserted, Updated, Unchanged, Rejected, Reason, ImportedUtc, FileId";
        const string Values = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
        _block = db.Prepare($"INSERT OR FAIL INTO {table} ({Columns}) VALUES {string.Join(',', Enumerable.Repeat(Values, Block))}");
        _one = db.Prepare($"INSERT OR ABORT INTO {table} ({Columns}) VALUES {Values} ON CONFLICT ({LedgerKey.Columns}) DO NOTHING");
        _find = db.Prepare($"SELECT 1 FROM {table} WHERE {LedgerKey.IsDone}");
        _forget = db.Prepare($"DELETE FROM {table} WHERE {LedgerKey.Condition} AND Outcome = '{LedgerOutcome.Requeued}'");
    }

    /// <summary>Whether the ledger has the file already.</summary>
    public bool Has(SourceFile file)
    {
        LedgerKey.Bind(_find, 1, _source, file);
        if (!_find.Next()) return false;
        _find.Reset();
        return true;
    }

    /// <summary>Removes the entry of a file that is to be imported again, before it is entered anew.</summary>
    public void Forget(SourceFile file)
    {
        LedgerKey.Bind(_forget, 1, _source, file);
        _forget.Run(Doing);
    }

    /// <summary>
    /// Enters the files with what became of them. Those that the ledger has, or that came before in the batch, are marked as known; the
    /// result is whether there was none.
    /// </summary>
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
            if (code == raw.SQLITE_DONE) continue;
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
        _forget.Dispose();
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
        LedgerKey.Bind(to, at + 1, _source, work.File);
        to.Int64(at + 5, _runId);
        to.Text(at + 6, Name(work.Outcome));
        to.Int64(at + 7, work.Rows.RowsRead);
        to.Int64(at + 8, loaded ? work.Inserted : 0);
        to.Int64(at + 9, loaded ? work.Updated : 0);
        to.Int64(at + 10, loaded ? work.Unchanged : 0);
        to.Int64(at + 11, loaded ? work.Rejected : work.Rows.RowsRead);
        to.Text(at + 12, loaded ? null : Reason(work));
        to.Time(at + 13, now);
        to.Int64(at + 14, work.FileId);
    }

    private static string Name(FileOutcome outcome) => outcome == FileOutcome.Loaded ? LedgerOutcome.Loaded : LedgerOutcome.Quarantined;

    private static string? Reason<TRow>(FileWork<TRow> work) => work.Verdict is { } verdict ? DefectJson.Write(verdict) : null;
}

/// <summary>The ledger's primary key: a source, and a version of one of its files.</summary>
internal static class LedgerKey
{
    public const string Columns = "Source, Path, Size, ModifiedUtc";

    public const string Condition = "Source = ? AND Path = ? AND Size = ? AND ModifiedUtc = ?";

    /// <summary>Finds a file that is not to be imported again.</summary>
    public const string IsDone = $"{Condition} AND Outcome <> '{LedgerOutcome.Requeued}'";

    /// <summary>Binds its four columns.</summary>
    /// <param name="to">The statement.</param>
    /// <param name="first">The first of its four parameters.</param>
    /// <param name="source">The source's name.</param>
    /// <param name="file">The file.</param>
    public static void Bind(SqliteStatement to, int first, string source, SourceFile file)
    {
        to.Text(first, source);
        to.Text(first + 1, file.Path);
        to.Int64(first + 2, file.Size);
        to.Time(first + 3, file.ModifiedUtc);
    }
}
