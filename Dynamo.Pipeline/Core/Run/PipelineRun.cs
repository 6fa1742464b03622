using System.Reflection;
using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The room Run holds the steps of one import, from listing to completion, for any source, format and sink;
/// only the door, <c>FilePipeline</c>, calls it, and its steps run on any thread of the pool, several at once.
/// </summary>
/// <remarks>
/// This type is the state that the steps share: the books, the first error and the tokens that end a run early.
/// <see cref="Stopping"/>, the caller's token, ends the listing; what was read by then is still written.
/// <see cref="Aborting"/> ends every step before the commit, <see cref="Leaving"/> every step after it; see <see cref="Ending"/>.
/// Thread-safe.
/// </remarks>
internal sealed class PipelineRun : IMeasuredRun, IDisposable
{
    /// <summary>How many files a result names at most, so that a run over many bad files does not fill the memory.</summary>
    private const int NotableFiles = 200;

    /// <summary>Nobody waits longer without a word.</summary>
    private static readonly TimeSpan s_mostPatience = TimeSpan.FromDays(24);

    private readonly Ending _ending;
    private readonly CancellationTokenRegistration _stop;
    private readonly List<FileResult> _notable = [];
    private readonly List<Step> _steps = [];
    private readonly DateTimeOffset _started;
    private readonly long _startedAt;
    private ExceptionDispatchInfo? _fault, _declined;
    private long _moves, _waits, _patientUntil;
    private string? _waiting, _retrying, _lastRetry;
    private int _retries;
    private IReadOnlyList<(IDataflowBlock Block, string Name)> _users = [];

    public PipelineRun(PipelineOptions options, CancellationToken stopping)
    {
        (Options, Stopping) = (options, stopping);
        _started = options.TimeProvider.GetUtcNow();
        _startedAt = options.TimeProvider.GetTimestamp();
        _ending = new Ending(options.StopDeadline, options.TimeProvider);
        _stop = stopping.Register(_ending.Stop);
        Known = new KnownFiles(this);
        Log = options.LoggerFactory?.CreateLogger(PipelineLog.Category) ?? NullLogger.Instance;
        (Listing, Chunking) = (AddStep("list"), AddStep("chunk"));
        PipelineMeter.Began(this);
    }

    public PipelineOptions Options { get; }

    public RunCounter Counter { get; } = new();

    public ILogger Log { get; }

    /// <summary>The steps before the first block.</summary>
    public Step Listing { get; }

    /// <inheritdoc cref="Listing"/>
    public Step Chunking { get; }

    public UnreadableFiles Unreadable { get; } = new();

    public KnownFiles Known { get; }

    /// <summary>Who goes on after errors of source and sink; <see langword="null"/> for a run that ends with its listing.</summary>
    public IWatch? Watcher { get; init; }

    /// <summary>Whether the files come from somebody who has listed them, and who may give the same ones to others.</summary>
    public bool IsWorker { get; init; }

    /// <summary>The longest pause before something is tried again.</summary>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan? OldestWaiting => Options.TimeProvider.GetUtcNow().UtcDateTime - Watcher?.OldestWaitingUtc;

    public IEnumerable<string> Failed => Watcher?.ActiveOutages ?? [];

    /// <summary>How many files wait that are known; of a watch only.</summary>
    public Func<long> Backlog { get; set; } = static () => 0;

    /// <summary>The trace of the wave that is under way; of a watch that somebody traces only.</summary>
    public System.Diagnostics.Activity? Wave { get; set; }

    public CancellationToken Stopping { get; }

    public CancellationToken Aborting => _ending.Aborting;

    public CancellationToken Leaving => _ending.Leaving;

    /// <summary>Completes when a run that ends early waits for nobody any longer, but closes its row.</summary>
    public Task HasLeft => _ending.HasLeft;

    /// <summary>What the run does, for the stall watchdog.</summary>
    public Func<string> Doing { get; set; } = () => "preparing";

    /// <summary>All blocks of the run.</summary>
    public IReadOnlyList<IDataflowBlock> Blocks { get; private set; } = [];

