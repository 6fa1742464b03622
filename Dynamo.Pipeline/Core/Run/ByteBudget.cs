using Dynamo.Pipeline.Unpack;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// Limits the bytes between listing and commit. Only one caller takes at a time (the lister); any number may release.
/// A chunk heavier than the whole budget passes alone, once everything before it is committed.
/// </summary>
internal sealed class ByteBudget(long total)
{
    private readonly Lock _lock = new();
    private long _taken;
    private long _wanted;
    private TaskCompletionSource? _waiting;

    /// <summary>Bytes of memory that a file needs besides its content: its objects from listing to commit. Measured.</summary>
    public const int ObjectsOfAFile = 2048;

    /// <summary>
    /// Bytes that a file counts for. A streamed file is never in memory as a
    /// whole, so it counts for a quarter of the threshold. A compressed one counts for the text that may be held of it.
    /// </summary>
    public static long Weigh(SourceFile file, long streamAbove) =>
        ObjectsOfAFile + (file.Size > streamAbove ? streamAbove / 4
            : Packed.Is(file.Path) ? Packed.WholeUpTo(file.Size, streamAbove) : file.Size);

    /// <summary>Waits until the bytes fit into the budget, then takes them.</summary>
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
