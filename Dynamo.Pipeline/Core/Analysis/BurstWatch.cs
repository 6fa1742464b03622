namespace Dynamo.Pipeline.Analysis;

/// <summary>
/// Looks after areas while readings come in: it hangs after the commit, <c>pipeline.AfterCommit(watch.AddAsync)</c>, and keeps events in
/// the database that the readings go to. After a kill it goes on from a state that it kept there, reads what came since, and tells the
/// same events: their key is the same, so that they are the same rows. Thread-safe.
/// </summary>
/// <remarks>
/// For each area it holds the detector's state, about 35 kilobytes and two for each pressure logger, and the readings of steps that are not
/// complete yet. The states it can go back to are in the database, at most fifteen of an area. A reading that is older than six
/// weeks when it comes changes nothing. Nor does one that corrects a reading of more than a day before, if the process is killed after
/// its commit, or if it is in a file that is so large that its rows are streamed.
/// </remarks>
public sealed class BurstWatch : IAsyncDisposable
{
    private readonly IBurstStore _store;
    private readonly Dictionary<(string Logger, string Channel), List<(AreaFeed Feed, int Series)>> _routes = [];
    private readonly AreaFeed[] _feeds;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Action<AreaEvent>? _told;
    private bool _hasBegun;

    /// <summary>Makes one. Nothing is read yet.</summary>
    /// <param name="areas">The areas.</param>
    /// <param name="store">Where readings are, and events are kept.</param>
    /// <param name="told">
    /// Gets every event that is new or has another state, after it was kept: at least once, also if the process is killed in between. One
    /// that late readings took back, and others brought again, is new again. Called by one thread at a time; it must not take long.
    /// </param>
    /// <param name="time">The clock, by which readings of the future are known. Default: the system's.</param>
    /// <exception cref="ArgumentException">Two areas have one name.</exception>
    public BurstWatch(IEnumerable<WatchedArea> areas, IBurstStore store, Action<AreaEvent>? told = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(areas);
        ArgumentNullException.ThrowIfNull(store);
        (_store, _told) = (store, told);
        _feeds = [.. areas.Select(area => new AreaFeed(area, store, time ?? TimeProvider.System))];
        if (_feeds.GroupBy(feed => feed.Area.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new ArgumentException($"Two areas have the name {twice.Key}.", nameof(areas));
        foreach (AreaFeed feed in _feeds)
        {
            for (int i = 0; i < feed.Area.AllSeries.Count; i++)
            {
                if (!_routes.TryGetValue(feed.Area.AllSeries[i], out List<(AreaFeed, int)>? to)) _routes[feed.Area.AllSeries[i]] = to = [];
                to.Add((feed, i));
            }
        }
    }

    /// <summary>Makes the tables, takes up the states that are kept, and tells what came since. The first batch does so if nobody did
    /// before.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SinkException">The database cannot be read or written.</exception>
    public async Task BeginAsync(CancellationToken cancellationToken = default)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await BeginOnceAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Takes a batch that was committed.</summary>
    /// <param name="batch">The batch.</param>
    /// <exception cref="SinkException">The database cannot be read or written.</exception>
    public async Task AddAsync(CommittedBatch<Reading> batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            // What it reads at the beginning, this batch is part of.
            if (await BeginOnceAsync(CancellationToken.None).ConfigureAwait(false)) return;
            for (int i = 0; i < batch.Files.Count; i++)
                if (batch.Results[i].Outcome == FileOutcome.Loaded) Take(batch.Files[i], batch.Results[i]);
            foreach (AreaFeed feed in _feeds)
                if (feed.HasNews) await AdvanceAsync(feed, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Frees what it holds. The store is not closed.</summary>
    public ValueTask DisposeAsync()
    {
        _turn.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>What it knows of each area, without the last days. Any thread may ask, and waits for no database.</summary>
    internal IEnumerable<AreaView> Views => _feeds.Select(feed => feed.View(hasDays: false));

    /// <summary>What it knows of an area, with the last days.</summary>
    internal AreaView? View(string area) => Array.Find(_feeds, feed => feed.Area.Name == area)?.View(hasDays: true);

    private async Task<bool> BeginOnceAsync(CancellationToken cancellationToken)
    {
        if (_hasBegun) return false;
        await _store.PrepareAsync(cancellationToken).ConfigureAwait(false);
        foreach (AreaFeed feed in _feeds)
        {
            await feed.BeginAsync(cancellationToken).ConfigureAwait(false);
            await AdvanceAsync(feed, cancellationToken).ConfigureAwait(false);
            // What was kept, and not told before the process was killed.
            await TellAsync(feed, cancellationToken).ConfigureAwait(false);
        }
        return _hasBegun = true;
    }

    private void Take(FileRows<Reading> file, FileResult result)
    {
        if (file.IsStreamed)
        {
            // Its rows are in the table only, and nobody knows whose they are.
            foreach (AreaFeed feed in _feeds) feed.Differs();
            return;
        }
        // A row that was there before, or has lost against one, is another one in the table: that is asked.
        bool isNew = result.Inserted == file.Batch.Rows.Count;
        foreach (Reading reading in file.Batch.Rows)
        {
            if (!_routes.TryGetValue((reading.Logger, reading.Channel), out List<(AreaFeed Feed, int Series)>? to)) continue;
            foreach ((AreaFeed feed, int series) in to)
            {
                if (isNew) feed.Add(series, reading.TimestampUtc, reading.Value);
                else feed.Again(reading.TimestampUtc);
            }
        }
    }

    private async Task AdvanceAsync(AreaFeed feed, CancellationToken cancellationToken)
    {
        if (await feed.AdvanceAsync(cancellationToken).ConfigureAwait(false) is not { } change) return;
        await _store.SaveAsync(change, cancellationToken).ConfigureAwait(false);
        if (change.Events.Count > 0) await TellAsync(feed, cancellationToken).ConfigureAwait(false);
    }

    private async Task TellAsync(AreaFeed feed, CancellationToken cancellationToken)
    {
        if (_told is null) return;
        IReadOnlyList<AreaEvent> untold = await _store.UntoldAsync(feed.Area.Name, cancellationToken).ConfigureAwait(false);
        if (untold.Count == 0) return;
        foreach (AreaEvent told in untold) _told(told);
        await _store.ToldAsync(untold, cancellationToken).ConfigureAwait(false);
    }
}
