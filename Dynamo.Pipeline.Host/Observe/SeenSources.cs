namespace Dynamo.Pipeline.Host;

/// <summary>
/// Until when everything that landed at each source is imported. Late is measured against that: what a logger sent since then may wait at a
/// source that is away, or that nobody has looked at yet. Thread-safe.
/// </summary>
internal sealed class SeenSources
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _expected = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTime> _seen = new(StringComparer.Ordinal);

    /// <summary>A source that is, or should be, imported: before it was seen whole, nobody is late.</summary>
    public void Expect(string source)
    {
        lock (_gate) _expected.Add(source);
    }

    /// <summary>A source was seen whole until then.</summary>
    public void Whole(string source, DateTime untilUtc)
    {
        lock (_gate)
            if (!_seen.TryGetValue(source, out DateTime known) || untilUtc > known) _seen[source] = untilUtc;
    }

    /// <summary>What the last runs in a database tell.</summary>
    public void Take(IEnumerable<ImportedRun> runs)
    {
        foreach (ImportedRun run in runs)
            if (run.SeenUtc is { } until) Whole(run.Source, until);
    }

    /// <summary>Against which time late is measured for a logger of this source.</summary>
    /// <param name="source">
    /// The source; <see langword="null"/>: it is not known, and may be any of those that are expected.
    /// </param>
    /// <param name="nowUtc">The time. It counts for a source of which nothing is known, and which is not expected.</param>
    public DateTime Until(string? source, DateTime nowUtc)
    {
        lock (_gate)
        {
            DateTime until = source is not null ? Of(source) : _expected.Count == 0 ? nowUtc : _expected.Min(Of);
            return until < nowUtc ? until : nowUtc;
        }

        DateTime Of(string one) => _seen.TryGetValue(one, out DateTime until) ? until : _expected.Contains(one) ? default : nowUtc;
    }
}
