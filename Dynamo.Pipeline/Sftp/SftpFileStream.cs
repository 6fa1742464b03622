using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// A large file as a stream: up to 32 READs are under way in front of the reader, so that memory stays constant and the line full.
/// Ends with <see cref="FileChangedException"/> when it was not what was listed. One reader at a time.
/// </summary>
internal sealed class SftpFileStream : ForwardStream
{
    // 2 MiB at most are under way or waiting: enough for 100 MB/s at a distance of 20 ms.
    private const int ReadsAhead = 32, LongestRead = 64 * 1024;

    private readonly SftpConnection _connection;
    private readonly byte[] _handle;
    private readonly SourceFile _listed;
    private readonly WindowEntry? _entry;
    private readonly Queue<Chunk> _chunks = new();
    private long _asked;
    private long _position;
    private Task<SftpAttributes?>? _lastLook;
    private bool _isDisposed;

    /// <param name="connection">Where the handle is open.</param>
    /// <param name="handle">The opened file; closed with the stream.</param>
    /// <param name="listed">The file as it was listed.</param>
    /// <param name="start">The offset to begin at.</param>
    /// <param name="entry">Its place in the window, given back when the stream is disposed.</param>
    public SftpFileStream(SftpConnection connection, byte[] handle, SourceFile listed, long start, WindowEntry? entry)
    {
        (_connection, _handle, _listed, _entry) = (connection, handle, listed, entry);
        _asked = _position = start;
        for (int i = 0; i < ReadsAhead; i++) AskNext();
    }

    public override bool CanRead => !_isDisposed;

    public override long Length => _listed.Size;

    public override long Position { get => _position; }

    public override int Read(Span<byte> buffer)
    {
        while (buffer.Length > 0 && _chunks.TryPeek(out Chunk? head))
        {
            // Completed by the reader thread itself: nobody else is needed to wake this one.
            head.Arrived.GetAwaiter().GetResult();
            if (Take(head, buffer) is int taken and > 0) return taken;
        }
        if (buffer.Length > 0) CheckEnd(LastLook().GetAwaiter().GetResult());
        return 0;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0 && _chunks.TryPeek(out Chunk? head))
        {
            await head.Arrived.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (Take(head, buffer.Span) is int taken and > 0) return taken;
        }
        if (buffer.Length > 0) CheckEnd(await LastLook().WaitAsync(cancellationToken).ConfigureAwait(false));
        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isDisposed)
        {
            _isDisposed = true;
            _connection.SendClose(_handle);
            _entry?.Leave();
        }
        base.Dispose(disposing);
    }

    private void AskNext()
    {
        // One byte beyond the listed size tells whether the file grew.
        int length = (int)Math.Min(Math.Min(_connection.ReadLength, LongestRead), _listed.Size + 1 - _asked);
        if (length == 0) return;
        var chunk = new Chunk(_asked, length);
        _chunks.Enqueue(chunk);
        _asked += length;
        _connection.SendRead(chunk, _handle, chunk.Offset, length);
    }

    private int Take(Chunk head, Span<byte> buffer)
    {
        int taken = head.CopyTo(buffer);
        _position += taken;
        if (_position > _listed.Size || head.IsEnd)
        {
            // Either way there is nothing more to give; whether it was all is told by the last look.
            _chunks.Clear();
            return _position > _listed.Size ? 0 : taken;
        }
        if (!head.IsEmpty) return taken;
        if (_position == _listed.Size)
        {
            _chunks.Clear();
            return taken;
        }
        _chunks.Dequeue();
        // A short read is not the end of a file: what it lacks comes before what was asked for after it.
        if (head.Missing > 0) AskFirst(head.Offset + head.Got, head.Missing);
        else AskNext();
        return taken;
    }

    private Task<SftpAttributes?> LastLook() => _lastLook ??= _connection.FstatAsync(_handle);

    private void CheckEnd(SftpAttributes? now) =>
        FileChange.Check(_listed, now?.AsDisk(_listed) ?? new FileStat(FileKind.Regular, _listed.Size, _listed.ModifiedUtc), _position);

    private void AskFirst(long offset, int length)
    {
        var chunk = new Chunk(offset, length);
        Chunk[] later = [.. _chunks];
        _chunks.Clear();
        _chunks.Enqueue(chunk);
        foreach (Chunk other in later) _chunks.Enqueue(other);
        _connection.SendRead(chunk, _handle, offset, length);
    }

    /// <summary>
    /// One READ; written by the connection's reader thread before <see cref="Arrived"/> completes, and by the stream's reader after.
    /// </summary>
    private sealed class Chunk(long offset, int length) : ISftpRequest
    {
        private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private byte[] _data = [];
        private int _read;

        public Task Arrived => _arrived.Task;

        public long Offset => offset;

        public bool IsEnd { get; private set; }

        public bool IsEmpty => _read == _data.Length;

        public int Got => _data.Length;

        public int Missing => length - _data.Length;

        public int CopyTo(Span<byte> buffer)
        {
            int count = Math.Min(buffer.Length, _data.Length - _read);
            _data.AsSpan(_read, count).CopyTo(buffer);
            _read += count;
            return count;
        }

        public void Answer(byte type, SftpReader body)
        {
            if (type == SftpProtocol.Data) _data = Data(body.Bytes());
            else if (type != SftpProtocol.Status) throw SftpProtocolException.Unexpected(type, "READ");
            else if (body.Status() is { Code: not SftpCode.EndOfFile } status)
            {
                _arrived.TrySetException(new SftpStatusException(status));
                return;
            }
            else IsEnd = true;
            _arrived.TrySetResult();
        }

        public void Fail(Exception cause)
        {
            _arrived.TrySetException(cause);
            // The stream may be disposed with chunks under way.
            _ = _arrived.Task.Exception;
        }

        private byte[] Data(ReadOnlySpan<byte> data)
        {
            if (data.Length == 0 || data.Length > length)
                throw new SftpProtocolException($"{data.Length} bytes came in answer to a READ of {length}");
            return data.ToArray();
        }
    }
}
