namespace Dynamo.Pipeline.Run;

/// <summary>
/// The files that the source failed to give. One such file must not end the run, and a source that fails for a while must not cost its
/// files: they are read again after all others, then deferred. One that the source refuses while it gives others is bad. If the source gave
/// no file at all, it is the source that has failed. Thread-safe.
/// </summary>
internal sealed class UnreadableFiles
{
    /// <summary>How many files are kept to be read again. More of them are deferred at once.</summary>
    private const int Most = 10_000;

    /// <summary>
    /// How many files may be refused, one after the other and none given since, and still be bad. More of them look like a source that has
    /// taken the right to read away.
    /// </summary>
    private const int FewAtTheEnd = 10;

    private readonly Lock _gate = new();
    private readonly HashSet<SourceFile> _refused = [];
    private List<(SourceFile File, bool IsRefused, long Given)> _kept = [];
    private Exception? _first;
    private TaskCompletionSource? _idle;
    private long _reading;
    private long _given;
    private bool _isLastTry;

    /// <summary>The source gave a file.</summary>
    public void Gave() => Interlocked.Increment(ref _given);

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

    /// <summary>The source failed to give a streamed file, whose writer has tried it again.</summary>
    /// <returns>What is wrong with the file, or <see langword="null"/>: defer it.</returns>
    public Defect? Failed(UnreadableFileException error)
    {
        lock (_gate) _first ??= error;
        return Interlocked.Read(ref _given) > 0 ? error.Defect : null;
    }

    /// <summary>The source failed to give a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="error">Its error.</param>
    /// <param name="defect">What is wrong with a file that is bad.</param>
    /// <returns>Whether it is read again. Otherwise quarantine it, if it has a defect, or defer it.</returns>
    public bool Keeps(SourceFile file, UnreadableFileException error, out Defect? defect)
    {
        lock (_gate)
        {
            _first ??= error;
            defect = _refused.Contains(file) ? error.Defect : null;
            if (defect is not null || _isLastTry || _kept.Count == Most) return false;
            _kept.Add((file, error.Defect is not null, Interlocked.Read(ref _given)));
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
            long given = Interlocked.Read(ref _given);
            int atTheEnd = _kept.Count(kept => kept.IsRefused && kept.Given == given);
            foreach ((SourceFile file, bool isRefused, long before) in _kept)
                if (isRefused && given > 0 && (before < given || atTheEnd <= FewAtTheEnd)) _refused.Add(file);
            SourceFile[] taken = [.. _kept.Select(kept => kept.File)];
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
        if (_first is { } error && Interlocked.Read(ref _given) == 0)
        {
            throw new SourceException(
                $"The source {source.Name} gives none of its files. Of the first one it says: {error.Message}", error);
        }
    }
}
