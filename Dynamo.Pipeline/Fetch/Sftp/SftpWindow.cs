namespace Dynamo.Pipeline;

/// <summary>
/// How many files of one connection may be under way at once, and how many bytes they may hold. It starts from the round trip and the server's
/// word, shrinks when the server runs out of handles, and grows again slowly. Thread-safe; waiters are served in order.
/// </summary>
internal sealed class SftpWindow(int limit, int most = SftpWindow.Widest)
{
    /// <summary>Files in flight at most, however far the server: beyond it even 20 ms of distance show no gain.</summary>
    public const int Widest = 1000;

    /// <summary>Bytes of files that are being fetched; one file alone may exceed it.</summary>
    public const long MostBytes = 64L << 20;

    private const int Narrowest = 64, PerMillisecond = 50, WithoutAdvice = 128, SuccessesToGrow = 64;

    private readonly Lock _gate = new();
    private readonly Queue<(long Bytes, TaskCompletionSource Entered)> _waiters = new();
    private int _limit = limit;
    private int _successes;
    private int _inUse;
    private int _held;
    private long _bytes;

    /// <summary>Files at once, as of now.</summary>
    public int Limit { get { lock (_gate) return _limit; } }

    /// <summary>Files under way.</summary>
    public int InUse { get { lock (_gate) return _inUse; } }

    /// <summary>The limit to begin with.</summary>
    /// <param name="roundTrip">Time of one request and its answer.</param>
    /// <param name="advertisedHandles">What the server says it can hold open, or 0.</param>
    /// <returns>Files at once.</returns>
    public static int Initial(TimeSpan roundTrip, ulong advertisedHandles)
    {
        int useful = (int)Math.Clamp(roundTrip.TotalMilliseconds * PerMillisecond, Narrowest, Widest);
        return Math.Min(useful, advertisedHandles == 0 ? WithoutAdvice : Most(advertisedHandles));
    }

    /// <summary>What it may grow to. A fifth of the handles is left for folders, for closes under way, and for others who use the account.</summary>
    public static int Most(ulong advertisedHandles) => advertisedHandles == 0 ? Widest : (int)Math.Clamp(advertisedHandles * 4 / 5, 1, Widest);

    /// <summary>Waits for a place. Whoever asks for more than <see cref="MostBytes"/> waits until it is alone, and stays so.</summary>
    public ValueTask EnterAsync(long bytes, CancellationToken cancellationToken)
    {
        TaskCompletionSource entered;
        lock (_gate)
        {
            if (_waiters.Count == 0 && Fits(bytes))
            {
                Take(bytes);
                return ValueTask.CompletedTask;
            }
            entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Enqueue((bytes, entered));
        }
        return new ValueTask(WaitAsync(entered, cancellationToken));
    }

    /// <summary>The server gave a handle to one that entered.</summary>
    public void Opened()
    {
        lock (_gate) _held++;
    }

    /// <summary>Gives the place back, and the handle if the server gave one.</summary>
    public void Leave(long bytes, bool opened)
    {
        lock (_gate)
        {
            if (opened) _held--;
            if (opened && _limit < most && ++_successes >= SuccessesToGrow)
            {
                _successes = 0;
                _limit++;
            }
            Free(bytes);
        }
    }

    /// <summary>
    /// Gives the place back after the server refused to open a file with FAILURE, which is what it says when it is out of handles.
    /// </summary>
    /// <returns>Whether others are under way, so that trying again after them makes sense; false: it was not for want of handles.</returns>
    public bool LeaveRefused(long bytes)
    {
        lock (_gate)
        {
            bool othersAreOpen = _inUse > 1;
            // What is held now is what the server can hold; all that were refused together lead to the same number.
            if (othersAreOpen) _limit = Math.Max(1, Math.Min(_limit, _held));
            _successes = 0;
            Free(bytes);
            return othersAreOpen;
        }
    }

    private static async Task WaitAsync(TaskCompletionSource entered, CancellationToken cancellationToken)
    {
        using (cancellationToken.UnsafeRegister(static (waiter, token) => ((TaskCompletionSource)waiter!).TrySetCanceled(token), entered))
            await entered.Task.ConfigureAwait(false);
    }

    private bool Fits(long bytes) => _inUse == 0 || (_inUse < _limit && _bytes + bytes <= MostBytes);

    private void Take(long bytes)
    {
        _inUse++;
        _bytes += bytes;
    }

    private void Free(long bytes)
    {
        _inUse--;
        _bytes -= bytes;
        while (_waiters.TryPeek(out var next) && (next.Entered.Task.IsCompleted || Fits(next.Bytes)))
        {
            _waiters.Dequeue();
            Take(next.Bytes);
            // Cancelled while it waited: its place goes to the next one.
            if (next.Entered.TrySetResult()) continue;
            _inUse--;
            _bytes -= next.Bytes;
        }
    }
}
