using System.Threading.Tasks.Dataflow;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>What a user plugs in throws, hangs or lies: the run ends, with an error that names it, and the process lives on.</summary>
[TestFixture, CancelAfter(30_000)]
internal sealed class CallbackTests
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
    public async Task A_progress_that_throws_ends_the_run_and_not_the_process(CancellationToken token)
    {
        var time = new FakeTimeProvider();
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sink = new MemorySink<int>
        {
            OnWrite = async (_, cancel) =>
            {
                written.TrySetResult();
                await Task.Delay(Timeout.Infinite, cancel);
            },
        };
        Task<PipelineResult> run = Pipeline(MemorySource.Of(20), sink, s_options with { TimeProvider = time })
            .RunAsync(new Progress(_ => throw new FormatException("my progress")), token);
        await written.Task.WaitAsync(token);

        // The timer's own thread ends the process when this throws.
        Assert.DoesNotThrow(() => time.Advance(s_options.ProgressInterval));

        var error = Assert.ThrowsAsync<PipelineException>(() => run.WaitAsync(token));
        Assert.That(error!.Message, Does.Contain("IProgress").And.Contain("my progress"));
        Assert.That(error.InnerException, Is.TypeOf<FormatException>());
    }

    [Test]
    public void The_last_report_that_throws_does_not_hide_the_first_error([Values] bool fails, CancellationToken token)
    {
        var sink = new MemorySink<int> { OnWrite = (_, _) => fails ? throw new SinkException("the disk is full") : default };
        PipelineOptions options = s_options with { TimeProvider = new FakeTimeProvider() };

        var error = Assert.CatchAsync<PipelineException>(() => Pipeline(MemorySource.Of(20), sink, options)
            .RunAsync(new Progress(_ => throw new FormatException("my progress")), token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain(fails ? "the disk is full" : "my progress"));
        Assert.That(sink.Outcome, Is.EqualTo(RunOutcome.Failed));
    }

    [Test]
    public void A_progress_that_hangs_does_not_hold_the_run(CancellationToken token)
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var never = new ManualResetEventSlim();
        var sink = new MemorySink<int> { OnWrite = async (_, _) => await entered.Task };
        PipelineOptions options = s_options with
        {
            ProgressInterval = TimeSpan.FromMilliseconds(1),
            StopDeadline = TimeSpan.FromMilliseconds(100),
        };
        var progress = new Progress(_ =>
        {
            entered.TrySetResult();
            never.Wait(CancellationToken.None);
        });

        var error = Assert.ThrowsAsync<PipelineException>(
            () => Pipeline(MemorySource.Of(20), sink, options).RunAsync(progress, token).WaitAsync(token));

        never.Set();
        Assert.That(error!.Message, Does.Contain("IProgress"));
        Assert.That(error.Result!.Books.Loaded, Is.EqualTo(20));
    }

    [TestCase(-1)]
    [TestCase(4)]
    public void A_lane_that_does_not_exist_ends_the_run_and_names_the_sink(int lane, CancellationToken token)
    {
        var sink = new MemorySink<int> { MaxWriters = 4, OnLane = (_, _) => lane };

        var error = Assert.ThrowsAsync<SinkException>(
            () => Pipeline(MemorySource.Of(20), sink).RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain("memory:").And.Contain($"writer {lane} of 4").And.Contain(".csv"));
    }

    [Test]
    public void A_lane_that_throws_ends_the_run_and_names_the_sink(CancellationToken token)
    {
        var sink = new MemorySink<int> { MaxWriters = 4, OnLane = (_, _) => throw new FormatException("my lanes") };

        var error = Assert.ThrowsAsync<SinkException>(
            () => Pipeline(MemorySource.Of(20), sink).RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain("memory:").And.Contain("my lanes").And.Contain(".csv"));
    }

    [Test]
    public async Task A_sink_that_gives_another_lane_each_time_it_is_asked_loses_no_file(CancellationToken token)
    {
        int asked = 0;
        var sink = new MemorySink<int> { MaxWriters = 2, OnLane = (_, lanes) => (Interlocked.Increment(ref asked) + 1) % lanes };

        PipelineResult result = await Pipeline(MemorySource.Of(50), sink).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.Loaded, Is.EqualTo(50));
        Assert.That(asked, Is.EqualTo(50), "a file has one lane");
    }

    [Test]
    public void A_sink_that_answers_for_another_number_of_files_is_named([Values] bool nothing, CancellationToken token)
    {
        var sink = new MemorySink<int> { OnAnswer = results => nothing ? null! : results[1..] };

        var error = Assert.ThrowsAsync<SinkException>(
            () => Pipeline(MemorySource.Of(20), sink).RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain("memory:").And.Contain("results"));
    }

    [Test]
    public void A_sink_without_writers_is_named(CancellationToken token)
    {
        var sink = new MemorySink<int> { MaxWriters = 0 };

        var error = Assert.ThrowsAsync<SinkException>(
            () => Pipeline(MemorySource.Of(20), sink).RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain("memory:").And.Contain("MaxWriters"));
    }

    [Test]
    public void A_source_that_opens_nothing_ahead_is_named(CancellationToken token)
    {
        var error = Assert.ThrowsAsync<SourceException>(
            () => Pipeline(new MemorySource(new Dictionary<string, string> { ["a"] = "1\n" }) { OpensInFlight = 0 }, new MemorySink<int>())
                .RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain("memory:").And.Contain("OpensInFlight"));
    }

    [Test]
    public void A_factory_of_a_block_that_gives_none_is_named([Values] bool afterCommit, CancellationToken token)
    {
        PipelineRows<int> rows = FilePipeline.From(MemorySource.Of(5)).Read(new NumberFormat());
        FilePipeline<int> pipeline = (afterCommit ? rows : rows.Through(_ => null!)).WriteTo(new MemorySink<int>(), s_options);
        if (afterCommit) pipeline = pipeline.AfterCommit((ExecutionDataflowBlockOptions _) => (ITargetBlock<CommittedBatch<int>>)null!);

        var error = Assert.ThrowsAsync<PipelineException>(() => pipeline.RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain($"Block 1 of those linked with {(afterCommit ? "AfterCommit" : "Through")}"));
    }

    [Test]
    public async Task A_callback_of_the_cancellation_that_throws_ends_neither_the_process_nor_the_run_late(CancellationToken token)
    {
        var time = new FakeTimeProvider();
        using var stop = new CancellationTokenSource();
        var writing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sink = new MemorySink<int>
        {
            OnWrite = async (_, cancel) =>
            {
                cancel.Register(() => throw new FormatException("my callback"));
                writing.TrySetResult();
                await Task.Delay(Timeout.Infinite, cancel);
            },
        };
        Task<PipelineResult> run = Pipeline(MemorySource.Of(20), sink, s_options with { TimeProvider = time })
            .RunAsync(cancellationToken: stop.Token);
        await writing.Task.WaitAsync(token);
        await stop.CancelAsync();

        Assert.DoesNotThrow(() => time.Advance(s_options.StopDeadline));

        Assert.That((await run.WaitAsync(token)).WasCancelled);
    }

    [Test]
    public void A_callback_of_the_cancellation_that_hangs_does_not_hold_the_run(CancellationToken token)
    {
        using var never = new ManualResetEventSlim();
        var sink = new MemorySink<int>
        {
            OnWrite = async (_, cancel) =>
            {
                cancel.Register(() => never.Wait(CancellationToken.None));
                await Task.Yield();
                throw new SinkException("the disk is full");
            },
        };

        Assert.That(
            async () => await Pipeline(MemorySource.Of(20), sink, s_options with { StopDeadline = TimeSpan.FromMilliseconds(200) })
                .RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<SinkException>().With.Message.EqualTo("the disk is full"));
        never.Set();
    }

    [Test]
    public void A_source_that_fails_before_it_lists_is_named(CancellationToken token)
    {
        var error = Assert.ThrowsAsync<SourceException>(() => FilePipeline.From(new BrokenSource()).Read(new NumberFormat())
            .WriteTo(new MemorySink<int>(), s_options).RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain("broken:").And.Contain("my listing"));
    }

    [Test]
    public void A_sink_that_fails_in_its_own_code_is_named([Values] bool atTheEnd, CancellationToken token)
    {
        Func<CancellationToken, ValueTask> fails = _ => throw new FormatException("my sink"), works = _ => default;
        var sink = new MemorySink<int> { OnPrepare = atTheEnd ? works : fails, OnEnd = atTheEnd ? fails : works };

        var error = Assert.ThrowsAsync<SinkException>(
            () => Pipeline(MemorySource.Of(5), sink).RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.Contain("memory:").And.Contain("my sink"));
    }

    private sealed class Progress(Action<PipelineProgress> report) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value) => report(value);
    }

    private sealed class BrokenSource : IFileSource
    {
        public string Name => "broken:";

        public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken) => throw new FormatException("my listing");

        public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) => default;

        public ValueTask DisposeAsync() => default;
    }
}
