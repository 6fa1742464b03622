namespace Dynamo.Pipeline.Live;

/// <summary>
/// When a source that tells nothing is listed again: often while files come and around the time at which the next are expected, less and
/// less often between. Loggers send every so many minutes; that time, and the moment, are learned from the last waves. Not thread-safe.
/// </summary>
/// <param name="poll">The shortest pause. The longest is five times as long.</param>
/// <param name="time">The clock.</param>
internal sealed class PollRhythm(TimeSpan poll, TimeProvider time)
{
    private const int Longest = 5, MostWaves = 6, FewestWaves = 3;

    private readonly long _created = time.GetTimestamp();
    private readonly List<TimeSpan> _waves = [];
    private TimeSpan? _lastNew;
    private TimeSpan _pause;

    /// <summary>The pause until the next listing.</summary>
    /// <param name="isNew">Whether the last listing had a new file.</param>
    public TimeSpan Next(bool isNew)
    {
        TimeSpan now = time.GetElapsedTime(_created);
        if (isNew)
        {
            // Files that come close together are one wave.
            if (_lastNew is not { } last || now - last > Longest * poll)
            {
                _waves.Add(now);
                if (_waves.Count > MostWaves) _waves.RemoveAt(0);
            }
            _lastNew = now;
            return _pause = poll;
        }
        // A wave may go on.
        if (_lastNew is { } seen && now - seen <= 2 * poll) return _pause = poll;
        _pause = Shorter(1.5 * (_pause < poll ? poll : _pause), Longest * poll);
        if (Interval() is not { } interval) return _pause;
        // The nearest moment at which a wave begins: it may be a little late, too.
        TimeSpan early = 2 * poll, sinceWave = now - _waves[^1];
        TimeSpan expected = Math.Max(1, Math.Ceiling((sinceWave - early) / interval)) * interval - sinceWave;
        if (expected <= early) return _pause = poll;
        TimeSpan untilThen = expected - early;
        return untilThen < poll ? poll : Shorter(_pause, untilThen);
    }

    /// <summary>The time between two waves, or <see langword="null"/> if there were too few, or they come as they like.</summary>
    private TimeSpan? Interval()
    {
        if (_waves.Count < FewestWaves) return null;
        TimeSpan[] between = [.. _waves.Zip(_waves.Skip(1), (one, next) => next - one).Order()];
        TimeSpan median = between[between.Length / 2];
        int near = between.Count(one => (one - median).Duration() <= Longest * poll);
        return median > 2 * Longest * poll && 2 * near > between.Length ? median : null;
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
