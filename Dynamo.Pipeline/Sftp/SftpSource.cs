using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Files in a folder of an SFTP server. Listing, fetching and completing share few connections with many requests under way on each, so
/// that thousands of small files take little longer from afar than from nearby. The connection is the system's ssh client, or SSH.NET
/// inside this process; see <see cref="SftpSourceOptions.Client"/>. Thread-safe; connects at the first use.
/// </summary>
/// <remarks>
/// A connection that is lost is replaced, and the interrupted files are fetched again; large ones go on where they stopped. A file that
/// changed between listing and the end of reading is noticed by its size, by its time if it was written in the last hour, and in any case
/// by its time before it is archived or deleted.
/// </remarks>
public sealed class SftpSource : IFileSource
{
    private const int CompletedAtOnce = 512, MostBadAtOnce = 64;

    private readonly SftpPlace _place;
    private readonly SftpCompletion _completion;
    private readonly ReconnectingConnections _lines;
    private readonly SftpOpening _opening;
    private readonly Lazy<bool> _isManaged;

    /// <summary>An address with every other option at its default.</summary>
    /// <param name="url">The server and folder, see <see cref="SftpSourceOptions.Parse"/>.</param>
    /// <param name="pattern">Which names are imported, see <see cref="FileSourceOptions.Pattern"/>.</param>
    /// <exception cref="ArgumentException">The address or the pattern is not one.</exception>
    public SftpSource(string url, string pattern = "*.csv") : this(SftpSourceOptions.Parse(url) with { Pattern = pattern }) { }

    /// <summary>A server and folder.</summary>
    /// <param name="options">Where, which files, and what happens to them.</param>
    /// <exception cref="ArgumentNullException">There are none.</exception>
    /// <exception cref="ArgumentException">The folder is its own archive or quarantine, or the client cannot do what is set.</exception>
    public SftpSource(SftpSourceOptions options) : this(options, connect: null) { }

