namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// The server's clock, which gives files their times. If it is behind, a file that is still written looks old, and would be archived before
/// its last rows came. So where files are taken away, the clock is asked before a listing: by the time of a folder of ours.
/// </summary>
internal sealed class SftpClock(SftpPlace place, SftpSourceOptions options)
{
    private static readonly TimeSpan s_often = TimeSpan.FromMinutes(10);

    private readonly TimeProvider _time = options.TimeProvider;
    private long _offset = long.MinValue, _asked;

    /// <summary>
    /// How far the server's clock is ahead of ours, up to a second too little since it tells whole seconds; <see langword="null"/> where
    /// it was not asked, or nothing of ours can be made.
    /// </summary>
    public TimeSpan? Offset => Volatile.Read(ref _offset) is var ticks && ticks == long.MinValue ? null : TimeSpan.FromTicks(ticks);

    /// <summary>What the server's clock shows now.</summary>
    public DateTime UtcNow => _time.GetUtcNow().UtcDateTime + (Offset ?? TimeSpan.Zero);

    /// <summary>Asks the server, if its answer matters.</summary>
    public async Task AskAsync(ReconnectingConnection line, CancellationToken cancellationToken)
    {
        // A clock does not run away between two listings of a watch.
        if (Offset is not null && _time.GetElapsedTime(_asked) < s_often) return;
        if (options.AfterCommit == AfterCommit.Keep || options.DoneMarker is not null || options.SettleTime == TimeSpan.Zero) return;
        ISftpSession session = await line.GetAsync(cancellationToken).ConfigureAwait(false);
        // A listing removes what a kill leaves of it.
        using var folders = new SftpClaims(place, options.TimeProvider.GetUtcNow().UtcDateTime);
        try
        {
            await AskAsync(session, folders).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SftpStatusException or SftpConnectionException or SftpProtocolException)
        {
            // Without an answer, ClockSkew alone has to do. What is wrong with the server, the listing says.
        }
    }

    private async Task AskAsync(ISftpSession session, SftpClaims folders)
    {
        string folder = SftpPlace.FolderOfPath(await folders.PathAsync(session, place.FolderOf("clock")).ConfigureAwait(false));
        try
        {
            DateTime ours = _time.GetUtcNow().UtcDateTime;
            SftpAttributes? made = await session.LstatAsync(place.Encode(folder)).ConfigureAwait(false);
            if (made?.ModifiedUtc is not { } theirs) return;
            _asked = _time.GetTimestamp();
            Volatile.Write(ref _offset, (theirs - ours).Ticks);
        }
        finally
        {
            await folders.RemoveAsync(session).ConfigureAwait(false);
        }
    }
}
