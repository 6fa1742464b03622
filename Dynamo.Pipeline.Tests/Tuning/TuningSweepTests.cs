using Dynamo.Pipeline.Host;
namespace Dynamo.Pipeline.Tests;

[TestFixture, CancelAfter(60_000)]
internal sealed class TuningSweepTests
{
    private static readonly TuningGrid s_grid = new()
    {
        Readers = [1, 2, null],
        Chunks = [1, 10],
        CurveReaders = [],
        Repeat = 2,
        Pause = TimeSpan.Zero,
    };

    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new ScratchFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task Every_cell_is_measured_in_every_set_and_the_source_is_left_as_it_is(CancellationToken token)
    {
        await using var source = Source(50);
        using var measurements = Measurements.Open(_folder["m.csv"]);

        TuningResult result = await Sweep(source).RunAsync(measurements, cancellationToken: token).WaitAsync(token);

        Assert.That(result.Samples, Has.Count.EqualTo(3 * 2 * 2));
        Assert.That(result.Samples.Select(sample => (sample.Cell, sample.Set)), Is.Unique);
        Assert.That(result.Samples, Has.All.Matches<TuningSample>(sample => sample is { Files: 50, Rows: 99, Seconds: > 0 }));
        Assert.That(result.BadFiles, Is.EqualTo(1));
        Assert.That(source.Settled, Is.Empty);
        Assert.That(
            result.Timelines.Select(timeline => timeline.Lanes.Sum(lane => lane.Chunks.Sum(chunk => chunk.FileCount))),
            Is.EqualTo(new[] { 50, 50 }));
        // Recording takes time of its own: what is drawn is as long as what was measured without.
        foreach (Timeline timeline in result.Timelines)
        {
            double median = result.Read!.Find(TuningCell.Read(timeline.Lanes.Count, timeline.FilesPerMessage))!.Value.Seconds.Median;
            Assert.That(timeline.Elapsed.TotalSeconds, Is.EqualTo(median).Within(1e-6));
            Assert.That(timeline.Lanes.SelectMany(lane => lane.Chunks).Max(chunk => chunk.End), Is.LessThanOrEqualTo(timeline.Elapsed));
        }
    }

    [Test]
    public async Task A_sweep_that_was_interrupted_measures_only_what_is_missing(CancellationToken token)
    {
        await using var source = Source(50);
        using (var first = Measurements.Open(_folder["m.csv"]))
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(token);
            TuningResult stopped = await Sweep(source).RunAsync(first, new StopAfter(5, stop), stop.Token).WaitAsync(token);
            Assert.That(stopped.WasCancelled);
            Assert.That(stopped.Samples, Has.Count.EqualTo(5));
        }
        string[] before = File.ReadAllLines(_folder["m.csv"]);
        int opened = 0;
        using (var again = Measurements.Open(_folder["m.csv"]))
        {
            TuningResult result = await Sweep(source).RunAsync(again, cancellationToken: token).WaitAsync(token);
            Assert.That(result.Samples, Has.Count.EqualTo(12));
            opened = source.Opened;
            await Sweep(source).RunAsync(again, cancellationToken: token).WaitAsync(token);
        }

        Assert.That(File.ReadAllLines(_folder["m.csv"]).Take(6), Is.EqualTo(before), "what was measured stays");
        Assert.That(source.Opened - opened, Is.EqualTo(8 * 50), "the warm-up and the recorded runs: nothing was left to measure");
    }

    [Test]
    public async Task The_whole_pipeline_gets_a_new_sink_for_every_run_and_writes_all_rows(CancellationToken token)
    {
        await using var source = Source(20);
        var sinks = new List<MemorySink<int>>();
        using var measurements = Measurements.Open(_folder["m.csv"]);
        var sweep = new TuningSweep<int>(
            source, new NumberFormat(), s_grid with { BatchRows = [5, 50], Writers = [1, 2] }, new PipelineOptions(), () =>
        {
            sinks.Add(new MemorySink<int> { MaxWriters = 2 });
            return sinks[^1];
        });

        TuningResult result = await sweep.RunAsync(measurements, cancellationToken: token).WaitAsync(token);

        Assert.That(result.Whole!.Cells, Has.Count.EqualTo(4));
        Assert.That(
            sinks.Skip(1).Select(sink => sink.Rows.Count), Has.All.EqualTo(38).And.Exactly(8).Items,
            "the first was only asked what it allows");
        Assert.That(result.Loggers, Is.EqualTo(20 / result.Whole.Recommended.Seconds.Mean * 900).Within(1e-6));
    }

    [Test]
    public async Task With_little_time_a_share_of_the_files_is_measured_and_a_resumed_sweep_keeps_to_it(CancellationToken token)
    {
        await using var source = new MemorySource(
            Enumerable.Range(0, 1_000).ToDictionary(i => $"{i:D4}", _ => "1\n")) { OnOpen = async (_, cancel) => await Task.Yield() };
        TuningGrid grid = s_grid with { Within = TimeSpan.FromTicks(1) };
        using var measurements = Measurements.Open(_folder["m.csv"]);

        TuningResult first = await Sweep(source, grid).RunAsync(measurements, cancellationToken: token).WaitAsync(token);
        TuningResult second = await Sweep(
            source, grid with { Repeat = 3, Within = null }).RunAsync(measurements, cancellationToken: token).WaitAsync(token);

        Assert.That((first.Files.Files, first.Files.Ready), Is.EqualTo((200, 1_000)));
        Assert.That(second.Samples, Has.Count.EqualTo(18).And.All.Matches<TuningSample>(sample => sample.Files == 200));
    }

    [Test]
    public async Task Measurements_of_other_files_are_refused(CancellationToken token)
    {
        using var measurements = Measurements.Open(_folder["m.csv"]);
        await using (MemorySource first = Source(50)) await Sweep(first).RunAsync(measurements, cancellationToken: token).WaitAsync(token);
        await using MemorySource other = Source(40);

        Assert.That(async () => await Sweep(other).RunAsync(measurements, cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("50 files"));
    }

    [Test]
    public async Task Files_that_change_meanwhile_end_the_sweep(CancellationToken token)
    {
        await using var source = new MemorySource(new Dictionary<string, string> { ["a"] = "1\n", ["b"] = "changed\n" });
        using var measurements = Measurements.Open(_folder["m.csv"]);

        Assert.That(async () => await Sweep(source).RunAsync(measurements, cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<SourceException>().With.Message.Contains("changed or vanished"));
    }

    [Test]
    public async Task Without_files_there_is_nothing_to_measure(CancellationToken token)
    {
        await using var source = Source(0);
        using var measurements = Measurements.Open(_folder["m.csv"]);

        TuningResult result = await Sweep(source).RunAsync(measurements, cancellationToken: token).WaitAsync(token);

        Assert.That(result.Read, Is.Null);
        Assert.That(result.Files.Files, Is.Zero);
    }

    private static TuningSweep<int> Sweep(IFileSource source, TuningGrid? grid = null) =>
        new(source, new NumberFormat(), grid ?? s_grid, new PipelineOptions());

    /// <summary>Files of two rows; the last one is bad.</summary>
    private static MemorySource Source(int count) =>
        new(Enumerable.Range(0, count).ToDictionary(i => $"{i:D4}", i => i == count - 1 ? "1\nquarantine\n" : "1\n2\n"));

    private sealed class StopAfter(int measurements, CancellationTokenSource stop) : IProgress<TuningProgress>
    {
        public void Report(TuningProgress value)
        {
            if (value.Done == measurements) stop.Cancel();
        }
    }
}
