using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The room ScaleOut spreads an import over several machines: a dispatcher and its workers meet at RabbitMQ's queues. Only the commands
/// <c>dispatch</c>, <c>work</c> and <c>check</c> call it. The broker hands out work and decides nothing: what is in it may be lost or come
/// twice, and the ledger makes that right. This type is one connection to the broker, with its channels; when it is lost, another one is
/// opened, and what came by the old one cannot be acknowledged any more.
/// </summary>
internal sealed class Broker : IAsyncDisposable
{
    /// <summary>A broker that hangs, or has no majority, never answers a publication.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10), s_hintPatience = TimeSpan.FromSeconds(3),
        s_heartbeat = TimeSpan.FromSeconds(5), s_connect = TimeSpan.FromSeconds(4), s_close = TimeSpan.FromSeconds(2);

    private static readonly string[] s_product = ["product", "version"];

    private readonly IConnection _connection;
    private readonly IChannel _publishing, _asking;
    private readonly SemaphoreSlim _askOne = new(1);
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IChannel> _consuming = [];

    private Broker(IConnection connection, IChannel publishing, IChannel asking)
    {
        (_connection, _publishing, _asking) = (connection, publishing, asking);
        connection.ConnectionShutdownAsync += ClosedAsync;
        publishing.ChannelShutdownAsync += ClosedAsync;
        asking.ChannelShutdownAsync += ClosedAsync;
    }

    /// <summary>Completes when the connection or a channel is closed, with the reason.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>The product and the version, as the broker says them.</summary>
    public string Version => string.Join(' ', s_product.Select(key =>
        _connection.ServerProperties?.TryGetValue(key, out object? value) == true && value is byte[] text
            ? Shown.Name(Encoding.UTF8.GetString(text)) : "?"));

    /// <summary>Where it is connected to, without user and password.</summary>
    public string Address => _connection.Endpoint.ToString();

    /// <exception cref="BrokerException">It cannot be reached, or refuses the login.</exception>
    public static async Task<Broker> OpenAsync(QueueOptions options, string name, CancellationToken cancellationToken)
    {
        ConnectionFactory factory = Factory(options);
        AmqpTcpEndpoint[] endpoints = [.. options.Urls.Select(url => new AmqpTcpEndpoint(url, Tls(options, url)))];
        IConnection? connection = null;
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(s_patience * endpoints.Length);
            // The client does not always keep to the token while a connection breaks off.
            Task<IConnection> connecting = factory.CreateConnectionAsync(endpoints, name, patience.Token);
            _ = connecting.ContinueWith(
                late => patience.IsCancellationRequested ? AbortAsync(late.Result) : Task.CompletedTask, CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            connection = await connecting.WaitAsync(patience.Token);
            IChannel publishing =
                await connection.CreateChannelAsync(new CreateChannelOptions(true, true), patience.Token).WaitAsync(patience.Token);
            IChannel asking =
                await connection.CreateChannelAsync(new CreateChannelOptions(false, false), patience.Token).WaitAsync(patience.Token);
            return new Broker(connection, publishing, asking);
        }
        catch (Exception error) when (IsOfBroker(error, cancellationToken))
        {
            if (connection is not null) await AbortAsync(connection);
            throw BrokerException.Of(error, string.Join(", ", endpoints.Select(endpoint => endpoint.ToString())));
        }
    }

    /// <summary>Whether an error is one of the broker or of the way to it, and not our own cancellation.</summary>
    public static bool IsOfBroker(Exception error, CancellationToken cancellationToken) => error switch
    {
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        BrokerException or RabbitMQClientException or IOException or System.Net.Sockets.SocketException or AuthenticationException
            or ObjectDisposedException or TimeoutException or CryptographicException => true,
        AggregateException many => many.InnerExceptions.All(one => IsOfBroker(one, cancellationToken)),
        _ => false,
    };

    /// <summary>Makes the queues, or finds that they are there with the same properties.</summary>
    /// <exception cref="BrokerException">A queue is there and has others; or the broker is lost.</exception>
    public async Task DeclareAsync(QueueNames queues, CancellationToken cancellationToken)
    {
        foreach (string queue in queues.All)
            await DeclareAsync(queue, queues, cancellationToken);
    }

