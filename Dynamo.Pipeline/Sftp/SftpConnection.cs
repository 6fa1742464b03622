namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// One SFTP v3 session over one transport, with any number of requests under way.
/// <para>
/// Threads. The reader thread alone reads the transport and calls <see cref="SftpRequest.Answer"/>; the writer thread alone writes it, so that
/// reading never waits for writing (a server that blocks on its answers stops reading requests). Everybody may <see cref="Send"/>.
/// <c>_gate</c> guards the outbox, the pending table and the cause; nothing slow happens under it.
/// </para>
/// <para>The first cause that ends a session is kept, and every request pending then or sent later fails with it at once.</para>
/// </summary>
internal sealed partial class SftpConnection : IAsyncDisposable
{
    private readonly SftpTransport _transport;
    private readonly SftpTiming _timing;
    private readonly TimeProvider _time;
    private readonly Thread _reader;
    private readonly TaskCompletionSource _readerEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _writerEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _version = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer _watch;

    private readonly object _gate = new();
    private readonly Dictionary<uint, SftpRequest> _pending = [];
    private SftpOutbox _outbox = new();
    private SftpOutbox _leaving = new();
    private bool _writerWaits;
    private uint _lastId;
    private uint _watchedId;
    private long _watchedSince;
    private Exception? _cause;

    private SftpConnection(SftpTransport transport, SftpTiming timing, TimeProvider time)
    {
        _transport = transport;
        _timing = timing;
        _time = time;
        _watchedSince = time.GetTimestamp();
        _reader = new Thread(Read) { IsBackground = true, Name = "SFTP reader" };
        var writer = new Thread(Write) { IsBackground = true, Name = "SFTP writer" };
        TimeSpan tick = TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerMillisecond, Math.Min(timing.Deadline.Ticks, timing.KeepAlive.Ticks) / 8));
        _watch = time.CreateTimer(static me => ((SftpConnection)me!).Watch(), this, tick, tick);
        _outbox.Init(SftpProtocol.Version);
        _reader.Start();
        writer.Start();
    }

    /// <summary>What ended the session, or <see langword="null"/> while it lives.</summary>
    public Exception? Cause { get { lock (_gate) return _cause; } }

    /// <summary>Requests that wait for their answer.</summary>
    public int Pending { get { lock (_gate) return _pending.Count; } }

    /// <summary>Greets the server and learns what it can do.</summary>
    /// <param name="transport">The transport; the connection owns it from here on, also when this fails.</param>
    /// <param name="timing">The deadlines.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A session that is ready.</returns>
    /// <exception cref="SftpConnectionException">There is no SFTP server at the other end, or it is silent.</exception>
    public static async Task<SftpConnection> StartAsync(
        SftpTransport transport, SftpTiming timing, TimeProvider time, CancellationToken cancellationToken)
    {
        var connection = new SftpConnection(transport, timing, time);
        try
        {
            await connection.GreetAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Sends a request. It may be answered before this returns; when the session is over it fails at once.</summary>
    public void Send(SftpRequest request, byte type, ReadOnlySpan<byte> text, ReadOnlySpan<byte> fields)
    {
        Exception? cause;
        lock (_gate)
        {
            cause = _cause;
            if (cause is null) Enqueue(request, type, text, fields);
        }
        if (cause is not null) request.Fail(cause);
    }

    public async ValueTask DisposeAsync()
    {
        End(new SftpConnectionException("the SFTP session was closed", mayRecover: false));
        await _watch.DisposeAsync().ConfigureAwait(false);
        // A transport that keeps its promise ends both threads at once; one that does not must not hang its user.
        Task ended = Task.WhenAll(_readerEnded.Task, _writerEnded.Task);
        await Task.WhenAny(ended, Task.Delay(TimeSpan.FromSeconds(5))).ConfigureAwait(false);
        _transport.Dispose();
    }

    private void Enqueue(SftpRequest request, byte type, ReadOnlySpan<byte> text, ReadOnlySpan<byte> fields)
    {
        uint id = ++_lastId;
        // The deadline of a request that waits alone begins now, whenever the last one was.
        if (_pending.Count == 0) (_watchedId, _watchedSince) = (id, _time.GetTimestamp());
        _pending.Add(id, request);
        _outbox.Request(type, id, text, fields);
        // While a chunk of answers is taken in, requests gather: Read wakes the writer once at the chunk's end.
        if (_writerWaits && Thread.CurrentThread != _reader) Monitor.Pulse(_gate);
    }

    private void End(Exception cause)
    {
        SftpRequest[] orphans;
        lock (_gate)
        {
            if (_cause is not null) return;
            _cause = cause;
            orphans = [.. _pending.Values];
            _pending.Clear();
            Monitor.PulseAll(_gate);
        }
        _transport.Abort();
        _version.TrySetException(cause);
        foreach (SftpRequest orphan in orphans) orphan.Fail(cause);
    }
}

/// <summary>How long a session waits.</summary>
/// <param name="Connect">From the start until the server has said what it can do.</param>
/// <param name="Deadline">For the answer to the oldest request.</param>
/// <param name="KeepAlive">Idle time after which a sign of life is asked for.</param>
internal readonly record struct SftpTiming(TimeSpan Connect, TimeSpan Deadline, TimeSpan KeepAlive);
