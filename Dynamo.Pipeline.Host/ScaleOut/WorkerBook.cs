using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>The workers that a dispatcher has heard of. Thread-safe.</summary>
internal sealed class WorkerBook(string queue, Action<WatchEvent> tell)
{
    /// <summary>What the name of their outage begins with.</summary>
    public const string Kind = "workers of ";


    /// <summary>
    /// A worker gives a sign of life more often than every <see cref="Gone"/>, and is remembered for a while after it is gone.
    /// </summary>
    public static readonly TimeSpan Beat = TimeSpan.FromSeconds(3), Gone = TimeSpan.FromSeconds(12);

    private static readonly TimeSpan s_forgotten = TimeSpan.FromMinutes(10);

    private const int Most = 1_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<WorkerId, Known> _workers = [];
    private readonly long _began = Environment.TickCount64;
    private DateTime? _noneSinceUtc;
    private long _redelivered;

    /// <summary>How many chunks came to workers that had been handed out before.</summary>
    public long Redelivered
    {
        get
        {
            lock (_gate) return _redelivered + _workers.Values.Sum(one => one.Last.Redelivered);
        }
    }

    public void Heard(WorkerReport report)
    {
        lock (_gate)
        {
            long now = Environment.TickCount64;
            if (_workers.TryGetValue(report.Worker, out Known? known))
            {
                known.HeardAt = now;
                if (report.Kind == ReportKind.Alive) known.Last = report;
            }
            else if (_workers.Count < Most)
            {
                _workers[report.Worker] = new Known(report, now);
            }
        }
    }

    /// <summary>Whether a worker was not heard of for long. One that never was is not there.</summary>
    public bool IsGone(WorkerId worker)
    {
        lock (_gate) return !_workers.TryGetValue(worker, out Known? known) || Silent(known) > Gone;
    }

    /// <summary>Tells when there is work and no worker, and when there is one again.</summary>
    public void Look(int handedOut)
    {
        WatchEvent? happened = null;
        lock (_gate)
        {
            foreach ((WorkerId worker, Known known) in _workers.ToArray())
            {
                if (Silent(known) < s_forgotten) continue;
                _redelivered += known.Last.Redelivered;
                _workers.Remove(worker);
            }
            bool isAnyThere = _workers.Values.Any(known => Silent(known) <= Gone);
            bool isEarly = TimeSpan.FromMilliseconds(Environment.TickCount64 - _began) < Gone;
            if (!isAnyThere && !isEarly && handedOut > 0 && _noneSinceUtc is null)
            {
                _noneSinceUtc = DateTime.UtcNow;
                happened = new OutageBegan(
                    _noneSinceUtc.Value, Kind + queue, $"no worker is heard of, and {Shown.Count(handedOut, "chunk")} of files "
                    + "wait for one. Start dynamo work with the same queue:url and queue:name.");
            }
            else if (isAnyThere && _noneSinceUtc is { } since)
            {
                happened = new OutageEnded(DateTime.UtcNow, Kind + queue, DateTime.UtcNow - since);
                _noneSinceUtc = null;
            }
        }
        if (happened is not null) tell(happened);
    }

    /// <summary>Writes an array of them, those that are there first.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="asPublic">A sentence as others may read it.</param>
    public void Write(Utf8JsonWriter json, Func<string, string> asPublic)
    {
        json.WriteStartArray("workers");
        lock (_gate)
        {
            foreach ((WorkerId worker, Known known) in _workers.OrderBy(one => Silent(one.Value) > Gone).ThenBy(one => one.Key.Host)
                .ThenBy(one => one.Key.Process))
            {
                json.WriteStartObject();
                json.WriteString("host", worker.Host);
                json.WriteNumber("process", worker.Process);
                json.WriteString("version", worker.Version);
                json.WriteString("state", Silent(known) > Gone ? "gone" : known.Last.Reason is null ? "well" : "waiting");
                json.WriteNumber("silentSeconds", Math.Round(Silent(known).TotalSeconds));
                JsonText.Optional(json, "waitsFor", known.Last.Reason is { } reason ? asPublic(reason) : null);
                json.WriteNumber("chunks", known.Last.Held.Count);
                json.WriteNumber("files", known.Last.Files);
                json.WriteNumber("rows", known.Last.Rows);
                json.WriteNumber("redelivered", known.Last.Redelivered);
                json.WriteEndObject();
            }
        }
        json.WriteEndArray();
    }

    private static TimeSpan Silent(Known known) => TimeSpan.FromMilliseconds(Environment.TickCount64 - known.HeardAt);

    private sealed class Known(WorkerReport last, long heardAt)
    {
        public WorkerReport Last { get; set; } = last;

        public long HeardAt { get; set; } = heardAt;
    }
}
