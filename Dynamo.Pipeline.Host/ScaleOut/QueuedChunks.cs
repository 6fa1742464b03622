using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The worker's side of the queues: takes chunks, fresh ones first, and acknowledges each when it is imported and reported. Thread-safe.
/// </summary>
internal sealed class QueuedChunks : BrokerLink
{
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1);

    private readonly string _source;
    private readonly WorkerId _self;
    private readonly ConcurrentQueue<QueueDelivery> _fresh = new(), _backlog = new();
    private readonly SemaphoreSlim _came = new(0);
    private readonly ConcurrentDictionary<QueuedChunk, bool> _working = [];
    private readonly CancellationTokenSource _stopped = new();
    private readonly Task _beating;
    private QueuedChunk? _next;
    private long _redelivered, _files, _rows;
    private volatile bool _isSingleWaiting;
    private volatile string? _waitsFor;

    public QueuedChunks(QueueOptions options, string source, Action<WatchEvent> tell) : base(options, "work", tell)
    {
        _source = source;
        string version = typeof(QueuedChunks).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        _self = new WorkerId(Environment.MachineName, Environment.ProcessId, DateTime.UtcNow.Ticks, version);
        _beating = Task.Run(BeatAsync);
    }

    /// <summary>What the worker waits for, such as a database that is away; <see langword="null"/>: nothing.</summary>
    public string? WaitsFor
    {
        set => _waitsFor = value;
    }

    /// <summary>The run that the next chunk is part of. It waits for a chunk.</summary>
    public async Task<long> NextRunAsync(CancellationToken cancellationToken)
    {
        _next ??= await TakeAsync(cancellationToken);
        return _next.Message.RunId;
    }

    /// <summary>The chunks of a run and of those before it, until one of a later run comes.</summary>
    public async IAsyncEnumerable<FileChunk> OfRunAsync(long runId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            QueuedChunk chunk = _next ?? await TakeAsync(cancellationToken);
            _next = chunk;
            if (chunk.Message.RunId > runId) yield break;
            _next = null;
            _working[chunk] = true;
            if (chunk.MayBeKnown) Interlocked.Increment(ref _redelivered);
            yield return chunk;
            if (chunk.IsAlone) await chunk.Gone.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The import has failed: what it had goes to others, or to this worker's next attempt, and counts as a failure.</summary>
    public async Task FailedAsync(string reason)
    {
        foreach (QueuedChunk chunk in _working.Keys)
        {
            if (chunk.IsAlone) await ReportAsync(new WorkerReport(ReportKind.Failed, _self) { Chunk = chunk.Message.Id, Reason = reason });
            await chunk.Delivery.GiveBackAsync(requeue: true);
            Done(chunk);
        }
    }

    /// <summary>A chunk is imported: that is reported, then its message is removed from the queue.</summary>
    public async Task ImportedAsync(QueuedChunk chunk, IReadOnlyList<FileResult> results)
    {
        Interlocked.Add(ref _files, results.Count(result => result.Outcome is FileOutcome.Loaded or FileOutcome.Quarantined));
        Interlocked.Add(ref _rows, results.Sum(result => result.Inserted + result.Updated + result.Unchanged));
        await ReportAsync(new WorkerReport(ReportKind.Imported, _self) { Chunk = chunk.Message.Id, Results = results });
        await chunk.Delivery.AckAsync();
        Done(chunk);
    }

    public override async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        await _beating.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.DisposeAsync();
        _stopped.Dispose();
        _came.Dispose();
    }

    protected override async Task BeginAsync(Broker broker, CancellationToken cancellationToken)
    {
        await broker.ConsumeAsync(Queues.Fresh, Options.Prefetch, delivery => Came(_fresh, delivery), cancellationToken);
        await broker.ConsumeAsync(Queues.Backlog, Options.Prefetch, delivery => Came(_backlog, delivery), cancellationToken);
    }

    /// <summary>What came and was not begun goes to another.</summary>
    protected override void Lost(Broker broker)
    {
        foreach (ConcurrentQueue<QueueDelivery> queue in (ConcurrentQueue<QueueDelivery>[])[_fresh, _backlog])
            for (int left = queue.Count; left > 0 && queue.TryDequeue(out QueueDelivery? delivery); left--)
                if (delivery.Broker != broker) queue.Enqueue(delivery);
    }

    private void Came(ConcurrentQueue<QueueDelivery> queue, QueueDelivery delivery)
    {
        queue.Enqueue(delivery);
        _came.Release();
    }

    private void Done(QueuedChunk chunk)
    {
        _working.TryRemove(chunk, out _);
        chunk.IsGone();
    }

    private async Task<QueuedChunk> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_isSingleWaiting && await TakeSingleAsync(cancellationToken) is { } single) return single;
            if ((_fresh.TryDequeue(out QueueDelivery? delivery) || _backlog.TryDequeue(out delivery))
                && await ReadAsync(delivery, isAlone: false) is { } chunk) return chunk;
            if (_fresh.IsEmpty && _backlog.IsEmpty) await _came.WaitAsync(s_tick, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>
    /// Takes a file that has to be tried alone. All that is under way ends before, so that only this file can end the worker.
    /// </summary>
    private async Task<QueuedChunk?> TakeSingleAsync(CancellationToken cancellationToken)
    {
        foreach (QueuedChunk busy in _working.Keys) await busy.Gone.WaitAsync(cancellationToken);
        if (Current is not { } broker) return null;
        try
        {
            if (await broker.GetAsync(Queues.Single, cancellationToken) is not { } delivery)
            {
                _isSingleWaiting = false;
                return null;
            }
            if (await ReadAsync(delivery, isAlone: true) is not { } chunk) return null;
            if (await ReportAsync(new WorkerReport(ReportKind.Begins, _self) { Chunk = chunk.Message.Id })) return chunk;
            await delivery.GiveBackAsync(requeue: true);
        }
        catch (BrokerException)
        {
            // It comes again.
        }
        return null;
    }

    /// <summary>Reads a message. One that is none of ours goes to the queue of failures, where the dispatcher drops it.</summary>
    /// <exception cref="SettingsException">It is about another source.</exception>
    private async Task<QueuedChunk?> ReadAsync(QueueDelivery delivery, bool isAlone)
    {
        try
        {
            ChunkMessage message = ChunkMessage.Of(delivery.Body);
            if (message.Source == _source) return new QueuedChunk(this, delivery, message, isAlone);
            await delivery.GiveBackAsync(requeue: true);
            throw new SettingsException("source", $"the dispatcher of this queue reads {Shown.Name(message.Source)}, and this worker "
                + $"{Shown.Name(_source)}. Give all of one queue:name the same source.");
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            await delivery.GiveBackAsync(requeue: false);
        }
        return null;
    }

    /// <summary>Reports to the dispatcher, by the connection that is open now.</summary>
    /// <returns>Whether the broker has it. If not, the message of the chunk comes again, and the ledger tells what happened.</returns>
    private async Task<bool> ReportAsync(WorkerReport report)
    {
        try
        {
            if (Current is not { } broker) return false;
            await broker.PublishAsync(Queues.Reports, report.ToBytes(), isLasting: report.Kind != ReportKind.Alive, isHint: true, Ended);
            return true;
        }
        catch (Exception error) when (error is BrokerException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Gives signs of life, with the chunks that this worker has, and looks for files that have to be tried alone.</summary>
    private async Task BeatAsync()
    {
        while (!_stopped.IsCancellationRequested)
        {
            if (Current is { } broker)
            {
                await ReportAsync(new WorkerReport(ReportKind.Alive, _self)
                {
                    Held = [.. Held()],
                    Reason = _waitsFor,
                    Files = Interlocked.Read(ref _files),
                    Rows = Interlocked.Read(ref _rows),
                    Redelivered = Interlocked.Read(ref _redelivered),
                });
                try
                {
                    _isSingleWaiting = await broker.WaitingAsync(Queues.Single, _stopped.Token) is > 0;
                }
                catch (Exception error) when (error is BrokerException or OperationCanceledException)
                {
                    // The next connection tells.
                }
            }
            await Task.Delay(WorkerBook.Beat, _stopped.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private IEnumerable<string> Held()
    {
        foreach (QueuedChunk chunk in _working.Keys) yield return chunk.Message.Id;
        if (_next is { } next) yield return next.Message.Id;
        foreach (QueueDelivery delivery in _fresh.Concat(_backlog))
        {
            string? id = null;
            try
            {
                id = ChunkMessage.Of(delivery.Body).Id;
            }
            catch (FormatException)
            {
                // It is refused when it is taken.
            }
            if (id is not null) yield return id;
        }
    }
}

/// <summary>A chunk that came by a queue.</summary>
internal sealed class QueuedChunk(QueuedChunks queue, QueueDelivery delivery, ChunkMessage message, bool isAlone) : FileChunk(message.Files)
{
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ChunkMessage Message => message;

    public QueueDelivery Delivery => delivery;

    /// <summary>Whether it is imported while nothing else is.</summary>
    public bool IsAlone => isAlone;

    public override bool MayBeKnown => message.IsAgain || delivery.IsRedelivered;

    /// <summary>Completes when this worker has it no longer.</summary>
    public Task Gone => _gone.Task;

    public void IsGone() => _gone.TrySetResult();

    public override async ValueTask ImportedAsync(IReadOnlyList<FileResult> results, CancellationToken cancellationToken) =>
        await queue.ImportedAsync(this, results);
}
