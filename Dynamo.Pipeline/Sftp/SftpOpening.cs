using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>Opens files over several lines, and again when a connection is lost or the server is out of handles. Thread-safe.</summary>
internal sealed class SftpOpening(ReconnectingConnections lines, SftpSourceOptions options, SftpClock clock)
{
    /// <summary>
    /// A file that was not written for so long is not being written in the very moment between its listing and its reading.
    /// </summary>
    private static readonly TimeSpan s_rest = TimeSpan.FromHours(1);

    // Refused so often for want of handles, a file is tried alone: then it was not for want of handles.
    private const int RefusalsUntilAlone = 4;

    // What a stream reads ahead is its own affair; this bounds how many are open.
    private const long StreamWeight = 64 * 1024;

    /// <summary>Fetches a file whole. Nearly always at the first attempt, and then without a task of its own.</summary>
    public Task<FileContent> WholeAsync(SourceFile file, byte[] path, CancellationToken cancellationToken)
    {
        ReconnectingConnection line = lines.LeastBusy();
        if (line.Live is not { } session) return AgainAsync(file, path, 0, cancellationToken);
        FileFetch fetch = session.Fetch(line, file, path, file.Size, lastLook: !HasRested(file));
        fetch.Failed = Recover;
        return fetch.RunAsync(cancellationToken);
    }

    private void Recover(FileFetch fetch, Exception error) => _ = Task.Run(() => RecoverAsync(fetch, error));

    private async Task RecoverAsync(FileFetch fetch, Exception error)
    {
        try
        {
            if (error is SftpStatusException refused && !fetch.OthersWereOpen)
                throw await JudgeAsync(fetch.Session, fetch.File, fetch.Path, refused).ConfigureAwait(false);
            int refusals = fetch.OthersWereOpen ? 1 : 0;
            fetch.Complete(await AgainAsync(fetch.File, fetch.Path, refusals, fetch.Cancellation).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            fetch.Fault(e);
        }
    }

    /// <summary>Attempt after attempt, each over whichever connection there is.</summary>
    private async Task<FileContent> AgainAsync(SourceFile file, byte[] path, int refusals, CancellationToken cancellationToken)
    {
        while (true)
        {
            ReconnectingConnection line = lines.LeastBusy();
            ISftpSession session = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            long weight = refusals < RefusalsUntilAlone ? file.Size : SftpWindow.MostBytes + 1;
            FileFetch fetch = session.Fetch(line, file, path, weight, lastLook: !HasRested(file));
            try
            {
                return await fetch.RunAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (SftpStatusException) when (fetch.OthersWereOpen)
            {
                refusals++;
            }
            catch (SftpStatusException e)
            {
                throw await JudgeAsync(session, file, path, e).ConfigureAwait(false);
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
        }
    }

    /// <summary>Opens a file as a stream that survives the loss of its connection.</summary>
    public async Task<FileContent> StreamAsync(SourceFile file, byte[] path, CancellationToken cancellationToken)
    {
        ForwardStream stream = await StreamAsync(file, path, 0, cancellationToken).ConfigureAwait(false);
        return new FileContent(new ResumingStream(stream, (offset, token) => StreamAsync(file, path, offset, token)));
    }

    private async Task<ForwardStream> StreamAsync(SourceFile file, byte[] path, long offset, CancellationToken cancellationToken)
    {
        while (true)
        {
            ReconnectingConnection line = lines.LeastBusy();
            ISftpSession session = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            WindowEntry entry = await session.Files.EnterAsync(StreamWeight, cancellationToken).ConfigureAwait(false);
            try
            {
                ForwardStream stream = await session.OpenAsync(file, path, offset, entry).ConfigureAwait(false);
                line.Progressed();
                return stream;
            }
            catch (SftpStatusException e)
            {
                // The server was out of handles, and others are open: after one of them.
                if (e.Status.Code == SftpCode.Failure && entry.LeaveRefused()) continue;
                throw await JudgeAsync(session, file, path, e).ConfigureAwait(false);
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
            finally
            {
                if (!entry.IsOpen) entry.Leave();
            }
        }
    }

    private bool HasRested(SourceFile file) =>
        clock.UtcNow - file.ModifiedUtc >= s_rest + options.ClockSkew;

    /// <summary>
    /// FAILURE has a thousand causes, and to proftpd a folder is PERMISSION_DENIED. The one cause that is no fault is that the file is not
    /// there any more as it was listed.
    /// </summary>
    private static async Task<Exception> JudgeAsync(ISftpSession session, SourceFile file, byte[] path, SftpStatusException error)
    {
        if (error.Status.Code == SftpCode.NoSuchFile) return SftpFaults.Opening(error);
        try
        {
            if (await session.StatAsync(path).ConfigureAwait(false) is not { } now) return new FileChangedException("vanished", error);
            FileChange.Check(file, now.AsDisk(file), file.Size);
        }
        catch (FileChangedException changed)
        {
            return changed;
        }
        catch (Exception e) when (e is SftpStatusException or SftpConnectionException)
        {
            // No better known than before.
        }
        return SftpFaults.Opening(error);
    }

    /// <summary>
    /// A large file that survives the loss of its connection: it is opened again where it stopped, after a check that it is still the same
    /// file. One reader at a time.
    /// </summary>
    /// <param name="stream">The file, opened.</param>
    /// <param name="reopen">Opens it again at an offset on a new connection.</param>
    private sealed class ResumingStream(ForwardStream stream, Func<long, CancellationToken, Task<ForwardStream>> reopen) : ForwardStream
    {
        private ForwardStream _stream = stream;

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
            ForwardStream lost = _stream;
            await lost.DisposeAsync().ConfigureAwait(false);
            _stream = await reopen(lost.Position, cancellationToken).ConfigureAwait(false);
        }
    }
}
