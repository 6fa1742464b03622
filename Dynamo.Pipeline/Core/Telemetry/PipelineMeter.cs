using System.Diagnostics.Metrics;

namespace Dynamo.Pipeline.Telemetry;

/// <summary>What can be asked of a run that is under way, at any time, on any thread.</summary>
internal interface IMeasuredRun
{
    /// <summary>How far it has come, with its steps.</summary>
    PipelineProgress Progress();

    /// <summary>The same without the queues, which may hang when the run has.</summary>
    PipelineProgress Totals();

    /// <summary>How long ago the oldest file that waits was changed; <see langword="null"/> if none waits.</summary>
    TimeSpan? OldestWaiting { get; }

    /// <summary>Which of source and sink fail: <c>source</c>, <c>sink</c>.</summary>
    IEnumerable<string> Failed { get; }
}

/// <summary>
/// The measurements of all runs of the process, as the meter <c>Dynamo.Pipeline</c>. Names and units follow OpenTelemetry's conventions
/// (opentelemetry.io/docs/specs/semconv/general/metrics). No file, logger or source is in a tag, so there are at most some hundred series
/// whatever comes in. The counts are read from the books when somebody listens, so that they cost nothing otherwise. Thread-safe.
/// </summary>
internal static class PipelineMeter
{
    public const string Name = "Dynamo.Pipeline";

