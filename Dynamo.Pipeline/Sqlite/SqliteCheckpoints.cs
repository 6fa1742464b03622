namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Copies the WAL into the database while the writer goes on, on a connection of its own. So little is left to copy at the end, and a WAL
/// that was copied whole starts again from its beginning instead of growing. It waits for nobody (a passive checkpoint). If it fails, for
/// example because the disk is full, the pages stay in the WAL and nothing is lost.
/// </summary>
internal sealed class SqliteCheckpoints(string path) : IAsyncDisposable
{
    /// <summary>A smaller WAL is copied once, at the end: its pages may soon be written again.</summary>
    private const long EnoughBytes = 4 << 20;

    private readonly FileInfo _wal = new(path + "-wal");
    private Task _copying = Task.CompletedTask;
    private SqliteDb? _db;

    /// <summary>The copying that is under way, or the last one.</summary>
    public Task Copying => _copying;

    /// <summary>The writer calls it after each commit.</summary>
    public void Committed()
    {
        if (!_copying.IsCompleted) return;
        _wal.Refresh();
        if (_wal is { Exists: true, Length: >= EnoughBytes }) _copying = Task.Run(Copy);
    }

    public async ValueTask DisposeAsync()
    {
        await _copying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _db?.Dispose();
    }

    private void Copy()
    {
        _db ??= SqliteDb.Open(path, create: false);
        _db.TryExecute("PRAGMA wal_checkpoint(PASSIVE)");
    }
}
