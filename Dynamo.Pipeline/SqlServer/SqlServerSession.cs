using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>Everything that one run holds. <see cref="OpenAsync"/> makes it, and leaves nothing open if it fails.</summary>
internal sealed class SqlServerSession<TRow> : IAsyncDisposable
{
    private readonly SqlServerDb _db;
    private readonly SqlServerLease? _lease;
    private readonly SqlServerLedgerTable _ledger;
    private readonly SqlServerBatch<TRow> _batch;
    private readonly SqlServerKeyParts<TRow> _parts;
    private readonly LedgerFilter? _filter;

    /// <summary>The number of the run.</summary>
    public long RunId { get; }

    /// <summary>Cancelled when another has taken the source.</summary>
    public CancellationToken LeaseLost => _lease?.Lost ?? CancellationToken.None;

    /// <summary>How this table is written.</summary>
    public SqlServerPlan Plan { get; }

    private SqlServerSession(
        SqlServerDb db, SqlServerLease? lease, SqlServerTarget<TRow> target, SqlServerLedgerTable ledger, long runId, int maxBadRows,
        bool isEmpty)
    {
        (_db, _lease, _ledger, RunId, _parts) = (db, lease, ledger, runId, target.Parts);
        Plan = target.Plan;
        _batch = new SqlServerBatch<TRow>(db, target, ledger, maxBadRows);
        // Only the run with the lease enters files of its source. If the lease is lost, and another run enters a file in the
        // meantime, this run notices when it writes the file.
        if (isEmpty) _filter = new LedgerFilter();
    }

    public static async Task<SqlServerSession<TRow>> OpenAsync(
        SqlServerDb db, RowMap<TRow> map, RunStart run, CancellationToken cancellationToken)
    {
        db.Run = run;
        SqlServerLease? lease = db.Options.PartOfRun is not null ? null : await db.RetryAsync(
            "claiming the source", (_, token) => SqlServerLease.TakeAsync(db, run.Source, token), cancellationToken).ConfigureAwait(false);
        try
        {
            return await db.RetryAsync("checking its tables", async (connection, token) =>
            {
                var check = new SqlServerSchemaCheck<TRow>(db, map);
                SqlServerTarget<TRow> target = await check.RunAsync(connection, token).ConfigureAwait(false);
                DateTime? leaseUntil = await SqlServerLease.UntilAsync(db, connection, token).ConfigureAwait(false);
                long runId = await SqlServerRun.StartAsync(db, connection, run, leaseUntil, token).ConfigureAwait(false);
                lease?.Renew(db, runId);
                var ledger = new SqlServerLedgerTable(db.Options, run.Source, runId);
                bool isAlone = db.Options.PartOfRun is null && leaseUntil is null;
                bool isEmpty = isAlone && await SqlServerRun.IsFirstAsync(db, connection, run.Source, runId, token).ConfigureAwait(false);
                return new SqlServerSession<TRow>(db, lease, target, ledger, runId, run.MaxBadRows, isEmpty);
            }, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            if (lease is not null) await lease.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task<LedgerEntry?[]> FindAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        var entries = new LedgerEntry?[files.Count];
        int[] asked = [.. Enumerable.Range(0, files.Count).Where(i => _filter?.MayHold(files[i]) != false)];
        if (asked.Length == 0) return entries;
        SourceFile[] some = [.. asked.Select(i => files[i])];
        Dictionary<int, LedgerEntry> found = await _db.RetryAsync(
            "reading the ledger", (connection, token) => _ledger.FindAsync(_db, connection, null, some, token),
            cancellationToken).ConfigureAwait(false);
        foreach ((int at, LedgerEntry entry) in found)
            entries[asked[at]] = entry;
        return entries;
    }

    /// <summary>
    /// Files of one key part, and so of one logger, have the same lane: they are written one after the other. A file whose rows are
    /// not known yet goes to any lane.
    /// </summary>
    public int LaneOf(FileRows<TRow> file, int lanes)
    {
        ReadOnlySpan<TRow> rows = file.Batch.RowSpan;
        int parts = rows.Length == 0 ? SqlServerKeyParts<TRow>.All : _parts.Of(rows[0]);
        return parts == SqlServerKeyParts<TRow>.All ? Lanes.ByPath(file.File, lanes) : SqlServerKeyParts<TRow>.Lane(parts, lanes);
    }

    public async Task<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        FileResult[] results = await _batch.WriteAsync(files, cancellationToken).ConfigureAwait(false);
        if (_filter is null) return results;
        foreach (FileResult result in results)
            if (result.Outcome != FileOutcome.Deferred) _filter.Add(result.File);
        return results;
    }

    /// <summary>Writes the books into the run's row, and closes it if there is an outcome.</summary>
    public Task EndAsync(RunOutcome? outcome, RunBooks books, string? reason, CancellationToken cancellationToken) =>
        _db.RetryAsync(outcome is null ? "writing the books of the run" : "closing the run", async (connection, token) =>
        {
            string? remark = reason ?? _db.Run?.Remark?.Invoke();
            await SqlServerRun.EndAsync(_db, connection, RunId, outcome, books, remark, token).ConfigureAwait(false);
            return true;
        }, cancellationToken);

    public ValueTask DisposeAsync() => _lease?.DisposeAsync() ?? ValueTask.CompletedTask;
}
