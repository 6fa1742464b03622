using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// How many files of one connection may be under way at once, and how many bytes they may hold. It starts from the round trip and the
/// server's word, shrinks when the server runs out of handles, and grows again slowly. Thread-safe; waiters are served in order.
/// </summary>
internal sealed class SftpWindow(int limit, int most = SftpWindow.Widest)
{
    /// <summary>
    /// Files in flight at most, however far the server. A file takes two round trips and a little: at 20 ms, 1,500 keep a server busy that
    /// handles 27,000 in a second.
    /// </summary>
    public const int Widest = 2000;

    /// <summary>Bytes of files that are being fetched; one file alone may exceed it.</summary>
    public const long MostBytes = 64L << 20;

    private const int Narrowest = 64, PerMillisecond = 75, WithoutAdvice = 128, SuccessesToGrow = 64;

    private readonly Lock _gate = new();
    private readonly Queue<(long Bytes, ISftpEntrant Entrant)> _waiters = new();
    private int _limit = limit;
    private int _successes;
    private int _inUse;
    private int _held;
    private long _bytes;
    private bool _isAdmitting;

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

    /// <summary>
    /// What it may grow to. A fifth of the handles is left for folders, for closes under way, and for others who use the account.
    /// </summary>
    public static int Most(ulong advertisedHandles) =>
        advertisedHandles == 0 ? Widest : (int)Math.Clamp(advertisedHandles * 4 / 5, 1, Widest);

    /// <summary>
    /// Gives a place, now or when one becomes free. Whoever asks for more than <see cref="MostBytes"/> waits until it is alone, and stays
    /// so.
    /// </summary>
    public void Enter(long bytes, ISftpEntrant entrant)
    {
        lock (_gate)
        {
            if (_waiters.Count > 0 || !Fits(bytes))
            {
                _waiters.Enqueue((bytes, entrant));
                return;
            }
            Take(bytes);
        }
        entrant.Enter();
    }

    /// <summary>Waits for a place.</summary>
    public async Task<WindowEntry> EnterAsync(long bytes, CancellationToken cancellationToken)
    {
        var entrant = new Awaited(this, bytes);
        using (cancellationToken.UnsafeRegister(static (entrant, token) => ((Awaited)entrant!).GiveUp(token), entrant))
        {
            Enter(bytes, entrant);
            await entrant.Entered.ConfigureAwait(false);
        }
        return new WindowEntry(this, bytes);
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
        Admit();
    }

    /// <summary>
    /// Gives the place back after the server refused to open a file with FAILURE, which is what it says when it is out of handles.
    /// </summary>
    /// <returns>Whether others are under way, so that trying again after them makes sense; false: it was not for want of handles.</returns>
    public bool LeaveRefused(long bytes)
    {
        bool othersAreOpen;
        lock (_gate)
        {
            othersAreOpen = _inUse > 1;
            // What is held now is what the server can hold; all that were refused together lead to the same number.
            if (othersAreOpen) _limit = Math.Max(1, Math.Min(_limit, _held));
            _successes = 0;
            Free(bytes);
        }
        Admit();
        return othersAreOpen;
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
    }

    /// <summary>
    /// Lets those in that there is room for. One thread at a time: an entrant that leaves again at once, since the connection is over,
    /// comes back here and must not go deeper and deeper.
    /// </summary>
    private void Admit()
    {
        lock (_gate)
        {
            if (_isAdmitting || _waiters.Count == 0) return;
            _isAdmitting = true;
        }
        while (TryAdmit(out ISftpEntrant? entrant)) entrant.Enter();
    }

    private bool TryAdmit([MaybeNullWhen(false)] out ISftpEntrant entrant)
    {
        lock (_gate)
        {
            while (_waiters.TryPeek(out (long Bytes, ISftpEntrant Entrant) next) && (next.Entrant.HasGivenUp || Fits(next.Bytes)))
            {
                _waiters.Dequeue();
                entrant = next.Entrant;
                if (entrant.HasGivenUp) continue;
                Take(next.Bytes);
                return true;
            }
            _isAdmitting = false;
            entrant = null;
            return false;
        }
    }

    private sealed class Awaited(SftpWindow window, long bytes) : ISftpEntrant
    {
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Entered => _entered.Task;

        public bool HasGivenUp => _entered.Task.IsCompleted;

        public void Enter()
        {
            if (!_entered.TrySetResult()) window.Leave(bytes, opened: false);
        }

        public void GiveUp(CancellationToken token) => _entered.TrySetCanceled(token);
    }
}

/// <summary>A place in a window that was waited for, and is given back once. Thread-safe.</summary>
internal sealed class WindowEntry(SftpWindow window, long bytes)
{
    private volatile bool _isOpen;
    private int _hasLeft;

    /// <summary>Whether the server gave a handle.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>The server gave a handle.</summary>
    public void Opened()
    {
        window.Opened();
        _isOpen = true;
    }

    /// <summary>Gives the place back. More than once does nothing.</summary>
    public void Leave()
    {
        if (Interlocked.Exchange(ref _hasLeft, 1) == 0) window.Leave(bytes, _isOpen);
    }

    /// <summary>Gives the place back after the server refused to open a file; see <see cref="SftpWindow.LeaveRefused"/>.</summary>
    public bool LeaveRefused() => Interlocked.Exchange(ref _hasLeft, 1) == 0 && window.LeaveRefused(bytes);
}

/// <summary>What waits for a place in a <see cref="SftpWindow"/>.</summary>
internal interface ISftpEntrant
{
    /// <summary>Whether it wants no place any more.</summary>
    bool HasGivenUp { get; }

    /// <summary>
    /// It has a place and goes on; when it gave up meanwhile, it leaves. On the thread of whoever gave the place back: it must not block.
    /// </summary>
    void Enter();
}