    public Task<uint> DeclareAsync(string queue, QueueNames queues, CancellationToken cancellationToken) =>
        AskAsync(async (channel, token) => (await channel.QueueDeclareAsync(
            queue, durable: true, exclusive: false, autoDelete: false, queues.Arguments(queue), passive: false, noWait: false, token))
            .MessageCount,
            queue, cancellationToken);

    /// <summary>
    /// How many messages wait in a queue, or <see langword="null"/> if there is no such queue. That closes this connection.
    /// </summary>
    public async Task<uint?> WaitingAsync(string queue, CancellationToken cancellationToken)
    {
        try
        {
            return await AskAsync(
                async (channel, token) => (await channel.QueueDeclarePassiveAsync(queue, token)).MessageCount, queue, cancellationToken);
        }
        catch (BrokerException error) when (error.IsMissing)
        {
            return null;
        }
    }

    /// <summary>Takes one message, if there is one.</summary>
    public Task<QueueDelivery?> GetAsync(string queue, CancellationToken cancellationToken) => AskAsync<QueueDelivery?>(
        async (channel, token) => await channel.BasicGetAsync(queue, autoAck: false, token) is { } got
            ? new QueueDelivery(this, channel, got.DeliveryTag, got.Redelivered, got.Body.ToArray())
            : null,
        queue, cancellationToken);

