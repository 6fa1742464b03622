using System.Threading.Tasks.Dataflow;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

[TestFixture, CancelAfter(30_000)]
internal sealed class GraphTests
{
    [Test]
    public async Task Every_file_arrives_once_whatever_the_settings(
        [Values(1, 4)] int readers, [Values(1, 7, 1_000)] int chunk, [Values(1, 60)] int batchRows, [Values(1, 8)] int opens,
        CancellationToken token)
    {
        var texts = Enumerable.Range(0, 777).ToDictionary(
            i => $"{i}", i => string.Concat(Enumerable.Range(0, i % 5).Select(k => $"{(i * 10) + k}\n")));
        await using var source = new MemorySource(texts) { OpensInFlight = opens };
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(
                sink,
                new PipelineOptions { Readers = readers, FilesPerMessage = chunk, BatchRows = batchRows })
                    .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(
            sink.Rows.Order(),
            Is.EqualTo(texts.Values.SelectMany(text => text.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Select(int.Parse).Order()));
        Assert.That(result.Books.Loaded, Is.EqualTo(777));
        Assert.That(source.Settled.Select(file => file.File.Path).Order(), Is.EqualTo(texts.Keys.Order()));
        Assert.That(result.WasCancelled, Is.False);
    }

    [Test]
    public async Task Batches_hold_at_most_the_rows_and_files_they_may(CancellationToken token)
    {
        await using var source = MemorySource.Of(200, "1\n2\n3\n");
        var rows = new List<int>();
        await using var sink = new MemorySink<int> { OnWrite = (files, _) => { rows.Add(
            files.Sum(file => file.Batch.Rows.Count)); return default; } };

        await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(
            sink, new PipelineOptions { BatchRows = 20, BatchFiles = 100 }).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(rows.Max(), Is.EqualTo(18), "six files of three rows; the seventh would be one too many");
        Assert.That(rows.Sum(), Is.EqualTo(600));
    }

    [Test]
    public async Task The_largest_options_are_taken(CancellationToken token)
    {
        await using var source = MemorySource.Of(20, "1\n");
        await using var sink = new MemorySink<int>();
        var most = new PipelineOptions
        {
            Readers = int.MaxValue, FilesPerMessage = int.MaxValue, BatchFiles = int.MaxValue, BatchRows = int.MaxValue,
            Writers = int.MaxValue, MaxBadRows = int.MaxValue, WriteRetries = int.MaxValue,
        };

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, most)
            .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.Loaded, Is.EqualTo(20));
    }

    [Test]
    public async Task Files_of_one_lane_are_never_written_at_the_same_time_and_the_lanes_are(
        [Values(1, 10)] int batchFiles, CancellationToken token)
    {
        static int Lane(FileRows<int> file, int lanes) =>
            int.Parse(file.File.Path[..6], System.Globalization.CultureInfo.InvariantCulture) % lanes;
        await using var source = MemorySource.Of(300);
        var busy = new System.Collections.Concurrent.ConcurrentDictionary<int, bool>();
        var together = new TaskCompletionSource();
        await using var sink = new MemorySink<int>
        {
            MaxWriters = 3, OnLane = Lane,
            OnWrite = async (files, cancel) =>
            {
                int lane = files.Select(file => Lane(file, 3)).Distinct().Single();
                Assert.That(busy.TryAdd(lane, true), Is.True, "the lane is being written already");
                if (busy.Count == 3) together.TrySetResult();
                await together.Task.WaitAsync(cancel);
                Assert.That(busy.TryRemove(lane, out _), Is.True);
            },
        };

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(
            sink, new PipelineOptions { FilesPerMessage = 1, BatchFiles = batchFiles }).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That((result.Books.Loaded, sink.Rows.Count), Is.EqualTo((300, 300)));
    }

    [Test]
    public async Task A_lone_file_is_written_when_it_has_waited_long_enough(CancellationToken token)
    {
        TaskCompletionSource[] written = [.. Enumerable.Range(0, 4).Select(_ => new TaskCompletionSource())];
        int files = 0;
        await using var source = new MemorySource(Enumerable.Range(0, 4).ToDictionary(i => $"{i}", i => $"{i}\n"))
        {
            OnOpen = async (file, cancel) => { if (file.Path != "0") await written[file.Path[0] - '1'].Task.WaitAsync(cancel); },
        };
        await using var sink = new MemorySink<int> { OnWrite = (_, _) => { written[files++].TrySetResult(); return default; } };

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(
                sink,
                new PipelineOptions { FilesPerMessage = 1, BatchWait = TimeSpan.FromMilliseconds(20) }).RunAsync(cancellationToken: token)
                    .WaitAsync(token);

        Assert.That(sink.Batches, Has.Count.EqualTo(4), "none was kept waiting for the next");
        Assert.That(result.Books.Loaded, Is.EqualTo(4));
    }

    [Test]
    public async Task Bad_and_changed_files_are_results_and_the_books_tell_them_apart(CancellationToken token)
    {
        await using var source = new MemorySource(new Dictionary<string, string>
        {
            ["good"] = "1\n2\n",
            ["row"] = "1\nx\n",
            ["bad"] = "1\nquarantine\n",
            ["changed"] = "1\nchanged\n",
            ["young"] = "1\n",
        })
        { OnList = file => file.Path == "young" ? file with { DeferReason = "still changing" } : file };
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink).RunAsync(cancellationToken: token)
            .WaitAsync(token);

        Assert.That(result.Books.ToString(), Is.EqualTo(
            "files: 5 listed, 2 loaded, 0 already loaded, 1 quarantined, 2 deferred; rows: 5 read, 3 inserted, 0 updated, 0 unchanged, "
                + "2 rejected"));
        Assert.That(result.Notable.Select(file => file.File.Path), Is.EquivalentTo(new[] { "row", "bad", "changed", "young" }));
        Assert.That(source.Settled.Single(file => file.File.Path == "bad").Defect!.Line, Is.EqualTo(2));
        Assert.That(
            result.Notable.Where(file => file.Outcome == FileOutcome.Deferred).Select(file => file.Defect!.Problem),
            Is.EquivalentTo(new[] { "the file says so", "still changing" }));
    }

    [Test]
    public async Task A_streamed_file_that_changes_is_deferred(CancellationToken token)
    {
        await using var source = new MemorySource(new Dictionary<string, string> { ["a"] = "1\nchanged\n", ["b"] = "2\n" });
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(sink, new PipelineOptions { StreamAbove = 0 }).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That((result.Books.Loaded, result.Books.Deferred, sink.Rows.Single()), Is.EqualTo((1, 1, 2)));
        Assert.That(result.Notable.Single().Defect!.Problem, Is.EqualTo("the file says so"));
        Assert.That(source.Settled.Select(file => file.File.Path), Is.EqualTo(new[] { "b" }), "the next run tries it again");
    }

    [Test]
    public async Task A_file_with_as_many_bad_rows_as_it_may_have_is_read_to_its_end([Values] bool streamed, CancellationToken token)
    {
        string text = string.Concat(Enumerable.Repeat("x\n", 100)) + string.Concat(Enumerable.Range(0, 9_000).Select(i => $"{i}\n"));
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(MemorySource.Of(1, text)).Read(new NumberFormat())
            .WriteTo(sink, new PipelineOptions { MaxBadRows = 100, StreamAbove = streamed ? 0 : 1 << 20 })
            .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(sink.Rows, Is.EqualTo(Enumerable.Range(0, 9_000)));
        Assert.That((result.Books.Loaded, result.Books.RowsRead, result.Books.RowsRejected), Is.EqualTo((1, 9_100, 100)));
    }

    [Test]
    public async Task Two_hundred_notable_files_are_named_and_all_are_counted(CancellationToken token)
    {
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(MemorySource.Of(250, "quarantine\n")).Read(new NumberFormat()).WriteTo(sink)
            .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That((result.Notable.Count, result.Books.Quarantined), Is.EqualTo((200, 250)));
    }

    [Test]
    public async Task What_is_skipped_and_flagged_is_in_the_books_and_what_is_flagged_is_notable(
        [Values] bool streamed, CancellationToken token)
    {
        await using var source = new MemorySource(new Dictionary<string, string>
        {
            ["plain"] = "1\n", ["skipped"] = "2\nskip\nskip\n", ["flagged"] = "3\nflag\n", ["both"] = "4\nflag\nskip\n",
            ["bad"] = "flag\nquarantine\n",
        });
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(sink, new PipelineOptions { StreamAbove = streamed ? 0 : 1000 }).RunAsync(cancellationToken: token).WaitAsync(token);

        RunBooks books = result.Books;
        Assert.That((books.Loaded, books.RowsInserted, books.RowsSkipped, books.RowsFlagged), Is.EqualTo((4, 4, 3, 2)));
        Assert.That(
            result.Notable.Where(file => file.Outcome == FileOutcome.Loaded)
                .Select(file => (file.File.Path, file.Skipped, file.Flagged, file.Flags.Count)),
            Is.EquivalentTo(new[] { ("flagged", 0L, 1L, 1), ("both", 1L, 1L, 1) }));
        Assert.That(result.Notable, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task Known_files_are_not_read_again_but_settled_again(CancellationToken token)
    {
        await using var source = MemorySource.Of(1_200);
        await using var sink = new MemorySink<int>();
        FilePipeline<int> pipeline = FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink);

        await pipeline.RunAsync(cancellationToken: token).WaitAsync(token);
        PipelineResult second = await pipeline.RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(second.Books.AlreadyLoaded, Is.EqualTo(1_200));
        Assert.That(source.Opened, Is.EqualTo(1_200));
        Assert.That(source.Settled, Has.Count.EqualTo(2_400), "a crash between commit and archive is finished by the next run");
    }

    [Test]
    public async Task Blocks_of_ones_own_see_every_file_before_and_every_batch_after_commit(CancellationToken token)
    {
        int seen = 0, committed = 0;
        await using var sink = new MemorySink<int>();
        PipelineResult result = await FilePipeline.From(MemorySource.Of(100, "1\n-1\n")).Read(new NumberFormat())
            .Through(o => new TransformBlock<FileRows<int>, FileRows<int>>(
                file =>
                {
                    Interlocked.Increment(ref seen);
                    file.Transform((ref int row) => row < 0 ? new Defect("negative") : null);
                    return file;
                },
                o))
            .WriteTo(sink, new PipelineOptions { BatchFiles = 30 })
            .AfterCommit(o => new ActionBlock<CommittedBatch<int>>(batch => committed += batch.Results.Count, o))
            .AfterCommit(
                o => new ActionBlock<CommittedBatch<int>>(batch => Assert.That(batch.Files, Has.Count.EqualTo(batch.Results.Count)), o))
            .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That((seen, committed), Is.EqualTo((100, 100)));
        Assert.That((result.Books.RowsRead, result.Books.RowsInserted, result.Books.RowsRejected), Is.EqualTo((200L, 100L, 100L)));
    }

    [Test]
    public async Task Functions_do_where_a_block_is_not_needed([Values] bool streamed, CancellationToken token)
    {
        var loaded = new List<string>();
        int batches = 0;
        await using var source = new MemorySource(
            new Dictionary<string, string> { ["a"] = "1\n-1\n", ["b"] = "-1\n", ["c"] = "3\nquarantine\n", ["d"] = "4\n" });
        await using var sink = new MemorySink<int>();
        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat())
            .Transform((ref int row) =>
            {
                if (row < 0) return new Defect("negative");
                row *= 10;
                return null;
            })
            .WriteTo(sink, new PipelineOptions { StreamAbove = streamed ? 0 : 1000 })
            .AfterCommit(batch => loaded.AddRange(batch.Loaded.Select(file => file.File.Path)))
            .AfterCommit(async batch => { await Task.Yield(); batches++; })
            .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(sink.Rows.Order(), Is.EqualTo(new[] { 10, 40 }));
        Assert.That(loaded.Order(), Is.EqualTo(new[] { "a", "d" }), "b has nothing but bad rows, c is bad itself");
        Assert.That(batches, Is.GreaterThan(0));
        Assert.That(result.ToString(), Does.StartWith("files: 4 listed, 2 loaded, 0 already loaded, 2 quarantined"));
    }

    [Test]
    public async Task The_last_progress_report_is_the_final_one(CancellationToken token)
    {
        var reports = new List<PipelineProgress>();
        await using var sink = new MemorySink<int>();

        await FilePipeline.From(MemorySource.Of(100)).Read(new NumberFormat()).WriteTo(sink).RunAsync(
            new Direct(reports.Add), token).WaitAsync(token);

        Assert.That(reports[^1].ListingDone);
        Assert.That(reports[^1].Books.Loaded, Is.EqualTo(100));
    }

    [Test]
    public async Task Progress_is_reported_at_each_interval_and_once_more_at_the_end()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch);
        var reports = new List<TimeSpan>();
        using var run = new PipelineRun(new PipelineOptions { TimeProvider = time, ProgressInterval = TimeSpan.FromSeconds(2) }, default);
        var reporter = new ProgressReporter(run, new Direct(progress => reports.Add(progress.Elapsed)));

        for (int second = 0; second < 5; second++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await reporter.Reporting;
        }
        await reporter.DisposeAsync();
        time.Advance(TimeSpan.FromSeconds(10));
        await reporter.DisposeAsync();

        Assert.That(reports.Select(elapsed => elapsed.TotalSeconds), Is.EqualTo(new[] { 2, 4, 5 }));
        Assert.That(async () => await new ProgressReporter(run, null).DisposeAsync(), Throws.Nothing);
    }

    [Test]
    public void Options_out_of_range_are_refused_by_name()
    {
        Assert.That(
            () => new PipelineOptions { BatchRows = 0 },
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("BatchRows must be at least 1"));
        Assert.That(
            () => new PipelineOptions { BatchWait = TimeSpan.Zero },
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("BatchWait"));
        Assert.That(
            () =>
                FilePipeline.From(MemorySource.Of(1)).Read(new NumberFormat()).WriteTo(
                    new MemorySink<int>(), new PipelineOptions { StreamAbove = 2, BytesInFlight = 1 }),
            Throws.ArgumentException.With.Message.Contains("StreamAbove"));
    }

    private sealed class Direct(Action<PipelineProgress> report) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value) => report(value);
    }
}