    /// <summary>Seconds: from what a watch of a folder takes to what is waited for after an outage of days.</summary>
    private static readonly double[] s_seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400];

    private static readonly Meter s_meter = new(Name, typeof(PipelineMeter).Assembly.GetName().Version?.ToString(3));
    private static readonly Lock s_gate = new();
    private static readonly List<IMeasuredRun> s_runs = [];
    private static readonly Dictionary<string, StepProgress> s_pastSteps = [];
    private static readonly Dictionary<string, int> s_connections = [];
    private static RunBooks s_past = new();
    private static long s_pastRetries, s_runsEnded, s_runsFailed, s_outagesOfSource, s_outagesOfSink;

    private static readonly Histogram<double> s_arrivalToCommit = s_meter.CreateHistogram(
        "dynamo.file.arrival_to_commit.duration", "s", "From a file's last change to the commit of its rows.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = s_seconds });

    private static readonly Histogram<double> s_commit = s_meter.CreateHistogram(
        "dynamo.batch.write.duration", "s", "The writing of a batch, from its first statement to its commit, retries included.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = s_seconds });

    static PipelineMeter()
    {
        s_meter.CreateObservableCounter("dynamo.files.listed", () => Books().Listed, "{file}", "Files that the source has listed.");
        s_meter.CreateObservableCounter("dynamo.files", () => Files(Books()), "{file}", "Files by outcome.");
        // No counter: a file that is offered again is deferred no longer.
        s_meter.CreateObservableGauge("dynamo.files.deferred", () => Books().Deferred, "{file}", "Files that were left for later.");
        s_meter.CreateObservableCounter("dynamo.rows.read", () => Books().RowsRead, "{row}", "Rows of the files that have an outcome.");
        s_meter.CreateObservableCounter("dynamo.rows", () => Rows(Books()), "{row}", "Rows by outcome.");
        s_meter.CreateObservableCounter("dynamo.file.size", () => Books().Bytes, "By", "The sizes of loaded and quarantined files.");
        s_meter.CreateObservableCounter("dynamo.batch.retries", Retries, "{retry}", "Batches that were written again.");
        s_meter.CreateObservableCounter("dynamo.runs", Runs, "{run}", "Runs that have ended, by outcome.");
        s_meter.CreateObservableGauge("dynamo.files.waiting", Waiting, "{file}", "Files that are known and have no outcome yet.");
        s_meter.CreateObservableGauge(
            "dynamo.files.waiting.oldest.age", OldestAge, "s", "The age of the oldest file that waits; 0 if none does.");
        s_meter.CreateObservableCounter("dynamo.step.time", StepTimes, "s", "What the workers of a step did with their time.");
        s_meter.CreateObservableGauge("dynamo.step.queue", StepQueues, "{message}", "Messages that wait for a step.");
        s_meter.CreateObservableGauge(
            "dynamo.step.workers", StepWorkers, "{worker}", "How many messages a step works on at once, at most.");
        s_meter.CreateObservableCounter("dynamo.outages", OutageCounts, "{outage}", "How often an outage has begun.");
        s_meter.CreateObservableGauge("dynamo.outage.active", ActiveOutages, "{outage}", "How many outages there are at this moment.");
        s_meter.CreateObservableGauge("dynamo.connections", Connections, "{connection}", "Open connections, by what they lead to.");
    }

    /// <summary>A run begins.</summary>
    public static void Began(IMeasuredRun run)
    {
        lock (s_gate) s_runs.Add(run);
    }

    /// <summary>A run has ended: what it counted stays in the sums.</summary>
    public static void Ended(IMeasuredRun run, bool failed)
    {
        PipelineProgress last = run.Totals();
        lock (s_gate)
        {
            if (!s_runs.Remove(run)) return;
            s_past = s_past.Plus(last.Books);
            s_pastRetries += last.Retries;
            s_runsEnded++;
            if (failed) s_runsFailed++;
            Add(s_pastSteps, last.Steps);
        }
    }

    public static void Failing(bool ofSink)
    {
        if (ofSink) Interlocked.Increment(ref s_outagesOfSink);
        else Interlocked.Increment(ref s_outagesOfSource);
    }

    /// <summary>A connection was opened (1) or closed (-1).</summary>
    /// <param name="to">What it leads to: a fixed word, such as <c>sftp</c>.</param>
    /// <param name="change">1 or -1.</param>
    public static void Connection(string to, int change)
    {
        lock (s_gate) s_connections[to] = s_connections.GetValueOrDefault(to) + change;
    }

    /// <summary>Whether anybody wants to know how long files take.</summary>
    public static bool MeasuresFiles => s_arrivalToCommit.Enabled;

    public static void Committed(TimeSpan sinceArrival) => s_arrivalToCommit.Record(Math.Max(0, sinceArrival.TotalSeconds));

    public static void Wrote(TimeSpan time) => s_commit.Record(time.TotalSeconds);

    private static List<PipelineProgress> Progresses() => [.. Running().Select(run => run.Progress())];

    private static List<PipelineProgress> AllTotals() => [.. Running().Select(run => run.Totals())];

    private static List<IMeasuredRun> Running()
    {
        lock (s_gate) return [.. s_runs];
    }

    private static RunBooks Books()
    {
        RunBooks sum;
        List<IMeasuredRun> running;
        lock (s_gate) (sum, running) = (s_past, [.. s_runs]);
        return running.Aggregate(sum, static (books, run) => books.Plus(run.Totals().Books));
    }

    private static Measurement<long>[] Files(RunBooks books) =>
    [
        Of("dynamo.outcome", "loaded", books.Loaded), Of("dynamo.outcome", "already_loaded", books.AlreadyLoaded),
        Of("dynamo.outcome", "quarantined", books.Quarantined),
    ];

    private static Measurement<long>[] Rows(RunBooks books) =>
    [
        Of("dynamo.outcome", "inserted", books.RowsInserted), Of("dynamo.outcome", "updated", books.RowsUpdated),
        Of("dynamo.outcome", "unchanged", books.RowsUnchanged), Of("dynamo.outcome", "rejected", books.RowsRejected),
    ];

    private static long Retries()
    {
        List<PipelineProgress> now = AllTotals();
        lock (s_gate) return s_pastRetries + now.Sum(one => (long)one.Retries);
    }

    private static Measurement<long>[] Runs()
    {
        lock (s_gate)
            return [Of("dynamo.outcome", "ended", s_runsEnded - s_runsFailed), Of("dynamo.outcome", "failed", s_runsFailed)];
    }

    private static long Waiting() => AllTotals().Sum(one => one.Backlog + Math.Max(0, one.Books.Listed - one.Books.FilesDone));

    private static double OldestAge() => Math.Max(0, Running().Max(run => run.OldestWaiting)?.TotalSeconds ?? 0);

    private static IEnumerable<Measurement<double>> StepTimes()
    {
        var sums = new Dictionary<string, StepProgress>();
        List<PipelineProgress> now = AllTotals();
        lock (s_gate) Add(sums, s_pastSteps.Values);
        foreach (PipelineProgress one in now) Add(sums, one.Steps);
        foreach (StepProgress step in sums.Values.Where(step => step.IsMeasured))
        {
            yield return Time(step, "busy", step.Busy);
            yield return Time(step, "blocked", step.Blocked);
            yield return Time(step, "idle", step.Idle);
        }

        static Measurement<double> Time(StepProgress step, string state, TimeSpan time) => new(
            time.TotalSeconds, new KeyValuePair<string, object?>("dynamo.step", step.Name),
            new KeyValuePair<string, object?>("dynamo.state", state));
    }

    private static Measurement<long>[] StepQueues() => [.. Steps().Where(step => step.Waiting is not null)
        .GroupBy(step => step.Name).Select(steps => Of("dynamo.step", steps.Key, steps.Sum(step => (long)step.Waiting!)))];

    private static Measurement<long>[] StepWorkers() => [.. Steps().Where(step => step.IsMeasured)
        .GroupBy(step => step.Name).Select(steps => Of("dynamo.step", steps.Key, steps.Sum(step => (long)step.Workers)))];

    private static IEnumerable<StepProgress> Steps() => Progresses().SelectMany(one => one.Steps);

    private static Measurement<long>[] OutageCounts() =>
        [Of("dynamo.of", "source", Volatile.Read(ref s_outagesOfSource)), Of("dynamo.of", "sink", Volatile.Read(ref s_outagesOfSink))];

    private static Measurement<long>[] ActiveOutages()
    {
        string[] active = [.. Running().SelectMany(run => run.Failed)];
        return [.. ((string[])["source", "sink"]).Select(of => Of("dynamo.of", of, active.Count(one => one == of)))];
    }

    private static Measurement<long>[] Connections()
    {
        lock (s_gate) return [.. s_connections.Select(one => Of("dynamo.to", one.Key, one.Value))];
    }

    private static void Add(Dictionary<string, StepProgress> sums, IEnumerable<StepProgress> steps)
    {
        foreach (StepProgress step in steps)
        {
            sums[step.Name] = sums.TryGetValue(step.Name, out StepProgress? sum)
                ? sum with
                {
                    Busy = sum.Busy + step.Busy,
                    Blocked = sum.Blocked + step.Blocked,
                    Idle = sum.Idle + step.Idle,
                    IsMeasured = sum.IsMeasured || step.IsMeasured,
                }
                : step;
        }
    }

    private static Measurement<long> Of(string tag, string value, long count) => new(count, new KeyValuePair<string, object?>(tag, value));
}
