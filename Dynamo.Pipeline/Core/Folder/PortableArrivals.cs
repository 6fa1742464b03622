namespace Dynamo.Pipeline.Folder;

/// <summary>
/// That something lands in a folder, by .NET's watcher, for systems other than Linux. It does not tell whether a file is whole, so each
/// event asks for a sweep. Thread-safe.
/// </summary>
internal sealed class PortableArrivals : IArrivals
{
    private readonly FileSystemWatcher _watcher;
    private int _missed = 1;

    private PortableArrivals(FileSystemWatcher watcher, Action landed)
    {
        _watcher = watcher;
        _watcher.Created += (_, _) => Miss(landed);
        _watcher.Changed += (_, _) => Miss(landed);
        _watcher.Renamed += (_, _) => Miss(landed);
        _watcher.Error += (_, _) => Miss(landed);
        _watcher.EnableRaisingEvents = true;
    }

    /// <summary>Begins to listen, or returns <see langword="null"/> if the folder cannot be watched.</summary>
    public static PortableArrivals? Begin(FolderPlace place, FolderSourceOptions options, Action landed)
    {
        try
        {
            return new PortableArrivals(new FileSystemWatcher(place.Root) { IncludeSubdirectories = options.Recursive }, landed);
        }
        catch (Exception error) when (error is ArgumentException || FolderFaults.IsDisk(error))
        {
            return null;
        }
    }

    public IReadOnlyList<SourceFile> Take(int most) => [];

    public void Again(SourceFile file) => Volatile.Write(ref _missed, 1);

    public bool TakeMissed() => Interlocked.Exchange(ref _missed, 0) != 0;

    public void Dispose() => _watcher.Dispose();

    private void Miss(Action landed)
    {
        Volatile.Write(ref _missed, 1);
        landed();
    }
}
