using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Dynamo.Pipeline.Files;
using Renci.SshNet;
using Renci.SshNet.Common;
using Renci.SshNet.Sftp;
using RenciFile = Renci.SshNet.Sftp.ISftpFile;
using RenciStream = Renci.SshNet.Sftp.SftpFileStream;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// A session through SSH.NET's <see cref="SftpClient"/>, of which one is used by many operations at once.
/// <para>
/// SSH.NET looks up every path (REALPATH) before it works on it, and so follows a symbolic link where a rename or a delete must not. What
/// moves or removes here is therefore done with the <see cref="RenciFile"/> that such a look-up gives, whose path is not looked up again,
/// and only if that path is the one that was asked for. Its encoding is Latin-1, which keeps the bytes of all names.
/// </para>
/// <para>
/// SSH.NET has operations that never end. Each one is watched: when the oldest gets no answer within the deadline, or one fails with
/// anything but a server's status, the session is over, all that wait fail at once, and the client is left to die on a thread of its own.
/// Memory that was handed to an operation which did not end is never used again. Thread-safe: <c>_gate</c> guards the pending operations
/// and the cause.
/// </para>
/// </summary>
internal sealed partial class SshNetSession : ISftpSession
{
    // Files in flight, each of which holds a thread; far away, each takes four round trips.
    private const int Narrowest = 64, Widest = 256, PerMillisecond = 13;

    /// <summary>Renames and the like exist only as calls that hold a thread.</summary>
    private const int BlockingCalls = 16;

    /// <summary>What SSH.NET asks for in one READ beyond the bytes, and what it sends in one WRITE at most.</summary>
    private const int Overhead = 13, LongestRead = 32 * 1024;

    /// <summary>
    /// SSH.NET takes a WRITE's overhead, a handle of up to 256 bytes among it, from the same buffer, also where nothing is written.
    /// </summary>
    private const int SmallestBuffer = 512;

    private const int MostFolders = 10_000;

    private readonly SftpClient _client;
    private readonly SftpTiming _timing;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _ended = new();
    private readonly SemaphoreSlim _blocking = new(BlockingCalls);
    private readonly ConcurrentDictionary<string, string> _folders = new(StringComparer.Ordinal);
    private readonly ITimer _watch;
    private readonly Lock _opening = new();
    private readonly WaitingThreads _threads = new(Widest);

    private readonly Lock _gate = new();
    private readonly HashSet<long> _pending = [];
    private long _lastId;
    private long _watchedId;
    private long _watchedSince;
    private Exception? _cause;
    private Task? _dying;

