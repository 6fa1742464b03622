namespace Dynamo.Pipeline.Host;

/// <summary>
/// Whether each source of this process gets on. One hangs when files wait, nothing moves, nobody waits who ends that by itself, and no
/// outage explains it. Safe for concurrent use.
/// </summary>
internal sealed class Pulse(TimeSpan stall, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (PipelineProgress Last, long MovedAt)> _sources = new(StringComparer.Ordinal);
    private readonly HashSet<(string Source, string Failing)> _outages = [];

    public void Report(string source, WatchEvent happened)
    {
        lock (_gate)
        {
            if (happened is OutageBegan began) _outages.Add((source, began.Name));
            else if (happened is OutageEnded ended) _outages.Remove((source, ended.Name));
        }
    }

    public void Report(string source, PipelineProgress now)
    {
        lock (_gate)
        {
            bool moves = !_sources.TryGetValue(source, out (PipelineProgress Last, long MovedAt) known)
                || known.Last.Moves != now.Moves || now.IsPatient || now.Books.Listed == now.Books.FilesDone;
            _sources[source] = (now, moves ? time.GetTimestamp() : known.MovedAt);
        }
    }

    /// <summary>Whether no source hangs.</summary>
    public bool IsWell
    {
        get
        {
            lock (_gate)
            {
                return _sources.All(source =>
                    time.GetElapsedTime(source.Value.MovedAt) < stall || _outages.Any(outage => outage.Source == source.Key));
            }
        }
    }
}
