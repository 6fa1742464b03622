using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>Writes batches. Each attempt uses one connection. Safe for concurrent use.</summary>
internal sealed class SqlServerBatch<TRow>
{
    private const int MostResolutions = 3;

    private readonly SqlServerDb _db;
    private readonly TdsDialect _dialect;
    private readonly SqlServerCommit<TRow> _commit;
    private readonly SqlServerStaging<TRow> _staging;
    private readonly SqlServerAppending<TRow> _appending;
    private readonly string _source;
    private readonly int _maxBadRows;

    public SqlServerBatch(SqlServerDb db, SqlServerTarget<TRow> target, SqlServerLedgerTable ledger, int maxBadRows)
    {
        (_db, _dialect, _source, _maxBadRows) = (db, target.Dialect, ledger.Source, maxBadRows);
        var copy = new SqlServerCopy<TRow>(db, target);
        var turns = new WriteLocks<TRow>(db, target.Name, target.Plan.MergesSideBySide);
        _commit = new SqlServerCommit<TRow>(db, ledger, copy);
        _staging = new SqlServerStaging<TRow>(db, target, turns, copy, _commit);
        _appending = new SqlServerAppending<TRow>(db, turns, copy, _commit, _staging);
    }

    public async Task<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        bool append = _db.Options.Append, isContested = false;
        for (int resolutions = 0; ; resolutions++)
        {
            FileWork<TRow>[] works = [.. files.Select(f => new FileWork<TRow>(f))];
            try
            {
                Task<FileResult[]?> attempt = _db.GuardAsync(
                    "writing a batch", () => AttemptAsync(works, append, isContested, cancellationToken), cancellationToken);
                if (await attempt.ConfigureAwait(false) is { } results) return results;
                (append, isContested) = (false, true);
            }
            catch (SourceFaultException error)
            {
                error.Rethrow();
            }
            catch (SinkException) when (resolutions < MostResolutions && _commit.IsInDoubt(files.Select(f => f.File)))
            {
                // The answer to the commit is lost. The next attempt begins by asking the ledger.
            }
        }
    }

    /// <summary>
    /// One attempt on one connection. Null if rows that could not be appended must be staged, or if another run entered one of the
    /// files: then another attempt follows.
    /// </summary>
    private async Task<FileResult[]?> AttemptAsync(
        FileWork<TRow>[] works, bool append, bool isContested, CancellationToken cancellationToken)
    {
        SqlConnection connection = await _db.OpenAsync(lasting: false, cancellationToken).ConfigureAwait(false);
        SqlServerWriting<TRow>? writing = null;
        try
        {
            if (await _commit.ResolveAsync(connection, works, cancellationToken).ConfigureAwait(false) is { } results) return results;
            writing = new SqlServerWriting<TRow>(works, _source, _maxBadRows, isContested, connection, cancellationToken);
            await _commit.KeepNumbersAsync(writing).ConfigureAwait(false);
            // Rows of a file that was imported before are in the table.
            Task<bool> written = append && writing.Kept.Count == 0 ? _appending.TryAsync(writing) : _staging.WriteAsync(writing);
            if (await written.ConfigureAwait(false)) return [.. works.Select(w => w.Result())];
            if (!_dialect.SurvivesRefusal) SqlConnection.ClearPool(connection);
            return null;
        }
        catch (Exception error) when (
            error is SqlException or InvalidOperationException or StalledConnectionException or OperationCanceledException)
        {
            // The next attempt must not get this connection from the pool.
            SqlConnection.ClearPool(connection);
            throw;
        }
        finally
        {
            await SqlServerDb.CloseAsync(connection, writing?.Abandoned).ConfigureAwait(false);
        }
    }
}

/// <summary>
/// The state of one attempt at a batch: its files and its connection. Used by one thread at a time.
/// </summary>
internal sealed class SqlServerWriting<TRow>
{
    private readonly FileOrder[] _orders;
    private Task? _abandoned;

    public SqlServerWriting(
        FileWork<TRow>[] works, string source, int maxBadRows, bool isContested, SqlConnection connection,
        CancellationToken cancellation)
    {
        IsContested = isContested;
        (Works, Connection, Cancellation, MaxBadRows) = (works, connection, cancellation, maxBadRows);
        Ordered = [.. works.OrderBy(w => FileOrder.Of(w.File, source))];
        _orders = [.. Ordered.Select(w => FileOrder.Of(w.File, source))];
        var seen = new HashSet<SourceFile>();
        foreach (FileWork<TRow> work in Ordered)
        {
            work.JudgeEarly(maxBadRows);
            if (!seen.Add(work.File)) work.IsKnown = true;
        }
        Twins = [.. Ordered.Where(w => w.IsKnown)];
    }

    public FileWork<TRow>[] Works { get; }

    /// <summary>
    /// The files in the order in which they count as written, the newest last. A staged row has its file's place in this list.
    /// <see cref="FileWork{TRow}.Ordinal"/> counts the staged rows of a file.
    /// </summary>
    public FileWork<TRow>[] Ordered { get; }

    /// <summary>The numbers of files that were imported before, by their places in <see cref="Ordered"/>.</summary>
    public Dictionary<int, long> Kept { get; } = [];

    /// <summary>
    /// The number of the first file in the ledger. The others have the numbers that follow, but for those that keep theirs.
    /// </summary>
    public int FirstFileId
    {
        get;
        set
        {
            field = value;
            for (int i = 0; i < Ordered.Length; i++) Ordered[i].FileId = Kept.TryGetValue(i, out long kept) ? kept : value + i;
        }
    }

    /// <summary>Files that are in the batch twice. The second one counts as known.</summary>
    public HashSet<FileWork<TRow>> Twins { get; }

    public SqlConnection Connection { get; }

    public CancellationToken Cancellation { get; }

    public int MaxBadRows { get; }

    /// <summary>The parts of the keys of the staged rows.</summary>
    public int Parts { get; set; }

    /// <summary>Whether all rows are in the table. From then on, no error is the fault of a row.</summary>
    public bool IsCommitting { get; set; }

    /// <summary>Whether another run may have entered one of the files after they were looked up.</summary>
    public bool IsContested { get; }

    /// <summary>Whether another run entered one of the files during this attempt.</summary>
    public bool IsOvertaken { get; set; }

    /// <summary>A bulk copy that was given up because the server is silent. Nobody else uses the connection until it ends.</summary>
    /// <remarks>The thread of the copy looks at it, while the writer sets it.</remarks>
    public Task? Abandoned { get => Volatile.Read(ref _abandoned); set => Volatile.Write(ref _abandoned, value); }

    /// <summary>Stops a bulk copy that still sends rows although nobody wants them any more.</summary>
    public void ThrowIfOver()
    {
        Cancellation.ThrowIfCancellationRequested();
        if (Abandoned is not null) throw new OperationCanceledException("The copy was given up.");
    }

    /// <summary>How often the server refused the batch, but none of its rows alone.</summary>
    public int Fruitless { get; set; }

    public long Staged => Ordered.Where(w => w.IsLoading).Sum(w => w.Ordinal);

    /// <summary>The place that a file of an earlier batch would have in <see cref="Ordered"/>: so many files are older.</summary>
    public int PlaceOf(FileOrder other)
    {
        int found = Array.BinarySearch(_orders, other);
        return found < 0 ? ~found : found;
    }

    /// <summary>The places of these files in <see cref="Ordered"/>.</summary>
    public int[] Places(Func<FileWork<TRow>, bool> of) => [.. Enumerable.Range(0, Ordered.Length).Where(i => of(Ordered[i]))];
}
