using System.Diagnostics;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The areas of an import, looked after beside it: it hangs after the commit of every source, and neither stops nor holds up the import.
/// When the database fails it, it begins anew with the next commit, from what is kept there. Thread-safe.
/// </summary>
internal sealed class AreaAnalysis : IAsyncDisposable
{
    /// <summary>So long a commit waits for the one before.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_again = TimeSpan.FromMinutes(1);

    private readonly IReadOnlyList<WatchedArea> _areas;
    private readonly IBurstStore _store;
    private readonly Action<AreaEvent> _told;
    private readonly TextWriter _error;
    private readonly SemaphoreSlim _turn = new(1);
    private Task _again = Task.CompletedTask;
    private volatile BurstWatch? _watch;
    private volatile bool _hasBegun, _hasFailed, _hasMissed;

    private AreaAnalysis(HostSettings settings, Action<AreaEvent> told, TextWriter error) =>
        (_areas, _store, _told, _error) = (Composition.Areas(settings), Composition.Bursts(settings), told, error);

    /// <summary>That of the areas in the settings; <see langword="null"/>: there are none.</summary>
    /// <param name="settings">The settings of one of the sources: all of them write into one database.</param>
    /// <param name="told">Gets each event that is new or has another state, at least once; called by one thread at a time.</param>
    /// <param name="error">Gets what goes wrong.</param>
    /// <exception cref="SettingsException">A file of an area cannot be read.</exception>
    public static AreaAnalysis? For(HostSettings settings, Action<AreaEvent> told, TextWriter error) =>
        settings.Areas.Count == 0 ? null : new AreaAnalysis(settings, told, error);

    /// <summary>What is known of the areas. Waits for no database.</summary>
    public IReadOnlyList<AreaView> Views => _watch is { } watch ? [.. watch.Views] : [];

    /// <summary>What is known of an area, with its last days; <see langword="null"/>: there is none of this name.</summary>
    public AreaView? View(string area) => _watch?.View(area);

    /// <summary>Hangs it after the commit.</summary>
    public FilePipeline<Reading> Beside(FilePipeline<Reading> pipeline) => pipeline.AfterCommit(AddAsync);

    /// <summary>Takes up what is kept, before the first commit. Where there is no table yet, the first commit does it.</summary>
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        await LookAsync(null, cancellationToken);
    }

    /// <summary>After a run, or after others have imported: takes up what no commit has brought.</summary>
    public Task CatchUpAsync(CancellationToken cancellationToken)
    {
        if (_hasBegun && !_hasFailed && !_hasMissed) return Task.CompletedTask;
        _watch = null;
        return BeginAsync(cancellationToken);
    }

    /// <summary>Catches up again and again while others import: it takes a twentieth of the time, and is a minute behind or more.</summary>
    public void LookAgain(CancellationToken stopping) => _again = Task.Run(async () =>
    {
        TimeSpan pause = s_again;
        while (true)
        {
            await Task.Delay(pause, stopping);
            long began = Stopwatch.GetTimestamp();
            _hasMissed = true;
            await BeginAsync(stopping);
            pause = 20 * Stopwatch.GetElapsedTime(began) is var times && times > s_again ? times : s_again;
        }
    }, stopping);

    public async ValueTask DisposeAsync()
    {
        await _again.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_watch is { } watch) await watch.DisposeAsync();
        _turn.Dispose();
    }

    private async Task AddAsync(CommittedBatch<Reading> batch)
    {
        if (await _turn.WaitAsync(_hasBegun ? s_patience : TimeSpan.Zero)) await LookAsync(batch, default);
        // The import does not wait for a long history to be read. What is left out is in the database, and taken up from there.
        else _hasMissed = true;
    }

    /// <summary>Called by whoever has the turn, which ends with it.</summary>
    private async Task LookAsync(CommittedBatch<Reading>? batch, CancellationToken cancellationToken)
    {
        try
        {
            do
            {
                if (_hasMissed) (_watch, batch, _hasMissed) = (null, null, false);
                BurstWatch watch = _watch ??= new BurstWatch(_areas, _store, _told);
                if (batch is null) await watch.BeginAsync(cancellationToken);
                else await watch.AddAsync(batch);
            }
            while (_hasMissed);
            if (_hasFailed) await _error.WriteLineAsync($"{Shown.Utc(DateTime.UtcNow)} The areas are looked after again.");
            (_hasBegun, _hasFailed) = (true, false);
        }
        catch (SinkException error)
        {
            _watch = null;
            // Before the first run there is nothing to look at.
            if (_hasFailed || (!_hasBegun && batch is null)) return;
            _hasFailed = true;
            await _error.WriteLineAsync($"{Shown.Utc(DateTime.UtcNow)} The areas are not looked after: {Secret.Free(error.Message)} "
                + "The import goes on, and they are caught up with after it works again.");
        }
        finally
        {
            _turn.Release();
        }
    }
}