    internal SftpSource(SftpSourceOptions options, Func<SftpTransport>? connect)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Client == SshClientKind.Managed && SshNetLogin.Refusal(options) is { } unable)
            throw new ArgumentException(unable, nameof(options));
        Options = options;
        Name = options.ToString();
        _place = new SftpPlace(options);
        _completion = new SftpCompletion(Name, _place, options);
        _isManaged = new Lazy<bool>(() => SshCommand.ClientOf(options) == SshClientKind.Managed);
        News = new ConnectionNews(Name, options.TimeProvider, options.LoggerFactory?.CreateLogger(PipelineLog.Category));
        _lines = new ReconnectingConnections(options.Connections, () => new ReconnectingConnection(
            Name, options.Reconnects, options.TimeProvider, News,
            token => ConnectAsync(connect, token)));
        Clock = new SftpClock(_place, options);
        _opening = new SftpOpening(_lines, options, Clock);
    }

    /// <summary>The address, such as <c>sftp://loggers@example.org/out</c>.</summary>
    public string Name { get; }

    /// <summary>The options it was made with.</summary>
    public SftpSourceOptions Options { get; }

    /// <summary>Whether a listing only says what a killed run left set aside, and does not put it back.</summary>
    internal bool ChangesNothing { get; set; }

    /// <summary>Tells of connections that are lost and made anew.</summary>
    internal ConnectionNews News { get; }

    internal SftpPlace Place => _place;

    internal SftpClock Clock { get; }

    /// <summary>How far the server's clock is ahead of ours; <see langword="null"/> if a listing did not ask.</summary>
    internal TimeSpan? ClockOffset => Clock.Offset;

    internal ReconnectingConnection Line => _lines.First;

    internal SftpOpening Opening => _opening;

    /// <inheritdoc/>
    public bool TakesFiles => Options.AfterCommit != AfterCommit.Keep;

    /// <inheritdoc/>
    public int OpensInFlight => Options.OpensInFlight;

    /// <summary>The settle time, the deadline of a request, and all attempts to reach the server again.</summary>
    public TimeSpan LongestWait =>
        Options.SettleTime + Options.Deadline + (Options.Reconnects + 1) * (Options.ConnectTimeout + SftpBackOff.Longest);

    /// <summary>
    /// Connects, unless that is done. Call it early to have the connection made while other things start, or to learn whether the server
    /// can be reached.
    /// </summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A task that ends when the connection stands.</returns>
    /// <exception cref="SourceException">The server cannot be reached, is not known, or denies the login.</exception>
    public async ValueTask ConnectAsync(CancellationToken cancellationToken = default) =>
        await DescribeAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Connects, unless that is done, and tells what the server is like.</summary>
    internal async ValueTask<SftpServerInfo> DescribeAsync(CancellationToken cancellationToken)
    {
        _lines.Begin();
        return (await _lines.First.GetAsync(cancellationToken).ConfigureAwait(false)).Server;
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken)
    {
        _lines.Begin();
        return new SftpWalk(_place, _lines.First, Options, Clock, Name) { ChangesNothing = ChangesNothing }.ListAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<SourceFile> SweepAsync(CancellationToken cancellationToken)
    {
        _lines.Begin();
        var walk = new SftpWalk(_place, _lines.First, Options, Clock, Name) { ChangesNothing = ChangesNothing, WaitsForNothing = true };
        return walk.ListAsync(cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The path does not stay below the folder.</exception>
    public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(file);
        byte[] path = _place.Encode(_place.PathOf(file));
        return new ValueTask<FileContent>(file.Size <= Math.Min(wholeUpTo, Array.MaxLength - 1)
            ? _opening.WholeAsync(file, path, cancellationToken) : _opening.StreamAsync(file, path, cancellationToken));
    }

    /// <inheritdoc/>
    public async ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(files);
        foreach (CompletedFile settled in files) _place.PathOf(settled.File);
        using var claims = new SftpClaims(_place, Options.TimeProvider.GetUtcNow().UtcDateTime);
        await CompleteAsync(claims, files, cancellationToken).ConfigureAwait(false);
        await claims.RemoveAsync(_lines.First.Live).ConfigureAwait(false);
    }

    private async Task CompleteAsync(SftpClaims claims, IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken)
    {
        foreach (CompletedFile[] some in files.Where(file => file.Defect is null).Chunk(CompletedAtOnce))
            await Task.WhenAll(some.Select(file => CompleteAsync(claims, file, cancellationToken))).ConfigureAwait(false);
        List<CompletedFile> bad = [.. files.Where(file => file.Defect is not null)];
        for (int next = 0, count; next < bad.Count; next += count)
        {
            // A bad file holds two files open while it is copied; what the window leaves of the server's handles is a fifth of them.
            ISftpSession session = await _lines.First.GetAsync(cancellationToken).ConfigureAwait(false);
            count = Math.Clamp(session.Files.Limit / 10, 1, Math.Min(MostBadAtOnce, bad.Count - next));
            Task several = Task.WhenAll(bad.GetRange(next, count).Select(file => CompleteAsync(claims, file, cancellationToken)));
            await several.ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _lines.DisposeAsync();

    /// <summary>The address, without a password.</summary>
    /// <returns><see cref="Name"/>.</returns>
    public override string ToString() => Name;

    private async Task CompleteAsync(SftpClaims claims, CompletedFile file, CancellationToken cancellationToken)
    {
        while (true)
        {
            ReconnectingConnection line = _lines.LeastBusy();
            ISftpSession session = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await _completion.CompleteAsync(session, claims, file).WaitAsync(cancellationToken).ConfigureAwait(false);
                line.Progressed();
                return;
            }
            catch (SftpConnectionException)
            {
                // Every step can be repeated: a file that was moved before the answer came is found to be gone.
            }
        }
    }

    private async Task<ISftpSession> ConnectAsync(Func<SftpTransport>? connect, CancellationToken cancellationToken)
    {
        var timing = new SftpTiming(Options.ConnectTimeout, Options.Deadline, Options.KeepAlive);
        if (connect is null && _isManaged.Value)
            return await SshNetSession.StartAsync(Options, timing, cancellationToken).ConfigureAwait(false);
        SftpTransport transport = connect?.Invoke() ?? SshProcess.Start(Options);
        return await SftpConnection.StartAsync(transport, timing, Options.TimeProvider, cancellationToken).ConfigureAwait(false);
    }
}