    private SshNetSession(SftpClient client, SftpTiming timing, TimeProvider time)
    {
        _client = client;
        _timing = timing;
        _time = time;
        _watchedSince = time.GetTimestamp();
        client.ErrorOccurred += (_, error) => End(Lost(error.Exception));
        long shortest = Math.Min(timing.Deadline.Ticks, timing.KeepAlive.Ticks);
        TimeSpan tick = TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerMillisecond, shortest / 8));
        _watch = time.CreateTimer(static me => ((SshNetSession)me!).Watch(), this, tick, tick);
    }

    public Exception? Cause { get { lock (_gate) return _cause; } }

    public int Pending { get { lock (_gate) return _pending.Count; } }

    public SftpWindow Files { get; private set; } = new(1);

    public SftpServerInfo Server => new(SshClientKind.Managed, new Dictionary<string, string>(), RoundTrip, null, Files.Limit);

    public bool MovesLinks => false;

    private TimeSpan RoundTrip { get; set; }

    /// <summary>Connects and logs in.</summary>
    /// <exception cref="SftpConnectionException">It cannot be done.</exception>
    public static async Task<SshNetSession> StartAsync(SftpSourceOptions options, SftpTiming timing, CancellationToken cancellationToken)
    {
        // Our own watch decides; SSH.NET's patience only sees to it that what was abandoned ends some day.
        TimeSpan patience = TimeSpan.FromTicks(Math.Clamp(timing.Deadline.Ticks * 20, TimeSpan.TicksPerMinute * 10, TimeSpan.TicksPerDay));
        SftpClient client = await SshNetLogin.ConnectAsync(options, patience, cancellationToken).ConfigureAwait(false);
        var session = new SshNetSession(client, timing, options.TimeProvider);
        try
        {
            long asked = options.TimeProvider.GetTimestamp();
            await session.StatAsync("."u8.ToArray()).WaitAsync(cancellationToken).ConfigureAwait(false);
            // REALPATH and LSTAT, one after the other.
            session.RoundTrip = options.TimeProvider.GetElapsedTime(asked) / 2;
            int useful = (int)Math.Clamp(session.RoundTrip.TotalMilliseconds * PerMillisecond, Narrowest, Widest);
            session.Files = new SftpWindow(useful, Widest);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async IAsyncEnumerable<SftpEntry[]> ListAsync(byte[] path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string folder = Text(path);
        string prefix = await FolderAsync(folder).WaitAsync(cancellationToken).ConfigureAwait(false);
        IAsyncEnumerator<RenciFile> files = Folder(folder).GetAsyncEnumerator(CancellationToken.None);
        try
        {
            List<SftpEntry> entries = [];
            while (true)
            {
                // What is there already is no operation of its own: a READDIR brings a hundred names.
                ValueTask<bool> next = NextAsync(files);
                if (!next.IsCompletedSuccessfully)
                {
                    if (entries.Count > 0) yield return [.. entries];
                    entries.Clear();
                    next = new ValueTask<bool>(DoAsync(next.AsTask).WaitAsync(cancellationToken));
                }
                if (!await next.ConfigureAwait(false)) break;
                entries.Add(Entry(files.Current, prefix));
            }
            if (entries.Count > 0) yield return [.. entries];
        }
        finally
        {
            // It closes the folder, which nobody waits for.
            _ = CloseAsync(files);
        }
    }

    public FileFetch Fetch(ReconnectingConnection line, SourceFile file, byte[] path, long weight, bool lastLook) =>
        new WholeFile(line, this, file, path, weight, lastLook);

    public async Task<ForwardStream> OpenAsync(SourceFile listed, byte[] path, long offset, WindowEntry? entry)
    {
        RenciStream stream = await OpenAsync(Text(path), LongestRead, FileMode.Open, FileAccess.Read).ConfigureAwait(false);
        entry?.Opened();
        var opened = new FileStream(this, stream, listed, path, offset, entry);
        try
        {
            if (await StatAsync(path).ConfigureAwait(false) is { } now) FileChange.Check(listed, now.AsDisk(listed), listed.Size);
            else throw new FileChangedException("vanished");
            return opened;
        }
        catch
        {
            await opened.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task<SftpAttributes?> StatAsync(byte[] path)
    {
        return await LookAsync(Text(path)).ConfigureAwait(false) is { } found ? Followed(found) : null;
    }

    public async Task<SftpAttributes?> LstatAsync(byte[] path)
    {
        string asked = Text(path);
        if (await LookAsync(asked).ConfigureAwait(false) is not { } found) return null;
        SftpAttributes attributes = Attributes(found);
        return await IsItselfAsync(found, asked).ConfigureAwait(false) ? attributes : attributes with { Mode = SftpAttributes.Link };
    }

    public async Task<byte[]> RealPathAsync(byte[] path) => await LookAsync(Text(path)).ConfigureAwait(false) is { } found
        ? Encoding.Latin1.GetBytes(found.FullName)
        : throw NotThere();

    public async Task<SftpStatus> WriteAsync(byte[] path, Stream content, uint mode)
    {
        RenciStream stream = await OpenAsync(Text(path), LongestRead, FileMode.CreateNew, FileAccess.Write).ConfigureAwait(false);
        try
        {
            var buffer = new byte[LongestRead];
            for (int read; (read = await content.ReadAsync(buffer).ConfigureAwait(false)) > 0;)
                await DoAsync(() => stream.WriteAsync(buffer.AsMemory(0, read)).AsTask()).ConfigureAwait(false);
            await DoAsync(() => stream.DisposeAsync().AsTask()).ConfigureAwait(false);
            return default;
        }
        catch (SftpStatusException e)
        {
            _ = CloseAsync(stream);
            return e.Status;
        }
        catch
        {
            _ = CloseAsync(stream);
            throw;
        }
    }

    public Task<SftpStatus> RemoveAsync(byte[] path) => WithAsync(path, file => file.IsDirectory
        ? throw new SftpStatusException(new SftpStatus(SftpCode.Failure, "it is a folder"))
        : DoAsync(() => file.DeleteAsync(CancellationToken.None)));

    public Task<SftpStatus> RemoveFolderAsync(byte[] path) =>
        StatusAsync(() => DoAsync(() => _client.DeleteDirectoryAsync(Text(path), CancellationToken.None)));

    public Task<SftpStatus> MakeFolderAsync(byte[] path, uint mode) =>
        StatusAsync(() => DoAsync(() => _client.CreateDirectoryAsync(Text(path), CancellationToken.None)));

    public Task<SftpStatus> TakeAsync(byte[] from, byte[] to) => RenameAsync(from, to);

    public Task<SftpStatus> RenameAsync(byte[] from, byte[] to) => WithAsync(from, file => BlockAsync(() => file.MoveTo(Text(to))));

    public Task<SftpStatus> SetTimeAsync(byte[] path, DateTime modifiedUtc) => WithAsync(path, file => BlockAsync(() =>
    {
        file.LastAccessTimeUtc = file.LastWriteTimeUtc = modifiedUtc;
        file.UpdateStatus();
    }));

    public async ValueTask DisposeAsync()
    {
        End(new SftpConnectionException("the SFTP session was closed", mayRecover: false));
        await _watch.DisposeAsync().ConfigureAwait(false);
        // A server that says good-bye is waited for; one that does not must not hang its user.
        await Task.WhenAny(_dying!, Task.Delay(TimeSpan.FromSeconds(5))).ConfigureAwait(false);
    }

    private static string Text(byte[] path) => Encoding.Latin1.GetString(path);

    private static SftpAttributes Attributes(RenciFile file)
    {
        SftpFileAttributes told = file.Attributes;
        uint? mode = told.IsDirectory ? SftpAttributes.Folder
            : told.IsSymbolicLink ? SftpAttributes.Link
            : told.IsRegularFile ? SftpAttributes.RegularFile
            : told.IsNamedPipe || told.IsSocket || told.IsCharacterDevice || told.IsBlockDevice ? SftpAttributes.Pipe : null;
        // SSH.NET's signs of what a server did not tell.
        DateTime? modified = told.LastWriteTimeUtc > DateTime.MinValue ? told.LastWriteTimeUtc : null;
        return new SftpAttributes(told.Size >= 0 ? told.Size : null, mode, modified);
    }

    private static SftpAttributes Followed(RenciFile found)
    {
        // A server that does not follow links when it is asked for a real path: then nothing that SSH.NET has does.
        if (found.Attributes.IsSymbolicLink) throw Unable("it cannot tell what a symbolic link leads to on this server");
        return Attributes(found);
    }

    private static SftpEntry Entry(RenciFile file, string prefix)
    {
        // SSH.NET's own Name is what follows the last slash, and hides a name with a slash in it.
        if (!file.FullName.StartsWith(prefix, StringComparison.Ordinal))
            throw new SftpProtocolException($"the listing of {SftpNames.Show(Encoding.Latin1.GetBytes(prefix))} came for another folder");
        return new SftpEntry(Encoding.Latin1.GetBytes(file.FullName[prefix.Length..]), Attributes(file));
    }

    private static SftpStatusException NotThere() => new(new SftpStatus(SftpCode.NoSuchFile, "No such file"));

    private static SftpStatusException Unable(string what) =>
        new(new SftpStatus(SftpCode.Unsupported, $"the managed client: {what}; the ssh client can"));

    private static async ValueTask<bool> NextAsync(IAsyncEnumerator<RenciFile> files) => await files.MoveNextAsync().ConfigureAwait(false);

    private IAsyncEnumerable<RenciFile> Folder(string folder)
    {
        try
        {
            return _client.ListDirectoryAsync(folder, CancellationToken.None);
        }
        catch (Exception e)
        {
            throw Translate(e);
        }
    }

    /// <summary>Closes what was opened. It ends with the session at the latest, and never fails.</summary>
    private async Task CloseAsync(IAsyncDisposable opened)
    {
        try
        {
            await DoAsync(() => opened.DisposeAsync().AsTask()).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SftpStatusException or SftpConnectionException)
        {
            // Nobody waits for a CLOSE; what it says about the connection, the next operation finds out.
        }
    }

    /// <summary>What a path leads to, with the server's own absolute form of it; <see langword="null"/> when there is nothing.</summary>
    private async Task<RenciFile?> LookAsync(string path)
    {
        try
        {
            return await DoAsync(() => _client.GetAsync(path, CancellationToken.None)).ConfigureAwait(false);
        }
        catch (SftpStatusException e) when (e.Status.Code == SftpCode.NoSuchFile)
        {
            return null;
        }
    }

    /// <summary>As <see cref="StatAsync"/>, on a thread that waits.</summary>
    private SftpAttributes? Stat(string path)
    {
        try
        {
            return Followed(Call(() => _client.Get(path)));
        }
        catch (SftpStatusException e) when (e.Status.Code == SftpCode.NoSuchFile)
        {
            return null;
        }
    }

    /// <summary>A folder's absolute form, with a slash at its end.</summary>
    private async Task<string> FolderAsync(string folder)
    {
        if (_folders.TryGetValue(folder, out string? known)) return known;
        RenciFile found = await LookAsync(folder).ConfigureAwait(false) ?? throw NotThere();
        string full = found.FullName.EndsWith('/') ? found.FullName : found.FullName + "/";
        if (_folders.Count >= MostFolders) _folders.Clear();
        _folders[folder] = full;
        return full;
    }

    /// <summary>Whether what was found at a path is the file there, and not what a symbolic link there leads to.</summary>
    private async Task<bool> IsItselfAsync(RenciFile found, string asked)
    {
        if (found.Attributes.IsSymbolicLink) return false;
        string above = SftpPlace.FolderOfPath(asked) is { Length: > 0 } named ? named : asked.StartsWith('/') ? "/" : ".";
        return found.FullName == await FolderAsync(above).ConfigureAwait(false) + SftpPlace.NameOf(asked);
    }

    private async Task<SftpStatus> WithAsync(byte[] path, Func<RenciFile, Task> act)
    {
        string asked = Text(path);
        return await StatusAsync(async () =>
        {
            RenciFile found = await LookAsync(asked).ConfigureAwait(false) ?? throw NotThere();
            if (!await IsItselfAsync(found, asked).ConfigureAwait(false)) throw Unable("it would touch what this symbolic link leads to");
            await act(found).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    private static async Task<SftpStatus> StatusAsync(Func<Task> act)
    {
        try
        {
            await act().ConfigureAwait(false);
            return default;
        }
        catch (SftpStatusException e)
        {
            return e.Status;
        }
    }

    /// <summary>
    /// Opens a file. The buffer decides how much one READ asks for, and SSH.NET takes its size from the client when it is called.
    /// </summary>
    private Task<RenciStream> OpenAsync(string path, int length, FileMode mode, FileAccess access) => DoAsync(
        () =>
        {
            lock (_opening)
            {
                _client.BufferSize = (uint)Math.Max(length + Overhead, SmallestBuffer);
                return _client.OpenAsync(path, mode, access, CancellationToken.None);
            }
        },
        late => _ = CloseAsync(late));

    private async Task BlockAsync(Action call)
    {
        try
        {
            await _blocking.WaitAsync(_ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw Cause!;
        }
        await DoAsync(() => Task.Run(() =>
        {
            try
            {
                call();
            }
            finally
            {
                // The place comes free when the thread does.
                _blocking.Release();
            }
        })).ConfigureAwait(false);
    }

    /// <summary>
    /// Opens a file to read all of it. A READ of just its size is one request; a longer one makes SSH.NET ask once more for the rest.
    /// Others open files at the same time, so this may open with another one's buffer: then it takes more requests.
    /// </summary>
    private RenciStream Open(string path, long size)
    {
        _client.BufferSize = (uint)Math.Max(Math.Min(size, LongestRead) + Overhead, SmallestBuffer);
        return _client.Open(path, FileMode.Open, FileAccess.Read);
    }

    /// <summary>Closes what was opened, on a thread that waits for it. It never fails.</summary>
    private void Close(RenciStream opened)
    {
        try
        {
            Call(() =>
            {
                opened.Dispose();
                return true;
            });
        }
        catch (Exception e) when (e is SftpStatusException or SftpConnectionException)
        {
            // What it says about the connection, the next operation finds out.
        }
    }

    /// <summary>One of SSH.NET's calls that hold a thread.</summary>
    private T Call<T>(Func<T> call)
    {
        long id = Begin();
        try
        {
            return call();
        }
        catch (Exception e)
        {
            throw Translate(e);
        }
        finally
        {
            lock (_gate) _pending.Remove(id);
        }
    }

    private async Task DoAsync(Func<Task> start) => await DoAsync(async () =>
    {
        await start().ConfigureAwait(false);
        return true;
    }).ConfigureAwait(false);

    /// <summary>Starts one of SSH.NET's operations and waits for it, or for the end of the session.</summary>
    /// <param name="start">Starts it.</param>
    /// <param name="late">Takes a result that comes when nobody waits for it any more.</param>
    private async Task<T> DoAsync<T>(Func<Task<T>> start, Action<T>? late = null)
    {
        long id = Begin();
        try
        {
            return await UntilOverAsync(start(), late).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Translate(e);
        }
        finally
        {
            lock (_gate) _pending.Remove(id);
        }
    }

    /// <summary>Waits for an operation, or for the end of the session, which is an error then.</summary>
    private async Task<T> UntilOverAsync<T>(Task<T> operation, Action<T>? late)
    {
        try
        {
            return await operation.WaitAsync(_ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            if (!operation.IsCompleted) _ = ForgetAsync(operation, late);
            throw Cause!;
        }
    }

    private static async Task ForgetAsync<T>(Task<T> operation, Action<T>? late)
    {
        try
        {
            T result = await operation.ConfigureAwait(false);
            late?.Invoke(result);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Nobody waits for it.
        }
    }

    private long Begin()
    {
        lock (_gate)
        {
            if (_cause is not null) throw _cause;
            long id = ++_lastId;
            // The deadline of an operation that waits alone begins now, whenever the last one was.
            if (_pending.Count == 0) (_watchedId, _watchedSince) = (id, _time.GetTimestamp());
            _pending.Add(id);
            return id;
        }
    }

    /// <summary>A server's status is an answer; anything else is the end of the session.</summary>
    private Exception Translate(Exception error)
    {
        if (error is SftpException { StatusCode: var code } status)
        {
            // The path that SSH.NET adds is known, and in its encoding no text.
            string words = status is SftpPathNotFoundException ? "No such file" : status.Message;
            return new SftpStatusException(new SftpStatus((SftpCode)code, SftpReader.Printable(Encoding.UTF8.GetBytes(words))));
        }
        End(Lost(error));
        return Cause!;
    }

    private static SftpConnectionException Lost(Exception error) => error as SftpConnectionException ?? new SftpConnectionException(
        "the connection was lost" + SshDiagnosis.Quote("SSH.NET", error.Message, null).TrimEnd('.'), mayRecover: true, error);

    private void End(Exception cause)
    {
        lock (_gate)
        {
            if (_cause is not null) return;
            _cause = cause;
            _dying = SshNetLogin.Abandon(_client);
        }
        _threads.End();
        // On other threads: who waits must not go on inside SSH.NET's own.
        _ = _ended.CancelAsync();
    }

    /// <summary>
    /// As in <see cref="SftpConnection"/>: the deadline is that of the oldest operation, counted from when it became the oldest.
    /// </summary>
    private void Watch()
    {
        bool isLate = false, isIdle = false;
        lock (_gate)
        {
            if (_cause is not null) return;
            TimeSpan waited = _time.GetElapsedTime(_watchedSince);
            if (_pending.Count == 0) isIdle = waited >= _timing.KeepAlive;
            else if (_pending.Min() is var oldest && oldest != _watchedId) (_watchedId, _watchedSince) = (oldest, _time.GetTimestamp());
            else isLate = waited >= _timing.Deadline;
        }
        if (isLate) End(SftpFaults.Late(_timing.Deadline));
        if (isIdle) _ = KeepAliveAsync();
    }

    /// <summary>
    /// Something harmless, so that a server does not drop an idle session, and a dead one is noticed before it is needed.
    /// </summary>
    private async Task KeepAliveAsync()
    {
        try
        {
            await LookAsync(".").ConfigureAwait(false);
        }
        catch (Exception e) when (e is SftpStatusException or SftpConnectionException)
        {
            // Whatever ended the session, it is known now.
        }
    }
}
