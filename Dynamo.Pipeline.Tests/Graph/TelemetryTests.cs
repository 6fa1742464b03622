using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.Tasks.Dataflow;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>What a run says of itself: steps, measurements, traces, messages. Measurements and traces are of the whole process.</summary>
[TestFixture, NonParallelizable, CancelAfter(60_000)]
internal sealed class TelemetryTests
{
    private const string Name = "Dynamo.Pipeline";

    [Test]
    public async Task Steps_tell_who_works_who_is_blocked_and_who_has_nothing_to_do(CancellationToken token)
    {
        var time = new FakeTimeProvider();
        var writing = new TaskCompletionSource();
        var gate = new TaskCompletionSource();
        await using var source = MemorySource.Of(100);
        await using var sink = new MemorySink<int>
        {
            OnWrite = async (_, cancel) =>
            {
                writing.TrySetResult();
                await gate.Task.WaitAsync(cancel);
            },
        };
        var last = new Latest();
        var options = new PipelineOptions { Readers = 1, FilesPerMessage = 1, BatchFiles = 2, TimeProvider = time };
        Task<PipelineResult> run = FilePipeline.From(source).Read(new NumberFormat())
            .Through(block => new TransformBlock<FileRows<int>, FileRows<int>>(file => file, block))
            .WriteTo(sink, options).AfterCommit(_ => { }).RunAsync(last, token);
        await writing.Task.WaitAsync(token);
        // Until all before the writer stands still.
        for (int opened = -1; opened != source.Opened; await Task.Delay(100, token)) opened = source.Opened;

        time.Advance(TimeSpan.FromSeconds(10));
        PipelineProgress late = await last.AfterTenSeconds.WaitAsync(token);
        Dictionary<string, StepProgress> steps = late.Steps.ToDictionary(step => step.Name);
        gate.SetResult();
        await run.WaitAsync(token);

        Assert.Multiple(() =>
        {
            Assert.That(steps.Keys, Is.EqualTo(new[]
            {
                "list", "chunk", "read_file", "through 1: TransformBlock", "batch", "write", "complete", "after commit 1: ActionBlock",
            }));
            Assert.That(steps["write"].Busy.TotalSeconds, Is.EqualTo(10).Within(0.3));
            Assert.That(steps["write"].Working, Is.EqualTo(1));
            Assert.That(steps["write"].Blocked, Is.EqualTo(TimeSpan.Zero));
            Assert.That(steps["write"].Waiting, Is.Positive);
            Assert.That(steps["batch"].Blocked.TotalSeconds, Is.EqualTo(10).Within(0.3));
            Assert.That(steps["read_file"].Blocked.TotalSeconds, Is.EqualTo(10).Within(0.3), "what it has read is not taken");
            Assert.That(steps["list"].Blocked.TotalSeconds, Is.EqualTo(10).Within(0.3));
            Assert.That((steps["complete"].Busy, steps["complete"].Working), Is.EqualTo((TimeSpan.Zero, 0)), "it has nothing to do");
            Assert.That(steps["through 1: TransformBlock"].IsOwnBlock);
        });
    }

    [Test]
    public async Task The_sums_are_those_of_the_books_and_grow_from_run_to_run(CancellationToken token)
    {
        using var meter = new Heard();
        Dictionary<string, double> before = meter.Read();
        await RunAsync(["1\n2\nbad\n", "quarantine\n", "changed\n", "3\n"], token);
        Dictionary<string, double> once = meter.Read();
        await RunAsync(["4\n"], token);
        Dictionary<string, double> twice = meter.Read();

        double Grown(Dictionary<string, double> now, string series) => now[series] - before.GetValueOrDefault(series);
        Assert.Multiple(() =>
        {
            Assert.That(Grown(once, "dynamo.files.listed"), Is.EqualTo(4));
            Assert.That(Grown(once, "dynamo.files outcome=loaded"), Is.EqualTo(2));
            Assert.That(Grown(once, "dynamo.files outcome=quarantined"), Is.EqualTo(1));
            Assert.That(Grown(once, "dynamo.files.deferred"), Is.EqualTo(1));
            Assert.That(Grown(once, "dynamo.rows outcome=inserted"), Is.EqualTo(3));
            Assert.That(Grown(once, "dynamo.rows outcome=rejected"), Is.EqualTo(1));
            Assert.That(
                Grown(once, "dynamo.rows.read"),
                Is.EqualTo(Grown(once, "dynamo.rows outcome=inserted") + Grown(once, "dynamo.rows outcome=updated")
                    + Grown(once, "dynamo.rows outcome=unchanged") + Grown(once, "dynamo.rows outcome=rejected")));
            Assert.That(Grown(once, "dynamo.file.arrival_to_commit.duration"), Is.EqualTo(2), "one of each loaded file");
            Assert.That(Grown(once, "dynamo.runs outcome=ended"), Is.EqualTo(1));
            Assert.That(Grown(twice, "dynamo.files outcome=loaded"), Is.EqualTo(3));
            Assert.That(Grown(twice, "dynamo.step.time step=write state=busy"), Is.Positive);
            Assert.That(twice["dynamo.files.waiting"], Is.Zero);
        });
    }

