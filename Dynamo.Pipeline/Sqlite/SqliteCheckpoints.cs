namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Copies the WAL into the database while the writer goes on, on a connection of its own. So little is left to copy at the end, and a WAL
/// that was copied whole starts again from its beginning instead of growing. It waits for nobody (a passive checkpoint). If it fails, for
/// example because the disk is full, the pages stay in the WAL and nothing is lost.
/// </summary>
internal sealed class SqliteCheckpoints(SqliteDb writer) : IAsyncDisposable
{
    /// <summary>
    /// About 4 MB. Fewer pages are copied later: they may soon be written again, and each copying waits for the disk twice.
    /// </summary>
    private const long EnoughPages = 1024;

    private long _pages;
    private Task _copying = Task.CompletedTask;
    private SqliteDb? _db;

    /// <summary>The copying that is under way, or the last one.</summary>
    public Task Copying => _copying;

    /// <summary>The writer calls it after each commit.</summary>
    public void Committed()
    {
        _pages += writer.TakePagesWritten();
        if (_pages < EnoughPages || !_copying.IsCompleted) return;
        _pages = 0;
        _copying = Task.Run(Copy);
    }

    public async ValueTask DisposeAsync()
    {
        await _copying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _db?.Dispose();
    }

    private void Copy()
    {
        _db ??= SqliteDb.Open(writer.Path, create: false);
        _db.TryExecute("PRAGMA wal_checkpoint(PASSIVE)");
    }
}
