using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// A live session with an SFTP server, with many operations under way at once. There are two: <see cref="SftpConnection"/> speaks the
/// protocol itself over the ssh client, <see cref="SshNetSession"/> goes through SSH.NET. The rest of the room works with this and knows
/// neither.
/// <para>
/// Paths are the server's bytes. An operation ends with its result, with a <see cref="SftpStatusException"/> (the server's answer was
/// another one), or with a <see cref="SftpConnectionException"/> (the session is over). It never waits longer than the session's deadline
/// for an answer that is due. Thread-safe.
/// </para>
/// </summary>
internal interface ISftpSession : IAsyncDisposable
{
    /// <summary>What ended the session, or <see langword="null"/> while it lives.</summary>
    Exception? Cause { get; }

    /// <summary>Operations that wait for their answer: how busy it is.</summary>
    int Pending { get; }

    /// <summary>How many files may be open at once.</summary>
    SftpWindow Files { get; }

    /// <summary>What the server is like.</summary>
    SftpServerInfo Server { get; }

    /// <summary>Whether it can move or remove a symbolic link and leave alone what that leads to.</summary>
    bool MovesLinks { get; }

    /// <summary>Lists a folder.</summary>
    /// <returns>The entries as they come, <c>.</c> and <c>..</c> among them, their names unchecked.</returns>
    IAsyncEnumerable<SftpEntry[]> ListAsync(byte[] path, CancellationToken cancellationToken);

    /// <summary>Prepares an attempt to fetch a file whole; <see cref="FileFetch.RunAsync"/> starts it.</summary>
    /// <param name="line">Told when the file got through.</param>
    /// <param name="file">The file as it was listed.</param>
    /// <param name="path">Its path.</param>
    /// <param name="weight">The bytes it takes in the window.</param>
    /// <param name="lastLook">Whether the file is looked at once more after its last byte, because it may be written right now.</param>
    FileFetch Fetch(ReconnectingConnection line, SourceFile file, byte[] path, long weight, bool lastLook);

    /// <summary>
    /// Opens a file as a stream. It fails at its end, or here, with <see cref="FileChangedException"/> when it is not what was listed.
    /// </summary>
    /// <param name="listed">The file as it was listed.</param>
    /// <param name="path">Its path.</param>
    /// <param name="offset">Where to begin.</param>
    /// <param name="entry">Its place in the window, which the stream gives back when it is disposed.</param>
    Task<ForwardStream> OpenAsync(SourceFile listed, byte[] path, long offset, WindowEntry? entry);

    /// <summary>Attributes of what a path leads to; <see langword="null"/> when there is nothing.</summary>
    Task<SftpAttributes?> StatAsync(byte[] path);

    /// <summary>Attributes of a file or of a link itself; <see langword="null"/> when there is none.</summary>
    Task<SftpAttributes?> LstatAsync(byte[] path);

    /// <summary>The server's absolute form of a path, links followed.</summary>
    Task<byte[]> RealPathAsync(byte[] path);

    /// <summary>
    /// Writes a new file and closes it: only then the server tells whether all of it is there. A file that cannot be opened
    /// for it, because its name is taken or for another reason, is a <see cref="SftpStatusException"/>; then nothing of the content was
    /// read.
    /// </summary>
    /// <param name="path">Its path.</param>
    /// <param name="content">Its content.</param>
    /// <param name="mode">Its permission bits, less those that the server takes. The managed client cannot set them.</param>
    Task<SftpStatus> WriteAsync(byte[] path, Stream content, uint mode);

    Task<SftpStatus> RemoveAsync(byte[] path);

    /// <summary>Removes an empty folder.</summary>
    Task<SftpStatus> RemoveFolderAsync(byte[] path);

    /// <summary>Makes a folder with these permission bits, less those that the server takes. The managed client cannot set them.</summary>
    Task<SftpStatus> MakeFolderAsync(byte[] path, uint mode);

    /// <summary>
    /// Moves a file in one step, where the server can, to a name that nobody else knows; what has that name is replaced. OpenSSH's plain
    /// RENAME is a link and an unlink, which removes what was put at the old name between the two.
    /// </summary>
    Task<SftpStatus> TakeAsync(byte[] from, byte[] to);

    /// <summary>Renames. A name that is taken is a failure (section 6.5 of the draft): nothing is replaced.</summary>
    Task<SftpStatus> RenameAsync(byte[] from, byte[] to);

    /// <summary>Sets the time of last change.</summary>
    Task<SftpStatus> SetTimeAsync(byte[] path, DateTime modifiedUtc);
}

/// <summary>What an SFTP server says about itself.</summary>
/// <param name="Client">The client that reaches it, once <see cref="SshClientKind.Auto"/> is decided.</param>
/// <param name="Extensions">The extensions it announces, with their versions; the server's own text. Empty with the managed client, which
/// does not tell.</param>
/// <param name="RoundTrip">The time of one small request and its answer.</param>
/// <param name="OpenHandles">How many files it lets one connection hold open, or <see langword="null"/> when it does not say.</param>
/// <param name="FilesInFlight">How many files are fetched at once on a connection, to begin with.</param>
internal sealed record SftpServerInfo(
    SshClientKind Client, IReadOnlyDictionary<string, string> Extensions, TimeSpan RoundTrip, long? OpenHandles, int FilesInFlight);

