using System.Buffers;

namespace Dynamo.Pipeline;

/// <summary>
/// Fetches one file whole: OPEN, then its READs as soon as the handle is there, then a CLOSE nobody waits for: two round trips, and no thread
/// is woken in between, because the steps run on the connection's reader thread. One byte more than listed is asked for, so that a file
/// that grew is found out without a further request.
/// </summary>
internal sealed class SftpFetch(SftpConnection connection, byte[] path, int size, long weight) : SftpRequest
{
    private const int ReadsAhead = 32;

    private readonly TaskCompletionSource<FileContent> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _handle;
    private byte[]? _buffer;
    private int _asked;
    private int _received;
    private bool _isOver;

    /// <summary>After the OPEN was refused: whether others were open, so that the refusal may be for want of handles.</summary>
    public bool OthersWereOpen { get; private set; }

    /// <summary>Sends the OPEN; the place in the connection's window, entered by the caller with its weight, is given back at the end.</summary>
    /// <returns>
    /// The content. Fails with <see cref="SftpStatusException"/> (what the server answered), <see cref="FileChangedException"/> or
    /// <see cref="SftpConnectionException"/>.
    /// </returns>
    public Task<FileContent> RunAsync()
    {
        connection.SendOpen(this, path);
        return _completion.Task;
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
        _completion.TrySetException(cause);
        // Whoever was cancelled meanwhile does not look at it any more.
        _ = _completion.Task.Exception;
    }

    private void NotOpened(SftpStatus status)
    {
        _isOver = true;
        if (status.Code == SftpCode.Failure) OthersWereOpen = connection.Files.LeaveRefused(weight);
        else connection.Files.Leave(weight, opened: false);
        _completion.TrySetException(new SftpStatusException(status));
    }

    private void Opened(byte[] handle)
    {
        _handle = handle;
        connection.Files.Opened();
        _buffer = ArrayPool<byte>.Shared.Rent(size + 1);
        for (int i = 0; i < ReadsAhead; i++)
            if (!AskNext()) break;
    }

    private bool AskNext()
    {
        int length = Math.Min(connection.ReadLength, size + 1 - _asked);
        if (length == 0) return false;
        connection.SendRead(new Chunk(this, _asked, length), _handle, _asked, length);
        _asked += length;
        return true;
    }

    private void Take(Chunk chunk, ReadOnlySpan<byte> data)
    {
        if (_isOver) return;
        if (data.Length == 0 || data.Length > chunk.Length)
            throw new SftpProtocolException($"{data.Length} bytes came in answer to a READ of {chunk.Length}");
        data.CopyTo(_buffer.AsSpan(chunk.Offset));
        _received += data.Length;
        if (chunk.Offset + data.Length > size) Finish($"grew beyond the listed {size} bytes");
        else if (_received == size) Finish(null);
        else if (data.Length < chunk.Length) AskAgain(chunk.Offset + data.Length, chunk.Length - data.Length);
        else AskNext();
    }

    /// <summary>A short read is not the end of a file: the rest is asked for again.</summary>
    private void AskAgain(int offset, int length) => connection.SendRead(new Chunk(this, offset, length), _handle, offset, length);

    private void TakeEnd(Chunk chunk)
    {
        if (_isOver) return;
        if (chunk.Offset < size) Finish($"shrank from {size} to {chunk.Offset} bytes or fewer");
        // The end is where it should be; chunks before it may still be under way, and an empty file has none.
        else if (_received == size) Finish(null);
    }

    private void Refused(SftpStatus status)
    {
        if (_isOver) return;
        Close();
        _completion.TrySetException(new SftpStatusException(status));
    }

    private void Finish(string? change)
    {
        Close();
        if (change is null) _completion.TrySetResult(FileContent.Rented(_buffer!, size));
        else _completion.TrySetException(new FileChangedException(change));
    }

    private void Close()
    {
        _isOver = true;
        connection.SendClose(_handle);
        connection.Files.Leave(weight, opened: true);
    }

    /// <summary>One READ of the file.</summary>
    private sealed class Chunk(SftpFetch file, int offset, int length) : SftpRequest
    {
        public int Offset => offset;

        public int Length => length;

        public override void Answer(byte type, SftpReader body)
        {
            if (type == SftpProtocol.Data) file.Take(this, body.Bytes());
            else if (type != SftpProtocol.Status) throw Unexpected(type, "READ");
            else if (body.Status() is { Code: not SftpCode.EndOfFile } status) file.Refused(status);
            else file.TakeEnd(this);
        }

        public override void Fail(Exception cause) => file.Fail(cause);
    }
}
