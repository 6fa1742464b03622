using Dynamo.Pipeline.Ledger;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Looks files up in the ledger, on a connection of its own: in WAL mode it waits for no writer. Safe to call from several threads.
/// </summary>
internal sealed class SqliteLedgerReader : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SqliteDb _db;
    private readonly SqliteStatement _find;
    private readonly LedgerKey _key;
    private readonly LedgerFilter? _filter;

    /// <param name="db">The connection, which the reader disposes.</param>
    /// <param name="options">How long to wait for a lock.</param>
    /// <param name="key">Where to look.</param>
    public SqliteLedgerReader(SqliteDb db, SqliteSinkOptions options, LedgerKey key)
    {
        (_key, _db) = (key, db);
        try
        {
            _db.Execute($"PRAGMA query_only=ON; PRAGMA busy_timeout={(int)options.BusyTimeout.TotalMilliseconds}", "preparing to read");
            _find = _db.Prepare(
                $"SELECT Outcome = '{LedgerOutcome.Quarantined}', Reason{key.Imported} FROM {key.Table} WHERE {key.IsDone}");
            // Only the holder of the lease enters files of its source. So all that an empty ledger gets comes through Remember.
            if (!key.HasEntries(_db)) _filter = new LedgerFilter();
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
        _key.Bind(_find, 1, file);
        if (!_find.Next()) return null;
        bool isBad = _find.Int64(0) != 0;
        Defect? defect = isBad && _find.Text(1) is { } reason ? DefectJson.Read(reason) : null;
        var entry = new LedgerEntry(isBad ? FileOutcome.Quarantined : FileOutcome.Loaded, defect) 
        {
            ContentHash = _find.Number(2),
            ImportedUtc = _find.Number(3) is { } ticks ? new DateTime(ticks, DateTimeKind.Utc) : null,
        };
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
    private const int Block = 16, Width = 15;
    private const string Doing = "writing the ledger";

    private readonly SqliteDb _db;
    private readonly SqliteSinkOptions _options;
    private readonly LedgerKey _key;
    private readonly long _runId;
    private readonly SqliteStatement _block, _one, _find, _forget, _requeue;

    public SqliteLedgerWriter(SqliteDb db, SqliteSinkOptions options, LedgerKey key, long runId)
    {
        (_db, _options, _key, _runId) = (db, options, key, runId);
        string table = key.Table;
        string columns =
            $"{key.Columns}, RunId, Outcome, Rows, Inserted, Updated, Unchanged, Rejected, Reason, ImportedTicks, FileId, ContentHash";
        const string Values = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
        _block = db.Prepare($"INSERT OR FAIL INTO {table} ({columns}) VALUES {string.Join(',', Enumerable.Repeat(Values, Block))}");
        _one = db.Prepare($"INSERT OR ABORT INTO {table} ({columns}) VALUES {Values} ON CONFLICT ({key.Columns}) DO NOTHING");
        _find = db.Prepare($"SELECT 1 FROM {table} WHERE {key.IsDone}");
        _forget = db.Prepare($"DELETE FROM {table} WHERE {key.Condition} AND Outcome = '{LedgerOutcome.Requeued}'");
        _requeue = db.Prepare($"UPDATE {table} SET Outcome = '{LedgerOutcome.Requeued}' WHERE {key.Condition} RETURNING FileId");
    }

    /// <summary>Marks the entry of a file as one to be imported again, and returns its number, or null if there is none.</summary>
    public long? Requeue(SourceFile file)
    {
        _key.Bind(_requeue, 1, file);
        if (!_requeue.Next()) return null;
        long number = _requeue.Int64(0);
        _requeue.Reset();
        return number;
    }

    /// <summary>Whether the ledger has the file already.</summary>
    public bool Has(SourceFile file)
    {
        _key.Bind(_find, 1, file);
        if (!_find.Next()) return false;
        _find.Reset();
        return true;
    }

    /// <summary>Removes the entry of a file that is to be imported again, before it is entered anew.</summary>
    public void Forget(SourceFile file)
    {
        _key.Bind(_forget, 1, file);
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
        _requeue.Dispose();
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
        _key.Bind(to, at + 1, work.File);
        to.Int64(at + 5, _runId);
        to.Text(at + 6, Name(work.Outcome));
        to.Int64(at + 7, work.Rows.RowsRead);
        to.Int64(at + 8, loaded ? work.Inserted : 0);
        to.Int64(at + 9, loaded ? work.Updated : 0);
        to.Int64(at + 10, loaded ? work.Unchanged : 0);
        to.Int64(at + 11, loaded ? work.Rejected : work.Rows.RowsRead);
        to.Text(at + 12, loaded ? null : Reason(work));
        to.Int64(at + 13, now.Ticks);
        to.Int64(at + 14, work.FileId);
        if (work.Rows.ContentHash is { } hash) to.Int64(at + 15, hash);
        else to.Null(at + 15);
    }

    private static string Name(FileOutcome outcome) => outcome == FileOutcome.Loaded ? LedgerOutcome.Loaded : LedgerOutcome.Quarantined;

    private static string? Reason<TRow>(FileWork<TRow> work) => work.Verdict is { } verdict ? DefectJson.Write(verdict) : null;
}

/// <summary>
/// How the ledger names a version of one of a source's files: by numbers in the table of entries, by text in the view of it, which has the
/// columns that the ledger of older databases has as a table.
/// </summary>
internal sealed class LedgerKey
{
    private readonly string? _name;
    private readonly long _number;
    private readonly string _source;

    private LedgerKey(string table, string source, string time)
    {
        (Table, _source, Columns) = (table, source, $"{source}, Path, Size, {time}");
        Condition = $"{source} = ? AND Path = ? AND Size = ? AND {time} = ?";
    }

    private LedgerKey(string table, long source)
        : this(table, "SourceId", "ModifiedTicks") => _number = source;

    private LedgerKey(string table, string source)
        : this(table, "Source", "ModifiedUtc") => _name = source;

    /// <summary>The quoted table or view.</summary>
    public string Table { get; }

    /// <summary>Its four columns of the key.</summary>
    public string Columns { get; }

    /// <summary>
    /// The hash of the content and the time of the import, as further columns of a query; null in the view, which older databases have
    /// without them.
    /// </summary>
    public string Imported => _name is null ? ", ContentHash, ImportedTicks" : ", NULL, NULL";

    /// <summary>Finds a file.</summary>
    public string Condition { get; }

    /// <summary>Finds a file that is not to be imported again.</summary>
    public string IsDone => $"{Condition} AND Outcome <> '{LedgerOutcome.Requeued}'";

    /// <summary>The key of the entries of a source, whose name is entered if it is new. In a transaction.</summary>
    public static LedgerKey Entered(SqliteDb db, SqliteSinkOptions options, string source)
    {
        string sources = SqliteSchema.Quote(SqliteSchema.Sources(options)), number = $"SELECT SourceId FROM {sources} WHERE Name = ?";
        if (db.Number(number, source) is not { } id)
        {
            using SqliteStatement enter = db.Prepare($"INSERT INTO {sources} (Name) VALUES (?)");
            enter.Text(1, source);
            enter.Run("entering the source");
            id = db.LastInsertRowId;
        }
        return new LedgerKey(SqliteSchema.Quote(SqliteSchema.Entries(options)), id);
    }

    /// <summary>The key in the view, for those who only read, databases of older versions too.</summary>
    public static LedgerKey OfView(SqliteSinkOptions options, string source) => new(SqliteSchema.Quote(options.LedgerTable), source);

    /// <summary>Whether the ledger has a file of the source.</summary>
    public bool HasEntries(SqliteDb db)
    {
        using SqliteStatement any = db.Prepare($"SELECT 1 FROM {Table} WHERE {_source} = ? LIMIT 1");
        BindSource(any, 1);
        bool has = any.Next();
        if (has) any.Reset();
        return has;
    }

    /// <summary>Binds its four columns.</summary>
    /// <param name="to">The statement.</param>
    /// <param name="first">The first of its four parameters.</param>
    /// <param name="file">The file.</param>
    public void Bind(SqliteStatement to, int first, SourceFile file)
    {
        BindSource(to, first);
        to.Text(first + 1, file.Path);
        to.Int64(first + 2, file.Size);
        if (_name is null) to.Int64(first + 3, file.ModifiedUtc.Ticks);
        else to.Time(first + 3, file.ModifiedUtc);
    }

    private void BindSource(SqliteStatement to, int parameter)
    {
        if (_name is null) to.Int64(parameter, _number);
        else to.Text(parameter, _name);
    }
}
