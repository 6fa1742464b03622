using System.Buffers;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Fetches one file whole: OPEN, then its READs as soon as the handle is there, then a CLOSE nobody waits for: two round trips, and no
/// thread is woken in between, because the steps run on the connection's reader thread. One byte more than listed is asked for, in case it is longer. A file that may be
/// written right now gets a last look, an FSTAT: the server works in order, so that one behind the last READ tells whether what was read is what was listed.
/// </summary>
internal sealed partial class SftpFetch(ReconnectingConnection line, SftpConnection connection, SourceFile file, byte[] path, long weight, bool lastLook) : SftpRequest, ISftpEntrant
{
    private const int ReadsAhead = 32;

    private readonly int _size = (int)file.Size;
    private readonly TaskCompletionSource<FileContent> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _handle;
    private byte[]? _buffer;
    private int _asked;
    private int _received;
    private bool _isRead;
    private FileStat? _now;
    private bool _isOver;
    private CancellationTokenRegistration _cancellation;

    /// <summary>The file it fetches.</summary>
    public SourceFile File => file;

    /// <summary>Its path, encoded.</summary>
    public byte[] Path => path;

    /// <summary>Where it is fetched.</summary>
    public SftpConnection Connection => connection;

    /// <summary>Called, on the connection's reader thread, when the attempt failed: it sees to it that <see cref="Complete"/> or <see cref="Fault"/> is called. Without it, the content fails.</summary>
    public Action<SftpFetch, Exception>? Failed { get; init; }

    /// <summary>Gives up.</summary>
    public CancellationToken Cancellation { get; private set; }

    /// <summary>After the OPEN was refused: whether others were open, so that the refusal may be for want of handles.</summary>
    public bool OthersWereOpen { get; private set; }

    /// <summary>Sends the OPEN as soon as there is a place in the connection's window; nobody is woken for it.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>
    /// The content. Fails with <see cref="SftpStatusException"/> (what the server answered), <see cref="FileChangedException"/> or
    /// <see cref="SftpConnectionException"/>.
    /// </returns>
    public Task<FileContent> RunAsync(CancellationToken cancellationToken)
    {
        Cancellation = cancellationToken;
        _cancellation = cancellationToken.UnsafeRegister(static (fetch, token) => ((SftpFetch)fetch!)._completion.TrySetCanceled(token), this);
        connection.Files.Enter(weight, this);
        return _completion.Task;
    }

    public bool HasGivenUp => _completion.Task.IsCompleted;

    public void Enter()
    {
        if (HasGivenUp) connection.Files.Leave(weight, opened: false);
        else connection.SendOpen(this, path);
    }

    /// <summary>The content came, perhaps by another attempt.</summary>
    public void Complete(FileContent content)
    {
        _cancellation.Unregister();
        if (!_completion.TrySetResult(content)) content.Dispose();
    }

    /// <summary>No attempt can help.</summary>
    public void Fault(Exception error)
    {
        _cancellation.Unregister();
        _completion.TrySetException(error);
        // Whoever was cancelled meanwhile does not look at it any more.
        _ = _completion.Task.Exception;
    }

    public override void Answer(byte type, SftpReader body)
    {
        if (type == SftpProtocol.Handle) Opened(body.Handle());
        else if (type == SftpProtocol.Status) NotOpened(body.Status());
        else throw Unexpected(type, "OPEN");
    }

    public override void Fail(Exception cause)
    {
        if (_isOver) return;
        _isOver = true;
        connection.Files.Leave(weight, _handle is not null);
        Fails(cause);
    }

    private void Fails(Exception error)
    {
        if (Failed is { } failed && !HasGivenUp) failed(this, error);
        else Fault(error);
    }

    private void NotOpened(SftpStatus status)
    {
        _isOver = true;
        if (status.Code == SftpCode.Failure) OthersWereOpen = connection.Files.LeaveRefused(weight);
        else connection.Files.Leave(weight, opened: false);
        Fails(new SftpStatusException(status));
    }

    private void Opened(byte[] handle)
    {
        _handle = handle;
        connection.Files.Opened();
        _buffer = ArrayPool<byte>.Shared.Rent(_size + 1);
        for (int i = 0; i < ReadsAhead; i++)
            if (!AskNext()) break;
    }

    private bool AskNext()
    {
        int length = Math.Min(connection.ReadLength, _size + 1 - _asked);
        if (length == 0) return false;
        Ask(_asked, length);
        _asked += length;
        if (_asked > _size && lastLook) connection.SendFstat(new LastLook(this), _handle);
        return true;
    }

    private void Ask(int offset, int length) => connection.SendRead(new Chunk(this, offset, length), _handle, offset, length);

    private void Take(Chunk chunk, ReadOnlySpan<byte> data)
    {
        if (_isOver) return;
        if (data.Length == 0 || data.Length > chunk.Length)
            throw new SftpProtocolException($"{data.Length} bytes came in answer to a READ of {chunk.Length}");
        data.CopyTo(_buffer.AsSpan(chunk.Offset));
        _received += data.Length;
        if (chunk.Offset + data.Length > _size || _received == _size) Read();
        // A short read is not the end of a file: the rest is asked for again.
        else if (data.Length < chunk.Length) Ask(chunk.Offset + data.Length, chunk.Length - data.Length);
        else AskNext();
    }

    private void TakeEnd(Chunk chunk)
    {
        // Where the end should be it is none before the chunks ahead of it are there; an empty file has none.
        if (!_isOver && (chunk.Offset < _size || _received == _size)) Read();
    }

    /// <summary>All is read that there is. The last look mostly came just before or comes just after.</summary>
    private void Read()
    {
        _isRead = true;
        // An early end came before the last chunk was asked for, and the look with it.
        if (_asked <= _size || (!lastLook && _received == _size)) Looked(null);
        else if (_now is not null) Finish();
        // Not what was listed: the server says what it is now.
        else if (!lastLook) connection.SendFstat(new LastLook(this), _handle);
    }

    private void Looked(SftpAttributes? attributes)
    {
        if (_isOver) return;
        _now = attributes?.AsDisk(file) ?? new FileStat(FileKind.Regular, file.Size, file.ModifiedUtc);
        if (_isRead || !_now.Value.Is(file)) Finish();
    }

    private void Refused(SftpStatus status)
    {
        if (_isOver) return;
        Close();
        Fails(new SftpStatusException(status));
    }

    private void Finish()
    {
        Close();
        try
        {
            FileChange.Check(file, _now!.Value, _received);
            line.Progressed();
            Complete(FileContent.Rented(_buffer!, _size));
        }
        catch (FileChangedException e)
        {
            ArrayPool<byte>.Shared.Return(_buffer!);
            Fault(e);
        }
    }

    private void Close()
    {
        _isOver = true;
        connection.SendClose(_handle);
        connection.Files.Leave(weight, opened: true);
    }
}
