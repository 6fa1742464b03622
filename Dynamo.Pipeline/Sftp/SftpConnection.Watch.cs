namespace Dynamo.Pipeline.Sftp;

internal sealed partial class SftpConnection
{
    /// <summary>
    /// Requests wait behind each other, so the deadline is that of the oldest one, counted from when it became the oldest: a slow line with
    /// much under way is not mistaken for a silent server, and a server that skips one request is found out.
    /// </summary>
    private void Watch()
    {
        bool isLate = false;
        lock (_gate)
        {
            if (_cause is not null) return;
            TimeSpan waited = _time.GetElapsedTime(_watchedSince);
            if (_pending.Count == 0)
            {
                if (_version.Task.IsCompleted && waited >= _timing.KeepAlive) KeepAlive();
            }
            else if (Oldest() is var oldest && oldest != _watchedId) (_watchedId, _watchedSince) = (oldest, _time.GetTimestamp());
            else isLate = waited >= _timing.Deadline;
        }
        if (isLate) End(new SftpConnectionException($"the server left a request unanswered for {_timing.Deadline.TotalSeconds:0.###} s", mayRecover: true));
    }

    /// <summary>Something harmless, so that a server does not drop an idle session, and a dead one is noticed before it is needed.</summary>
    private void KeepAlive()
    {
        Enqueue(SftpUnheard.Instance, SftpProtocol.RealPath, "."u8, []);
        Monitor.Pulse(_gate);
    }

    private uint Oldest()
    {
        uint oldest = _lastId;
        // Ids wrap around; their distance does not.
        foreach (uint id in _pending.Keys)
            if ((int)(id - oldest) < 0) oldest = id;
        return oldest;
    }
}
