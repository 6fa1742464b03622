using System.Threading.Channels;
using Dynamo.Pipeline.Run;
using Dynamo.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;

namespace Dynamo.Pipeline.Live;

/// <summary>
/// The room Live keeps a run going: it watches the source, offers what is new, fresh files first, and goes on after outages; only the door,
/// <c>FilePipeline</c>, calls it. This type is what a watch knows of its files: which wait, which are under way, and which are done and
/// still at the source. Thread-safe.
/// </summary>
internal sealed class LiveRun : IWatch, IDisposable
{
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1), s_longestWait = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly Channel<WatchEvent> _events = Channel.CreateUnbounded<WatchEvent>(new UnboundedChannelOptions { SingleReader = true });
    // With when it was last changed, in ticks, and the how many-th it was.
    private readonly Dictionary<ulong, (long Changed, long Number)> _underWay = [];
    private long _number;
    private readonly SeenSource _whole = new();
    private readonly IFileSource _source;
    private readonly string _sink;
    private readonly TimeProvider _time;
    private readonly ILogger? _log;
    private readonly DeferredFiles _deferred;
    private FileKeys _done = new();
    private FileKeys? _seen, _gone;
    private TimeSpan _lag;
    private DateTime _lastCommit;
    private ITimer? _look;
    private long _moved, _movedAt;
    private volatile bool _isReady;
    private int _sourceFailures;
    private bool _listingFails, _workFails, _isDisposed;
    private volatile bool _sinkFails, _sinkWaits;

    public LiveRun(IFileSource source, string sink, PipelineOptions options)
    {
        TimeProvider time = options.TimeProvider;
        (_source, _sink, _time, _movedAt) = (source, sink, time, time.GetTimestamp());
        _deferred = new DeferredFiles(time);
        _log = options.LoggerFactory?.CreateLogger(PipelineLog.Category);
        Outages = new Outages(time, TellOutage);
    }

    public Outages Outages { get; }

    /// <summary>Gets each file that has an outcome or is left for later. It returns at once. Default: nobody is told.</summary>
    public Action<FileResult>? Ended { get; set; }

    /// <summary>Whether files come from a listing that is repeated, so that what is done or was left for later has to be known.</summary>
    public bool Sweeps { get; init; } = true;

    /// <summary>How many files were taken and have no outcome yet.</summary>
    public int UnderWay
    {
        get
        {
            lock (_gate) return _underWay.Count;
        }
    }

    public DateTime? OldestWaitingUtc
    {
        get
        {
            lock (_gate) return _underWay.Count == 0 ? null : new DateTime(_underWay.Values.Min(file => file.Changed), DateTimeKind.Utc);
        }
    }

    public IEnumerable<string> ActiveOutages
    {
        get
        {
            bool source;
            lock (_gate) source = _listingFails || _workFails;
            return [.. source ? ["source"] : Array.Empty<string>(), .. _sinkFails || _sinkWaits ? ["sink"] : Array.Empty<string>()];
        }
    }

    /// <summary>Takes a file, unless it is done or under way already.</summary>
    /// <param name="file">The file.</param>
    /// <param name="isTold">Whether it has just landed. A sweep may still give a file that was taken away since it began.</param>
    public bool TryTake(SourceFile file, bool isTold)
    {
        ulong key = FileKeys.Of(file);
        lock (_gate)
        {
            if (Knows(key) || (!isTold && (_gone?.Contains(key) == true || _deferred.Waits(key)))) return false;
            return _underWay.TryAdd(key, (file.ModifiedUtc.Ticks, ++_number));
        }
    }

    /// <summary>Whether a file that is seen at the source is done or under way, or was left for later.</summary>
    public bool Knows(SourceFile file)
    {
        ulong key = FileKeys.Of(file);
        lock (_gate) return Knows(key) || _underWay.ContainsKey(key) || _deferred.Waits(key);
    }

    /// <summary>Whether a file was counted as deferred, and is now offered again.</summary>
    public bool WasDeferred(SourceFile file)
    {
        ulong key = FileKeys.Of(file);
        lock (_gate) return _deferred.Contains(key);
    }

    private bool Knows(ulong key)
    {
        if (!_done.Contains(key)) return false;
        _seen?.Add(key);
        return true;
    }

    /// <summary>Whether a file was taken and has no outcome yet.</summary>
    public bool IsUnderWay(SourceFile file)
    {
        ulong key = FileKeys.Of(file);
        lock (_gate) return _underWay.ContainsKey(key);
    }

    /// <summary>Gives a file back that was taken and not offered.</summary>
    public void GiveBack(SourceFile file)
    {
        lock (_gate) End(FileKeys.Of(file));
    }

    private void End(ulong key)
    {
        if (_underWay.Remove(key, out (long Changed, long Number) file)) _whole.Ended(file.Number, NumbersUnderWay);
    }

    private IEnumerable<long> NumbersUnderWay => _underWay.Values.Select(file => file.Number);

    public DateTime? SeenUtc
    {
        get
        {
            lock (_gate) return _whole.UntilUtc;
        }
    }

    public string Seen => SeenWhole.Text(
        SeenUtc, Outages.Of(_source.Name) is { } fails ? $"The source fails since {fails.Since:yyyy-MM-dd HH:mm:ss}Z: {fails.Reason}"
            : null);

    /// <summary>From now on it is noted which of the files that are done are still at the source.</summary>
    public void SweepBegins()
    {
        lock (_gate)
        {
            _whole.SweepBegins(_time.GetUtcNow().UtcDateTime);
            (_seen, _gone) = (new FileKeys(), new FileKeys());
            _deferred.SweepBegins();
        }
    }

    /// <summary>The whole source was seen: files that are done and were not there are forgotten.</summary>
    public void SweepEnds(bool sawAll)
    {
        lock (_gate)
        {
            if (sawAll) _whole.SweepEnds(_number, NumbersUnderWay);
            if (sawAll && _seen is not null) _done = _seen;
            if (sawAll) _deferred.ForgetUnseen(_underWay.ContainsKey);
            _seen = _gone = null;
        }
    }

    /// <summary>
    /// The age of the oldest file that was loaded since the last call, when it was committed, and the time of the last commit.
    /// </summary>
    public (TimeSpan Lag, DateTime LastCommit) TakeLag()
    {
        lock (_gate)
        {
            TimeSpan lag = _lag;
            _lag = TimeSpan.Zero;
            return (lag, _lastCommit);
        }
    }

    public void Deferred(SourceFile file, string reason)
    {
        lock (_gate) Defer(FileKeys.Of(file));
        Ended?.Invoke(new FileResult(file, FileOutcome.Deferred) { Defect = new Defect(reason) });
        Wake();
    }

    public void SourceFailed(SourceFile file, Exception error)
    {
        SourceFailed(error);
        lock (_gate)
        {
            ulong key = FileKeys.Of(file);
            End(key);
            if (Sweeps) _deferred.AddInOutage(key);
        }
        Ended?.Invoke(new FileResult(file, FileOutcome.Deferred) { Defect = new Defect(error.Message) });
    }

    private void Defer(ulong key)
    {
        End(key);
        if (!Sweeps) return;
        if (_listingFails || _workFails) _deferred.AddInOutage(key);
        else _deferred.Add(key);
    }

    public void Completed(IReadOnlyList<FileResult> results, bool isDone)
    {
        bool isIdle;
        lock (_gate)
        {
            _lastCommit = _time.GetUtcNow().UtcDateTime;
            foreach (FileResult result in results)
            {
                ulong key = FileKeys.Of(result.File);
                if (result.Outcome == FileOutcome.Deferred)
                {
                    Defer(key);
                    continue;
                }
                End(key);
                _deferred.Remove(key);
                if (result.Outcome == FileOutcome.Loaded && _lastCommit - result.File.ModifiedUtc is var lag && lag > _lag) _lag = lag;
                // What is still there although it should have been taken away, the next sweep finds, and the ledger knows it.
                if (_source.TakesFiles && isDone) _gone?.Add(key);
                if (_source.TakesFiles || !isDone || !Sweeps) continue;
                _done.Add(key);
                _seen?.Add(key);
            }
            isIdle = _underWay.Count == 0;
        }
        if (Ended is { } ended)
            foreach (FileResult result in results) ended(result);
        if (isDone && results.Count > 0) SourceWorks(listing: false);
        if (isIdle) Wake();
    }

    public void SourceFailed(Exception error) => SourceFailed(error, listing: false);

    /// <summary>The source failed to list, or to give or complete files.</summary>
    public void SourceFailed(Exception error, bool listing)
    {
        lock (_gate)
        {
            (_listingFails, _workFails) = (_listingFails || listing, _workFails || !listing);
            _whole.Failed();
        }
        Outages.Began(_source.Name, error.Message);
        Interlocked.Increment(ref _sourceFailures);
        Wake();
    }

    /// <summary>What had failed works: the outage is over when nothing else fails.</summary>
    public void SourceWorks(bool listing)
    {
        lock (_gate)
        {
            if (listing) _listingFails = false;
            else _workFails = false;
            if (_listingFails || _workFails) return;
        }
        Outages.Ended(_source.Name);
    }

    /// <summary>How often the source has failed.</summary>
    public int SourceFailures => Volatile.Read(ref _sourceFailures);

    public void SinkFailed(string reason)
    {
        _sinkFails = true;
        Outages.Began(_sink, reason);
    }

    public void SinkWorks()
    {
        _sinkFails = _sinkWaits = false;
        Outages.Ended(_sink);
    }

    public void SinkAnswers()
    {
        if (_sinkWaits && !_sinkFails) SinkWorks();
    }

    /// <summary>There is something to do for the lister.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (!_isDisposed && _wake.CurrentCount == 0) _wake.Release();
        }
    }

    /// <summary>Waits until there is something to do, or for a time. Does not throw.</summary>
    public async Task WaitAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task woken = _wake.WaitAsync(either.Token);
        await Task.WhenAny(woken, Task.Delay(longest, _time, either.Token)).ConfigureAwait(false);
        await either.CancelAsync().ConfigureAwait(false);
        await woken.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Tell(WatchEvent happened) => _events.Writer.TryWrite(happened);

    private void TellOutage(WatchEvent happened)
    {
        Tell(happened);
        if (happened is OutageBegan began) PipelineMeter.Failing(ofSink: began.Name == _sink);
        if (_log is null) return;
        if (happened is OutageBegan fails) PipelineLog.Failing(_log, fails.Name, fails.AtUtc, fails.Reason);
        else if (happened is OutageEnded works) PipelineLog.Recovered(_log, works.Name, works.Lasted.TotalSeconds);
    }

    /// <summary>Nothing more happens.</summary>
    public void EndEvents() => _events.Writer.TryComplete();

    /// <summary>Prepares the sink, again and again while it cannot be reached.</summary>
    /// <returns>Whether to go on: <see langword="false"/> if the caller stopped the watch.</returns>
    public async Task<bool> PrepareAsync(PipelineRun run, Func<Task<bool>> prepare)
    {
        _look = _time.CreateTimer(_ => Look(run), null, s_tick, s_tick);
        for (TimeSpan pause = TimeSpan.FromSeconds(1); ; pause = run.Longer(pause))
        {
            try
            {
                bool isReady = await prepare().ConfigureAwait(false);
                if (isReady) run.WaitIsOver();
                _isReady = true;
                return isReady;
            }
            catch (SinkException error) when (error.IsTransient || error.IsOutage)
            {
                SinkFailed(error.Message);
            }
            await run.PauseAsync("the sink, which cannot be reached", pause).ConfigureAwait(false);
            if (run.Stopping.IsCancellationRequested) return false;
        }
    }

    /// <summary>Tells of a sink that waits for long, such as for the lock of another, like of one that fails.</summary>
    private void Look(PipelineRun run)
    {
        PipelineProgress now = run.Progress();
        long moved = now.Moves + run.Waits;
        if (moved != _moved || (_isReady && UnderWay == 0) || now.Waiting is not { } what)
        {
            (_moved, _movedAt) = (moved, _time.GetTimestamp());
        }
        else if (_time.GetElapsedTime(_movedAt) > s_longestWait)
        {
            _sinkWaits = true;
            Outages.Began(_sink, $"It waits: {what}.");
        }
    }

    /// <summary>Hands on what happens, in order, until the events end. An error in it is an error of the run.</summary>
    public async Task TellAsync(PipelineRun run, IProgress<WatchEvent>? events)
    {
        await foreach (WatchEvent happened in _events.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                events?.Report(happened);
            }
            catch (Exception error)
            {
                run.Fail(new PipelineException($"The events ({events!.GetType().Name}, an IProgress) failed: {error.Message}", error));
                return;
            }
        }
    }

    public void Dispose()
    {
        _look?.Dispose();
        // Whoever was left alone may still call.
        lock (_gate) _isDisposed = true;
        _wake.Dispose();
    }
}
