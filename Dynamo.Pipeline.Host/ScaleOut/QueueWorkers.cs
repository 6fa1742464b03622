using System.Collections.Concurrent;
using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The dispatcher's side of the queues: hands out chunks, and knows of each what became of it. A chunk that is lost, because the broker was
/// wiped or a report did not arrive, is handed out again; the ledger makes that right. Thread-safe.
/// </summary>
/// <remarks>
/// A chunk that ended its workers comes back by the queue of failures. Its files are then tried one by one: a worker takes such a file only
/// when it does nothing else, and says so before it begins. A file is bad when that many workers began with it and were never heard of
/// again, or failed. A connection that is cut counts for nothing: the worker is heard of again.
/// </remarks>
internal sealed class QueueWorkers : BrokerLink, IFileWorkers
{
    /// <summary>As many as keep some tens of workers busy, and few enough that a fresh file does not wait behind many.</summary>
    private const int MostInFlight = 256;

    /// <summary>How many files of a chunk that failed are tried at the same time.</summary>
    private const int SinglesInFlight = 16;

    /// <summary>How often a chunk is handed out before the ledger is asked.</summary>
    private const int MostTries = 2;

    /// <summary>A chunk that nobody has, in an empty queue, is lost after this time. Workers name theirs more often.</summary>
    private static readonly TimeSpan s_lost = TimeSpan.FromSeconds(12), s_look = TimeSpan.FromSeconds(3), s_busy = TimeSpan.FromSeconds(1);

    private readonly TimeSpan _freshFor;
    private readonly string _source;
    private readonly ConcurrentDictionary<string, Handed> _handed = [];
    private readonly CancellationTokenSource _stopped = new();
    private readonly string _prefix = Guid.NewGuid().ToString("n")[..8];
    private readonly Task _looking;
    private long _count, _again;

    public QueueWorkers(QueueOptions options, string source, TimeSpan freshFor, Action<WatchEvent> tell) : base(options, "dispatch", tell)
    {
        (_source, _freshFor) = (source, freshFor);
        Book = new WorkerBook($"queue:{options.Name}", tell);
        _looking = Task.Run(LookAsync);
    }

    /// <summary>The workers that were heard of.</summary>
    public WorkerBook Book { get; }

    public int ChunksInFlight => MostInFlight;

    /// <summary>The run of the dispatcher, once it has begun.</summary>
    public Func<long?> RunId { get; set; } = static () => null;

    /// <summary>How many chunks are handed out and not imported.</summary>
    public int UnderWay => _handed.Count;

    /// <summary>How many chunks were handed out again.</summary>
    public long Redelivered => Interlocked.Read(ref _again) + Book.Redelivered;

