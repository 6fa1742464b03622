using System.Reflection;
using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The room Run holds the steps of one import, from listing to completion, for any source, format and sink;
/// only the door, <c>FilePipeline</c>, calls it, and its steps run on any thread of the pool, several at once.
/// </summary>
/// <remarks>
/// This type is the state that the steps share: the books, the first error and the two tokens that end a run early.
/// <see cref="Stopping"/>, the caller's token, ends the listing; what was read by then is still written.
/// <see cref="Aborting"/> ends every block at once, after a fault or when the stop deadline has passed. Thread-safe.
/// </remarks>
internal sealed class PipelineRun : IDisposable
{
    /// <summary>How many files a result names at most, so that a run over many bad files does not fill the memory.</summary>
    private const int NotableFiles = 200;

    private readonly CancellationTokenSource _abort;
    private readonly CancellationTokenRegistration _stopDeadline;
    private readonly List<FileResult> _notable = [];
    private readonly DateTimeOffset _started;
    private readonly long _startedAt;
    private ExceptionDispatchInfo? _fault;
    private long _moves;
    private IReadOnlyList<(IDataflowBlock Block, string Name)> _users = [];

    public PipelineRun(PipelineOptions options, CancellationToken stopping)
    {
        (Options, Stopping) = (options, stopping);
        _started = options.TimeProvider.GetUtcNow();
        _startedAt = options.TimeProvider.GetTimestamp();
        _abort = new CancellationTokenSource(Timeout.InfiniteTimeSpan, options.TimeProvider);
        Aborting = _abort.Token;
        _stopDeadline = stopping.Register(() => _abort.CancelAfter(options.StopDeadline));
    }

    public PipelineOptions Options { get; }

    public RunCounter Counter { get; } = new();

    public CancellationToken Stopping { get; }

    public CancellationToken Aborting { get; }

    /// <summary>All blocks of the run.</summary>
    public IReadOnlyList<IDataflowBlock> Blocks { get; private set; } = [];

    /// <summary>Whether the source was listed to its end.</summary>
    public bool ListingDone { get; set; }

    /// <summary>Whether the source was listed to its end and every listed file went through all blocks.</summary>
    private bool IsComplete { get; set; }

    /// <summary>A count that grows with every step of progress. The stall watchdog compares it with its last value.</summary>
    public long Moves => Volatile.Read(ref _moves);

    public void Progressed() => Interlocked.Increment(ref _moves);

    public PipelineProgress Progress() => new(Counter.Books(), Options.TimeProvider.GetElapsedTime(_startedAt), ListingDone);

    public PipelineResult Result()
    {
        bool cancelled = !IsComplete && Stopping.IsCancellationRequested;
        lock (_notable)
            return new PipelineResult(Counter.Books(), Options.TimeProvider.GetElapsedTime(_startedAt), cancelled, [.. _notable]);
    }

