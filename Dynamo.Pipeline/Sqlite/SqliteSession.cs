using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>Everything one run holds open, from the claim to the statements. Made by <see cref="OpenAsync"/>, which leaves nothing open when it fails.</summary>
internal sealed class SqliteSession<TRow> : IAsyncDisposable
{
    /// <summary>Where the copying beside the writer does not keep up, the writer copies as well: this bounds the WAL at some 64 MB.</summary>
    private const int CheckpointPages = 16_000;

    private const int CacheKibibytes = 16 * 1024;

    private readonly SqliteSinkOptions _options;
    private readonly SqliteLease _claim;
    private readonly SqliteDb _db;
    private long _runId;
    private SqliteLedgerReader? _reader;
    private SqliteLedgerWriter? _ledger;
    private SqliteRejectWriter? _rejects;
    private SqliteRowWriter<TRow>? _rows;
    private SqliteBatch<TRow>? _batch;
    private SqliteCheckpoints? _checkpoints;

    private SqliteSession(SqliteSinkOptions options, SqliteLease claim, SqliteDb db) => (_options, _claim, _db) = (options, claim, db);

    public static async ValueTask<SqliteSession<TRow>> OpenAsync(
        string path, RowMap<TRow> map, SqliteSinkOptions options, RunStart run, CancellationToken cancellationToken)
    {
        string folder = Path.GetDirectoryName(path) ?? path;
        if (!Directory.Exists(folder)) throw new SinkException($"The folder {folder} of the database does not exist. Create it, or name another file.");
        SqliteLease claim = SqliteLease.Take(path, run.Source);
        SqliteSession<TRow>? session = null;
        try
        {
            session = new SqliteSession<TRow>(options, claim, SqliteDb.Open(path, options.CreateTables));
            await session.PrepareAsync(map, run, cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            if (session is not null) await session.DisposeAsync().ConfigureAwait(false);
            claim.Dispose();
            throw;
        }
    }

    /// <summary>The copying of the WAL that is under way, or the last one.</summary>
    public Task Copying => _checkpoints!.Copying;

    public LedgerEntry?[] Find(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) => _reader!.Find(files, cancellationToken);

    public async ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        FileWork<TRow>[] works = await _batch!.WriteAsync(files, cancellationToken).ConfigureAwait(false);
        _checkpoints!.Committed();
        foreach (FileWork<TRow> work in works)
            if (work.Outcome != FileOutcome.Deferred) _reader!.Remember(work.File);
        return [.. works.Select(w => w.Result())];
    }

    public async ValueTask EndAsync(RunOutcome outcome, RunBooks books, CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            SqliteRun.End(_db, _options, _runId, outcome, books);
            _db.Commit("closing the run");
        }
        finally
        {
            _db.Rollback();
        }
    }

    /// <summary>Leaves one file behind: the WAL goes into the database. Where that fails (disk full, another reader), it stays valid beside it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_checkpoints is not null) await _checkpoints.DisposeAsync().ConfigureAwait(false);
        _reader?.Dispose();
        _ledger?.Dispose();
        _rejects?.Dispose();
        _rows?.Dispose();
        _db.Rollback();
        if (_batch is not null) _db.TryExecute("PRAGMA wal_checkpoint(TRUNCATE)");
        _db.Dispose();
        _claim.Dispose();
    }

    private async ValueTask PrepareAsync(RowMap<TRow> map, RunStart run, CancellationToken cancellationToken)
    {
        await TryUntilFreeAsync("PRAGMA journal_mode=WAL", "opening it", cancellationToken).ConfigureAwait(false);
        _db.Execute($"PRAGMA synchronous={(_options.Durable ? "FULL" : "NORMAL")}; PRAGMA wal_autocheckpoint={CheckpointPages}; PRAGMA cache_size=-{CacheKibibytes}", "setting it up");
        await BeginAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            new SqliteSchemaCheck<TRow>(_db, map, _options).Run();
            _runId = SqliteRun.Start(_db, _options, run);
            _db.Execute("COMMIT", "opening the run");
        }
        finally
        {
            _db.Rollback();
        }
        _checkpoints = new SqliteCheckpoints(_db.Path);
        _reader = new SqliteLedgerReader(_db.Path, _options, run.Source);
        _ledger = new SqliteLedgerWriter(_db, _options, run.Source, _runId);
        _rejects = new SqliteRejectWriter(_db, _options, run, _runId);
        _rows = new SqliteRowWriter<TRow>(_db, map, _options.Duplicates, _rejects);
        _batch = new SqliteBatch<TRow>(_db, _ledger, _rows, _rejects, run.MaxBadRows, BeginAsync);
    }

    private ValueTask BeginAsync(CancellationToken cancellationToken) => TryUntilFreeAsync("BEGIN IMMEDIATE", "waiting for another writer", cancellationToken);

    /// <summary>SQLite's own busy time-out would block the thread and not hear a cancellation.</summary>
    private async ValueTask TryUntilFreeAsync(string sql, string doing, CancellationToken cancellationToken)
    {
        long start = _options.TimeProvider.GetTimestamp();
        for (int wait = 1; ; wait = Math.Min(wait * 2, 16))
        {
            cancellationToken.ThrowIfCancellationRequested();
            int code = _db.TryExecute(sql) & 0xFF;
            if (code == SqliteNative.Ok) return;
            if (code is not (SqliteNative.Busy or SqliteNative.Locked) || _options.TimeProvider.GetElapsedTime(start) >= _options.BusyTimeout) throw _db.Fault(doing);
            await Task.Delay(TimeSpan.FromMilliseconds(wait), _options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
    }
}