/// <summary>How long a session waits.</summary>
/// <param name="Connect">From the start until the server has said what it can do.</param>
/// <param name="Deadline">For the answer to the oldest request.</param>
/// <param name="KeepAlive">Idle time after which a sign of life is asked for.</param>
internal readonly record struct SftpTiming(TimeSpan Connect, TimeSpan Deadline, TimeSpan KeepAlive);

/// <summary>
/// One attempt to fetch one file whole. It waits for a place in the session's window, without a thread; what follows is the session's own
/// affair.
/// </summary>
internal abstract class FileFetch(ISftpSession session, SourceFile file, byte[] path, long weight) : ISftpEntrant
{
    private readonly TaskCompletionSource<FileContent> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenRegistration _cancellation;

    /// <summary>Where it is fetched.</summary>
    public ISftpSession Session => session;

    /// <summary>The file it fetches.</summary>
    public SourceFile File => file;

    /// <summary>Its path, encoded.</summary>
    public byte[] Path => path;

    /// <summary>The bytes it takes in the window.</summary>
    protected long Weight => weight;

    /// <summary>
    /// Called when the attempt failed: it sees to it that <see cref="Complete"/> or <see cref="Fault"/> is called. It must not block.
    /// Without it, the content fails.
    /// </summary>
    public Action<FileFetch, Exception>? Failed { get; set; }

    /// <summary>Gives up.</summary>
    public CancellationToken Cancellation { get; private set; }

    /// <summary>After opening was refused: whether others were open, so that the refusal may be for want of handles.</summary>
    public bool OthersWereOpen { get; protected set; }

    public bool HasGivenUp => _completion.Task.IsCompleted;

    /// <summary>Begins as soon as there is a place in the session's window; nobody is woken for it.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>
    /// The content. Fails with <see cref="SftpStatusException"/> (what the server answered), <see cref="FileChangedException"/> or
    /// <see cref="SftpConnectionException"/>.
    /// </returns>
    public Task<FileContent> RunAsync(CancellationToken cancellationToken)
    {
        Cancellation = cancellationToken;
        _cancellation = cancellationToken.UnsafeRegister(
            static (fetch, token) => ((FileFetch)fetch!)._completion.TrySetCanceled(token), this);
        session.Files.Enter(weight, this);
        return _completion.Task;
    }

    public void Enter()
    {
        if (HasGivenUp) session.Files.Leave(weight, opened: false);
        else Begin();
    }

    /// <summary>The content came, perhaps by another attempt.</summary>
    public void Complete(FileContent content)
    {
        _cancellation.Unregister();
        if (!_completion.TrySetResult(content)) content.Dispose();
    }

    /// <summary>No attempt can help.</summary>
    public void Fault(Exception error)
    {
        _cancellation.Unregister();
        _completion.TrySetException(error);
        // Whoever was cancelled meanwhile does not look at it any more.
        _ = _completion.Task.Exception;
    }

    /// <summary>It has its place: opens the file. On the thread of whoever gave the place back: it must not block.</summary>
    protected abstract void Begin();

    /// <summary>The attempt failed; another one may help.</summary>
    protected void Fails(Exception error)
    {
        if (Failed is { } failed && !HasGivenUp) failed(this, error);
        else Fault(error);
    }
}

/// <summary>What a server told about a file. A field is <see langword="null"/> where it told nothing.</summary>
/// <param name="Size">Bytes.</param>
/// <param name="Mode">POSIX type and permission bits.</param>
/// <param name="ModifiedUtc">Last change, to the second: version 3 has no finer clock.</param>
internal readonly record struct SftpAttributes(long? Size, uint? Mode, DateTime? ModifiedUtc)
{
    /// <summary>POSIX type bits.</summary>
    public const uint TypeBits = 0xF000, RegularFile = 0x8000, Folder = 0x4000, Link = 0xA000, Pipe = 0x1000;

    /// <summary>A server that tells no mode is taken to list files only.</summary>
    public bool IsRegular => Mode is not { } mode || (mode & TypeBits) is RegularFile or 0;

    public bool IsFolder => Mode is { } mode && (mode & TypeBits) == Folder;

    /// <summary>The permission bits; where the server told none, those of the owner alone.</summary>
    public uint Permissions => Mode is { } mode && (mode & 0x1FF) != 0 ? mode & 0x1FF : 0x180;

    public bool IsLink => Mode is { } mode && (mode & TypeBits) == Link;

    /// <summary>
    /// The attributes of an opened or followed file as a folder on a disk would tell them; what the server left out is taken from the
    /// listing.
    /// </summary>
    public FileStat AsDisk(SourceFile listed) => new(
        IsFolder ? FileKind.Folder : IsRegular ? FileKind.Regular : FileKind.Special,
        Size ?? listed.Size,
        ModifiedUtc ?? listed.ModifiedUtc);

    /// <summary>Whether it is the version that was listed.</summary>
    public bool Is(SourceFile listed) => AsDisk(listed).Is(listed);
}

/// <summary>One entry of a listing.</summary>
/// <param name="Name">The name's bytes as the server sent them; checked by <see cref="SftpNames"/> before it is used in a path.</param>
/// <param name="Attributes">Its attributes, reused so that no STAT is needed.</param>
internal readonly record struct SftpEntry(byte[] Name, SftpAttributes Attributes);
