namespace Dynamo.Pipeline;

/// <summary>Opens files over several lines, and again when a connection is lost or the server is out of handles. Thread-safe.</summary>
internal sealed class SftpOpening(SftpLines lines)
{
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
            var fetch = new SftpFetch(connection, path, (int)file.Size, weight);
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
                throw SftpFaults.Opening(e);
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
                throw SftpFaults.Opening(e);
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
        }
    }

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
        var stream = new SftpFileStream(connection, handle, file.Size, offset, () => window.Leave(StreamWeight, opened: true));
        try
        {
            CheckSame(file, await same.ConfigureAwait(false));
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static void CheckSame(SourceFile file, SftpAttributes? now)
    {
        if (now is not { } found) throw new FileChangedException("vanished");
        if (found.Size is { } size && size != file.Size) throw new FileChangedException($"has {size} bytes instead of {file.Size}");
        if (found.ModifiedUtc is { } modified && modified != file.ModifiedUtc) throw new FileChangedException($"was written again at {modified:O}");
    }
}