    /// <summary>Whether the source was listed to its end.</summary>
    public bool ListingDone { get; set; }

    /// <summary>Whether the source was listed to its end and every listed file went through all blocks.</summary>
    private bool IsComplete { get; set; }

    /// <summary>A count that grows with every step of progress. The stall watchdog compares it with its last value.</summary>
    public long Moves => Volatile.Read(ref _moves);

    public void Progressed() => Interlocked.Increment(ref _moves);

    /// <summary>Whether something has said that it waits, and for how long, and that time is not over.</summary>
    public bool IsPatient => Elapsed.Ticks < Volatile.Read(ref _patientUntil);

    /// <summary>How often somebody has begun to wait.</summary>
    public long Waits => Volatile.Read(ref _waits);

    /// <summary>
    /// Somebody begins to wait, and ends that by itself within a time. That is no progress: what waits again and again gets on no more
    /// than what hangs.
    /// </summary>
    public void Wait(string what, TimeSpan longest)
    {
        Interlocked.Increment(ref _waits);
        Volatile.Write(ref _waiting, what);
        BePatient(longest);
    }

    /// <summary>The run does not count as stalled for a time, although nothing moves.</summary>
    public void BePatient(TimeSpan longest)
    {
        long until = (Elapsed + (longest < s_mostPatience ? longest : s_mostPatience)).Ticks;
        for (long known = Volatile.Read(ref _patientUntil); until > known;)
        {
            long other = Interlocked.CompareExchange(ref _patientUntil, until, known);
            if (other == known) return;
            known = other;
        }
    }

    /// <summary>A batch is written again after a pause.</summary>
    /// <param name="why">Why.</param>
    /// <param name="pause">The pause.</param>
    public void Retries(string why, TimeSpan pause)
    {
        // There was an answer, if not a good one.
        Progressed();
        Wait(why, pause);
        Volatile.Write(ref _retrying, why);
        Volatile.Write(ref _lastRetry, why);
        Interlocked.Increment(ref _retries);
        PipelineLog.Retries(Log, pause.TotalSeconds, why);
        Watcher?.SinkFailed(why);
    }

