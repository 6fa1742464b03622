using System.Text.Json;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The room Observe shows what a run or a watch does: the page, health, metrics, notices. This type is all that the page shows, of all
/// sources of this process. It is in memory, bounded, and asks neither source nor sink. Thread-safe.
/// </summary>
internal sealed class StatusBoard(string command, ObserveOptions options, TimeSpan stall, TimeProvider time)
{
    /// <summary>The version of the JSON: members may be added within one, none is renamed or removed.</summary>
    public const int Version = 1;

    private const int MostQuarantined = 100, MostReasons = 50, MostLate = 100;

    /// <summary>Whoever asks goes through so many loggers himself: some milliseconds. More are gone through beside the answers.</summary>
    internal const int MostLooks = 20_000;

    private readonly Lock _gate = new();
    private readonly List<SourceBoard> _sources = [];
    private readonly LinkedList<(string File, DateTime SinceUtc, Defect? Defect)> _quarantined = new();
    private readonly Dictionary<string, (long Count, DateTime LastUtc, string Example)> _rejects = new(StringComparer.Ordinal);
    private readonly DateTime _startedUtc = time.GetUtcNow().UtcDateTime;
    private readonly Lock _lateGate = new();
    private LateOnes _late = new(0, 0, []);
    private long? _lookedAt;
    private Task _looking = Task.CompletedTask;
    private long _quarantinedCount;
    private long _changes;

    public Pulse Pulse { get; } = new(stall, time);

    public LoggerBook Loggers { get; } = new(options.Late);

    /// <summary>Until when the sources were seen whole.</summary>
    public SeenSources Seen => Loggers.Seen;

    /// <summary>Who is told of what is wrong; <see langword="null"/>: nobody.</summary>
    public Notices? Notices { get; set; }

    /// <summary>The areas that are looked after; <see langword="null"/>: none.</summary>
    public AreaAnalysis? Areas { get; set; }

    /// <summary>How many loggers are late.</summary>
    public int LateCount => Late(time.GetUtcNow().UtcDateTime).Count;

    /// <summary>How many files are in quarantine, as far as it is known.</summary>
    public long InQuarantine
    {
        get
        {
            lock (_gate) return _quarantinedCount;
        }
    }

    /// <summary>Grows with everything that changes.</summary>
    public long Changes => Volatile.Read(ref _changes);

    public void Changed() => Interlocked.Increment(ref _changes);

    public SourceBoard Add(HostSettings source)
    {
        string name = PublicText.Source(source);
        lock (_gate)
        {
            Seen.Expect(source.SourceName);
            int same = _sources.Count(one => PublicText.Source(one.Settings) == name);
            var made = new SourceBoard(source, same == 0 ? name : $"{name} ({same + 1})", this);
            _sources.Add(made);
            return made;
        }
    }

    /// <summary>Whether everything is where it should be: sources are looked at, nothing fails, nothing hangs.</summary>
    public bool IsReady
    {
        get
        {
            // Several sources of a run come one after the other.
            lock (_gate)
            {
                return _sources.Any(source => !source.IsDone) && _sources.All(source => source.IsReady || source.IsDone) && Pulse.IsWell;
            }
        }
    }

    /// <summary>Whether the database's loggers are known, and every source is looked at and nothing of it waits.</summary>
    public bool HasCaughtUp
    {
        get
        {
            lock (_gate) return Loggers.IsLoaded && _sources.Count > 0 && _sources.All(source => source.IsReady && source.Waiting == 0);
        }
    }

    /// <summary>What the ledger has, also of former runs.</summary>
    public void Known(long count, IEnumerable<QuarantinedEntry> quarantined)
    {
        lock (_gate)
        {
            _quarantinedCount = count;
            _quarantined.Clear();
            foreach (QuarantinedEntry entry in quarantined.OrderBy(entry => entry.QuarantinedUtc))
                Quarantined(entry.File.Path, entry.QuarantinedUtc, entry.Defect);
        }
        Changed();
    }

    public void Committed(CommittedBatch<Reading> batch, string source, DateTime nowUtc)
    {
        Loggers.Committed(batch, nowUtc, source);
        lock (_gate)
        {
            foreach (FileResult result in batch.Results)
            {
                if (result.Outcome == FileOutcome.Quarantined)
                {
                    _quarantinedCount++;
                    Quarantined(result.File.Path, nowUtc, result.Defect);
                }
                foreach (Defect reject in result.Rejects) Rejected(reject, result.File.Path, nowUtc);
            }
        }
        Changed();
    }

    private void Quarantined(string file, DateTime sinceUtc, Defect? defect)
    {
        _quarantined.AddFirst((file, sinceUtc, defect));
        if (_quarantined.Count > MostQuarantined) _quarantined.RemoveLast();
    }

    private void Rejected(Defect defect, string file, DateTime nowUtc)
    {
        string reason = defect.Column is null ? defect.Problem : $"{defect.Column}: {defect.Problem}";
        if (!_rejects.TryGetValue(reason, out (long Count, DateTime LastUtc, string Example) known) && _rejects.Count == MostReasons)
            (reason, known) = ("other reasons", _rejects.GetValueOrDefault("other reasons"));
        _rejects[reason] = (known.Count + 1, nowUtc, $"{file}: {defect}");
    }

