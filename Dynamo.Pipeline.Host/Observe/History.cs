namespace Dynamo.Pipeline.Host;

/// <summary>
/// Files, rows and the longest lag of the last time, in steps of one length. Its memory is bounded, whatever comes. Not thread-safe.
/// </summary>
/// <param name="step">The length of a step.</param>
/// <param name="count">How many steps are kept.</param>
internal sealed class History(TimeSpan step, int count)
{
    private readonly (long Files, long Rows, TimeSpan Lag)[] _steps = new (long, long, TimeSpan)[count];
    private long _last = -1;

    public TimeSpan Step => step;

    public void Add(DateTime atUtc, long files, long rows, TimeSpan lag)
    {
        long now = Advance(atUtc);
        ref (long Files, long Rows, TimeSpan Lag) slot = ref _steps[now % count];
        slot = (slot.Files + files, slot.Rows + rows, slot.Lag > lag ? slot.Lag : lag);
    }

    /// <summary>The steps up to a time, the oldest first. The last one is not over yet.</summary>
    public IReadOnlyList<(long Files, long Rows, TimeSpan Lag)> Until(DateTime atUtc)
    {
        long now = Advance(atUtc);
        return [.. Enumerable.Range(1, count).Select(i => _steps[(now + i) % count])];
    }

    /// <summary>
    /// Empties the steps between the last one and this time. A clock that goes back stays at the last one, unless it goes back so far
    /// that nothing would be seen to change for longer than what is kept.
    /// </summary>
    private long Advance(DateTime atUtc)
    {
        long at = atUtc.Ticks / step.Ticks;
        if (at < _last - count) _last = -1;
        long now = Math.Max(_last, at);
        if (_last < 0 || now - _last >= count) Array.Clear(_steps);
        else for (long i = _last + 1; i <= now; i++) _steps[i % count] = default;
        return _last = now;
    }
}
