using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Files of a listing that may be too young to be whole. Two clocks tell a file's age, so a young one is any that may be young; what decides then is
/// our clock alone, between two looks.
/// </summary>
internal sealed class SftpYoungFiles(SftpPlace place, ReconnectingConnection line, SftpSourceOptions options)
{
    private const int Most = 20_000, LooksAtOnce = 512;

    private readonly TimeProvider _time = options.TimeProvider;
    private readonly List<SourceFile> _files = [];
    private long _since;

    /// <summary>So many that the listing waits for them before it goes on.</summary>
    public bool IsFull => _files.Count >= Most;

    /// <summary>Takes the file when it may be young.</summary>
    public bool Takes(SourceFile file)
    {
        if (options.SettleTime == TimeSpan.Zero) return false;
        DateTime now = _time.GetUtcNow().UtcDateTime;
        if (now - file.ModifiedUtc >= options.SettleTime + options.ClockSkew) return false;
        _files.Add(file);
        _since = _time.GetTimestamp();
        return true;
    }

    /// <summary>Waits until the last one taken has had its time, and gives them back: ready, or deferred.</summary>
    public async IAsyncEnumerable<SourceFile> LookAgainAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_files.Count == 0) yield break;
        TimeSpan wait = options.SettleTime - _time.GetElapsedTime(_since);
        if (wait > TimeSpan.Zero) await Task.Delay(wait, _time, cancellationToken).ConfigureAwait(false);
        foreach (SourceFile[] files in _files.Chunk(LooksAtOnce))
            foreach (SourceFile? file in await LookAsync(files, cancellationToken).ConfigureAwait(false))
                if (file is not null) yield return file;
        _files.Clear();
    }

    private async Task<SourceFile?[]> LookAsync(SourceFile[] files, CancellationToken cancellationToken)
    {
        while (true)
        {
            SftpConnection connection = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                SourceFile?[] settled = await Task.WhenAll(files.Select(file => LookAsync(connection, file))).WaitAsync(cancellationToken).ConfigureAwait(false);
                line.Progressed();
                return settled;
            }
            catch (SftpConnectionException)
            {
                // All of them are looked at again on the next connection.
            }
        }
    }

    private async Task<SourceFile?> LookAsync(SftpConnection connection, SourceFile listed)
    {
        try
        {
            if (await connection.StatAsync(place.Encode(place.PathOf(listed))).ConfigureAwait(false) is not { } now) return null;
            if (now.Size == listed.Size && now.ModifiedUtc == listed.ModifiedUtc) return listed;
            return new SourceFile(listed.Path, now.Size ?? 0, now.ModifiedUtc ?? DateTime.UnixEpoch) { DeferReason = "still changing" };
        }
        catch (SftpStatusException e)
        {
            return SftpFaults.Unseen(listed.Path, e);
        }
    }
}
