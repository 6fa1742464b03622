using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What the page shows of one source: what flows, what waits and what fails, now and in the last hour and day. Everything is in memory, and
/// bounded. Told by the run, asked by the server; thread-safe.
/// </summary>
internal sealed class SourceBoard(HostSettings settings, string name, StatusBoard board)
    : IProgress<WatchEvent>, IProgress<PipelineProgress>
{
    private const int MostWaves = 50, MostOutages = 50;

    private const string WellEnded = "ended";

    /// <summary>How long the shares of the steps look back.</summary>
    private static readonly TimeSpan s_now = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly History _hour = new(TimeSpan.FromMinutes(1), 60), _day = new(TimeSpan.FromMinutes(15), 96);
    private readonly Queue<WaveCommitted> _waves = new();
    private readonly Queue<(OutageBegan Began, TimeSpan? Lasted)> _past = new();
    private readonly Dictionary<string, OutageBegan> _outages = new(StringComparer.Ordinal);
    private readonly Queue<PipelineProgress> _recent = new();
    private PipelineProgress _last;
    private RunBooks _before = new();
    private DateTime? _lastCommit, _startedUtc;
    private string? _ended;

    public HostSettings Settings => settings;

    /// <summary>Those who import what this source has; <see langword="null"/>: this process does.</summary>
    public QueueWorkers? Workers { get; set; }

    /// <summary>What a reader calls it. Two folders with the same last part are told apart.</summary>
    public string Name => name;

    public string Sink { get; } = PublicText.Sink(settings);

    /// <summary>Whether it has begun to look at the source, and neither source nor sink fails.</summary>
    public bool IsReady
    {
        get
        {
            lock (_gate) return _startedUtc is not null && _outages.Count == 0 && _ended is null;
        }
    }

    /// <summary>Whether it was stopped, or had nothing more to do, and has not failed.</summary>
    public bool IsDone
    {
        get
        {
            lock (_gate) return _ended == WellEnded;
        }
    }

    /// <summary>A sentence about it as others may read it.</summary>
    public string Public(string text) => PublicText.Of(text, settings);

    /// <summary>What is wrong now, in words; the first one matters most.</summary>
    public IReadOnlyList<(string What, string Why)> Troubles(DateTime nowUtc)
    {
        lock (_gate)
        {
            if (_ended is not null && _ended != WellEnded) return [($"The import of {Name} has {_ended.Split(':')[0]}.", _ended)];
            return [.. _outages.Values.Select(outage => (
                $"{Of(outage.Name)} "
                    + $"since {outage.AtUtc:HH:mm}Z ({Shown.Time(nowUtc - outage.AtUtc)}).",
                $"{Public(outage.Reason)} It is tried again until it works; nothing is lost meanwhile."))];
        }
    }

    /// <summary>The run has begun; a watch tells it by an event.</summary>
    public void Started()
    {
        lock (_gate) _startedUtc ??= DateTime.UtcNow;
        board.Changed();
    }

    /// <summary>The run was stopped, or had nothing more to do.</summary>
    public void Ended()
    {
        lock (_gate) _ended = WellEnded;
        board.Changed();
    }

    /// <summary>The run has failed.</summary>
    public void Failed(Exception error, string message)
    {
        lock (_gate) _ended = $"failed: {Public(message)}";
        board.Notices?.TellFailed(this, message, error is BooksDoNotBalanceException);
        board.Changed();
    }

    /// <summary>Runs a pipeline and is told of it.</summary>
    public async Task<PipelineResult> RunAsync(
        FilePipeline<Reading> pipeline, IProgress<PipelineProgress>? progress, CancellationToken stopping)
    {
        Started();
        DateTime began = DateTime.UtcNow;
        try
        {
            PipelineResult result = await pipeline.Telling(Committed).RunAsync(new Both(this, progress), stopping);
            if (!result.WasCancelled) board.Seen.Whole(settings.SourceName, began);
            Ended();
            return result;
        }
        catch (PipelineException error)
        {
            Failed(error, error.Message);
            throw;
        }
    }

    private sealed class Both(SourceBoard board, IProgress<PipelineProgress>? other) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value)
        {
            board.Report(value);
            other?.Report(value);
        }
    }

    public void Report(WatchEvent value)
    {
        lock (_gate)
        {
            switch (value)
            {
                case WatchStarted:
                    // It goes on after the turn of another command, and counts from zero.
                    _before = Books;
                    _last = default;
                    _recent.Clear();
                    _startedUtc ??= value.AtUtc;
                    break;
                case WaveCommitted wave:
                    Keep(_waves, wave, MostWaves);
                    break;
                case OutageBegan outage:
                    _outages[outage.Name] = outage;
                    break;
                case OutageEnded ended when _outages.Remove(ended.Name, out OutageBegan? began):
                    Keep(_past, (began, ended.Lasted), MostOutages);
                    break;
            }
        }
        board.Pulse.Report(settings.SourceName, value);
        board.Notices?.Tell(this, value);
        board.Changed();
    }

    public void Report(PipelineProgress value)
    {
        bool isNews;
        lock (_gate)
        {
            isNews = value.Books != _last.Books || value.Waiting != _last.Waiting || value.Backlog != _last.Backlog;
            _last = value;
            if (_recent.Count == 0 || value.Elapsed - _recent.Last().Elapsed >= TimeSpan.FromSeconds(1)) _recent.Enqueue(value);
            if (value.SeenUtc is { } until) board.Seen.Whole(settings.SourceName, until);
            while (_recent.Count > 2 && value.Elapsed - _recent.Peek().Elapsed > s_now) _recent.Dequeue();
        }
        board.Pulse.Report(settings.SourceName, value);
        if (isNews) board.Changed();
    }

    public void Committed(CommittedBatch<Reading> batch) => Committed(batch, DateTime.UtcNow);

    internal void Committed(CommittedBatch<Reading> batch, DateTime now)
    {
        long files = 0, rows = 0;
        TimeSpan lag = default;
        foreach (FileResult result in batch.Results)
        {
            if (result.Outcome == FileOutcome.AlreadyLoaded) continue;
            files++;
            rows += result.Inserted + result.Updated + result.Unchanged;
            if (result.Outcome == FileOutcome.Loaded && now - result.File.ModifiedUtc is var age && age > lag) lag = age;
        }
        lock (_gate)
        {
            _lastCommit = now;
            _hour.Add(now, files, rows, lag);
            _day.Add(now, files, rows, lag);
        }
        board.Committed(batch, settings.SourceName, now);
        board.Notices?.Tell(batch);
    }

    /// <summary>How many files came in the last hour, and the longest lag of the last minutes.</summary>
    public (long Files, TimeSpan Lag) LastHour(DateTime nowUtc)
    {
        lock (_gate)
        {
            var steps = _hour.Until(nowUtc);
            return (steps.Sum(step => step.Files), steps.TakeLast(5).Max(step => step.Lag));
        }
    }

    /// <summary>Writes the members of the object.</summary>
    public void Write(Utf8JsonWriter json, DateTime nowUtc)
    {
        lock (_gate)
        {
            json.WriteString("name", Name);
            json.WriteString("sink", Sink);
            json.WriteString("state",
                _ended is not null ? "ended" : _outages.Count > 0 ? "failing" : _startedUtc is null ? "starting" : "well");
            JsonText.Optional(json, "ended", _ended);
            if (_startedUtc is { } started) json.WriteString("startedUtc", started);
            if (_lastCommit is { } commit) json.WriteString("lastCommitUtc", commit);
            json.WriteNumber("waiting", Waiting);
            json.WriteNumber("retries", _last.Retries);
            if (_last.Waiting is { } waits) json.WriteString("waitsFor", Public(waits));
            RunJson.Books(json, Books);
            json.WriteNumber("bytes", Books.Bytes);
            WriteSteps(json);
            WriteOutages(json, nowUtc);
            WriteWaves(json);
            WriteWorkers(json);
            Write(json, "hour", _hour, nowUtc);
            Write(json, "day", _day, nowUtc);
        }
    }

    /// <summary>How many files are known and have no outcome yet.</summary>
    public long Waiting
    {
        get
        {
            lock (_gate) return _last.Backlog + Math.Max(0, (_last.Books?.Listed ?? 0) - (_last.Books?.FilesDone ?? 0));
        }
    }

    private RunBooks Books => _last.Books is { } now ? _before.Plus(now) : _before;

    private string Of(string failing) => IsSource(failing) ? $"The {Name} is away"
        : failing.StartsWith(BrokerLink.Kind, StringComparison.Ordinal) ? "The broker is away"
        : failing.StartsWith(WorkerBook.Kind, StringComparison.Ordinal) ? "The workers are away" : $"The database ({Sink}) takes nothing";

    private string NameOf(string failing) => IsSource(failing) ? Name
        : failing.StartsWith(BrokerLink.Kind, StringComparison.Ordinal) ? $"broker, queue {settings.Queue.Name}"
        : failing.StartsWith(WorkerBook.Kind, StringComparison.Ordinal) ? $"workers of queue {settings.Queue.Name}" : Sink;

    /// <summary>Whether an outage is that of the source, and not of the sink.</summary>
    public bool IsSource(string name) => name == settings.SourceName;

    /// <summary>
    /// The graph, with what its steps did of the last minute. How busy the busiest one is tells how much more this machine would take.
    /// </summary>
    private void WriteSteps(Utf8JsonWriter json)
    {
        IReadOnlyList<StepProgress> then = _recent.Count > 0 ? _recent.Peek().Steps : [];
        double busiest = 0;
        json.WriteStartArray("steps");
        foreach (StepProgress step in _last.Steps)
        {
            StepProgress before = then.FirstOrDefault(one => one.Name == step.Name) ?? new StepProgress(step.Name);
            double busy = (step.Busy - before.Busy).TotalSeconds, blocked = (step.Blocked - before.Blocked).TotalSeconds;
            double all = busy + blocked + (step.Idle - before.Idle).TotalSeconds;
            json.WriteStartObject();
            json.WriteString("name", step.Name);
            json.WriteBoolean("own", step.IsOwnBlock);
            json.WriteNumber("workers", step.Workers);
            if (step.Waiting is { } waiting) json.WriteNumber("waiting", waiting);
            if (step.IsMeasured && all > 0)
            {
                json.WriteNumber("working", step.Working);
                json.WriteNumber("busy", Math.Round(busy / all, 3));
                json.WriteNumber("blocked", Math.Round(blocked / all, 3));
                busiest = Math.Max(busiest, busy / all);
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (busiest > 0) json.WriteNumber("headroom", Math.Round(1 / Math.Max(busiest, 0.001), 1));
    }

    private void WriteOutages(Utf8JsonWriter json, DateTime nowUtc)
    {
        json.WriteStartArray("outages");
        foreach (OutageBegan outage in _outages.Values) Write(outage, nowUtc - outage.AtUtc, isOver: false);
        foreach ((OutageBegan began, TimeSpan? lasted) in _past.Reverse()) Write(began, lasted!.Value, isOver: true);
        json.WriteEndArray();

        void Write(OutageBegan outage, TimeSpan lasted, bool isOver)
        {
            json.WriteStartObject();
            json.WriteString("of", NameOf(outage.Name));
            json.WriteString("sinceUtc", outage.AtUtc);
            json.WriteNumber("seconds", Math.Round(lasted.TotalSeconds));
            json.WriteBoolean("over", isOver);
            json.WriteString("reason", Public(outage.Reason));
            json.WriteEndObject();
        }
    }

    private void WriteWorkers(Utf8JsonWriter json)
    {
        if (Workers is not { } workers) return;
        json.WriteNumber("chunksUnderWay", workers.UnderWay);
        json.WriteNumber("chunksRedelivered", workers.Redelivered);
        workers.Book.Write(json, Public);
    }

    private void WriteWaves(Utf8JsonWriter json)
    {
        json.WriteStartArray("waves");
        foreach (WaveCommitted wave in _waves.Reverse())
        {
            json.WriteStartObject();
            json.WriteString("atUtc", wave.AtUtc);
            json.WriteNumber("files", wave.Books.FilesDone);
            json.WriteNumber("rows", wave.Books.RowsRead);
            json.WriteNumber("quarantined", wave.Books.Quarantined);
            json.WriteNumber("seconds", Math.Round(wave.Elapsed.TotalSeconds, 3));
            json.WriteNumber("lagSeconds", Math.Round(wave.Lag.TotalSeconds, 3));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, string name, History history, DateTime nowUtc)
    {
        var steps = history.Until(nowUtc);
        json.WriteStartObject(name);
        json.WriteNumber("stepSeconds", history.Step.TotalSeconds);
        Numbers("files", step => step.Files);
        Numbers("rows", step => step.Rows);
        Numbers("lagSeconds", step => Math.Round(step.Lag.TotalSeconds, 2));
        json.WriteEndObject();

        void Numbers(string of, Func<(long Files, long Rows, TimeSpan Lag), double> value)
        {
            json.WriteStartArray(of);
            foreach (var step in steps) json.WriteNumberValue(value(step));
            json.WriteEndArray();
        }
    }

    private static void Keep<T>(Queue<T> queue, T one, int most)
    {
        queue.Enqueue(one);
        if (queue.Count > most) queue.Dequeue();
    }
}
