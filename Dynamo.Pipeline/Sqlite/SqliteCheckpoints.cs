namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Copies the WAL into the database beside the writer, on a connection of its own: little is left to copy at the end, and a WAL that is copied whole is begun anew instead of growing.
/// It waits for nobody (a passive checkpoint), and where it fails, the disk being full, the pages stay in the WAL and nothing is lost.
/// </summary>
internal sealed class SqliteCheckpoints(string path) : IAsyncDisposable
{
    /// <summary>Below that, as in a live run, pages that are written again soon are copied once, at the end.</summary>
    private const long EnoughBytes = 4 << 20;

    private readonly FileInfo _wal = new(path + "-wal");
    private Task _copying = Task.CompletedTask;
    private SqliteDb? _db;

    /// <summary>The copying that is under way, or the last one.</summary>
    public Task Copying => _copying;

    /// <summary>To be called by the writer after a commit.</summary>
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
