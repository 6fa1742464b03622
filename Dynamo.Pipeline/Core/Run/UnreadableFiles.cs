namespace Dynamo.Pipeline.Run;

/// <summary>
/// The files that the source failed to give. One such file must not end the run, and a source that fails for a while must not cost its
/// files: they are read again after all others, then deferred. If the source gave no file at all, it is the source that has failed.
/// Thread-safe.
/// </summary>
internal sealed class UnreadableFiles
{
    /// <summary>How many files are kept to be read again. More of them are deferred at once.</summary>
    private const int Most = 10_000;

    private readonly Lock _gate = new();
    private List<SourceFile> _kept = [];
    private Exception? _first;
    private TaskCompletionSource? _idle;
    private long _reading;
    private bool _isLastTry, _gaveAny;

    /// <summary>The source gave a file.</summary>
    public void Gave() => Volatile.Write(ref _gaveAny, true);

    /// <summary>Files go to the readers.</summary>
    public void Reading(int files)
    {
        lock (_gate) _reading += files;
    }

    /// <summary>The readers are through with files.</summary>
    public void Read(int files)
    {
        lock (_gate)
        {
            if ((_reading -= files) == 0) _idle?.TrySetResult();
        }
    }

    /// <summary>The source failed to give a streamed file, whose writer has tried it again and defers it.</summary>
    public void Failed(Exception error)
    {
        lock (_gate) _first ??= error;
    }

    /// <summary>The source failed to give a file.</summary>
    /// <returns>Whether it is read again. Otherwise defer it.</returns>
    public bool Keeps(SourceFile file, Exception error)
    {
        lock (_gate)
        {
            _first ??= error;
            if (_isLastTry || _kept.Count == Most) return false;
            _kept.Add(file);
            return true;
        }
    }

    /// <summary>Waits until the readers are through with all files, and takes those to read again.</summary>
    public async Task<IReadOnlyList<SourceFile>> TakeAsync(CancellationToken cancellationToken)
    {
        Task idle;
        lock (_gate)
        {
            _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_reading == 0) _idle.SetResult();
            idle = _idle.Task;
        }
        await idle.WaitAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            List<SourceFile> taken = _kept;
            _kept = [];
            return taken;
        }
    }

    /// <summary>From now on no file is kept.</summary>
    public void LastTry()
    {
        lock (_gate) _isLastTry = true;
    }

    /// <exception cref="SourceException">The source failed to give files, and gave none.</exception>
    public void Check(IFileSource source)
    {
        if (_first is { } error && !Volatile.Read(ref _gaveAny))
        {
            throw new SourceException(
                $"The source {source.Name} gives none of its files. Of the first one it says: {error.Message}", error);
        }
    }
}