    /// <summary>Waits before something is tried again. Ends early, without an error, when the run does.</summary>
    public async Task PauseAsync(string why, TimeSpan pause)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Stopping, Aborting);
        Progressed();
        Wait(why, pause);
        await Task.Delay(pause, Options.TimeProvider, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>The pause after a pause.</summary>
    public TimeSpan Longer(TimeSpan pause) => 2 * pause < LongestPause ? 2 * pause : LongestPause;

    /// <summary>What somebody waited for is there.</summary>
    public void WaitIsOver()
    {
        Volatile.Write(ref _waiting, null);
        Volatile.Write(ref _retrying, null);
        Watcher?.SinkWorks();
    }

    private TimeSpan Elapsed => Options.TimeProvider.GetElapsedTime(_startedAt);

    public PipelineProgress Progress() => Progress(static step => step.Progress());

    public PipelineProgress Totals() => Progress(static step => step.Times());

    private PipelineProgress Progress(Func<Step, StepProgress> of) => new(Counter.Books(), Elapsed, ListingDone)
    {
        Waiting = Volatile.Read(ref _retrying) ?? Volatile.Read(ref _waiting),
        Retries = Volatile.Read(ref _retries),
        Backlog = Backlog(),
        Steps = [.. _steps.Select(of)],
        Moves = Moves,
        IsPatient = IsPatient,
        SeenUtc = Watcher?.SeenUtc,
    };

    public PipelineResult Result()
    {
        bool cancelled = !IsComplete && Stopping.IsCancellationRequested;
        lock (_notable)
            return new PipelineResult(Counter.Books(), Elapsed, cancelled, [.. _notable])
            {
                Retries = Volatile.Read(ref _retries),
                LastRetry = Volatile.Read(ref _lastRetry),
            };
    }

    public RunStart Describe(string source)
    {
        string version = typeof(PipelineRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? "unknown";
        return new RunStart(source, _started.UtcDateTime, Environment.MachineName, version, Options.MaxBadRows)
        {
            Settings = Options.Settings,
            Waits = Wait,
            RetryFor = Options.RetryFor,
            Remark = Watcher is { } watch ? () => watch.Seen : null,
        };
    }

    /// <summary>The next step of the graph, in the order of the graph. All are there before anything moves.</summary>
    /// <param name="name">Its name, as in the description of the graph.</param>
    /// <param name="workers">How many messages it works on at once, at most. Default one.</param>
    public Step AddStep(string name, Func<int>? workers = null)
    {
        var step = new Step(name, Options.TimeProvider);
        if (workers is not null) step.Workers = workers;
        _steps.Add(step);
        return step;
    }

    /// <summary>The user's blocks at one place of the graph.</summary>
    public void AddSteps(IReadOnlyList<IDataflowBlock> blocks, string place)
    {
        for (int i = 0; i < blocks.Count; i++)
            _steps.Add(new Step($"{place} {i + 1}: {NameOf(blocks[i])}", Options.TimeProvider) { IsOwnBlock = true });
    }

    /// <summary>The queues of all steps.</summary>
    public string Queues() => string.Join(", ", _steps.Where(step => step.Waiting is not null));

    /// <summary>
    /// The options of every block before the commit: bounded, ended by <see cref="Aborting"/>, and
    /// unordered, so that a slow file does not delay the others.
    /// </summary>
    public ExecutionDataflowBlockOptions Block(int parallel = 1, int capacity = 1) => Block(parallel, capacity, Aborting);

    /// <summary>The same for blocks after the commit. What is committed reaches them after an error too.</summary>
    public ExecutionDataflowBlockOptions BlockAfterCommit(int capacity) => Block(1, capacity, Leaving);

    private static ExecutionDataflowBlockOptions Block(int parallel, int capacity, CancellationToken token) => new()
    {
        MaxDegreeOfParallelism = parallel,
        BoundedCapacity = capacity,
        CancellationToken = token,
        EnsureOrdered = false,
        SingleProducerConstrained = false,
    };

    /// <summary>Keeps the first error and aborts every block. Later errors are dropped: most of them follow from the first.</summary>
    public void Fail(Exception error)
    {
        Exception original = error is AggregateException many ? many.Flatten().InnerExceptions[0] : error;
        if (original is OperationCanceledException && Aborting.IsCancellationRequested) return;
        // Of what follows after a block declined, only the error of a user's block can be the cause.
        if (_declined is not null && !IsOfUser(original)) return;
        if (Interlocked.CompareExchange(ref _fault, ExceptionDispatchInfo.Capture(Named(original)), null) is null) _ending.Abort();
    }

    /// <summary>Ends the caller of a run that has failed.</summary>
    public void ThrowIfFailed() => (_fault ?? _declined)?.Throw();

    /// <summary>
    /// The writer of a file. The sink is asked once for each file. A link calls this, so an error ends the run in another way than by an
    /// exception.
    /// </summary>
    public int LaneOf<TRow>(IBatchSink<TRow> sink, FileRows<TRow> file, int lanes)
    {
        if (file.Lane is { } known) return known;
        int lane = 0;
        try
        {
            lane = sink.LaneOf(file, lanes);
            if (lane < 0 || lane >= lanes)
                Fail(new SinkException($"The sink {sink.Name} chose writer {lane} of {lanes} for {file.File.Path}. The first one is 0."));
        }
        catch (Exception error)
        {
            Fail(Faults.OfSink(sink, $"choosing a writer for {file.File.Path}", error));
        }
        lane = Math.Clamp(lane, 0, lanes - 1);
        file.Lane = lane;
        return lane;
    }

    public void Defer(SourceFile file, string reason)
    {
        CountDeferred(file, reason);
        Watcher?.Deferred(file, reason);
    }

    /// <summary>Leaves a file for later, of a watch whose source fails.</summary>
    public void DeferInOutage(SourceFile file, SourceException error)
    {
        CountDeferred(file, error.Message);
        Watcher!.SourceFailed(file, error);
    }

    private void CountDeferred(SourceFile file, string reason)
    {
        Counter.Deferred();
        PipelineLog.Deferred(Log, file.Path, reason);
        Note(new FileResult(file, FileOutcome.Deferred) { Defect = new Defect(reason) });
    }

    public void Count(FileResult result)
    {
        Counter.Add(result);
        if (result.Outcome == FileOutcome.Quarantined) PipelineLog.Quarantined(Log, result.File.Path, result.Defect);
        if (result.Outcome is FileOutcome.Quarantined or FileOutcome.Deferred || result.Rejected + result.Flagged + result.Collided > 0)
            Note(result);
    }

    /// <summary>
    /// Sends to a bounded block and waits for room in it. A block that declines the message has ended, so the run fails:
    /// with that block's own error, if it has one.
    /// </summary>
    public Task SendAsync<T>(ITargetBlock<T> target, T message) => SendAsync(target, message, Aborting);

    public async Task SendAsync<T>(ITargetBlock<T> target, T message, CancellationToken cancellationToken)
    {
        if (await target.SendAsync(message, cancellationToken).ConfigureAwait(false)) return;
        // A block that fails declines at once, but it is faulted only when its last message is finished.
        Task delay = Task.Delay(Options.StopDeadline, Options.TimeProvider, cancellationToken);
        await Task.WhenAny(target.Completion, delay).ConfigureAwait(false);
        if (target.Completion.IsFaulted) Fail(target.Completion.Exception);
        cancellationToken.ThrowIfCancellationRequested();
        throw Declined(target);
    }

    /// <summary>The error for a declined message. If the block still fails before the run has ended, its own error is the run's.</summary>
    private PipelineException Declined(IDataflowBlock target)
    {
        var error = new PipelineException(target.Completion.IsCompleted
            ? $"A linked block ({NameOf(target)}) completed before the pipeline did and declined a message. "
                + "Only the pipeline may complete a linked block: remove the call of Complete or Fault."
            : $"A linked block ({NameOf(target)}) declined a message and did not end within {Options.StopDeadline}. It has failed, or "
                + "somebody else has completed it, and one of its messages is still at work.");
        if (Interlocked.CompareExchange(ref _declined, ExceptionDispatchInfo.Capture(error), null) is null) _ending.Abort();
        return error;
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
        _users = [.. through.Select((block, i) => (block, Faults.BlockName("Through", i))),
            .. afterCommit.Select((block, i) => (block, Faults.BlockName("AfterCommit", i)))];
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
            if (!HasFailedWith(block, original)) continue;
            // Dataflow stores here the message at which a delegate failed.
            string at = original.Data["DataflowMessageValue"] is string message ? $" at {message}" : "";
            return new PipelineException($"{name} ({NameOf(block)}) failed{at}: {original.Message}", original);
        }
        return original;
    }

    private bool IsOfUser(Exception error) => _users.Any(user => HasFailedWith(user.Block, error));

    private static bool HasFailedWith(IDataflowBlock block, Exception error) =>
        block.Completion.Exception?.Flatten().InnerExceptions.Contains(error) == true;

    private static string NameOf(IDataflowBlock block) => block.GetType().Name.Split('`')[0];

    private void Note(FileResult result)
    {
        lock (_notable)
        {
            if (_notable.Count == NotableFiles) return;
            // A watch offers it again and again.
            if (result.Outcome == FileOutcome.Deferred && _notable.Any(known => known.File == result.File)) return;
            _notable.Add(result);
        }
    }

    /// <summary>
    /// Waits for all tasks. A run that ends early waits until shortly before its deadline: a block that ignores its cancellation would
    /// turn an error into a hang.
    /// </summary>
    public async Task CompletedAsync(IReadOnlyList<Task> tasks)
    {
        Task all = Task.WhenAll(tasks);
        await Task.WhenAny(all, _ending.HasLeft).ConfigureAwait(false);
        foreach (Task failed in tasks.Where(task => task.IsFaulted)) Fail(failed.Exception!);
        ThrowIfFailed();
        IsComplete = ListingDone && all.IsCompletedSuccessfully;
    }

    /// <summary>
    /// Prepares the sink. Not on the caller's thread, which a sink that blocks would hold for ever.
    /// </summary>
    /// <returns>Whether to go on: <see langword="false"/> if the caller stopped the run.</returns>
    public async Task<bool> PrepareAsync<TRow>(IBatchSink<TRow> sink, IFileSource source)
    {
        Doing = () => $"preparing the sink {sink.Name}";
        using var either = CancellationTokenSource.CreateLinkedTokenSource(Stopping, Aborting);
        Task preparing = Task.Run(() => sink.PrepareAsync(Describe(source.Name), either.Token).AsTask(), CancellationToken.None);
        await EndedAsync(preparing).ConfigureAwait(false);
        try
        {
            if (preparing.IsCompleted) await preparing.ConfigureAwait(false);
            ThrowIfFailed();
            return preparing.IsCompleted;
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            ThrowIfFailed();
            return false;
        }
        catch (Exception error) when (error is OperationCanceledException || Faults.IsForeign(error))
        {
            throw Faults.OfSink(sink, "getting ready", error);
        }
    }

    /// <summary>
    /// Runs the import, then closes the run's row in the sink, also after an error. A second error never hides the first.
    /// </summary>
    public async Task<PipelineResult> RecordAsync<TRow>(IBatchSink<TRow> sink, string source, Func<Task> import)
    {
        RunOutcome outcome = RunOutcome.Failed;
        try
        {
            PipelineLog.Began(Log, source);
            await import().ConfigureAwait(false);
            if (IsComplete) Counter.Books().Check();
            outcome = IsComplete ? RunOutcome.Completed : RunOutcome.Cancelled;
        }
        catch (Exception error)
        {
            Fail(error);
            PipelineLog.Failed(Log, source, Result().Elapsed.TotalSeconds, error.Message);
            throw WithResult(error);
        }
        finally
        {
            await EndAsync(sink, outcome).ConfigureAwait(false);
        }
        PipelineResult result = Result();
        PipelineLog.Ended(Log, source, result.Elapsed.TotalSeconds, result.Books);
        return result;
    }

    private async Task EndAsync<TRow>(IBatchSink<TRow> sink, RunOutcome outcome)
    {
        Doing = () => $"closing the run in the sink {sink.Name}";
        // A completed run waits for the database as long as the sink does. A run that ends early waits for its deadline at most.
        CancellationToken token = outcome == RunOutcome.Completed ? Aborting : _ending.Over;
        string? reason = (_fault ?? _declined)?.SourceException.Message;
        Task ending = Task.Run(() => sink.EndRunAsync(outcome, Counter.Books(), reason, token).AsTask(), CancellationToken.None);
        await EndedAsync(ending).ConfigureAwait(false);
        Exception? error = ending.IsCanceled ? new TaskCanceledException(ending) : ending.Exception?.InnerException;
        // The run has already failed, most likely for the same reason.
        if (outcome == RunOutcome.Failed) return;
        error = (_fault ?? _declined)?.SourceException ?? error;
        // If it was stopped, what is committed is safe. The next run finds this one open and closes it as interrupted.
        if (error is null || (error is OperationCanceledException && Stopping.IsCancellationRequested)) return;
        throw WithResult(error is PipelineException ? error : Faults.OfSink(sink, "closing the run", error));
    }

    /// <summary>Waits for a task, in a run that ends early only until its deadline. Does not throw.</summary>
    private Task<Task> EndedAsync(Task task) => Task.WhenAny(task, _ending.IsOver);

    private PipelineException WithResult(Exception error)
    {
        PipelineException known = error as PipelineException ?? new PipelineException(error.Message, error);
        known.Result ??= Result();
        return known;
    }

    public void Dispose()
    {
        PipelineMeter.Ended(this, _fault is not null || _declined is not null);
        _stop.Dispose();
        _ending.Dispose();
    }
}
