namespace Dynamo.Pipeline.Tests;

/// <summary>
/// sp_getapplock: locks by name and mode, held until released or until their owner's transaction or session ends. Safe for
/// concurrent use.
/// </summary>
internal sealed class AppLocks
{
    private readonly Dictionary<string, List<(object Owner, string Mode)>> _held = new(StringComparer.OrdinalIgnoreCase);

    /// <returns>0 granted at once, 1 after waiting, -1 timed out.</returns>
    public int Take(string name, string mode, object owner, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long start = Environment.TickCount64;
        int waits = 0;
        while (!TryTake(name, mode, owner))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (timeout >= TimeSpan.Zero && Environment.TickCount64 - start >= timeout.TotalMilliseconds) return -1;
            cancellationToken.WaitHandle.WaitOne(5);
            waits = 1;
        }
        return waits;
    }

    /// <summary>APPLOCK_TEST.</summary>
    public bool CouldTake(string name, string mode, object owner)
    {
        lock (_held) return !_held.TryGetValue(name, out List<(object Owner, string Mode)>? holders) || IsFree(holders, mode, owner);
    }

    public bool Release(string name, object owner)
    {
        lock (_held)
            return _held.TryGetValue(name, out List<(object Owner, string Mode)>? holders)
                && holders.FindLastIndex(h => h.Owner == owner) is >= 0 and var at
                && Remove(holders, at);
    }

    public void ReleaseAll(object owner)
    {
        lock (_held)
            foreach (List<(object Owner, string Mode)> holders in _held.Values) holders.RemoveAll(h => h.Owner == owner);
    }

    private static bool Remove(List<(object Owner, string Mode)> holders, int at)
    {
        holders.RemoveAt(at);
        return true;
    }

    private bool TryTake(string name, string mode, object owner)
    {
        lock (_held)
        {
            if (!_held.TryGetValue(name, out List<(object Owner, string Mode)>? holders)) _held[name] = holders = [];
            if (!IsFree(holders, mode, owner)) return false;
            holders.Add((owner, mode));
            return true;
        }
    }

    private static bool IsFree(List<(object Owner, string Mode)> holders, string mode, object owner) =>
        !holders.Exists(h => h.Owner != owner && !GoTogether(h.Mode, mode));

    /// <summary>The lock compatibility of SQL Server's documentation, for the modes of application locks.</summary>
    private static bool GoTogether(string one, string other)
    {
        string both = string.Compare(one, other, StringComparison.OrdinalIgnoreCase) <= 0 ? $"{one} {other}" : $"{other} {one}";
        return both.ToUpperInvariant() is "SHARED SHARED" or "SHARED UPDATE" or "INTENTSHARED SHARED" or "INTENTSHARED INTENTSHARED"
            or "INTENTSHARED UPDATE"
            or "INTENTEXCLUSIVE INTENTSHARED" or "INTENTEXCLUSIVE INTENTEXCLUSIVE";
    }
}
