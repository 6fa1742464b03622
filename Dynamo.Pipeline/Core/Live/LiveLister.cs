using Dynamo.Pipeline.Run;
using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline.Live;

/// <summary>
/// The step "list" of a watch: offers what lands, and beside it what sweeps find, until it is stopped. What lands, and what changed a short
/// while ago, comes before the backlog. Events are hints; a sweep finds what nobody told.
/// </summary>
internal sealed class LiveLister<TRow>
{
    /// <summary>How many files wait at most. More are left at the source, and found again when half of them are through.</summary>
    private const int MostWaiting = 100_000;

    /// <summary>How many files are offered before somebody looks whether fresher ones have landed.</summary>
    private const int Portion = 500;

    /// <summary>Of how many young files it is remembered since when they have not changed. More of them begin anew at each sweep.</summary>
    private const int MostSettling = 1_000_000;

    /// <summary>A sweep takes at most this part of the time, however long the listing.</summary>
    private const int MostOfTime = 20;

    /// <summary>When a file that came too early is looked at again.</summary>
    private static readonly TimeSpan s_soon = TimeSpan.FromMilliseconds(50);

    /// <summary>A wave is over when nothing came for this time.</summary>
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(1);

    private readonly IFileSource _source;
    private readonly PipelineRun _run;
    private readonly LiveRun _live;
    private readonly FileDispatch<TRow> _dispatch;
    private readonly WatchOptions _options;
    private readonly TimeProvider _time;
    // What waits. Arrivals and sweeps add to it, the lister takes from it.
    private readonly Lock _gate = new();
    private readonly Queue<SourceFile> _fresh = new(), _backlog = new();
    private bool _leftSome, _leftTold;

    // What was told while the same file was being dealt with.
    private readonly List<SourceFile> _early = [];
    private long _earlySince;

    // When the source is swept. A sweep runs beside the lister, which reads these only when none is under way.
    private IArrivals? _arrivals;
    private CancellationToken _ended;
    private Task _sweeping = Task.CompletedTask;
    private Dictionary<ulong, long> _settling = [];
    private long _nextSweep, _earliest;
    private readonly PollRhythm _rhythm;
    private TimeSpan _pause;
    private int _knownFailures, _sweptFailures;

    // The wave that is under way.
    private RunBooks _before = new();
    private long? _waveBegan;
    private long _offered;

    public LiveLister(IFileSource source, PipelineRun run, LiveRun live, FileDispatch<TRow> dispatch, WatchOptions options)
    {
        (_source, _run, _live, _dispatch, _options) = (source, run, live, dispatch, options);
        _time = run.Options.TimeProvider;
        (_rhythm, _nextSweep) = (new PollRhythm(options.Poll, _time), _time.GetTimestamp());
        run.Backlog = () => Waiting;
    }

    private int Waiting
    {
        get
        {
            lock (_gate) return _fresh.Count + _backlog.Count;
        }
    }

