using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>A run that is stopped or fails ends within its stop deadline, whatever the sink and the source do.</summary>
[TestFixture, CancelAfter(30_000), FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class DeadlineTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly TaskCompletionSource _never = new();
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private PipelineOptions Options => new()
    {
        Readers = 2,
        FilesPerMessage = 3,
        BatchFiles = 10,
        StopDeadline = TimeSpan.FromSeconds(2),
        TimeProvider = _time,
    };

    private FilePipeline<int> Pipeline(MemorySink<int> sink, MemorySource? source = null) =>
        FilePipeline.From(source ?? MemorySource.Of(500)).Read(new NumberFormat()).WriteTo(sink, Options);

    private ValueTask HangAsync()
    {
        _entered.TrySetResult();
        return new ValueTask(_never.Task);
    }

    [TearDown]
    public void LetGo() => _never.TrySetResult();

    [Test]
    public async Task A_sink_that_ignores_its_cancellation_holds_a_stopped_run_no_longer_than_the_deadline(
        [Values] bool atTheEnd, CancellationToken token)
    {
        using var stop = new CancellationTokenSource();
        var sink = new MemorySink<int> { OnWrite = (_, _) => HangAsync(), OnEnd = _ => atTheEnd ? HangAsync() : default };
        Task<PipelineResult> run = Pipeline(sink).RunAsync(cancellationToken: stop.Token);
        await _entered.Task.WaitAsync(token);

        await stop.CancelAsync();
        _time.Advance(Options.StopDeadline);

        Assert.That((await run.WaitAsync(token)).WasCancelled);
    }

    [Test]
    public async Task A_block_that_ignores_its_cancellation_does_not_keep_the_run_from_closing_its_row(CancellationToken token)
    {
        using var stop = new CancellationTokenSource();
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sink = new MemorySink<int>
        {
            OnWrite = (_, _) => HangAsync(),
            OnEnd = _ =>
            {
                closed.SetResult();
                return default;
            },
        };
        Task<PipelineResult> run = Pipeline(sink).RunAsync(cancellationToken: stop.Token);
        await _entered.Task.WaitAsync(token);

        await stop.CancelAsync();
        _time.Advance(0.99 * Options.StopDeadline);

        await closed.Task.WaitAsync(token);
        Assert.That((await run.WaitAsync(token)).WasCancelled);
        Assert.That(sink.Outcome, Is.EqualTo(RunOutcome.Cancelled));
    }

    [Test]
    public async Task A_sink_that_never_gets_ready_and_ignores_its_cancellation_does_not_hold_a_stopped_run(CancellationToken token)
    {
        using var stop = new CancellationTokenSource();
        Task<PipelineResult> run = Pipeline(new MemorySink<int> { OnPrepare = _ => HangAsync() }).RunAsync(cancellationToken: stop.Token);
        await _entered.Task.WaitAsync(token);

        await stop.CancelAsync();
        _time.Advance(Options.StopDeadline);

        Assert.That((await run.WaitAsync(token)).WasCancelled);
    }

    [Test]
    public async Task A_sink_that_never_gets_ready_is_named_by_the_stall_watchdog(CancellationToken token)
    {
        Task<PipelineResult> run = Pipeline(new MemorySink<int> { OnPrepare = _ => HangAsync() }).RunAsync(cancellationToken: token);
        await _entered.Task.WaitAsync(token);

        await AdvanceAsync(run, 3 * Options.StallTimeout, token);

        Assert.That(async () => await run.WaitAsync(token),
            Throws.TypeOf<PipelineStalledException>().With.Message.Contains("preparing the sink memory:"));
    }

    [Test]
    public async Task A_sink_that_never_closes_its_run_is_named_by_the_stall_watchdog(CancellationToken token)
    {
        Task<PipelineResult> run = Pipeline(new MemorySink<int> { OnEnd = _ => HangAsync() }).RunAsync(cancellationToken: token);
        await _entered.Task.WaitAsync(token);

        await AdvanceAsync(run, 3 * Options.StallTimeout, token);

        var error = Assert.ThrowsAsync<PipelineStalledException>(() => run.WaitAsync(token));
        Assert.That(error!.Message, Does.Contain("closing the run in the sink memory:"));
        Assert.That(error.Result!.Books.Loaded, Is.EqualTo(500));
    }

    [Test]
    public async Task A_choice_of_lanes_that_hangs_is_found_by_the_stall_watchdog(CancellationToken token)
    {
        using var never = new ManualResetEventSlim();
        var sink = new MemorySink<int>
        {
            MaxWriters = 2,
            OnLane = (_, _) =>
            {
                _entered.TrySetResult();
                never.Wait(CancellationToken.None);
                return 0;
            },
        };
        Task<PipelineResult> run = Task.Run(() => Pipeline(sink).RunAsync(cancellationToken: token), token);
        await _entered.Task.WaitAsync(token);

        await AdvanceAsync(run, 3 * Options.StallTimeout, token);

        Assert.That(async () => await run.WaitAsync(token), Throws.TypeOf<PipelineStalledException>());
        never.Set();
    }

    [Test]
    public async Task A_sink_that_says_that_it_waits_is_not_stalled_until_it_has_waited(CancellationToken token)
    {
        MemorySink<int> sink = null!;
        var waiting = new TaskCompletionSource<string>();
        sink = new MemorySink<int>
        {
            OnWrite = (_, _) =>
            {
                sink.Run!.Waits("a lock of session 57", 10 * Options.StallTimeout);
                return HangAsync();
            },
        };
        var told = new Progress(progress =>
        {
            if (progress.Waiting is { } what) waiting.TrySetResult(what);
        });
        Task<PipelineResult> run = Pipeline(sink).RunAsync(told, token);
        await _entered.Task.WaitAsync(token);

        for (int steps = 0; steps < 19; steps++) _time.Advance(Options.StallTimeout / 2);
        Assert.That(run.IsCompleted, Is.False);
        Assert.That(await waiting.Task.WaitAsync(token), Does.Contain("a lock of session 57"));
        await AdvanceAsync(run, 4 * Options.StallTimeout, token);

        Assert.That(async () => await run.WaitAsync(token), Throws.TypeOf<PipelineStalledException>());
    }

    [Test]
    public async Task A_source_that_waits_by_itself_is_not_stalled_until_it_has_waited(CancellationToken token)
    {
        var source = new MemorySource(new Dictionary<string, string> { ["a"] = "1\n" })
        {
            LongestWait = 10 * Options.StallTimeout,
            OnListing = _ => HangAsync(),
        };
        Task<PipelineResult> run = Pipeline(new MemorySink<int>(), source).RunAsync(cancellationToken: token);
        await _entered.Task.WaitAsync(token);

        for (int steps = 0; steps < 20; steps++) _time.Advance(Options.StallTimeout / 2);
        Assert.That(run.IsCompleted, Is.False);
        _never.SetResult();

        Assert.That((await run.WaitAsync(token)).Books.Loaded, Is.EqualTo(1));
    }

    [Test]
    public async Task Why_a_batch_is_written_again_is_reported(CancellationToken token)
    {
        var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var sink = new MemorySink<int>
        {
            OnWrite = (_, _) =>
            {
                _entered.TrySetResult();
                throw new SinkException("deadlocked with session 57") { IsTransient = true };
            },
        };
        PipelineOptions options = Options with { RetryDelay = TimeSpan.FromMinutes(2), ProgressInterval = TimeSpan.FromMilliseconds(1) };
        Task<PipelineResult> run = FilePipeline.From(MemorySource.Of(5)).Read(new NumberFormat()).WriteTo(sink, options)
            .RunAsync(new Progress(progress => { if (progress.Waiting is { } why) seen.TrySetResult(why); }), token);
        await _entered.Task.WaitAsync(token);
        while (!seen.Task.IsCompleted)
        {
            _time.Advance(options.ProgressInterval);
            await Task.WhenAny(seen.Task, Task.Delay(1, token));
            token.ThrowIfCancellationRequested();
        }

        Assert.That(await seen.Task, Does.Contain("deadlocked with session 57"));
        await AdvanceAsync(run, 10 * options.StallTimeout, token);
        Assert.That(async () => await run.WaitAsync(token), Throws.TypeOf<SinkException>());
    }

    [Test]
    public void An_error_ends_a_listing_that_waits(CancellationToken token)
    {
        var source = new MemorySource(Enumerable.Range(0, 600).ToDictionary(i => $"{i}", _ => "1\n"))
        {
            OnOpen = (_, _) => throw new SourceException("the line is dead"),
            OnListed = async cancel => await Task.Delay(Timeout.Infinite, cancel),
        };

        var error = Assert.ThrowsAsync<SourceException>(
            () => FilePipeline.From(source).Read(new NumberFormat()).WriteTo(new MemorySink<int>(), Options)
                .RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Is.EqualTo("the line is dead"));
    }

    /// <summary>Lets time pass until the run has ended, step by step, as somebody may begin to wait in between.</summary>
    private async Task AdvanceAsync(Task run, TimeSpan by, CancellationToken token)
    {
        for (TimeSpan step = Options.StopDeadline; by > TimeSpan.Zero && !run.IsCompleted; by -= step)
        {
            await Task.Run(() => _time.Advance(step), token).WaitAsync(token);
            await Task.Yield();
        }
        while (!run.IsCompleted)
        {
            _time.Advance(Options.StopDeadline);
            await Task.WhenAny(run, Task.Delay(1, token));
            token.ThrowIfCancellationRequested();
        }
    }

    private sealed class Progress(Action<PipelineProgress> report) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value) => report(value);
    }
}
