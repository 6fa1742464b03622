namespace Dynamo.Pipeline;

/// <summary>Opens files over several lines, and again when a connection is lost or the server is out of handles. Thread-safe.</summary>
internal sealed class SftpOpening(SftpLines lines, SftpSourceOptions options)
{
    /// <summary>A file that was not written for so long is not being written in the very moment between its listing and its reading.</summary>
    private static readonly TimeSpan s_rest = TimeSpan.FromHours(1);

    // Refused so often for want of handles, a file is tried alone: then it was not for want of handles.
    private const int RefusalsUntilAlone = 4;

    // What a stream reads ahead is its own affair; this bounds how many are open.
    private const long StreamWeight = 64 * 1024;

    /// <summary>Fetches a file whole.</summary>
    public async Task<FileContent> WholeAsync(SourceFile file, byte[] path, CancellationToken cancellationToken)
    {
        for (int refusals = 0; ;)
        {
            SftpLine line = lines.LeastBusy();
            SftpConnection connection = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            long weight = refusals < RefusalsUntilAlone ? file.Size : SftpWindow.MostBytes + 1;
            await connection.Files.EnterAsync(weight, cancellationToken).ConfigureAwait(false);
            var fetch = new SftpFetch(connection, file, path, weight, lastLook: !HasRested(file));
            try
            {
                FileContent content = await fetch.RunAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
                line.Progressed();
                return content;
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
            SftpLine line = lines.LeastBusy();
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
            if (await same.ConfigureAwait(false) is { } now) FolderChange.Check(file, now.AsDisk(file), file.Size);
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
            FolderChange.Check(file, now.AsDisk(file), file.Size);
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
