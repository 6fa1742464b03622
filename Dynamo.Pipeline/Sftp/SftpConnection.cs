using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// One SFTP v3 session over one transport, with any number of requests under way.
/// <para>
/// Threads. The reader thread alone reads the transport and calls <see cref="ISftpRequest.Answer"/>; the writer thread alone writes it, so
/// that reading never waits for writing (a server that blocks on its answers stops reading requests). Everybody may <see cref="Send"/>.
/// <c>_gate</c> guards the outbox, the pending table and the cause; nothing slow happens under it.
/// </para>
/// <para>The first cause that ends a session is kept, and every request pending then or sent later fails with it at once.</para>
/// </summary>
internal sealed class SftpConnection : ISftpSession
{
    private const int ListingDepth = 32;

    // SSH_FXF_READ, and no attributes.
    private static readonly byte[] OpenForReading = [0, 0, 0, 1, 0, 0, 0, 0];

    // SSH_FXF_WRITE | SSH_FXF_CREAT | SSH_FXF_EXCL: never an existing file, and so through no link.
    private static readonly byte[] OpenForCreating = [0, 0, 0, 0x2A];

    private readonly SftpTransport _transport;
    private readonly SftpTiming _timing;
    private readonly TimeProvider _time;
    private readonly Thread _reader;
    private readonly TaskCompletionSource _readerEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _writerEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _version = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<string, string> _extensions = new(StringComparer.Ordinal);
    private readonly ITimer _watch;

