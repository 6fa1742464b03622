namespace Dynamo.Pipeline.Run;

/// <summary>
/// Bounds the bytes between listing and commit. One taker at a time (the lister), any number of releasers. A chunk heavier than the whole budget passes alone,
/// once everything before it is committed.
/// </summary>
internal sealed class ByteBudget(long total)
{
    private readonly Lock _lock = new();
    private long _taken;
    private long _wanted;
    private TaskCompletionSource? _waiting;

    /// <summary>What a file costs besides its bytes: its objects from the listing to the commit, as measured.</summary>
    public const int ObjectsOfAFile = 2048;

    public static long Weigh(SourceFile file, long streamAbove) => ObjectsOfAFile + (file.Size > streamAbove ? streamAbove / 4 : file.Size);

    /// <summary>Waits until the bytes fit, and takes them.</summary>
    public Task TakeAsync(long bytes, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (Fits(bytes))
            {
                _taken += bytes;
                return Task.CompletedTask;
            }
            _wanted = bytes;
            _waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _waiting.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Gives bytes back.</summary>
    public void Release(long bytes)
    {
        TaskCompletionSource? ready = null;
        lock (_lock)
        {
            _taken -= bytes;
            if (_waiting is not null && Fits(_wanted))
            {
                _taken += _wanted;
                (ready, _waiting) = (_waiting, null);
            }
        }
        ready?.SetResult();
    }

    private bool Fits(long bytes) => _taken == 0 || _taken + bytes <= total;

    public override string ToString() => $"{_taken:N0} of {total:N0} bytes in flight";
}
