namespace Dynamo.Pipeline.Host;

/// <summary>
/// Stays connected to the broker: when the connection is lost, another one is opened after a pause, and the queues are made anew if the
/// broker has forgotten them. Thread-safe.
/// </summary>
internal abstract class BrokerLink(QueueOptions options, string role, Action<WatchEvent> tell) : IAsyncDisposable
{
    /// <summary>What the name of its outage begins with.</summary>
    public const string Kind = "queue:";

    private static readonly TimeSpan s_first = TimeSpan.FromMilliseconds(250), s_longest = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private TaskCompletionSource<Broker> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _running = Task.CompletedTask;
    private DateTime? _awaySinceUtc;

    protected QueueOptions Options { get; } = options;

    protected QueueNames Queues { get; } = new(options);

    protected CancellationToken Ended => _ended.Token;

    /// <summary>Fails when only other settings can mend what is wrong.</summary>
    public Task Failed => _failed.Task;

    /// <summary>The name of the broker in events, without secrets.</summary>
    public string Name { get; } = $"{Kind}{options.Name} at {string.Join(", ", options.Urls.Select(Place))}";

    /// <summary>The connection that is open, if one is.</summary>
    protected Broker? Current
    {
        get
        {
            lock (_gate) return _connected.Task is { IsCompletedSuccessfully: true, Result: var broker } ? broker : null;
        }
    }

    /// <summary>Connects, from now on.</summary>
    public void Start() => _running = Task.Run(RunAsync);

    /// <summary>The connection, as soon as one is open.</summary>
    public Task<Broker> ConnectedAsync(CancellationToken cancellationToken)
    {
        lock (_gate) return _connected.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Called for each new connection, with the queues there.</summary>
    protected abstract Task BeginAsync(Broker broker, CancellationToken cancellationToken);

    /// <summary>Called when a connection is lost.</summary>
    protected virtual void Lost(Broker broker)
    {
    }

    protected void Tell(WatchEvent happened) => tell(happened);

    public virtual async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ended.Dispose();
    }

    private static string Place(Uri url) => $"{url.Host}:{(url.Port > 0 ? url.Port : url.Scheme == "amqps" ? 5671 : 5672)}";

    private async Task RunAsync()
    {
        bool wasConnected = false;
        for (TimeSpan pause = s_first; !_ended.IsCancellationRequested; pause = 2 * pause < s_longest ? 2 * pause : s_longest)
        {
            string reason;
            Broker? broker = null;
            try
            {
                broker = await Broker.OpenAsync(Options, $"dynamo {role} on {Environment.MachineName}", _ended.Token);
                await broker.DeclareAsync(Queues, _ended.Token);
                await BeginAsync(broker, _ended.Token);
                (wasConnected, pause) = (true, s_first);
                Connected(broker);
                reason = await broker.Closed.WaitAsync(_ended.Token);
            }
            catch (BrokerException error) when (error.IsFinal && !wasConnected)
            {
                _failed.TrySetException(error);
                return;
            }
            catch (Exception error) when (Broker.IsOfBroker(error, _ended.Token))
            {
                reason = error.Message;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception error)
            {
                _failed.TrySetException(error);
                return;
            }
            finally
            {
                if (broker is not null)
                {
                    Disconnected(broker);
                    await broker.DisposeAsync();
                }
            }
            Away(reason);
            await Task.Delay(pause * (0.75 + Random.Shared.NextDouble() / 4), _ended.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Connected(Broker broker)
    {
        DateTime now = DateTime.UtcNow;
        lock (_gate) _connected.TrySetResult(broker);
        if (_awaySinceUtc is { } since) Tell(new OutageEnded(now, Name, now - since));
        _awaySinceUtc = null;
    }

    private void Disconnected(Broker broker)
    {
        lock (_gate)
        {
            if (_connected.Task.IsCompleted) _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        Lost(broker);
    }

    private void Away(string reason)
    {
        if (_awaySinceUtc is not null || _ended.IsCancellationRequested) return;
        _awaySinceUtc = DateTime.UtcNow;
        Tell(new OutageBegan(_awaySinceUtc.Value, Name, reason));
    }
}