    /// <summary>Gives every message to a function, which returns at once.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="prefetch">How many messages come before one of them is acknowledged.</param>
    /// <param name="came">Gets each message, one at a time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task ConsumeAsync(string queue, int prefetch, Action<QueueDelivery> came, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
        IChannel channel =
            await _connection.CreateChannelAsync(new CreateChannelOptions(false, false), patience.Token).WaitAsync(patience.Token);
        channel.ChannelShutdownAsync += ClosedAsync;
        lock (_consuming) _consuming.Add(channel);
        await channel.BasicQosAsync(0, (ushort)prefetch, global: false, patience.Token).WaitAsync(patience.Token);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            // The body's memory is the client's own.
            came(new QueueDelivery(this, channel, message.DeliveryTag, message.Redelivered, message.Body.ToArray()));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: false, consumer, patience.Token).WaitAsync(patience.Token);
    }

    /// <summary>Sends a message, and returns when the broker has it on disk, on most of its nodes if it has several.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="body">The message.</param>
    /// <param name="isLasting">Whether it outlives a restart of the broker, and more than some seconds.</param>
    /// <param name="isHint">
    /// Whether the import goes on without it. Then it is waited for less long: a queue that RabbitMQ does not recover after a kill confirms
    /// nothing, while all others work.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BrokerException">It may not have it.</exception>
    public async Task PublishAsync(
        string queue, ReadOnlyMemory<byte> body, bool isLasting, bool isHint, CancellationToken cancellationToken)
    {
        var properties = new BasicProperties { Persistent = isLasting, ContentType = "application/json" };
        if (!isLasting) properties.Expiration = "15000";
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(isHint ? s_hintPatience : s_patience);
        try
        {
            // Without mandatory, a message for a queue that is gone would be confirmed.
            await _publishing.BasicPublishAsync("", queue, mandatory: true, properties, body, patience.Token).AsTask()
                .WaitAsync(patience.Token);
        }
        catch (PublishException error) when (error is { IsReturn: false })
        {
            throw new BrokerException($"the queue {queue} takes no more messages", error) { IsBusy = true };
        }
        catch (Exception error) when (IsOfBroker(error, cancellationToken))
        {
            string reason = error switch
            {
                PublishException => $"the queue {queue} is gone",
                OperationCanceledException =>
                    $"the broker did not confirm a message within {s_patience.TotalSeconds:0} s: it hangs, or too few of its nodes are up",
                _ => error.Message,
            };
            if (!isHint || error is not OperationCanceledException) _closed.TrySetResult(reason);
            throw new BrokerException(reason, error);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _closed.TrySetResult("closed");
        await AbortAsync(_connection);
        _askOne.Dispose();
    }

    private async Task<T> AskAsync<T>(Func<IChannel, CancellationToken, Task<T>> ask, string queue, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
        try
        {
            await _askOne.WaitAsync(patience.Token);
            try
            {
                return await ask(_asking, patience.Token).WaitAsync(patience.Token);
            }
            finally
            {
                _askOne.Release();
            }
        }
        catch (Exception error) when (IsOfBroker(error, cancellationToken))
        {
            var found = BrokerException.Of(error, Address, queue);
            _closed.TrySetResult(found.Message);
            throw found;
        }
    }

    private Task ClosedAsync(object sender, ShutdownEventArgs why)
    {
        _closed.TrySetResult(why.ReplyText);
        return Task.CompletedTask;
    }

    /// <summary>Ends a connection. One that does not end is left alone: another one is wanted.</summary>
    private static async Task AbortAsync(IConnection connection)
    {
        await Task.WhenAny(Task.Run(EndAsync), Task.Delay(s_connect));

        async Task EndAsync()
        {
            try
            {
                await connection.CloseAsync(200, "Goodbye", s_close, abort: true, CancellationToken.None);
                await connection.DisposeAsync();
            }
            catch (Exception error) when (IsOfBroker(error, default))
            {
                // It is gone already.
            }
        }
    }

    private static ConnectionFactory Factory(QueueOptions options)
    {
        var factory = new ConnectionFactory
        {
            Uri = options.Urls[0],
            // A channel that comes back by itself gives the same numbers to other messages.
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedHeartbeat = s_heartbeat,
            RequestedConnectionTimeout = s_connect,
            ContinuationTimeout = s_patience,
        };
        if (options.CertificateFile is not null && options.Urls[0].UserInfo.Length == 0)
            factory.AuthMechanisms = [new ExternalMechanismFactory()];
        return factory;
    }

    private static SslOption Tls(QueueOptions options, Uri url)
    {
        if (url.Scheme != "amqps") return new SslOption();
        var tls = new SslOption(url.Host, enabled: true) { Version = SslProtocols.None };
        if (options.CertificateFile is { } certificate)
            tls.Certs = [X509Certificate2.CreateFromPemFile(certificate, options.CertificateKeyFile)];
        if (options.CaFile is not { } ca) return tls;
        var trusted = new X509Certificate2Collection();
        trusted.ImportFromPemFile(ca);
        tls.CertificateValidationCallback = (_, found, _, errors) =>
        {
            if ((errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0 || found is null) return false;
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(trusted);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            using var leaf = new X509Certificate2(found);
            return chain.Build(leaf);
        };
        return tls;
    }
}

/// <summary>A message that came.</summary>
internal sealed class QueueDelivery(Broker broker, IChannel channel, ulong tag, bool isRedelivered, byte[] body)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public Broker Broker => broker;

    /// <summary>Whether it was given to another before, or to this one by an earlier connection.</summary>
    public bool IsRedelivered => isRedelivered;

    public ReadOnlyMemory<byte> Body => body;

    /// <summary>It is done. If its connection is gone, it comes again, to somebody.</summary>
    public Task AckAsync() => AnswerAsync(() => channel.BasicAckAsync(tag, multiple: false));

    /// <summary>Somebody else is to have it; or nobody, if it cannot be read.</summary>
    public Task GiveBackAsync(bool requeue) => AnswerAsync(() => channel.BasicNackAsync(tag, multiple: false, requeue));

    private async Task AnswerAsync(Func<ValueTask> answer)
    {
        try
        {
            if (channel.IsOpen) await answer().AsTask().WaitAsync(s_patience);
        }
        catch (Exception error) when (Broker.IsOfBroker(error, default))
        {
            // It comes again.
        }
    }
}

/// <summary>The queues of an import, by the name that the settings give.</summary>
internal sealed class QueueNames(QueueOptions options)
{
    /// <summary>Files that changed a short while ago.</summary>
    public string Fresh { get; } = options.Name + ".fresh";

    public string Backlog { get; } = options.Name + ".backlog";

    /// <summary>Files that are tried one by one, because a chunk with them ended its workers.</summary>
    public string Single { get; } = options.Name + ".single";

