using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>Writes batches, each attempt on one connection. Safe for concurrent use.</summary>
internal sealed class SqlServerBatch<TRow>
{
    private const int MostResolutions = 3;

    private readonly SqlServerDb _db;
    private readonly SqlServerCommit<TRow> _commit;
    private readonly SqlServerStaging<TRow> _staging;
    private readonly SqlServerAppending<TRow> _appending;
    private readonly int _maxBadRows;

    public SqlServerBatch(SqlServerDb db, SqlServerTarget<TRow> target, SqlServerLedgerTable ledger, int maxBadRows)
    {
        (_db, _maxBadRows) = (db, maxBadRows);
        var copy = new SqlServerCopy<TRow>(db, target);
        var turns = new SqlServerTurns<TRow>(db, target);
        _commit = new SqlServerCommit<TRow>(db, ledger, copy);
        _staging = new SqlServerStaging<TRow>(db, target, turns, copy, _commit);
        _appending = new SqlServerAppending<TRow>(turns, copy, _commit, _staging);
    }

    public async Task<FileResult[]> WriteAsync(IReadOnlyList<FileRows<TRow>> files, CancellationToken cancellationToken)
    {
        bool append = _db.Options.Append, isContested = false;
        for (int resolutions = 0; ; resolutions++)
        {
            FileWork<TRow>[] works = [.. files.Select(f => new FileWork<TRow>(f))];
            try
            {
                if (await _db.GuardAsync("writing a batch", () => AttemptAsync(works, append, isContested, cancellationToken), cancellationToken).ConfigureAwait(false) is { } results) return results;
                (append, isContested) = (false, true);
            }
            catch (SourceFaultException error)
            {
                error.Rethrow();
            }
            catch (SinkException) when (resolutions < MostResolutions && _commit.IsInDoubt(files.Select(f => f.File)))
            {
                // The commit's answer is lost: the next attempt begins with asking the ledger.
            }
        }
    }

    /// <summary>One connection's worth of attempts; null when rows that were to be appended must be staged, or another run entered one of the files.</summary>
    private async Task<FileResult[]?> AttemptAsync(FileWork<TRow>[] works, bool append, bool isContested, CancellationToken cancellationToken)
    {
        SqlConnection connection = await _db.OpenAsync(lasting: false, cancellationToken).ConfigureAwait(false);
        SqlServerWriting<TRow>? writing = null;
        try
        {
            if (await _commit.ResolveAsync(connection, [.. works.Select(w => w.File)], cancellationToken).ConfigureAwait(false) is { } results) return results;
            writing = new SqlServerWriting<TRow>(works, _maxBadRows, isContested, connection, cancellationToken);
            if (await (append ? _appending.TryAsync(writing) : _staging.WriteAsync(writing)).ConfigureAwait(false)) return [.. works.Select(w => w.Result())];
            // The server refused a bulk copy; some take no other one from that connection.
            SqlConnection.ClearPool(connection);
            return null;
        }
        catch (Exception error) when (error is SqlException or InvalidOperationException or StalledConnectionException or OperationCanceledException)
        {
            // The next attempt is not to get this connection out of the pool.
            SqlConnection.ClearPool(connection);
            throw;
        }
        finally
        {
            await SqlServerDb.CloseAsync(connection, writing?.Abandoned).ConfigureAwait(false);
        }
    }
}