    public RunStart Describe(string source)
    {
        string version = typeof(PipelineRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? "unknown";
        return new RunStart(source, _started.UtcDateTime, Environment.MachineName, version, Options.MaxBadRows);
    }

    /// <summary>
    /// The options of every block: bounded, ended by <see cref="Aborting"/>, and
    /// unordered, so that a slow file does not delay the others.
    /// </summary>
    public ExecutionDataflowBlockOptions Block(int parallel = 1, int capacity = 1) => new()
    {
        MaxDegreeOfParallelism = parallel,
        BoundedCapacity = capacity,
        CancellationToken = Aborting,
        EnsureOrdered = false,
        SingleProducerConstrained = false,
    };

    /// <summary>Keeps the first error and aborts every block. Later errors are dropped: most of them follow from the first.</summary>
    public void Fail(Exception error)
    {
        Exception original = error is AggregateException many ? many.Flatten().InnerExceptions[0] : error;
        if (original is OperationCanceledException && Aborting.IsCancellationRequested) return;
        if (Interlocked.CompareExchange(ref _fault, ExceptionDispatchInfo.Capture(Named(original)), null) is null) _abort.Cancel();
    }

    public void Defer(SourceFile file, string reason)
    {
        Counter.Deferred();
        Note(new FileResult(file, FileOutcome.Deferred) { Defect = new Defect(reason) });
    }

    public void Count(FileResult result)
    {
        Counter.Add(result);
        if (result.Outcome is FileOutcome.Quarantined or FileOutcome.Deferred || result.Rejected + result.Flagged + result.Collided > 0)
            Note(result);
    }

    /// <summary>
    /// Sends to a bounded block and waits for room in it. A block that declines the message has ended, so the run fails:
    /// with that block's own error, if it has one.
    /// </summary>
    public async Task SendAsync<T>(ITargetBlock<T> target, T message)
    {
        if (await target.SendAsync(message, Aborting).ConfigureAwait(false)) return;
        // A block that fails declines at once, but it is faulted only when its last message is finished.
        Task delay = Task.Delay(Options.StopDeadline, Options.TimeProvider, Aborting);
        await Task.WhenAny(target.Completion, delay).ConfigureAwait(false);
        if (target.Completion.IsFaulted) Fail(target.Completion.Exception);
        Aborting.ThrowIfCancellationRequested();
        throw new PipelineException(
            $"A linked block ({NameOf(target)}) completed before the pipeline did and declined a message. "
            + "Only the pipeline may complete a linked block: remove the call of Complete or Fault.");
    }

    public Func<TIn, Task<TOut>> Guard<TIn, TOut>(Func<TIn, Task<TOut>> step) => async input =>
    {
        TOut? output = default;
        await GuardAsync(async () => output = await step(input).ConfigureAwait(false)).ConfigureAwait(false);
        return output!;
    };

    public Func<TIn, Task> Guard<TIn>(Func<TIn, Task> step) => input => GuardAsync(step, input);

    /// <summary>
    /// Runs a step and reports its error to the run. A cancellation that the run did not ask for is a time-out in the source,
    /// the sink or a library. A block would silently drop the message on it, so it becomes a <see cref="TimeoutException"/>.
    /// </summary>
    public Task GuardAsync(Func<Task> step) => GuardAsync(static step => step(), step);

    private async Task GuardAsync<TIn>(Func<TIn, Task> step, TIn input)
    {
        try
        {
            await step(input).ConfigureAwait(false);
        }
        catch (OperationCanceledException timeout) when (!Aborting.IsCancellationRequested)
        {
            var error = new TimeoutException($"An operation was cancelled by itself, most likely a time-out: {timeout.Message}", timeout);
            Fail(error);
            throw error;
        }
        catch (Exception error)
        {
            Fail(error);
            throw;
        }
    }

    /// <summary>
    /// Aborts the run when any of these blocks fails. The error of a user's block then names the block and its message.
    /// </summary>
    public void Watch(
        IReadOnlyList<IDataflowBlock> ours, IReadOnlyList<IDataflowBlock> through, IReadOnlyList<IDataflowBlock> afterCommit)
    {
        _users = [.. through.Select((block, i) => (block, $"Block {i + 1} of those linked with Through")),
            .. afterCommit.Select((block, i) => (block, $"Block {i + 1} of those linked with AfterCommit"))];
        Blocks = [.. ours, .. through, .. afterCommit];
        foreach (IDataflowBlock block in Blocks)
        {
            block.Completion.ContinueWith(
                done => Fail(done.Exception!), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }
    }

    /// <summary>
    /// Adds to an error the name of the user's block that it comes from. The pipeline's own blocks report their errors themselves,
    /// or they pass on those of a user's block.
    /// </summary>
    private Exception Named(Exception original)
    {
        if (original is PipelineException) return original;
        foreach ((IDataflowBlock block, string name) in _users)
        {
            if (block.Completion.Exception?.Flatten().InnerExceptions.Contains(original) != true) continue;
            // Dataflow stores here the message at which a delegate failed.
            string at = original.Data["DataflowMessageValue"] is string message ? $" at {message}" : "";
            return new PipelineException($"{name} ({NameOf(block)}) failed{at}: {original.Message}", original);
        }
        return original;
    }

    private static string NameOf(IDataflowBlock block) => block.GetType().Name.Split('`')[0];

    private void Note(FileResult result)
    {
        lock (_notable)
        {
            if (_notable.Count < NotableFiles) _notable.Add(result);
        }
    }

    /// <summary>
    /// Waits for all tasks; after an abort, for at most the stop deadline. Otherwise a block that ignores its cancellation
    /// would turn an error into a hang.
    /// </summary>
    public async Task CompletedAsync(IReadOnlyList<Task> tasks)
    {
        Task all = Task.WhenAll(tasks);
        var aborted = new TaskCompletionSource();
        using (Aborting.Register(aborted.SetResult))
            await Task.WhenAny(all, aborted.Task).ConfigureAwait(false);
        if (Aborting.IsCancellationRequested)
            await Task.WhenAny(all, Task.Delay(Options.StopDeadline, Options.TimeProvider, CancellationToken.None)).ConfigureAwait(false);
        else
            await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (all.IsFaulted) Fail(all.Exception);
        _fault?.Throw();
        IsComplete = ListingDone && all.IsCompletedSuccessfully;
    }

    /// <summary>
    /// Runs the import, then closes the run's row in the sink, also after an error. A second error never hides the first.
    /// </summary>
    public async Task<PipelineResult> RecordAsync<TRow>(IBatchSink<TRow> sink, Func<Task> import)
    {
        RunOutcome outcome = RunOutcome.Failed;
        try
        {
            await import().ConfigureAwait(false);
            if (IsComplete) Counter.Books().Check();
            outcome = IsComplete ? RunOutcome.Completed : RunOutcome.Cancelled;
        }
        catch (Exception error)
        {
            throw WithResult(error);
        }
        finally
        {
            await EndAsync(sink, outcome).ConfigureAwait(false);
        }
        return Result();
    }

    private async Task EndAsync<TRow>(IBatchSink<TRow> sink, RunOutcome outcome)
    {
        // A completed run waits for the database as long as the sink does. A run that ends early waits for the stop deadline at most.
        bool completed = outcome == RunOutcome.Completed;
        using var deadline = new CancellationTokenSource(completed ? Timeout.InfiniteTimeSpan : Options.StopDeadline, Options.TimeProvider);
        try
        {
            await sink.EndRunAsync(outcome, Counter.Books(), completed ? Aborting : deadline.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (outcome == RunOutcome.Failed && error is not OutOfMemoryException)
        {
            // The run has already failed, most likely for the same reason.
        }
        catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
        {
            // What is committed is safe. The next run finds this one open and closes it as interrupted.
        }
        catch (Exception error)
        {
            throw WithResult(error);
        }
    }

    private PipelineException WithResult(Exception error)
    {
        PipelineException known = error as PipelineException ?? new PipelineException(error.Message, error);
        known.Result ??= Result();
        return known;
    }

    public void Dispose()
    {
        _stopDeadline.Dispose();
        _abort.Dispose();
    }
}