    private readonly object _gate = new();
    private readonly Dictionary<uint, ISftpRequest> _pending = [];
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
        long shortest = Math.Min(timing.Deadline.Ticks, timing.KeepAlive.Ticks);
        TimeSpan tick = TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerMillisecond, shortest / 8));
        _watch = time.CreateTimer(static me => ((SftpConnection)me!).Watch(), this, tick, tick);
        _outbox.Init(SftpProtocol.Version);
        _reader.Start();
        writer.Start();
    }

    public Exception? Cause { get { lock (_gate) return _cause; } }

    public int Pending { get { lock (_gate) return _pending.Count; } }

    /// <summary>The extensions the server announced, with their versions. A server's text: show it, trust it in nothing.</summary>
    public IReadOnlyDictionary<string, string> Extensions => _extensions;

    /// <summary>What the server says it can take.</summary>
    public SftpLimits Limits { get; private set; }

    /// <summary>One small request and its answer, measured while nothing else was under way.</summary>
    public TimeSpan RoundTrip { get; private set; }

    /// <summary>The longest READ that is asked for.</summary>
    public int ReadLength { get; private set; } = SftpProtocol.SafeReadLength;

    public SftpWindow Files { get; private set; } = new(1);

    public SftpServerInfo Server
    {
        get
        {
            long? handles = Limits.OpenHandles is > 0 and < long.MaxValue and var most ? (long)most : null;
            return new SftpServerInfo(SshClientKind.OpenSsh, Extensions, RoundTrip, handles, Files.Limit);
        }
    }

    public bool MovesLinks => true;

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
    public void Send(ISftpRequest request, byte type, ReadOnlySpan<byte> text, ReadOnlySpan<byte> fields)
    {
        Exception? cause;
        lock (_gate)
        {
            cause = _cause;
            if (cause is null) Enqueue(request, type, text, fields);
        }
        if (cause is not null) request.Fail(cause);
    }

    public void SendOpen(ISftpRequest request, ReadOnlySpan<byte> path) => Send(request, SftpProtocol.Open, path, OpenForReading);

    public void SendRead(ISftpRequest request, ReadOnlySpan<byte> handle, long offset, int length)
    {
        Span<byte> fields = stackalloc byte[12];
        BinaryPrimitives.WriteInt64BigEndian(fields, offset);
        BinaryPrimitives.WriteInt32BigEndian(fields[8..], length);
        Send(request, SftpProtocol.Read, handle, fields);
    }

    public void SendFstat(ISftpRequest request, ReadOnlySpan<byte> handle) => Send(request, SftpProtocol.Fstat, handle, []);

    /// <summary>Nobody waits for the answer: the server works in order, so that the handle is free for what is sent later.</summary>
    public void SendClose(ReadOnlySpan<byte> handle) => Send(SftpUnheard.Instance, SftpProtocol.Close, handle, []);

    /// <summary>
    /// Lists a folder with many READDIRs under way on one handle: a server answers about 100 names each, so that one at a time a large
    /// folder takes hundreds of round trips. Surplus requests are answered with the end. Entries come as they arrive; what nobody took yet
    /// is bounded by the depth.
    /// </summary>
    public async IAsyncEnumerable<SftpEntry[]> ListAsync(byte[] path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] handle = await Ask(new SftpHandleCall(), SftpProtocol.OpenDir, path, []).WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var underway = new Queue<Task<SftpEntry[]?>>();
            bool isEnd = false;
            for (int i = 0; i < ListingDepth; i++) underway.Enqueue(ReadFolderAsync(handle));
            while (underway.TryDequeue(out Task<SftpEntry[]?>? next))
            {
                SftpEntry[]? entries = await next.WaitAsync(cancellationToken).ConfigureAwait(false);
                isEnd |= entries is null;
                if (entries is null) continue;
                if (!isEnd) underway.Enqueue(ReadFolderAsync(handle));
                yield return entries;
            }
        }
        finally
        {
            SendClose(handle);
        }
    }

    public FileFetch Fetch(ReconnectingConnection line, SourceFile file, byte[] path, long weight, bool lastLook) =>
        new SftpFetch(line, this, file, path, weight, lastLook);

    public async Task<ForwardStream> OpenAsync(SourceFile listed, byte[] path, long offset, WindowEntry? entry)
    {
        byte[] handle = await Ask(new SftpHandleCall(), SftpProtocol.Open, path, OpenForReading).ConfigureAwait(false);
        entry?.Opened();
        // The first look travels with the first READs.
        Task<SftpAttributes?> same = FstatAsync(handle);
        var stream = new SftpFileStream(this, handle, listed, offset, entry);
        try
        {
            if (await same.ConfigureAwait(false) is { } now) FileChange.Check(listed, now.AsDisk(listed), listed.Size);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task<SftpStatus> WriteAsync(byte[] path, Stream content, uint mode)
    {
        byte[] fields = [.. OpenForCreating, .. Permissions(mode)];
        byte[] handle = await Ask(new SftpHandleCall(), SftpProtocol.Open, path, fields).ConfigureAwait(false);
        try
        {
            var buffer = new byte[SftpProtocol.SafeReadLength];
            long offset = 0;
            for (int read; (read = await content.ReadAsync(buffer).ConfigureAwait(false)) > 0; offset += read)
            {
                SftpStatus status = await WriteAsync(handle, offset, buffer.AsSpan(0, read)).ConfigureAwait(false);
                if (status.IsOk) continue;
                SendClose(handle);
                return status;
            }
        }
        catch
        {
            SendClose(handle);
            throw;
        }
        return await Ask(new SftpStatusCall(), SftpProtocol.Close, handle, []).ConfigureAwait(false);
    }

    public Task<SftpAttributes?> StatAsync(byte[] path) => Ask(new SftpAttributesCall(), SftpProtocol.Stat, path, []);

    public Task<SftpAttributes?> LstatAsync(byte[] path) => Ask(new SftpAttributesCall(), SftpProtocol.Lstat, path, []);

    public Task<SftpAttributes?> FstatAsync(ReadOnlySpan<byte> handle) => Ask(new SftpAttributesCall(), SftpProtocol.Fstat, handle, []);

    public Task<byte[]> RealPathAsync(byte[] path) => Ask(new SftpPathCall(), SftpProtocol.RealPath, path, []);

    public Task<SftpStatus> RemoveAsync(byte[] path) => Ask(new SftpStatusCall(), SftpProtocol.Remove, path, []);

    public Task<SftpStatus> RemoveFolderAsync(byte[] path) => Ask(new SftpStatusCall(), SftpProtocol.RmDir, path, []);

    public Task<SftpStatus> MakeFolderAsync(byte[] path, uint mode) =>
        Ask(new SftpStatusCall(), SftpProtocol.MkDir, path, Permissions(mode));

    public Task<SftpStatus> TakeAsync(byte[] from, byte[] to) => _extensions.ContainsKey(SftpProtocol.PosixRename)
        ? Ask(new SftpStatusCall(), SftpProtocol.Extended, SftpProtocol.PosixRenameName, [.. Text(from), .. Text(to)])
        : RenameAsync(from, to);

    public Task<SftpStatus> RenameAsync(byte[] from, byte[] to) => Ask(new SftpStatusCall(), SftpProtocol.Rename, from, Text(to));

    public Task<SftpStatus> SetTimeAsync(byte[] path, DateTime modifiedUtc)
    {
        // SSH_FILEXFER_ATTR_ACMODTIME, access time, modification time.
        var fields = new byte[12];
        fields[3] = 8;
        uint seconds = (uint)Math.Clamp((modifiedUtc - DateTime.UnixEpoch).TotalSeconds, 0, uint.MaxValue);
        BinaryPrimitives.WriteUInt32BigEndian(fields.AsSpan(4), seconds);
        BinaryPrimitives.WriteUInt32BigEndian(fields.AsSpan(8), seconds);
        return Ask(new SftpStatusCall(), SftpProtocol.SetStat, path, fields);
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

    private Task<SftpEntry[]?> ReadFolderAsync(ReadOnlySpan<byte> handle) => Ask(new SftpEntriesCall(), SftpProtocol.ReadDir, handle, []);

    private Task<SftpStatus> WriteAsync(ReadOnlySpan<byte> handle, long offset, ReadOnlySpan<byte> data)
    {
        Span<byte> at = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(at, offset);
        return Ask(new SftpStatusCall(), SftpProtocol.Write, handle, [.. at, .. Text(data)]);
    }

    private Task<T> Ask<T>(SftpCall<T> call, byte type, ReadOnlySpan<byte> text, ReadOnlySpan<byte> fields)
    {
        Send(call, type, text, fields);
        return call.Completion;
    }

    /// <summary>SSH_FILEXFER_ATTR_PERMISSIONS alone.</summary>
    private static byte[] Permissions(uint mode)
    {
        var attributes = new byte[8];
        attributes[3] = 4;
        BinaryPrimitives.WriteUInt32BigEndian(attributes.AsSpan(4), mode);
        return attributes;
    }

    private static byte[] Text(ReadOnlySpan<byte> text)
    {
        var encoded = new byte[4 + text.Length];
        BinaryPrimitives.WriteInt32BigEndian(encoded, text.Length);
        text.CopyTo(encoded.AsSpan(4));
        return encoded;
    }

    private async Task GreetAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _version.Task.WaitAsync(_timing.Connect, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new SftpConnectionException($"no SFTP server answered within {_timing.Connect.TotalSeconds:0.###} s", mayRecover: true);
        }
        if (_extensions.ContainsKey(SftpProtocol.Limits)) Limits = await AskLimitsAsync(cancellationToken).ConfigureAwait(false);
        // A question of its own: what the first answer takes is our own start as much as the distance.
        long asked = _time.GetTimestamp();
        await RealPathAsync("."u8.ToArray()).WaitAsync(cancellationToken).ConfigureAwait(false);
        RoundTrip = _time.GetElapsedTime(asked);
        // An advertised limit is the other side's word: believe it where it is lower, use it where it helps.
        if (Limits.ReadLength > 0) ReadLength = (int)Math.Clamp(Limits.ReadLength, 512, SftpProtocol.LongestPacket - 1024);
        Files = new SftpWindow(SftpWindow.Initial(RoundTrip, Limits.OpenHandles), SftpWindow.Most(Limits.OpenHandles));
    }

    private async Task<SftpLimits> AskLimitsAsync(CancellationToken cancellationToken)
    {
        var call = new SftpLimitsCall();
        Send(call, SftpProtocol.Extended, Encoding.ASCII.GetBytes(SftpProtocol.Limits), []);
        try
        {
            return await call.Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (SftpStatusException)
        {
            return default;
        }
    }

    private void Write()
    {
        try
        {
            while (NextBatch())
            {
                _transport.Output.Write(_leaving.Written);
                _transport.Output.Flush();
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            Broke(e);
        }
        finally
        {
            _writerEnded.TrySetResult();
        }
    }

    /// <summary>Waits until there is something to write and takes all of it; false when the session is over.</summary>
    private bool NextBatch()
    {
        lock (_gate)
        {
            while (_outbox.Length == 0 && _cause is null)
            {
                _writerWaits = true;
                Monitor.Wait(_gate);
            }
            _writerWaits = false;
            (_outbox, _leaving) = (_leaving, _outbox);
            _outbox.Clear();
            return _cause is null;
        }
    }

    private void Enqueue(ISftpRequest request, byte type, ReadOnlySpan<byte> text, ReadOnlySpan<byte> fields)
    {
        uint id = ++_lastId;
        // The deadline of a request that waits alone begins now, whenever the last one was.
        if (_pending.Count == 0) (_watchedId, _watchedSince) = (id, _time.GetTimestamp());
        _pending.Add(id, request);
        _outbox.Request(type, id, text, fields);
        // While a chunk of answers is taken in, requests gather: Read wakes the writer once at the chunk's end.
        if (_writerWaits && Thread.CurrentThread != _reader) Monitor.Pulse(_gate);
    }

    private void Read()
    {
        try
        {
            ReadPackets();
            End(_transport.Explain() ?? new SftpConnectionException("the server ended the SFTP session", mayRecover: true));
        }
        catch (SftpProtocolException e)
        {
            End(new SftpConnectionException($"the server does not speak SFTP as it should: {e.Message}", mayRecover: false, e));
        }
        catch (Exception e)
        {
            Broke(e);
        }
        finally
        {
            _readerEnded.TrySetResult();
        }
    }

    private void ReadPackets()
    {
        var received = new byte[SftpProtocol.LongestPacket + 64 * 1024];
        int filled = 0;
        for (int read; (read = _transport.Input.Read(received, filled, received.Length - filled)) > 0;)
        {
            filled += read;
            int taken = TakeIn(received.AsSpan(0, filled));
            received.AsSpan(taken, filled - taken).CopyTo(received);
            filled -= taken;
            lock (_gate)
            {
                if (_cause is not null) return;
                if (_writerWaits && _outbox.Length > 0) Monitor.Pulse(_gate);
            }
        }
    }

    /// <summary>Hands every whole packet to its request; returns how many bytes that were.</summary>
    private int TakeIn(ReadOnlySpan<byte> received)
    {
        int taken = 0;
        for (int length; (length = SftpReader.FrameLength(received[taken..])) >= 0; taken += 4 + length)
            Dispatch(received.Slice(taken + 4, length));
        return taken;
    }

    private void Dispatch(ReadOnlySpan<byte> packet)
    {
        var reader = new SftpReader(packet);
        byte type = reader.Byte();
        if (type == SftpProtocol.VersionReply)
        {
            TakeVersion(ref reader);
            return;
        }
        uint id = reader.UInt32();
        ISftpRequest? request;
        lock (_gate)
        {
            if (!_pending.Remove(id, out request) && _cause is null)
                throw new SftpProtocolException($"a packet of type {type} answers request {id}, which does not wait for an answer");
        }
        try
        {
            request?.Answer(type, reader);
        }
        catch (SftpProtocolException e)
        {
            request?.Fail(new SftpConnectionException($"the server does not speak SFTP as it should: {e.Message}", mayRecover: false, e));
            throw;
        }
    }

    private void TakeVersion(ref SftpReader reader)
    {
        if (_version.Task.IsCompleted) throw new SftpProtocolException("a second greeting");
        uint version = reader.UInt32();
        if (version < SftpProtocol.Version) throw new SftpProtocolException($"it offers version {version}, and 3 is needed");
        while (reader.Remaining > 0)
        {
            string name = SftpReader.Printable(reader.Bytes());
            _extensions[name] = SftpReader.Printable(reader.Bytes());
        }
        _version.TrySetResult();
    }

    /// <summary>
    /// Requests wait behind each other, so the deadline is that of the oldest one, counted from when it became the oldest: a slow line with
    /// much under way is not mistaken for a silent server, and a server that skips one request is found out.
    /// </summary>
    private void Watch()
    {
        bool isLate = false;
        lock (_gate)
        {
            if (_cause is not null) return;
            TimeSpan waited = _time.GetElapsedTime(_watchedSince);
            if (_pending.Count == 0)
            {
                if (_version.Task.IsCompleted && waited >= _timing.KeepAlive) KeepAlive();
            }
            else if (Oldest() is var oldest && oldest != _watchedId) (_watchedId, _watchedSince) = (oldest, _time.GetTimestamp());
            else isLate = waited >= _timing.Deadline;
        }
        if (isLate) End(SftpFaults.Late(_timing.Deadline));
    }

    /// <summary>
    /// Something harmless, so that a server does not drop an idle session, and a dead one is noticed before it is needed.
    /// </summary>
    private void KeepAlive()
    {
        Enqueue(SftpUnheard.Instance, SftpProtocol.RealPath, "."u8, []);
        Monitor.Pulse(_gate);
    }

    private uint Oldest()
    {
        uint oldest = _lastId;
        // Ids wrap around; their distance does not.
        foreach (uint id in _pending.Keys)
            if ((int)(id - oldest) < 0) oldest = id;
        return oldest;
    }

    /// <summary>The transport failed. Its own words, if it has some, know better why, whichever thread has noticed it.</summary>
    private void Broke(Exception error) =>
        End(_transport.Explain() ?? new SftpConnectionException($"the SFTP session broke: {error.Message}", mayRecover: true, error));

    private void End(Exception cause)
    {
        ISftpRequest[] orphans;
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
        foreach (ISftpRequest orphan in orphans) orphan.Fail(cause);
    }
}
