using System.Collections.Concurrent;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The tables behind an endpoint: one SQLite file in write-ahead mode. Readers outside a transaction see what is committed; whoever changes base tables, or reads them inside a
/// transaction, holds <see cref="Writer"/> until the transaction ends. That is stricter than SQL Server: there is no native deadlock here, only an ordered one.
/// </summary>
internal sealed class TdsStore : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dynamo-tds-").FullName;
    private long _transactions = 0x1000;

    public TdsStore()
    {
        using StoreConnection store = Open();
        SqlCatalogue.CreateMain(store);
    }

    public SemaphoreSlim Writer { get; } = new(1, 1);

    public AppLocks AppLocks { get; } = new();

    /// <summary>Bodies of stored procedures by flat name. Not transactional.</summary>
    public ConcurrentDictionary<string, SqlProcedure> Procedures { get; } = new(StringComparer.OrdinalIgnoreCase);

    public long NextTransaction() => Interlocked.Increment(ref _transactions);

    public StoreConnection Open() => new(Path.Combine(_folder, "store.db"));

    public void Dispose()
    {
        Writer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

internal sealed record SqlProcedure(List<(string Name, TdsType Type)> Parameters, List<SqlToken> Body);

/// <summary>sp_getapplock: exclusive locks by name, held until released or until their owner's transaction or session ends.</summary>
internal sealed class AppLocks
{
    private readonly Dictionary<string, (object Owner, int Count)> _held = new(StringComparer.OrdinalIgnoreCase);

    /// <returns>0 granted at once, 1 after waiting, -1 timed out.</returns>
    public int Take(string name, object owner, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long start = Environment.TickCount64;
        int waits = 0;
        while (!TryTake(name, owner))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (timeout >= TimeSpan.Zero && Environment.TickCount64 - start >= timeout.TotalMilliseconds) return -1;
            cancellationToken.WaitHandle.WaitOne(5);
            waits = 1;
        }
        return waits;
    }

    public bool Release(string name, object owner)
    {
        lock (_held)
        {
            if (!_held.TryGetValue(name, out (object Owner, int Count) held) || held.Owner != owner) return false;
            if (held.Count == 1) _held.Remove(name);
            else _held[name] = (owner, held.Count - 1);
            return true;
        }
    }

    public void ReleaseAll(object owner)
    {
        lock (_held)
        {
            foreach (string name in _held.Where(h => h.Value.Owner == owner).Select(h => h.Key).ToList()) _held.Remove(name);
        }
    }

    private bool TryTake(string name, object owner)
    {
        lock (_held)
        {
            if (_held.TryGetValue(name, out (object Owner, int Count) held) && held.Owner != owner) return false;
            _held[name] = (owner, held.Count + 1);
            return true;
        }
    }
}