    public async ValueTask<ChunkResult> ImportAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        ChunkEnd end = await HandOutAsync(files, IsFresh(files) ? Queues.Fresh : Queues.Backlog, cancellationToken);
        if (end.Results is { } results) return new ChunkResult(results);
        // It ended its workers. Which of its files does that?
        using var room = new SemaphoreSlim(SinglesInFlight);
        ChunkResult[] singles = await Task.WhenAll(files.Select(async file =>
        {
            await room.WaitAsync(cancellationToken);
            try
            {
                ChunkEnd one = await HandOutAsync([file], Queues.Single, cancellationToken);
                return one.Results is { } result ? new ChunkResult(result) : new ChunkResult([]) { Refused = [new(file, one.Defect)] };
            }
            finally
            {
                room.Release();
            }
        }));
        return new ChunkResult([.. singles.SelectMany(one => one.Results)]) { Refused = [.. singles.SelectMany(one => one.Refused)] };
    }

    public override async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        await _looking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.DisposeAsync();
        _stopped.Dispose();
    }

    protected override async Task BeginAsync(Broker broker, CancellationToken cancellationToken)
    {
        await broker.ConsumeAsync(Queues.Reports, 1_000, Reported, cancellationToken);
        await broker.ConsumeAsync(Queues.Failed, 100, GivenUp, cancellationToken);
    }

    private bool IsFresh(IReadOnlyList<SourceFile> files) =>
        Options.FreshFirst && DateTime.UtcNow - files.Max(file => file.ModifiedUtc) < _freshFor;

    private async Task<ChunkEnd> HandOutAsync(IReadOnlyList<SourceFile> files, string queue, CancellationToken cancellationToken)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"{_prefix}-{Interlocked.Increment(ref _count)}");
        var handed = new Handed(files, queue) { IsAgain = queue == Queues.Single };
        _handed[id] = handed;
        try
        {
            for (int tries = 1; ; tries++)
            {
                await PublishAsync(id, handed, cancellationToken);
                Task<ChunkEnd> ends = handed.Ends;
                Task lost = handed.Lost;
                await Task.WhenAny(ends, lost).WaitAsync(cancellationToken);
                if (ends.IsCompleted) return await ends;
                // Perhaps no report comes through. Then the ledger tells what became of them.
                if (tries == MostTries) return new ChunkEnd([.. files.Select(Unheard)]);
                handed.HandOutAgain();
                Interlocked.Increment(ref _again);
            }
        }
        finally
        {
            _handed.TryRemove(id, out _);
        }
    }

    private static FileResult Unheard(SourceFile file) =>
        new(file, FileOutcome.Deferred) { Defect = new Defect("it was handed out, and no worker was heard of that has it") };

    private async Task PublishAsync(string id, Handed handed, CancellationToken cancellationToken)
    {
        long run = RunId() ?? throw new InvalidOperationException("The dispatcher has no run.");
        ReadOnlyMemory<byte> body = new ChunkMessage(id, run, _source, handed.Files, handed.IsAgain).ToBytes();
        while (true)
        {
            Broker broker = await ConnectedAsync(cancellationToken);
            try
            {
                handed.Seen();
                await broker.PublishAsync(handed.Queue, body, isLasting: true, isHint: false, cancellationToken);
                handed.Seen();
                return;
            }
            catch (BrokerException error)
            {
                // It may have it nevertheless.
                handed.IsAgain = true;
                if (error.IsBusy) await Task.Delay(s_busy, cancellationToken);
                else await Task.WhenAny(broker.Closed, Task.Delay(s_busy, cancellationToken));
                if (handed.Ends.IsCompleted) return;
            }
        }
    }

    private void Reported(QueueDelivery delivery)
    {
        _ = delivery.AckAsync();
        WorkerReport report;
        try
        {
            report = WorkerReport.Of(delivery.Body);
        }
        catch (FormatException)
        {
            return; // Of another version, or of somebody else.
        }
        Book.Heard(report);
        foreach (string id in report.Held)
            if (_handed.TryGetValue(id, out Handed? held)) held.Seen();
        if (!_handed.TryGetValue(report.Chunk, out Handed? handed)) return;
        handed.Seen();
        switch (report.Kind)
        {
            case ReportKind.Imported when Fits(handed.Files, report.Results):
                handed.End(new ChunkEnd(report.Results));
                break;
            case ReportKind.Begins:
                handed.Began(report.Worker);
                break;
            case ReportKind.Failed:
                handed.Failed(report.Worker, report.Reason);
                break;
        }
    }

    /// <summary>Whether a report is about the files that were handed out.</summary>
    private static bool Fits(IReadOnlyList<SourceFile> files, IReadOnlyList<FileResult> results) =>
        files.Count == results.Count
        && files.Zip(results).All(pair => (pair.First.Path, pair.First.Size, pair.First.ModifiedUtc)
            == (pair.Second.File.Path, pair.Second.File.Size, pair.Second.File.ModifiedUtc));

    private void GivenUp(QueueDelivery delivery)
    {
        // What an earlier dispatcher handed out is listed again, if it is not in the ledger.
        _ = delivery.AckAsync();
        try
        {
            if (!_handed.TryGetValue(ChunkMessage.Of(delivery.Body).Id, out Handed? handed)) return;
            if (handed.Queue == Queues.Single) handed.Returned();
            else handed.End(new ChunkEnd(null));
        }
        catch (FormatException)
        {
            // None of ours.
        }
    }

    /// <summary>Looks for chunks that are lost, for files that end their workers, and for workers that are gone.</summary>
    private async Task LookAsync()
    {
        while (!_stopped.IsCancellationRequested)
        {
            await Task.Delay(s_look, _stopped.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Book.Look(_handed.Count);
            foreach ((_, Handed handed) in _handed)
            {
                if (handed.Queue == Queues.Single && handed.Ended(Book, Options.DeliveryLimit) is { } ended)
                    handed.End(new ChunkEnd(null) { Defect = Bad(ended.Count, ended.Last, ended.Reason) });
            }
            if (Current is not { } broker) continue;
            try
            {
                foreach (string queue in (string[])[Queues.Fresh, Queues.Backlog, Queues.Single])
                {
                    Handed[] silent = [.. _handed.Values.Where(one => one.Queue == queue && one.SilentFor > s_lost)];
                    if (silent.Length == 0 || await broker.WaitingAsync(queue, _stopped.Token) is > 0) continue;
                    foreach (Handed one in silent) one.IsLost();
                }
            }
            catch (Exception error) when (error is BrokerException or OperationCanceledException)
            {
                // It is looked again with the next connection.
            }
        }
    }

    private static Defect Bad(int count, WorkerId last, string? reason) => new($"it ended its worker {count} times")
    {
        Found = $"the last one was {last}{(reason is null ? ", which was not heard of again" : $": {reason}")}",
        Expected = "a file that a worker can import",
        Remedy = "look at it, and at the log of that worker; then dynamo retry",
    };

    /// <summary>How a chunk ended: with results; or it ended its workers.</summary>
    private sealed record ChunkEnd(IReadOnlyList<FileResult>? Results)
    {
        /// <summary>Why a file that was tried alone is bad.</summary>
        public Defect? Defect { get; init; }
    }

    private sealed class Handed(IReadOnlyList<SourceFile> files, string queue)
    {
        private readonly Lock _gate = new();
        private readonly TaskCompletionSource<ChunkEnd> _ends = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Dictionary<WorkerId, (bool Failed, string? Reason)> _began = [];
        private TaskCompletionSource _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private (int Count, WorkerId Last, string? Reason) _failures;
        private long _seen = Environment.TickCount64;
        private bool _isReturned;

        public IReadOnlyList<SourceFile> Files => files;

        public string Queue => queue;

        /// <summary>Whether it may have been imported by somebody already.</summary>
        public bool IsAgain { get; set; }

        public Task<ChunkEnd> Ends => _ends.Task;

        public Task Lost
        {
            get
            {
                lock (_gate) return _lost.Task;
            }
        }

        public TimeSpan SilentFor => TimeSpan.FromMilliseconds(Environment.TickCount64 - Interlocked.Read(ref _seen));

        public void Seen() => Interlocked.Exchange(ref _seen, Environment.TickCount64);

        public void End(ChunkEnd end) => _ends.TrySetResult(end);

        public void IsLost()
        {
            lock (_gate) _lost.TrySetResult();
        }

        public void HandOutAgain()
        {
            IsAgain = true;
            lock (_gate) (_lost, _isReturned) = (new(TaskCreationOptions.RunContinuationsAsynchronously), false);
        }

        public void Began(WorkerId worker)
        {
            lock (_gate) _began.TryAdd(worker, default);
        }

        public void Failed(WorkerId worker, string? reason)
        {
            lock (_gate)
            {
                _began.Remove(worker);
                _failures = (_failures.Count + 1, worker, reason);
            }
        }

        /// <summary>The broker has given it up. Whether its workers are gone, or only their connections were, turns out later.</summary>
        public void Returned()
        {
            lock (_gate) _isReturned = true;
        }

        /// <summary>
        /// Whether it has ended so many workers, and the last of them. If it was returned and has not, it is handed out again.
        /// </summary>
        public (int Count, WorkerId Last, string? Reason)? Ended(WorkerBook book, int most)
        {
            lock (_gate)
            {
                foreach (WorkerId worker in _began.Keys.Where(book.IsGone).ToArray())
                {
                    _began.Remove(worker);
                    _failures = (_failures.Count + 1, worker, null);
                }
                if (_failures.Count >= most) return _failures;
                if (_isReturned && _began.Count == 0) _lost.TrySetResult();
                return null;
            }
        }
    }
}
