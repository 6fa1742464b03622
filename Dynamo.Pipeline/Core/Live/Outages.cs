namespace Dynamo.Pipeline.Live;

/// <summary>
/// Which of source and sink fail at the moment, and since when. The first error begins an outage, the first success ends it; what comes in
/// between is not told again. Thread-safe.
/// </summary>
internal sealed class Outages(TimeProvider time, Action<WatchEvent> tell)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (DateTime Since, string Reason)> _since = new(StringComparer.Ordinal);
    private volatile bool _any;

    public void Began(string name, string reason)
    {
        lock (_gate)
        {
            DateTime now = time.GetUtcNow().UtcDateTime;
            if (!_since.TryAdd(name, (now, reason))) return;
            _any = true;
            tell(new OutageBegan(now, name, reason));
        }
    }

    /// <summary>Since when it fails, and why; <see langword="null"/>: it does not.</summary>
    public (DateTime Since, string Reason)? Of(string name)
    {
        if (!_any) return null;
        lock (_gate) return _since.TryGetValue(name, out (DateTime, string) began) ? began : null;
    }

    public void Ended(string name)
    {
        if (!_any) return;
        lock (_gate)
        {
            if (!_since.Remove(name, out (DateTime Since, string Reason) began)) return;
            _any = _since.Count > 0;
            DateTime now = time.GetUtcNow().UtcDateTime;
            tell(new OutageEnded(now, name, now - began.Since));
        }
    }
}
