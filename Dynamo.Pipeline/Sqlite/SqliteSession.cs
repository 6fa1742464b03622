using Dynamo.Pipeline.Ledger;
using Dynamo.Pipeline.Telemetry;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Everything that one run holds open, from the lease to the statements. Made by <see cref="OpenAsync"/>, which leaves nothing open when it
/// fails. <see cref="Find"/> is safe for concurrent use; everything else is for one thread at a time, which the sink sees to.
/// </summary>
internal sealed class SqliteSession<TRow> : IAsyncDisposable
{
    /// <summary>If the copying beside the writer does not keep up, the writer copies too: this keeps the WAL below about 64 MB.</summary>
    private const int CheckpointPages = 16_000;

    private const int CacheKibibytes = 16 * 1024;

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(1), s_longestPause = TimeSpan.FromMilliseconds(16);

    private readonly SqliteSinkOptions _options;
    private readonly SqliteLease _lease;
    private readonly SqliteDb _db;
    private readonly RunStart _run;
    private long _runId;
    private SqliteLedgerReader? _reader;
    private SqliteLedgerWriter? _ledger;
    private SqliteRejectWriter? _rejects;
    private SqliteLineage? _lineage;
    private SqliteRowWriter<TRow>? _rows;
    private SqliteBatch<TRow>? _batch;
    private SqliteCheckpoints? _checkpoints;

    private SqliteSession(SqliteSinkOptions options, SqliteLease lease, SqliteDb db, RunStart run) =>
        (_options, _lease, _db, _run) = (options, lease, db, run);

    public static async ValueTask<SqliteSession<TRow>> OpenAsync(
        string path, RowMap<TRow> map, SqliteSinkOptions options, RunStart run, CancellationToken cancellationToken)
    {
        string folder = Path.GetDirectoryName(path) ?? path;
        if (!Directory.Exists(folder))
            throw new SinkException($"The folder {folder} of the database does not exist. Create it, or name another file.");
        SqliteLease lease = SqliteLease.Take(path, run.Source);
        SqliteSession<TRow>? session = null;
        try
        {
            session = new SqliteSession<TRow>(options, lease, SqliteDb.Open(path, options.CreateTables), run);
            PipelineMeter.Connection("sqlite", 1);
            await session.PrepareAsync(map, run, cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            if (session is not null) await session.DisposeAsync().ConfigureAwait(false);
            lease.Dispose();
            throw;
        }
    }

    /// <summary>The copying of the WAL that is under way, or the last one.</summary>
    public Task Copying => _checkpoints!.Copying;

    public LedgerEntry?[] Find(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
        _reader!.Find(files, cancellationToken);

    public async ValueTask<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        FileWork<TRow>[] works = await _batch!.WriteAsync(files, cancellationToken).ConfigureAwait(false);
        _checkpoints!.Committed();
        foreach (FileWork<TRow> work in works)
            if (work.Outcome != FileOutcome.Deferred) _reader!.Remember(work.File);
        return [.. works.Select(w => w.Result())];
    }

    /// <summary>Writes the books into the run's row, and closes it if there is an outcome.</summary>
    public async ValueTask EndAsync(RunOutcome? outcome, RunBooks books, string? reason, CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            SqliteRun.End(_db, _options, _runId, outcome, books, reason ?? _run.Remark?.Invoke());
            _db.Commit("closing the run");
        }
        finally
        {
            _db.Rollback();
        }
    }

    /// <summary>
    /// Brings the WAL into the database, so that one file is left behind. Where that fails (disk full, another reader), the WAL stays valid
    /// beside it.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_checkpoints is not null) await _checkpoints.DisposeAsync().ConfigureAwait(false);
        _reader?.Dispose();
        _ledger?.Dispose();
        _rejects?.Dispose();
        _rows?.Dispose();
        _lineage?.Dispose();
        _db.Rollback();
        if (_batch is not null) _db.TryExecute("PRAGMA wal_checkpoint(TRUNCATE)");
        _db.Dispose();
        PipelineMeter.Connection("sqlite", -1);
        _lease.Dispose();
    }

    private async ValueTask PrepareAsync(RowMap<TRow> map, RunStart run, CancellationToken cancellationToken)
    {
        await TryUntilFreeAsync("PRAGMA journal_mode=WAL", "opening it", cancellationToken).ConfigureAwait(false);
        string synchronous = _options.Durable ? "FULL" : "NORMAL";
        string settings =
            $"PRAGMA synchronous={synchronous}; PRAGMA wal_autocheckpoint={CheckpointPages}; PRAGMA cache_size=-{CacheKibibytes}";
        _db.Execute(settings, "setting it up");
        var check = new SqliteSchemaCheck<TRow>(_db, map, _options);
        LedgerKey key;
        await BeginAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            check.Run();
            key = LedgerKey.Entered(_db, _options, run.Source);
            _runId = SqliteRun.Start(_db, _options, run);
            _db.Execute("COMMIT", "opening the run");
        }
        finally
        {
            _db.Rollback();
        }
        _checkpoints = new SqliteCheckpoints(_db);
        _reader = new SqliteLedgerReader(SqliteDb.Open(_db.Path, create: false), _options, key);
        _ledger = new SqliteLedgerWriter(_db, _options, key, _runId);
        _rejects = new SqliteRejectWriter(_db, _options, run, _runId);
        _lineage = new SqliteLineage(_db, _options, run.Source);
        _rows = new SqliteRowWriter<TRow>(_db, map, _options, _lineage, _rejects, check.HasFiles);
        _batch = new SqliteBatch<TRow>(_db, _ledger, _lineage, _rows, _rejects, run.MaxBadRows, BeginAsync);
    }

    private ValueTask BeginAsync(CancellationToken cancellationToken) =>
        TryUntilFreeAsync("BEGIN IMMEDIATE", "waiting for another writer", cancellationToken);

    /// <summary>SQLite's own busy time-out would block the thread, and not hear a cancellation.</summary>
    private async ValueTask TryUntilFreeAsync(string sql, string doing, CancellationToken cancellationToken)
    {
        long start = _options.TimeProvider.GetTimestamp();
        for (int attempt = 1; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int code = _db.TryExecute(sql) & 0xFF;
            if (code == raw.SQLITE_OK) return;
            bool isBusy = code is raw.SQLITE_BUSY or raw.SQLITE_LOCKED;
            if (!isBusy || _options.TimeProvider.GetElapsedTime(start) >= _options.BusyTimeout) throw _db.Fault(doing);
            if (attempt == 1) _run.Waits($"another writer of {_db.Path}", _options.BusyTimeout);
            await Task.Delay(BackOff.Pause(attempt, s_firstPause, s_longestPause), _options.TimeProvider, cancellationToken)
                .ConfigureAwait(false);
        }
    }
}
