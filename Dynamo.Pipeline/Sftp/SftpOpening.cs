using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>Opens files over several lines, and again when a connection is lost or the server is out of handles. Thread-safe.</summary>
internal sealed class SftpOpening(ReconnectingConnections lines, SftpSourceOptions options)
{
    /// <summary>A file that was not written for so long is not being written in the very moment between its listing and its reading.</summary>
    private static readonly TimeSpan s_rest = TimeSpan.FromHours(1);

    // Refused so often for want of handles, a file is tried alone: then it was not for want of handles.
    private const int RefusalsUntilAlone = 4;

    // What a stream reads ahead is its own affair; this bounds how many are open.
    private const long StreamWeight = 64 * 1024;

    /// <summary>Fetches a file whole. Nearly always at the first attempt, and then without a task of its own.</summary>
    public Task<FileContent> WholeAsync(SourceFile file, byte[] path, CancellationToken cancellationToken)
    {
        ReconnectingConnection line = lines.LeastBusy();
        if (line.Live is not { } connection) return AgainAsync(file, path, 0, cancellationToken);
        return new SftpFetch(line, connection, file, path, file.Size, lastLook: !HasRested(file)) { Failed = Recover }.RunAsync(cancellationToken);
    }

    private void Recover(SftpFetch fetch, Exception error) => _ = Task.Run(() => RecoverAsync(fetch, error));

    private async Task RecoverAsync(SftpFetch fetch, Exception error)
    {
        try
        {
            if (error is SftpStatusException refused && !fetch.OthersWereOpen) throw await JudgeAsync(fetch.Connection, fetch.File, fetch.Path, refused).ConfigureAwait(false);
            fetch.Complete(await AgainAsync(fetch.File, fetch.Path, fetch.OthersWereOpen ? 1 : 0, fetch.Cancellation).ConfigureAwait(false));
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
            SftpConnection connection = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            long weight = refusals < RefusalsUntilAlone ? file.Size : SftpWindow.MostBytes + 1;
            var fetch = new SftpFetch(line, connection, file, path, weight, lastLook: !HasRested(file));
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
                throw await JudgeAsync(connection, file, path, e).ConfigureAwait(false);
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
        }
    }

    /// <summary>Opens a file as a stream from an offset on.</summary>
    public async Task<SftpFileStream> StreamAsync(SourceFile file, byte[] path, long offset, CancellationToken cancellationToken)
    {
        while (true)
        {
            ReconnectingConnection line = lines.LeastBusy();
            SftpConnection connection = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            await connection.Files.EnterAsync(StreamWeight, cancellationToken).ConfigureAwait(false);
            try
            {
                if (await TryStreamAsync(connection, file, path, offset).ConfigureAwait(false) is not { } stream) continue;
                line.Progressed();
                return stream;
            }
            catch (SftpStatusException e)
            {
                throw await JudgeAsync(connection, file, path, e).ConfigureAwait(false);
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
        }
    }

    private bool HasRested(SourceFile file) => options.TimeProvider.GetUtcNow().UtcDateTime - file.ModifiedUtc >= s_rest + options.ClockSkew;

    /// <summary>Null when the server was out of handles, and others are open.</summary>
    private static async Task<SftpFileStream?> TryStreamAsync(SftpConnection connection, SourceFile file, byte[] path, long offset)
    {
        SftpWindow window = connection.Files;
        byte[] handle;
        try
        {
            handle = await connection.OpenFileAsync(path).ConfigureAwait(false);
        }
        catch (SftpStatusException e) when (e.Status.Code == SftpCode.Failure)
        {
            if (window.LeaveRefused(StreamWeight)) return null;
            throw;
        }
        catch
        {
            window.Leave(StreamWeight, opened: false);
            throw;
        }
        window.Opened();
        Task<SftpAttributes?> same = connection.FstatAsync(handle);
        var stream = new SftpFileStream(connection, handle, file, offset, () => window.Leave(StreamWeight, opened: true));
        try
        {
            if (await same.ConfigureAwait(false) is { } now) FileChange.Check(file, now.AsDisk(file), file.Size);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>FAILURE has a thousand causes, and to proftpd a folder is PERMISSION_DENIED; a file that is not there any more as it was listed is the one that is no fault.</summary>
    private static async Task<Exception> JudgeAsync(SftpConnection connection, SourceFile file, byte[] path, SftpStatusException error)
    {
        if (error.Status.Code == SftpCode.NoSuchFile) return SftpFaults.Opening(error);
        try
        {
            if (await connection.StatAsync(path).ConfigureAwait(false) is not { } now) return new FileChangedException("vanished", error);
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
}
