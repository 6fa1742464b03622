using Dynamo.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// One connection, replaced when it is lost. Everybody who needs it while it is being replaced waits for the same attempt. Thread-safe.
/// </summary>
/// <param name="name">The source, for messages.</param>
/// <param name="reconnects">Replacements in a row without progress before it gives up.</param>
/// <param name="time">The clock of the back-off.</param>
/// <param name="news">Who is told of losses.</param>
/// <param name="connect">Makes a connection.</param>
internal sealed class ReconnectingConnection(
    string name, int reconnects, TimeProvider time, ConnectionNews news, Func<CancellationToken,
        Task<ISftpSession>> connect) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _closing = new();
    private ISftpSession? _live;
    private Task<ISftpSession>? _connecting;
    private SourceException? _gaveUp;
    private bool _wasConnected, _isLost;
    private int _losses;

    /// <summary>
    /// How busy it is: one that never had a connection counts as idle, or it would never get one; one that lost it is left alone.
    /// </summary>
    public int Pending => Volatile.Read(ref _live)?.Pending ?? (Volatile.Read(ref _connecting) is null ? 0 : int.MaxValue);

    /// <summary>The connection, or <see langword="null"/> while there is none that works.</summary>
    public ISftpSession? Live => Volatile.Read(ref _live) is { Cause: null } live ? live : null;

    /// <summary>The connection, or a new one.</summary>
    /// <exception cref="SourceException">There is none to be had.</exception>
    public ValueTask<ISftpSession> GetAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
            if (_gaveUp is not null) return ValueTask.FromException<ISftpSession>(_gaveUp);
            if (_live is { Cause: null } live) return new ValueTask<ISftpSession>(live);
            if (_connecting is null || _connecting.IsCompleted) _connecting = Task.Run(ReplaceAsync, CancellationToken.None);
            return new ValueTask<ISftpSession>(_connecting.WaitAsync(cancellationToken));
        }
    }

    /// <summary>
    /// A new run, or somebody else who begins: what was given up is tried again. Until then everybody gets the error that it was given
    /// up with, and the server is left alone.
    /// </summary>
    public void Begin()
    {
        lock (_gate)
        {
            if (_gaveUp is null) return;
            (_gaveUp, _connecting) = (null, null);
            Progressed();
        }
    }

    /// <summary>Something got through: the next loss is the first again.</summary>
    public void Progressed() => Volatile.Write(ref _losses, 0);

    public async ValueTask DisposeAsync()
    {
        Task? connecting;
        lock (_gate)
        {
            if (_closing.IsCancellationRequested) return;
            connecting = _connecting;
            _closing.Cancel();
        }
        if (connecting is not null) await connecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_live is not null) await CloseAsync(_live).ConfigureAwait(false);
        _closing.Dispose();
    }

    private async Task<ISftpSession> ReplaceAsync()
    {
        Exception? cause = await TakeLossAsync().ConfigureAwait(false);
        while (true)
        {
            if (cause is SftpConnectionException { MayRecover: false } || _losses > (_wasConnected ? reconnects : Math.Min(1, reconnects)))
                throw GiveUp(cause!);
            if (_losses > 0) await Task.Delay(SftpBackOff.Delay(_losses), time, _closing.Token).ConfigureAwait(false);
            try
            {
                ISftpSession made = await connect(_closing.Token).ConfigureAwait(false);
                _wasConnected = true;
                Volatile.Write(ref _live, made);
                PipelineMeter.Connection("sftp", 1);
                if (_isLost) news.IsBack();
                _isLost = false;
                return made;
            }
            catch (SftpConnectionException e)
            {
                cause = e;
                Interlocked.Increment(ref _losses);
            }
        }
    }

    private async Task<Exception?> TakeLossAsync()
    {
        if (_live is not { } lost) return null;
        Volatile.Write(ref _live, null);
        Interlocked.Increment(ref _losses);
        await CloseAsync(lost).ConfigureAwait(false);
        if (!_isLost) news.IsLost(lost.Cause?.Message ?? "it was closed");
        _isLost = true;
        return lost.Cause;
    }

    private static async ValueTask CloseAsync(ISftpSession session)
    {
        PipelineMeter.Connection("sftp", -1);
        await session.DisposeAsync().ConfigureAwait(false);
    }

    private SourceException GiveUp(Exception cause)
    {
        if (_isLost) news.IsGivenUp();
        _isLost = false;
        string tried = _losses > 1 ? $" (tried {_losses} times)" : "";
        lock (_gate) return _gaveUp = new SourceException($"{name}{tried}: {cause.Message.TrimEnd('.')}.", cause);
    }
}

/// <summary>
/// Tells of lost connections of a source: once when the first is lost, and once when all are there again. What is given up, its error
/// tells. Thread-safe.
/// </summary>
internal sealed class ConnectionNews(string name, TimeProvider time, ILogger? log)
{
    private readonly Lock _gate = new();
    private int _lost;
    private long _since;

    /// <summary>Who else is told, in a sentence; from any thread.</summary>
    public Action<string>? Tells { get; set; }

    public void IsLost(string reason)
    {
        lock (_gate)
        {
            if (_lost++ > 0) return;
            _since = time.GetTimestamp();
        }
        if (log is not null) PipelineLog.Reconnects(log, name, reason);
        Tells?.Invoke($"The connection to {name} was lost, and is made anew: {reason}");
    }

    public void IsBack()
    {
        TimeSpan lasted;
        lock (_gate)
        {
            if (_lost == 0 || --_lost > 0) return;
            lasted = time.GetElapsedTime(_since);
        }
        if (log is not null) PipelineLog.Reconnected(log, name, lasted.TotalSeconds);
        Tells?.Invoke(FormattableString.Invariant($"The connection to {name} is there again, after {lasted.TotalSeconds:F1} s."));
    }

    public void IsGivenUp()
    {
        lock (_gate) _lost = Math.Max(0, _lost - 1);
    }
}

/// <summary>The lines of a source. Thread-safe.</summary>
internal sealed class ReconnectingConnections(int count, Func<ReconnectingConnection> make) : IAsyncDisposable
{
    private readonly ReconnectingConnection[] _lines = [.. Enumerable.Range(0, count).Select(_ => make())];

    /// <summary>The one that lists.</summary>
    public ReconnectingConnection First => _lines[0];

    /// <summary>A new run: lines that were given up are tried again.</summary>
    public void Begin()
    {
        foreach (ReconnectingConnection line in _lines) line.Begin();
    }

    public ReconnectingConnection LeastBusy()
    {
        ReconnectingConnection least = _lines[0];
        foreach (ReconnectingConnection line in _lines.AsSpan(1))
            if (line.Pending < least.Pending) least = line;
        return least;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ReconnectingConnection line in _lines) await line.DisposeAsync().ConfigureAwait(false);
    }
}

/// <summary>The pauses between attempts: half a second, doubled each time, 30 seconds at most.</summary>
internal static class SftpBackOff
{
    public static TimeSpan Longest { get; } = TimeSpan.FromSeconds(30);

    public static TimeSpan Delay(int losses) => BackOff.Pause(losses, TimeSpan.FromSeconds(0.5), Longest);
}
