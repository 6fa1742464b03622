using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Tests;

[TestFixture, CancelAfter(30_000)]
internal sealed class FaultTests
{
    private static readonly PipelineOptions s_options = new()
    {
        Readers = 2,
        FilesPerMessage = 3,
        BatchFiles = 10,
        StopDeadline = TimeSpan.FromSeconds(2),
    };

    private static FilePipeline<int> Pipeline(MemorySource source, MemorySink<int> sink, PipelineOptions? options = null) =>
        FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, options ?? s_options);

    [Test]
    public void The_first_original_error_of_the_source_ends_the_run(CancellationToken token)
    {
        var source = new MemorySource(Enumerable.Range(0, 500).ToDictionary(i => $"{i}", _ => "1\n"))
        {
            OnOpen = (file, _) => file.Path == "123" ? throw new SourceException("the line is dead") : default,
        };
        var sink = new MemorySink<int>();

        var error = Assert.ThrowsAsync<SourceException>(() => Pipeline(source, sink).RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Is.EqualTo("the line is dead"));
        Assert.That(error.Result!.Books.Listed, Is.GreaterThan(0));
        Assert.That(sink.Outcome, Is.EqualTo(RunOutcome.Failed));
    }

    [Test]
    public void An_error_of_the_sink_ends_everything_upstream(CancellationToken token)
    {
        var sink = new MemorySink<int> { OnWrite = (_, _) => throw new SinkException("the disk is full") };

        Assert.That(
            async () => await Pipeline(MemorySource.Of(5_000), sink).RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<SinkException>().With.Message.EqualTo("the disk is full"));
    }

    [Test]
    public async Task A_transient_error_is_retried_as_a_whole_and_counted_once(CancellationToken token)
    {
        int calls = 0;
        var sink = new MemorySink<int>
        {
            OnWrite = (_, _) => ++calls % 3 != 0 ? throw new SinkException("locked") { IsTransient = true } : default,
        };

        PipelineResult result = await Pipeline(
            MemorySource.Of(50), sink,
            s_options with { RetryDelay = TimeSpan.FromMilliseconds(1) }).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.Loaded, Is.EqualTo(50));
        Assert.That(calls, Is.EqualTo(3 * sink.Batches.Count));
    }

    [Test]
    public void A_transient_error_that_stays_ends_the_run_with_itself([Values(0, 2)] int retries, CancellationToken token)
    {
        int calls = 0;
        var sink = new MemorySink<int> { OnWrite = (_, _) => throw new SinkException($"locked {++calls}") { IsTransient = true } };

        Assert.That(
            async () =>
                await Pipeline(
                    MemorySource.Of(5), sink,
                    s_options with { WriteRetries = retries, RetryDelay = TimeSpan.FromMilliseconds(1) }).RunAsync(cancellationToken: token)
                        .WaitAsync(token),
            Throws.TypeOf<SinkException>().With.Message.EqualTo($"locked {retries + 1}"));
    }

    [TestCase(70, 300, true)]
    [TestCase(400, 300, false)]
    [TestCase(40_000, -1, true)]
    [TestCase(1, 0, false)]
    public async Task A_sink_that_is_away_is_waited_for_as_long_as_the_options_say_and_no_longer(
        int awaySeconds, int retryForSeconds, bool loads, CancellationToken token)
    {
        var time = new WatchedTime(DateTimeOffset.UnixEpoch);
        TimeSpan tried = default;
        var sink = new MemorySink<int>
        {
            OnWrite = (_, _) =>
            {
                tried = time.GetUtcNow() - DateTimeOffset.UnixEpoch;
                return tried < TimeSpan.FromSeconds(awaySeconds) ? throw new SinkException("the server restarts") { IsTransient = true }
                    : default;
            },
        };
        PipelineOptions options = s_options with
        {
            RetryFor = retryForSeconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(retryForSeconds),
            TimeProvider = time,
            StallTimeout = TimeSpan.FromDays(2),
        };

        Task<PipelineResult> run = Pipeline(MemorySource.Of(5), sink, options).RunAsync(cancellationToken: token);
        await time.PassAsync(run, longest: TimeSpan.FromSeconds(30), token);

        if (loads)
        {
            PipelineResult result = await run;
            Assert.That((result.Books.Loaded, result.Retries > 0), Is.EqualTo((5L, true)));
            Assert.That(result.LastRetry, Is.EqualTo("a batch is written again: the server restarts"));
            return;
        }
        Assert.That(async () => await run, Throws.TypeOf<SinkException>().With.Message.EqualTo("the server restarts"));
        // The last attempt. How far the clock is moved while the run ends says nothing.
        Assert.That(tried.TotalSeconds, Is.LessThanOrEqualTo(retryForSeconds + 31));
    }

    [Test]
    public async Task The_pause_before_a_retry_is_one_of_the_given_time_and_has_an_end(CancellationToken token)
    {
        int calls = 0;
        var time = new WatchedTime(DateTimeOffset.UnixEpoch);
        var sink = new MemorySink<int>
        {
            OnWrite = (_, _) => ++calls < 10 ? throw new SinkException("locked") { IsTransient = true } : default,
        };
        PipelineOptions options = s_options with
        {
            WriteRetries = 10, RetryDelay = TimeSpan.FromSeconds(20), TimeProvider = time, StallTimeout = TimeSpan.FromDays(1),
        };

        Task<PipelineResult> run = Pipeline(MemorySource.Of(5), sink, options).RunAsync(cancellationToken: token);
        await time.PassAsync(run, longest: TimeSpan.FromSeconds(30), token);

        Assert.That(((await run).Books.Loaded, calls), Is.EqualTo((5, 10)));
    }

    [Test]
    public void A_cancellation_that_is_not_ours_is_a_time_out_and_never_a_dropped_message(CancellationToken token)
    {
        var source = new MemorySource(
            Enumerable.Range(0, 50)
                .ToDictionary(i => $"{i}", _ => "1\n")) { OnOpen = (_, _) => throw new TaskCanceledException("a socket gave up") };

        var error = Assert.ThrowsAsync<PipelineException>(
            () => Pipeline(source, new MemorySink<int>()).RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.InnerException, Is.TypeOf<TimeoutException>().With.Message.Contains("a socket gave up"));
    }

    [Test]
    public void A_fault_in_a_linked_block_surfaces_unwrapped([Values] bool afterCommit, CancellationToken token)
    {
        PipelineRows<int> rows = FilePipeline.From(MemorySource.Of(500)).Read(new NumberFormat());
        if (!afterCommit)
            rows = rows.Through(
                o => new TransformBlock<FileRows<int>,
                FileRows<int>>(file => file.File.Path == "000077.csv" ? throw new FormatException("my block") : file, o));
        FilePipeline<int> pipeline = rows.WriteTo(new MemorySink<int>(), s_options);
        if (afterCommit)
            pipeline = pipeline.AfterCommit(o => new ActionBlock<CommittedBatch<int>>(_ => throw new FormatException("my block"), o));

        var error = Assert.ThrowsAsync<PipelineException>(() => pipeline.RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.InnerException, Is.TypeOf<FormatException>().With.Message.EqualTo("my block"));
        string block = afterCommit
            ? "Block 1 of those linked with AfterCommit (ActionBlock) failed at a batch of "
            : "Block 1 of those linked with Through (TransformBlock) failed at 000077.csv (1 rows)";
        Assert.That(error.Message, Does.StartWith(block).And.EndsWith(": my block"));
    }

    [Test]
    public void A_fault_in_a_transform_names_the_file([Values] bool streamed, CancellationToken token)
    {
        FilePipeline<int> pipeline = FilePipeline.From(
            new MemorySource(Enumerable.Range(0, 100).ToDictionary(i => $"{i:D6}.csv", i => $"{i}\n"))).Read(new NumberFormat())
            .Transform((ref int row) => row == 42 ? throw new FormatException("my transform") : null)
            .WriteTo(new MemorySink<int>(), s_options with { StreamAbove = streamed ? 0 : 1000 });

        var error = Assert.ThrowsAsync<PipelineException>(() => pipeline.RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain("000042.csv: my transform"));
        Assert.That(error.GetBaseException(), Is.TypeOf<FormatException>());
    }

    [TestCase("The source memory: failed while listing: mine")]
    [TestCase("The source memory: failed while opening a.csv: mine")]
    [TestCase("The source memory: failed while opening a.csv: mine", true)]
    [TestCase("The source memory: failed while completing files after their commit: mine")]
    [TestCase("The sink memory: failed while looking up files in its ledger: mine")]
    [TestCase("The sink memory: failed while writing 1 files: mine")]
    public void An_error_of_ones_own_source_or_sink_names_it_and_what_it_did(string message, bool streamed = false)
    {
        void At(string doing)
        {
            if (message.Contains(doing, StringComparison.Ordinal)) throw new FormatException("mine");
        }

        var source = new MemorySource(new Dictionary<string, string> { ["a.csv"] = "1\n" })
        {
            OnListing = _ => { At("listing"); return default; },
            OnOpen = (_, _) => { At("opening"); return default; },
            OnComplete = _ => { At("completing"); return default; },
        };
        var sink = new MemorySink<int> { OnLookUp = () => At("looking up"), OnWrite = (_, _) => { At("writing"); return default; } };
        PipelineOptions options = s_options with { StreamAbove = streamed ? 0 : 1000 };

        PipelineException error = Assert.CatchAsync<PipelineException>(
            () => Pipeline(source, sink, options).RunAsync().WaitAsync(TimeSpan.FromSeconds(30)))!;

        Assert.That(error.Message, Is.EqualTo(message));
        bool isOfSource = message.StartsWith("The source", StringComparison.Ordinal);
        Assert.That(error, isOfSource ? Is.TypeOf<SourceException>() : Is.TypeOf<SinkException>());
        Assert.That(error.InnerException, Is.TypeOf<FormatException>());
    }

    [Test]
    public void A_linked_block_that_was_completed_by_somebody_else_is_named(CancellationToken token)
    {
        FilePipeline<int> pipeline = Pipeline(MemorySource.Of(5), new MemorySink<int>()).AfterCommit(o =>
        {
            var block = new ActionBlock<CommittedBatch<int>>(_ => { }, o);
            block.Complete();
            return block;
        });

        Assert.That(
            async () => await pipeline.RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<PipelineException>().With.Message.StartsWith("A linked block (ActionBlock) completed before the pipeline did"));
    }

    [Test]
    public void A_broken_format_is_an_error_and_not_a_bad_file([Values] bool streamed, CancellationToken token)
    {
        var source = new MemorySource(new Dictionary<string, string> { ["a"] = "1\n", ["b"] = "broken\n" });

        Assert.That(
            async () => await Pipeline(source, new MemorySink<int>(), s_options with { StreamAbove = streamed ? 0 : 1000 })
                .RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<PipelineException>().With.InnerException.TypeOf<InvalidOperationException>()
                .And.Message.StartsWith("The format failed at b: "));
    }

    [Test]
    public void A_block_that_swallows_a_file_is_found_by_the_books(CancellationToken token)
    {
        FilePipeline<int> pipeline = FilePipeline.From(MemorySource.Of(30)).Read(new NumberFormat())
            .Through(o => new TransformManyBlock<FileRows<int>, FileRows<int>>(file => file.File.Path == "000007.csv" ? [] : [file], o))
            .WriteTo(new MemorySink<int>(), s_options);

        Assert.That(
            async () => await pipeline.RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<BooksDoNotBalanceException>().With.Message.Contains("30 listed, 29 loaded"));
    }

    [Test]
    public void A_hang_ends_in_an_error_that_names_the_queues(CancellationToken token)
    {
        var sink = new MemorySink<int> { OnWrite = async (_, cancel) => await Task.Delay(Timeout.Infinite, cancel) };

        Assert.That(
            async () =>
                await Pipeline(
                    MemorySource.Of(500), sink,
                    s_options with { StallTimeout = TimeSpan.FromMilliseconds(300) }).RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<PipelineStalledException>().With.Message.Contains("bytes in flight").And.Message.Contains("to batch"));
    }

    [Test]
    public void A_block_that_ignores_its_cancellation_cannot_hold_the_run(CancellationToken token)
    {
        var never = new TaskCompletionSource();
        var sink = new MemorySink<int> { OnWrite = async (_, _) => await never.Task };
        PipelineOptions options = s_options with
        {
            StallTimeout = TimeSpan.FromMilliseconds(300),
            StopDeadline = TimeSpan.FromMilliseconds(300),
        };

        Assert.That(
            async () => await Pipeline(MemorySource.Of(500), sink, options).RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<PipelineStalledException>());
        never.SetResult();
    }

    [Test]
    public async Task Cancelling_stops_the_listing_and_commits_what_was_read(CancellationToken token)
    {
        using var stop = new CancellationTokenSource();
        var sink = new MemorySink<int> { OnWrite = (_, _) => { stop.Cancel(); return default; } };
        MemorySource source = MemorySource.Of(20_000);

        PipelineResult result = await Pipeline(source, sink).RunAsync(cancellationToken: stop.Token).WaitAsync(token);

        Assert.That(result.WasCancelled);
        Assert.That(result.Books.Listed, Is.LessThan(20_000));
        Assert.That(result.Books.FilesDone, Is.EqualTo(result.Books.Listed), "the books balance even then");
        Assert.That(sink.FilesWritten, Is.EqualTo(source.Opened), "what was read is committed");
        Assert.That(sink.Outcome, Is.EqualTo(RunOutcome.Cancelled));
    }

    [Test]
    public async Task A_cancelled_run_that_cannot_finish_is_aborted_at_the_deadline(CancellationToken token)
    {
        using var stop = new CancellationTokenSource();
        var sink = new MemorySink<int>
        {
            OnWrite = async (_, cancel) => { await stop.CancelAsync(); await Task.Delay(Timeout.Infinite, cancel); },
        };

        PipelineResult result = await Pipeline(
            MemorySource.Of(500), sink,
            s_options with { StopDeadline = TimeSpan.FromMilliseconds(200) }).RunAsync(cancellationToken: stop.Token).WaitAsync(token);

        Assert.That(result.WasCancelled);
        Assert.That(result.Books.Loaded, Is.Zero);
    }
}
