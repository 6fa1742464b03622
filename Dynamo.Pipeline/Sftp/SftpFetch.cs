using System.Buffers;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Fetches one file whole: OPEN, then its READs as soon as the handle is there, then a CLOSE nobody waits for: two round trips, and no
/// thread is woken in between, because the steps run on the connection's reader thread. One byte more than listed is asked for, in case it
/// is longer. A file that may be written right now gets a last look, an FSTAT: the server works in order, so that one behind the last READ
/// tells whether what was read is what was listed.
/// </summary>
internal sealed class SftpFetch(
    ReconnectingConnection line, SftpConnection connection, SourceFile file, byte[] path, long weight, bool lastLook)
    : FileFetch(connection, file, path, weight), ISftpRequest
{
    private const int ReadsAhead = 32;

    private readonly int _size = (int)file.Size;
    private byte[]? _handle;
    private byte[]? _buffer;
    private int _asked;
    private int _received;
    private bool _isRead;
    private FileStat? _now;
    private bool _isOver;

    public void Answer(byte type, SftpReader body)
    {
        if (type == SftpProtocol.Handle) Opened(body.Handle());
        else if (type == SftpProtocol.Status) NotOpened(body.Status());
        else throw SftpProtocolException.Unexpected(type, "OPEN");
    }

    public void Fail(Exception cause)
    {
        if (_isOver) return;
        _isOver = true;
        connection.Files.Leave(Weight, _handle is not null);
        Fails(cause);
    }

    protected override void Begin() => connection.SendOpen(this, Path);

    private void NotOpened(SftpStatus status)
    {
        _isOver = true;
        if (status.Code == SftpCode.Failure) OthersWereOpen = connection.Files.LeaveRefused(Weight);
        else connection.Files.Leave(Weight, opened: false);
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
        _now = attributes?.AsDisk(File) ?? new FileStat(FileKind.Regular, File.Size, File.ModifiedUtc);
        if (_isRead || !_now.Value.Is(File)) Finish();
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
            FileChange.Check(File, _now!.Value, _received);
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
        connection.Files.Leave(Weight, opened: true);
    }

    /// <summary>The FSTAT behind the last READ; a server that refuses it leaves the size as the only witness.</summary>
    private sealed class LastLook(SftpFetch fetch) : ISftpRequest
    {
        public void Answer(byte type, SftpReader body)
        {
            if (type == SftpProtocol.Attrs) fetch.Looked(body.Attributes());
            else if (type == SftpProtocol.Status) fetch.Looked(null);
            else throw SftpProtocolException.Unexpected(type, "FSTAT");
        }

        public void Fail(Exception cause) => fetch.Fail(cause);
    }

    /// <summary>One READ of the file.</summary>
    private sealed class Chunk(SftpFetch fetch, int offset, int length) : ISftpRequest
    {
        public int Offset => offset;

        public int Length => length;

        public void Answer(byte type, SftpReader body)
        {
            if (type == SftpProtocol.Data) fetch.Take(this, body.Bytes());
            else if (type != SftpProtocol.Status) throw SftpProtocolException.Unexpected(type, "READ");
            else if (body.Status() is { Code: not SftpCode.EndOfFile } status) fetch.Refused(status);
            else fetch.TakeEnd(this);
        }

        public void Fail(Exception cause) => fetch.Fail(cause);
    }
}