    [Test]
    public async Task Whatever_comes_in_there_are_at_most_two_hundred_series(CancellationToken token)
    {
        using var meter = new Heard();
        for (int run = 0; run < 20; run++)
            await RunAsync([.. Enumerable.Range(0, 50).Select(i => $"{i}\n")], token, folder: $"stations-{run}/<b>");

        Assert.That(meter.Read(), Has.Count.LessThanOrEqualTo(200));
        Assert.That(meter.Series, Has.None.Contains("stations"));
    }

    [Test]
    public async Task A_batch_is_a_trace_of_its_own_with_links_to_its_files(CancellationToken token)
    {
        using var traces = new Traced();
        using Activity? mine = new Activity("of the program that runs it").Start();

        await RunAsync(["1\n", "2\n", "3\n"], token);

        Activity[] files = [.. traces.All.Where(one => one.OperationName == "read_file")];
        Activity[] batches = [.. traces.All.Where(one => one.OperationName == "write")];
        Assert.Multiple(() =>
        {
            Assert.That(files, Has.Length.EqualTo(3));
            Assert.That(batches, Is.Not.Empty);
            Assert.That(batches.Concat(files).Select(one => one.ParentId), Has.All.Null);
            Assert.That(batches.Concat(files).Select(one => one.TraceId), Is.Unique);
            Assert.That(
                batches.SelectMany(batch => batch.Links.Select(link => link.Context.SpanId)),
                Is.EquivalentTo(files.Select(one => one.SpanId)));
            Assert.That(files.Select(file => file.GetTagItem("dynamo.file")), Has.Member("000000.csv"));
        });
    }

    [Test]
    public async Task What_a_person_would_ask_about_is_in_the_log(CancellationToken token)
    {
        var log = new FakeLogCollector();
        using var factory = new Factory(new FakeLogger(log, Name));
        int failures = 1;
        await using var source = new MemorySource(new Dictionary<string, string>
        {
            ["a.csv"] = "1\n", ["b.csv"] = "quarantine\n", ["c.csv"] = "changed\n",
        });
        await using var sink = new MemorySink<int>
        {
            OnWrite = (_, _) => failures-- > 0 ? throw new SinkException("the table is locked") { IsTransient = true } : default,
        };
        var options = new PipelineOptions { LoggerFactory = factory, RetryDelay = TimeSpan.FromMilliseconds(1) };

        await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, options).RunAsync(cancellationToken: token);

        string[] lines = [.. log.GetSnapshot().Select(one => $"{one.Level} {one.Id.Name}: {one.Message}")];
        Assert.Multiple(() =>
        {
            Assert.That(lines[0], Is.EqualTo("Information Began: The run of memory: begins."));
            Assert.That(lines, Has.Some.Match(@"Warning Retries: Tried again in .* s: a batch is written again: the table is locked"));
            Assert.That(lines, Has.Some.EqualTo("Warning Quarantined: In quarantine: b.csv: line 1: the file says so"));
            Assert.That(lines, Has.Some.EqualTo("Debug Deferred: Left for later: c.csv: the file says so"));
            Assert.That(lines[^1], Does.StartWith("Information Ended: The run of memory: has ended"));
        });
    }

    private static async Task RunAsync(string[] files, CancellationToken token, string folder = "")
    {
        await using var source = new MemorySource(files.Index().ToDictionary(file => $"{folder}{file.Index:D6}.csv", file => file.Item));
        await using var sink = new MemorySink<int>();
        await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink).RunAsync(cancellationToken: token);
    }

    private sealed class Latest : IProgress<PipelineProgress>
    {
        private readonly TaskCompletionSource<PipelineProgress> _late = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<PipelineProgress> AfterTenSeconds => _late.Task;

        public void Report(PipelineProgress value)
        {
            if (value.Elapsed >= TimeSpan.FromSeconds(10)) _late.TrySetResult(value);
        }
    }

    /// <summary>Listens to the meter, as an exporter does.</summary>
    private sealed class Heard : IDisposable
    {
        private readonly ConcurrentDictionary<string, double> _series = new();
        private readonly MeterListener _listener;

        public Heard()
        {
            _listener = new MeterListener
            {
                InstrumentPublished = (instrument, listener) =>
                {
                    if (instrument.Meter.Name == Name) listener.EnableMeasurementEvents(instrument);
                },
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Set(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Set(instrument, value, tags));
            _listener.Start();
        }

        public IEnumerable<string> Series => _series.Keys;

        public Dictionary<string, double> Read()
        {
            _listener.RecordObservableInstruments();
            return new Dictionary<string, double>(_series);
        }

        public void Dispose() => _listener.Dispose();

        private void Set(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            string name = instrument.Name;
            foreach ((string key, object? of) in tags) name += $" {key["dynamo.".Length..]}={of}";
            if (instrument is Histogram<double>) _series.AddOrUpdate(name, 1, (_, count) => count + 1);
            else _series[name] = value;
        }
    }

    private sealed class Traced : IDisposable
    {
        private readonly ActivityListener _listener;

        public Traced()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == Name,
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
                ActivityStopped = All.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public ConcurrentQueue<Activity> All { get; } = new();

        public void Dispose() => _listener.Dispose();
    }

    private sealed class Factory(ILogger log) : ILoggerFactory
    {
        public void AddProvider(ILoggerProvider provider) { }

        public ILogger CreateLogger(string categoryName) => log;

        public void Dispose() { }
    }
}
