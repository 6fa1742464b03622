namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// A large file that survives the loss of its connection: it is opened again where it stopped, after a check that it is still the same file.
/// One reader at a time.
/// </summary>
/// <param name="stream">The file, opened.</param>
/// <param name="reopen">Opens it again at an offset on a new connection.</param>
internal sealed class SftpResumingStream(SftpFileStream stream, Func<long, CancellationToken, Task<SftpFileStream>> reopen) : ForwardStream
{
    private SftpFileStream _stream = stream;

    public override long Length => _stream.Length;

    public override long Position { get => _stream.Position; }

    public override int Read(Span<byte> buffer)
    {
        while (true)
        {
            try
            {
                return _stream.Read(buffer);
            }
            catch (SftpConnectionException)
            {
                ReopenAsync(CancellationToken.None).GetAwaiter().GetResult();
            }
            catch (SftpStatusException e)
            {
                throw SftpFaults.Opening(e);
            }
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                return await _stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            }
            catch (SftpConnectionException)
            {
                await ReopenAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (SftpStatusException e)
            {
                throw SftpFaults.Opening(e);
            }
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _stream.Dispose();
        base.Dispose(disposing);
    }

    private async Task ReopenAsync(CancellationToken cancellationToken)
    {
        SftpFileStream lost = _stream;
        await lost.DisposeAsync().ConfigureAwait(false);
        _stream = await reopen(lost.Position, cancellationToken).ConfigureAwait(false);
    }
}