    /// <summary>What ended its workers, or was cut off from them that often.</summary>
    public string Failed { get; } = options.Name + ".failed";

    /// <summary>What workers report.</summary>
    public string Reports { get; } = options.Name + ".reports";

    public IReadOnlyList<string> All => [Failed, Fresh, Backlog, Single, Reports];

    /// <summary>
    /// The properties of a queue. All are on several nodes. RabbitMQ counts redeliveries, so its limit is one less. A chunk that is given
    /// up is in the other queue before it leaves its own; that needs a queue that refuses what it cannot take.
    /// </summary>
    public Dictionary<string, object?> Arguments(string queue)
    {
        var arguments = new Dictionary<string, object?> { ["x-queue-type"] = "quorum" };
        if (queue == Reports)
        {
            arguments["x-max-length"] = 100_000;
            return arguments;
        }
        if (queue == Failed) return arguments;
        arguments["x-delivery-limit"] = options.DeliveryLimit - 1;
        arguments["x-dead-letter-exchange"] = "";
        arguments["x-dead-letter-routing-key"] = Failed;
        arguments["x-dead-letter-strategy"] = "at-least-once";
        arguments["x-overflow"] = "reject-publish";
        return arguments;
    }
}

/// <summary>Something is wrong with the broker, or with the way to it. The message has no secrets.</summary>
internal sealed class BrokerException(string message, Exception? inner = null) : Exception(message, inner)
{
    private const int NotFound = 404, AccessRefused = 403, PreconditionFailed = 406;

    /// <summary>Whether it takes no more now, and is asked again.</summary>
    public bool IsBusy { get; init; }

    /// <summary>Whether what was asked for is not there.</summary>
    public bool IsMissing { get; init; }

    /// <summary>Whether only other settings, or somebody at the broker, can mend it.</summary>
    public bool IsFinal { get; init; }

    public static BrokerException Of(Exception error, string address, string? queue = null)
    {
        Exception original = error is AggregateException { InnerExceptions: [var only, ..] } ? only : error;
        for (Exception? one = error; one is not null; one = one.InnerException)
        {
            const string Login = "check user, password and virtual host of queue:url, and the user's permissions.";
            if (one is AuthenticationFailureException)
                return new BrokerException($"the broker at {address} refuses the login: {Login}", error) { IsFinal = true };
            // A broker that says no says so. A connection that breaks off then is one of a broker that is killed or not up yet.
            if (one is PossibleAuthenticationFailureException)
                return new BrokerException($"the broker at {address} broke off the login. If it stays so, {Login}", error);
            if (one is AuthenticationException)
                return new BrokerException($"TLS with the broker at {address} failed: {one.Message} "
                    + "Check its certificate, its host name, and queue:caFile.", error) { IsFinal = true };
            if (one is OperationInterruptedException { ShutdownReason: { } reason })
            {
                return reason.ReplyCode switch
                {
                    PreconditionFailed => new BrokerException(
                        $"the queue {queue} is there with other properties than this program makes it with ({reason.ReplyText}). "
                        + "Delete it when it is empty (rabbitmqctl delete_queue), or set another queue:name for all.",
                            error) { IsFinal = true },
                    NotFound => new BrokerException($"there is no queue {queue}", error) { IsMissing = true },
                    AccessRefused => new BrokerException(
                        $"the broker refuses the queue {queue} to this user: give it configure, write and read permissions "
                        + $"({reason.ReplyText}).", error) { IsFinal = true },
                    _ => new BrokerException($"the broker at {address} ended the connection: {reason.ReplyText}", error),
                };
            }
        }
        string what = original is BrokerUnreachableException or OperationCanceledException
            ? $"no broker answers at {address}{(original.InnerException is { } inner ? $": {Deepest(inner)}" : "")}"
            : $"the broker at {address} is lost: {original.Message}";
        return new BrokerException(what, error);
    }

    private static string Deepest(Exception error)
    {
        Exception one = error is AggregateException { InnerExceptions: [var first, ..] } ? first : error;
        return one.InnerException is { } inner ? Deepest(inner) : one.Message;
    }
}
