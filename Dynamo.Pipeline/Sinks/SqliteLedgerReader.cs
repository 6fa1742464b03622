namespace Dynamo.Pipeline;

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