    public string Json() => JsonText.Of(json =>
    {
        DateTime now = time.GetUtcNow().UtcDateTime;
        LateOnes late = Late(now);
        IReadOnlyList<AreaView> areas = Areas?.Views ?? [];
        lock (_gate)
        {
            (string state, string headline, string detail) = Headline(now, late.Count, AreaBoard.Headline(areas));
            json.WriteNumber("version", Version);
            json.WriteString("atUtc", now);
            json.WriteString("startedUtc", _startedUtc);
            json.WriteString("command", command);
            json.WriteString("state", state);
            json.WriteString("headline", headline);
            json.WriteString("detail", detail);
            json.WriteStartArray("sources");
            foreach (SourceBoard source in _sources)
            {
                json.WriteStartObject();
                source.Write(json, now);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (areas.Count > 0) AreaBoard.Write(json, areas, now);
            WriteQuarantined(json);
            WriteRejects(json);
            json.WriteStartObject("loggers");
            json.WriteNumber("known", Loggers.Count);
            json.WriteNumber("late", late.Count);
            json.WriteNumber("importLate", late.ImportLate);
            json.WriteNumber("lateAfterIntervals", options.Late.Intervals);
            Write(json, "latest", late.First, now);
            json.WriteEndObject();
        }
    });

    /// <summary>Loggers whose name contains a text, at most a hundred.</summary>
    public string LoggersJson(string? text) => JsonText.Of(json =>
    {
        json.WriteNumber("version", Version);
        json.WriteNumber("known", Loggers.Count);
        Write(json, "loggers", Loggers.Find(text, MostLate), time.GetUtcNow().UtcDateTime);
    });

    /// <summary>The areas whose name contains a text, or one of them with its last days.</summary>
    public string AreasJson(string? search, string? name) => name is { Length: > 0 }
        ? AreaBoard.OneJson(Areas?.View(name)) : AreaBoard.ListJson(Areas?.Views ?? [], search);

    /// <summary>
    /// Looked up at most once a second, however many pages are open. Of very many loggers, what was found last is told meanwhile.
    /// </summary>
    private LateOnes Late(DateTime now)
    {
        lock (_lateGate)
        {
            if (_looking.IsCompleted && (_lookedAt is not { } at || time.GetElapsedTime(at) > TimeSpan.FromSeconds(1)))
            {
                _lookedAt = time.GetTimestamp();
                if (Loggers.Count <= MostLooks) _late = Loggers.Late(now, MostLate);
                else _looking = Task.Run(() => LookForLate(now));
            }
            return _late;
        }
    }

    /// <summary>Goes through all loggers.</summary>
    public void LookForLate(DateTime now)
    {
        LateOnes late = Loggers.Late(now, MostLate);
        bool isNews;
        lock (_lateGate)
        {
            _lookedAt = time.GetTimestamp();
            isNews = (late.Count, late.ImportLate) != (_late.Count, _late.ImportLate);
            _late = late;
        }
        if (isNews) Changed();
    }

    /// <summary>What a person has to know first. What is fine is calm; what is not says what to do.</summary>
    private (string State, string Headline, string Detail) Headline(DateTime now, int late, string? burst)
    {
        if (!Pulse.IsWell)
            return ("failing", "Nothing moves although files wait.", "If it does not go on by itself, it ends; then start it again.");
        (string What, string Why)[] troubles = [.. _sources.SelectMany(source => source.Troubles(now))];
        if (troubles.Length > 0) return ("failing", string.Join(" ", troubles.Select(one => one.What)), troubles[0].Why);
        (long files, TimeSpan lag) = _sources.Select(source => source.LastHour(now))
            .Aggregate((Files: 0L, Lag: TimeSpan.Zero), (sum, one) => (sum.Files + one.Files, sum.Lag > one.Lag ? sum.Lag : one.Lag));
        TimeSpan since = now - _startedUtc;
        string time = since < TimeSpan.FromHours(1) ? $"since the start, {Shown.Short(since)} ago" : "in the last hour";
        string flow = files == 0 ? $"No file came {time}." : $"{Shown.Count(files, "file")} {time}"
            + (lag > TimeSpan.Zero ? $", the last of them in the database {Shown.Short(lag)} after they landed, at most." : ".");
        var attention = new List<string>();
        if (burst is not null) attention.Add(burst);
        if (_quarantinedCount > 0)
            attention.Add(Shown.Count(_quarantinedCount, "file is in quarantine", "files are in quarantine"));
        if (late > 0) attention.Add(Shown.Count(late, "logger is late", "loggers are late"));
        return attention.Count == 0 ? ("well", "All is well.", flow) : ("attention", Sentence(string.Join(", ", attention)), flow);
    }

    private static string Sentence(string text) => $"{char.ToUpperInvariant(text[0])}{text[1..]}.";

    private void WriteQuarantined(Utf8JsonWriter json)
    {
        json.WriteStartObject("quarantine");
        json.WriteNumber("count", _quarantinedCount);
        json.WriteStartArray("newest");
        foreach ((string file, DateTime since, Defect? defect) in _quarantined)
        {
            json.WriteStartObject();
            json.WriteString("file", file);
            json.WriteString("sinceUtc", since);
            JsonText.Defect(json, defect is null ? null : defect with { Problem = PublicText.Of(defect.Problem) });
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteRejects(Utf8JsonWriter json)
    {
        json.WriteStartArray("rejects");
        foreach ((string reason, (long count, DateTime last, string example)) in _rejects.OrderByDescending(one => one.Value.Count))
        {
            json.WriteStartObject();
            json.WriteString("reason", PublicText.Of(reason));
            json.WriteNumber("count", count);
            json.WriteString("lastUtc", last);
            json.WriteString("example", PublicText.Of(example));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private void Write(Utf8JsonWriter json, string name, IEnumerable<LoggerState> loggers, DateTime now)
    {
        json.WriteStartArray(name);
        foreach (LoggerState logger in loggers)
        {
            json.WriteStartObject();
            LateLoggers.Write(json, logger, Loggers.Of(logger, now));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
