using Dynamo.Pipeline.Files;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Reads a large file once, from beginning to end. If it is not the file that was listed, reading fails as soon as that shows,
/// at its end at the latest. Not thread-safe.
/// </summary>
internal sealed class FolderFileStream(SafeFileHandle handle, SourceFile listed, Func<SafeFileHandle, FileStat> stat) : ForwardStream
{
    // A larger buffer makes no measurable difference on a local disk; a smaller one costs more system calls.
    private const int BufferSize = 128 * 1024;

    private readonly FileStream _file = new(handle, FileAccess.Read, BufferSize, isAsync: false);
    private long _read;

    public override long Length => listed.Size;

    public override long Position { get => _read; }

    /// <exception cref="FileChangedException">The file is not the one that was listed.</exception>
    /// <exception cref="SourceException">The disk fails.</exception>
    public override int Read(Span<byte> buffer)
    {
        try
        {
            return Count(_file.Read(buffer), buffer.Length);
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.ReadingOn(listed, error);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return Count(await _file.ReadAsync(buffer, cancellationToken).ConfigureAwait(false), buffer.Length);
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.ReadingOn(listed, error);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _file.Dispose();
        base.Dispose(disposing);
    }

    private int Count(int read, int asked)
    {
        _read += read;
        if ((read == 0 && asked > 0) || _read > listed.Size) FileChange.Check(listed, stat(handle), _read);
        return read;
    }
}
