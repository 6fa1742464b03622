namespace Dynamo.Pipeline.Host;

/// <summary>The samples of a proposal: files that were named, or some of every kind of file in a folder or on a server.</summary>
/// <param name="Samples">The samples.</param>
/// <param name="Root">The folder in which, or below which, all samples are.</param>
/// <param name="Source">What to set as source: the root, or the server's address.</param>
/// <param name="Left">How many files were not looked at.</param>
internal sealed record SampleSet(IReadOnlyList<Sample> Samples, string Root, string Source, int Left)
{
    private const int MostOfAKind = 5, MostOfAFolder = 100, MostListed = 100_000;

    /// <summary>Compressed files that cannot be unpacked.</summary>
    public IReadOnlyList<NoProposal> Bad { get; private init; } = [];

    /// <summary>Why there are no samples: a folder or a server has no files yet; <see langword="null"/>: there are some.</summary>
    public string? Nothing { get; private init; }

    /// <exception cref="SourceException">A file, folder or server cannot be read.</exception>
    public static async Task<SampleSet> ReadAsync(
        IReadOnlyList<string> named, string? identity, CancellationToken cancellationToken)
    {
        if (named.FirstOrDefault(IsRemote) is { } address)
        {
            return named.Count == 1
                ? await OnServerAsync(address, identity, cancellationToken)
                : throw new SettingsException("FILE", "a server's address stands alone: its folder is looked at.");
        }
        var paths = new List<string>();
        int left = 0;
        foreach (string path in named.Select(Path.GetFullPath).Distinct())
        {
            if (!Directory.Exists(path))
            {
                paths.Add(path);
                continue;
            }
            string[] listed = [.. Files(path).Where(file => !IsOurs(Path.GetRelativePath(path, file))).Order(StringComparer.Ordinal)];
            string[] some = Some(listed, file => file);
            if (some.Length == 0) return Empty($"The folder {path} has no files.");
            left += listed.Length - some.Length;
            paths.AddRange(some);
        }
        var all = new List<Sample>();
        var bad = new List<NoProposal>();
        foreach (string path in paths.Distinct())
            await AddAsync(path, () => Sample.ReadAsync(path, cancellationToken), all, bad);
        Sample[] samples = Filled([.. all]);
        string[] folders = [.. named.Select(Path.GetFullPath).Where(Directory.Exists)];
        string root = folders.Length == 1 && named.Count == 1 ? folders[0] : RootOf([.. paths]);
        return new SampleSet(samples, root, root, left) { Bad = bad };
    }

    private static async Task AddAsync(string path, Func<Task<IReadOnlyList<Sample>>> read, List<Sample> samples, List<NoProposal> bad)
    {
        try
        {
            samples.AddRange(await read());
        }
        catch (BadFileException error)
        {
            bad.Add(new NoProposal(path, error.Defect.ToString()));
        }
    }

    private static SampleSet Empty(string why) => new([], "", "", 0) { Nothing = why };

    public static bool IsRemote(string name) => name.StartsWith("sftp://", StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> Files(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Take(MostListed)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SourceException($"The folder {folder} cannot be listed: {error.Message}", error);
        }
    }

    /// <summary>How a server is looked at: what the environment says of the login, and all of its files.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="identity">The key file; <see langword="null"/>: that of the environment, or ssh's own choice.</param>
    /// <param name="problems">What is wrong with them.</param>
    public static HostSettings Server(string address, string? identity, List<SettingProblem> problems)
    {
        HostSettings settings = SettingLayer.FromEnvironment().Apply(HostSettings.Default, problems);
        var own = new SettingLayer([("source", address), ("pattern", "*"), ("recursive", "true")], _ => "FILE");
        settings = own.Apply(settings, problems);
        return identity is null ? settings
            : new SettingLayer([("sftp:identityFile", Path.GetFullPath(identity))], _ => "--identity").Apply(settings, problems);
    }

    private static async Task<SampleSet> OnServerAsync(
        string address, string? identity, CancellationToken cancellationToken)
    {
        var problems = new List<SettingProblem>();
        HostSettings settings = Server(address, identity, problems);
        if (problems.Count > 0) throw new SettingsException(problems);
        await using IFileSource source = Composition.Untouched(settings);
        var all = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(cancellationToken))
        {
            if (file.DeferReason is null && !IsOurs(file.Path)) all.Add(file);
            if (all.Count == MostListed) break;
        }
        SourceFile[] some = Some([.. all.OrderBy(file => file.Path, StringComparer.Ordinal)], file => file.Path);
        if (some.Length == 0) return Empty($"{Shown.Name(address)} has no files that are complete.");
        var samples = new List<Sample>();
        var bad = new List<NoProposal>();
        foreach (SourceFile file in some)
            await AddAsync("/" + file.Path, () => OnServerAsync(source, file, cancellationToken), samples, bad);
        return new SampleSet(Filled([.. samples]), "/", address, all.Count - some.Length) { Bad = bad };
    }

    private static async Task<IReadOnlyList<Sample>> OnServerAsync(IFileSource source, SourceFile file, CancellationToken cancellationToken)
    {
        const int MostBytes = Sample.MostBytes;
        using FileContent content = await source.OpenAsync(file, MostBytes, cancellationToken);
        if (Packed.Is(file.Path)) return await Sample.UnpackedAsync("/" + file.Path, file.Size, content, cancellationToken);
        if (!content.IsStreamed) return [Sample.Of("/" + file.Path, content.Bytes.Span, true)];
        byte[] bytes = new byte[MostBytes];
        int length = await content.Stream!.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return [Sample.Of("/" + file.Path, bytes.AsSpan(0, length), length < bytes.Length)];
    }

    /// <summary>Some files of every kind: names that differ only in numbers are one kind.</summary>
    private static T[] Some<T>(T[] all, Func<T, string> path) =>
    [
        .. all.GroupBy(file => Sample.KindOf(path(file)))
            .SelectMany(kind => kind.Take(MostOfAKind)).Take(MostOfAFolder),
    ];

    /// <summary>A file without a byte is an upload that has just begun.</summary>
    private static Sample[] Filled(Sample[] samples)
    {
        Sample[] filled = [.. samples.Where(sample => sample.Bytes.Length > 0)];
        return filled.Length > 0 ? filled : samples;
    }

    /// <summary>
    /// Whether a file is not the logger's but the pipeline's: its archive, its quarantine, its configuration or database.
    /// </summary>
    private static bool IsOurs(string path)
    {
        string[] parts = path.Split('/', '\\');
        return parts[..^1].Any(part => part is "archive" or "quarantine") || parts.Any(part => part.StartsWith('.'))
            || Path.GetExtension(path).ToLowerInvariant() is ".json" or ".db" or ".sqlite" or ".db-wal" or ".db-shm" or ".db-journal";
    }

    /// <summary>The deepest folder that has all samples in it or below it.</summary>
    private static string RootOf(string[] files)
    {
        string root = Path.GetDirectoryName(files[0])!;
        while (!files.All(file => IsBelow(file, root)))
            root = Path.GetDirectoryName(root) ?? Path.GetPathRoot(root)!;
        return root;
    }

    private static bool IsBelow(string path, string folder) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