    /// <summary>Lists until the run is asked to stop, then completes the readers' block.</summary>
    public async Task ListAsync(string sink)
    {
        // What the source fails to give is found again by a later sweep.
        _run.Unreadable.LastTry();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_run.Stopping, _run.Aborting);
        _ended = ended.Token;
        try
        {
            _arrivals = _source.Listen(_live.Wake);
            _live.Tell(new WatchStarted(_time.GetUtcNow().UtcDateTime, _source.Name, sink, _arrivals is not null));
            while (!_ended.IsCancellationRequested)
            {
                TakeArrivals();
                if (_sweeping.IsCompleted && IsDue()) await BeginSweepAsync().ConfigureAwait(false);
                if (!await OfferAsync().ConfigureAwait(false)) await RestAsync().ConfigureAwait(false);
                EndWave(atOnce: false);
            }
            await _sweeping.ConfigureAwait(false);
        }
        finally
        {
            _arrivals?.Dispose();
        }
        await _dispatch.FlushAsync().ConfigureAwait(false);
        _run.ListingDone = true;
        _dispatch.Complete();
    }

    /// <summary>Reports what was committed since the last wave.</summary>
    public void EndWave(bool atOnce)
    {
        if (_waveBegan is not { } began) return;
        TimeSpan lasted = _time.GetElapsedTime(began);
        bool isOver = _live.UnderWay == 0 && Waiting == 0 && _time.GetElapsedTime(_offered) >= s_quiet;
        if (!atOnce && !isOver && lasted < _options.LongestWave) return;
        RunBooks now = _run.Counter.Books(), wave = now.Since(_before);
        // Files that were deferred in an earlier wave and have another outcome now.
        if (wave.Deferred < 0) wave = wave with { Listed = wave.Listed - wave.Deferred, Deferred = 0 };
        (TimeSpan lag, DateTime lastCommit) = _live.TakeLag();
        _run.Wave?.SetTag("dynamo.files", wave.FilesDone).Dispose();
        (_waveBegan, _run.Wave) = (null, null);
        if (!atOnce && _live.UnderWay + Waiting > 0) BeginWave();
        if (wave.FilesDone == 0) return;
        _before = now;
        DateTime at = _time.GetUtcNow().UtcDateTime;
        if (lastCommit == default) lastCommit = at;
        TimeSpan idle = at - lastCommit;
        _live.Tell(new WaveCommitted(lastCommit, wave, lasted > idle && idle > TimeSpan.Zero ? lasted - idle : lasted, lag, Waiting));
    }

    private void TakeArrivals()
    {
        if (_arrivals is null) return;
        try
        {
            if (_sweeping.IsCompleted && _arrivals.TakeMissed())
                _nextSweep = Math.Min(_nextSweep, Math.Max(_earliest, _time.GetTimestamp()));
            if (_early.Count > 0 && _time.GetElapsedTime(_earlySince) >= s_soon)
            {
                foreach (SourceFile file in _early) _arrivals.Again(file);
                _early.Clear();
            }
            foreach (SourceFile file in _arrivals.Take(Portion))
            {
                if (file.DeferReason is not null || _dispatch.EmptyReason(file) is not null) continue;
                Taken taken = Enqueue(file, isFresh: true, isTold: true);
                _leftTold |= taken == Taken.NoRoom;
                if (taken != Taken.No || !_live.IsUnderWay(file)) continue;
                // The same again, while the one before is being dealt with. Nobody tells a second time.
                if (_early.Count == 0) _earlySince = _time.GetTimestamp();
                if (_early.Count < MostWaiting) _early.Add(file);
            }
        }
        catch (SourceException error)
        {
            _live.SourceFailed(error);
        }
    }

    private bool IsDue()
    {
        lock (_gate)
        {
            if ((_leftSome || _leftTold) && _fresh.Count + _backlog.Count < MostWaiting / 2) return true;
        }
        if (_live.SourceFailures != _knownFailures)
        {
            // Outside of a sweep. What could not be given or completed is found again by one.
            _knownFailures = _live.SourceFailures;
            _nextSweep = Math.Min(_nextSweep, _time.GetTimestamp() + Pause());
        }
        return _time.GetTimestamp() >= _nextSweep;
    }

    /// <summary>A pause after a failure, longer than the one before, in ticks of the clock.</summary>
    private long Pause()
    {
        _pause = _run.Longer(_pause == TimeSpan.Zero ? TimeSpan.FromSeconds(0.5) : _pause);
        return Ticks(_pause * (0.75 + Random.Shared.NextDouble() / 4));
    }

    private async Task BeginSweepAsync()
    {
        await _sweeping.ConfigureAwait(false);
        _leftSome = _leftTold = false;
        _sweeping = Task.Run(() => _run.GuardAsync(SweepAsync), CancellationToken.None);
    }

    /// <summary>Lists the whole source. A source that fails is listed again after a pause.</summary>
    private async Task SweepAsync()
    {
        long began = _time.GetTimestamp(), settled = long.MaxValue;
        var settling = new Dictionary<ulong, long>();
        using Step.Span working = _run.Listing.Work();
        bool isNew = false, sawAll = true;
        bool hadFailed = _live.SourceFailures != _sweptFailures;
        int failures = _sweptFailures = _live.SourceFailures;
        _live.SweepBegins();
        try
        {
            await foreach (SourceFile listed in _source.SweepAsync(_ended).ConfigureAwait(false))
            {
                SourceFile file = listed;
                if (_live.Knows(file)) continue;
                if (file.SettlesIn is { } wait)
                {
                    long ready = Settling(file, wait, settling);
                    if (ready > _time.GetTimestamp())
                    {
                        settled = Math.Min(settled, ready);
                        continue;
                    }
                    file = file with { DeferReason = null, SettlesIn = null };
                }
                if (file.DeferReason is not null || _dispatch.EmptyReason(file) is not null) continue;
                Taken taken = Enqueue(file, IsFresh(file), isTold: false);
                isNew |= taken == Taken.Yes;
                sawAll &= taken != Taken.NoRoom;
            }
            _settling = settling;
            _live.SourceWorks(listing: true);
        }
        catch (Exception error) when (error is SourceException or OperationCanceledException)
        {
            sawAll = false;
            if (!_ended.IsCancellationRequested) _live.SourceFailed(error, listing: true);
        }
        catch (Exception error) when (Faults.IsForeign(error))
        {
            throw Faults.OfSource(_source, "listing", error);
        }
        finally
        {
            _live.SweepEnds(sawAll);
        }
        bool hasFailed = _live.SourceFailures != failures;
        _leftSome = !sawAll && !hasFailed;
        _knownFailures = _live.SourceFailures;
        // A source that lists, and then fails at its files, is not asked all the time either.
        if (!hasFailed && !hadFailed) _pause = TimeSpan.Zero;
        _nextSweep = Next(began, settled, isNew, hasFailed);
        _live.Wake();
    }

    private enum Taken
    {
        No,
        Yes,
        NoRoom,
    }

    private Taken Enqueue(SourceFile file, bool isFresh, bool isTold)
    {
        if (!_live.TryTake(file, isTold)) return Taken.No;
        lock (_gate)
        {
            Queue<SourceFile> queue = isFresh ? _fresh : _backlog;
            if (queue.Count < MostWaiting)
            {
                queue.Enqueue(file);
                if (queue.Count % Portion == 1) _live.Wake();
                return Taken.Yes;
            }
        }
        _live.GiveBack(file);
        return Taken.NoRoom;
    }

    private bool IsFresh(SourceFile file) => _time.GetUtcNow().UtcDateTime - file.ModifiedUtc < _options.FreshFor;

    /// <summary>When a file has not changed for long enough. The time begins when this version of it was seen for the first time.</summary>
    private long Settling(SourceFile file, TimeSpan wait, Dictionary<ulong, long> settling)
    {
        ulong key = FileKeys.Of(file);
        if (!_settling.TryGetValue(key, out long ready)) ready = _time.GetTimestamp() + Ticks(wait);
        if (settling.Count < MostSettling) settling[key] = ready;
        return ready;
    }

    /// <summary>
    /// When to sweep again: after a failure soon, then less often; for a file that settles; otherwise after the usual time. A source that
    /// tells nothing is listed as often as files come.
    /// </summary>
    private long Next(long began, long settled, bool isNew, bool hasFailed)
    {
        long now = _time.GetTimestamp();
        if (hasFailed) return now + Pause();
        // A listing costs this machine time, and another one mostly waiting.
        TimeSpan took = _time.GetElapsedTime(began, now), rest = _arrivals is null ? took : (MostOfTime - 1) * took;
        // What was missed is looked for sooner: a folder that is gone is not noticed otherwise.
        _earliest = now + Ticks(rest < _options.Poll ? rest : _options.Poll);
        return Math.Max(now + Ticks(rest), Math.Min(settled, now + Ticks(_arrivals is null ? _rhythm.Next(isNew) : _options.Sweep)));
    }

    /// <summary>Offers a portion, the fresh files first.</summary>
    /// <returns>Whether there was one.</returns>
    private async Task<bool> OfferAsync()
    {
        int offered = 0;
        for (; offered < Portion && TryNext(out SourceFile? file); offered++)
        {
            _offered = _time.GetTimestamp();
            if (_waveBegan is null) BeginWave();
            if (_live.WasDeferred(file)) _run.Counter.OfferedAgain();
            else _run.Counter.Listed();
            _run.Progressed();
            Task offering = _dispatch.OfferAsync(file);
            if (!offering.IsCompletedSuccessfully) await ForRoomAsync(offering).ConfigureAwait(false);
        }
        if (offered < Portion)
        {
            Task flushing = _dispatch.FlushAsync();
            if (!flushing.IsCompletedSuccessfully) await ForRoomAsync(flushing).ConfigureAwait(false);
        }
        return offered > 0;
    }

    private void BeginWave()
    {
        _waveBegan = _time.GetTimestamp();
        _run.Wave = PipelineTraces.Wave();
    }

    private async Task ForRoomAsync(Task taken)
    {
        using Step.Span working = _run.Listing.Work(), waiting = _run.Listing.Wait();
        await taken.ConfigureAwait(false);
    }

    private bool TryNext([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out SourceFile? file)
    {
        lock (_gate) return _fresh.TryDequeue(out file) || _backlog.TryDequeue(out file);
    }

    private async Task RestAsync()
    {
        // A step that hangs makes the run stall. Nothing under way is no stall.
        if (_live.UnderWay == 0) _run.Progressed();
        TimeSpan rest = _sweeping.IsCompleted ? _time.GetElapsedTime(_time.GetTimestamp(), _nextSweep) : s_quiet;
        if (_early.Count > 0) rest = rest < s_soon ? rest : s_soon;
        TimeSpan longest = _waveBegan is null ? _run.Options.StallTimeout / 4 : s_quiet;
        rest = rest < longest ? rest : longest;
        if (rest > TimeSpan.Zero) await _live.WaitAsync(rest, _ended).ConfigureAwait(false);
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);
}
