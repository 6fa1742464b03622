using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline;

/// <summary>
/// Gets files from a folder of this machine or of a mounted share: create it and give it to a pipeline, or call it yourself,
/// from any thread and from several at once.
/// </summary>
/// <remarks>
/// It lists only complete files (see <see cref="FileSourceOptions.SettleTime"/> and <see cref="FileSourceOptions.DoneMarker"/>).
/// After reading it checks that the file is still the one that was listed. After the commit it keeps, archives or deletes it.
/// Bad files go into quarantine (see <see cref="FolderQuarantine"/>).
/// <para>
/// Symbolic links are listed as deferred. With <see cref="FileSourceOptions.FollowLinks"/>, a link to a file below the folder counts
/// as that file, and archiving moves the link. A link to a folder is never followed.
/// FIFOs, sockets and devices are listed as deferred and never opened.
/// </para>
/// </remarks>
public sealed class FolderSource : IFileSource
{
    private readonly FolderDisk _disk;
    private readonly FolderCompletion _completion;
    private LinuxArrivals? _arrivals;

    /// <summary>A source with a pattern and the defaults of all other options.</summary>
    /// <param name="folder">
    /// The folder. A relative path starts at the directory that is current now. It need not exist before it is listed.
    /// </param>
    /// <param name="pattern">Which names are imported, see <see cref="FileSourceOptions.Pattern"/>.</param>
    /// <exception cref="ArgumentException">The folder is empty, or the pattern is empty or names a folder.</exception>
    public FolderSource(string folder, string pattern) : this(folder, new FolderSourceOptions { Pattern = pattern }) { }

    /// <summary>A source with options.</summary>
    /// <param name="folder">
    /// The folder. A relative path starts at the directory that is current now. It need not exist before it is listed.
    /// </param>
    /// <param name="options">How files are chosen and what happens to them; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">
    /// The folder is empty, or two of folder, archive and quarantine are the same.
    /// </exception>
    public FolderSource(string folder, FolderSourceOptions? options = null)
        : this(folder, options ?? new FolderSourceOptions(), FolderDisk.For) { }

    internal FolderSource(string folder, FolderSourceOptions options, Func<string, FolderDisk> disk)
    {
        Options = options;
        Place = new FolderPlace(folder, options);
        Name = "folder:" + Place.Root;
        _disk = disk(Place.Root);
        _disk.FollowsLinks = options.FollowLinks;
        _completion = new FolderCompletion(Name, Place, _disk, options);
    }

    /// <summary><c>folder:</c> followed by the full path.</summary>
    public string Name { get; }

    /// <summary>The options of this source.</summary>
    public FolderSourceOptions Options { get; }

    /// <summary>Whether a listing only says what a killed run left set aside, and does not put it back.</summary>
    internal bool ChangesNothing { get; set; }

    /// <inheritdoc/>
    public bool TakesFiles => Options.AfterCommit != AfterCommit.Keep;

    /// <summary>The settle time.</summary>
    public TimeSpan LongestWait => Options.SettleTime;

    internal FolderPlace Place { get; }

    internal FolderDisk Disk => _disk;

    /// <inheritdoc/>
    public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken) =>
        new FolderListing(Place, _disk, Options, ChangesNothing).ListAsync(cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<SourceFile> SweepAsync(CancellationToken cancellationToken) =>
        new FolderListing(Place, _disk, Options, ChangesNothing, Volatile.Read(ref _arrivals)).SweepAsync(cancellationToken);

    /// <summary>
    /// Listens with inotify on Linux, and with .NET's watcher elsewhere, which tells less: there, what has landed is found by a sweep.
    /// A file that its writer has closed, or that was renamed in, is offered at once, without a settle time.
    /// </summary>
    /// <param name="landed">Called when something has landed or may have been missed, from any thread. It returns at once.</param>
    /// <returns>
    /// What has landed since, or <see langword="null"/> where the system does not tell. The watch disposes it.
    /// </returns>
    public IArrivals? Listen(Action landed)
    {
        ArgumentNullException.ThrowIfNull(landed);
        if (!LinuxDisk.IsSupported) return PortableArrivals.Begin(Place, Options, landed);
        var listing = new FolderListing(Place, _disk, Options, ChangesNothing);
        LinuxArrivals? arrivals = LinuxArrivals.Begin(Place, Options, listing.Find, landed);
        Volatile.Write(ref _arrivals, arrivals);
        return arrivals;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The path does not stay below the folder.</exception>
    public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken)
    {
        FileNames.CheckBelow(file);
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<FileContent>(cancellationToken);
        try
        {
            return new ValueTask<FileContent>(_disk.Open(file, wholeUpTo));
        }
        catch (FileChangedException error)
        {
            return ValueTask.FromException<FileContent>(error);
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            return ValueTask.FromException<FileContent>(FolderFaults.Opening(Place, file, error));
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A path does not stay below the folder.</exception>
    public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken)
    {
        foreach (CompletedFile file in files) FileNames.CheckBelow(file.File);
        try
        {
            _completion.Complete(files, cancellationToken);
        }
        catch (SourceException error)
        {
            return ValueTask.FromException(error);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }
        return ValueTask.CompletedTask;
    }

    /// <summary>Does nothing: the source holds no resources between calls.</summary>
    /// <returns>A completed task.</returns>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
