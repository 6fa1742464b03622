using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>A clock that moves only when told to, and tells when somebody begins to wait: the moment to move it. Thread-safe.</summary>
internal sealed class WatchedTime(DateTimeOffset start) : FakeTimeProvider(start)
{
    private readonly Channel<TimeSpan> _waits = Channel.CreateUnbounded<TimeSpan>();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = base.CreateTimer(callback, state, dueTime, period);
        // What goes off again and again watches; who waits does it once.
        if (dueTime > TimeSpan.Zero && period <= TimeSpan.Zero) _waits.Writer.TryWrite(dueTime);
        return timer;
    }

    /// <summary>
    /// Ends with the next wait that somebody begins or has begun, and says how long it is. Longer ones than
    /// <paramref name="longest"/> are deadlines and do not count.
    /// </summary>
    public async Task<TimeSpan> SomebodyWaitsAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        while (true)
            if (await _waits.Reader.ReadAsync(cancellationToken) is var wait && wait <= longest) return wait;
    }

    /// <summary>
    /// Lets every wait pass as soon as it has begun, until the task has ended. Longer ones than <paramref name="longest"/> are
    /// deadlines and do not pass by themselves.
    /// </summary>
    public async Task PassAsync(Task task, TimeSpan longest, CancellationToken cancellationToken)
    {
        while (!task.IsCompleted)
        {
            await Task.WhenAny(task, _waits.Reader.WaitToReadAsync(cancellationToken).AsTask());
            cancellationToken.ThrowIfCancellationRequested();
            while (_waits.Reader.TryRead(out TimeSpan wait))
                if (wait <= longest) Advance(wait);
        }
    }
}
