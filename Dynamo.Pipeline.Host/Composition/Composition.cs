using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Makes the library's parts from the settings: only this class knows which implementation a setting stands for.
/// The rest of this folder puts these parts to use for a command: it tries a server, reads the first files, returns files from quarantine.
/// </summary>
internal static class Composition
{
    /// <param name="settings">The settings.</param>
    /// <param name="mustBeThere">Whether a folder that is missing now is a mistake. A watch waits for it.</param>
    /// <exception cref="SourceException">There is no such folder. This is found before the sink creates anything.</exception>
    public static IFileSource Source(HostSettings settings, bool mustBeThere = true)
    {
        string source = settings.Source
            ?? throw new SettingsException("source", "nothing says what to import. Add --source DIR, or \"source\" to the configuration.");
        RefuseOwnFiles(settings);
        return Checked<IFileSource>(
            "source",
            () => settings.Remote is { } remote ? Server(remote) : Folder(Path.GetFullPath(source), settings, mustBeThere));
    }

    /// <summary>
    /// A pattern such as * takes the database and the configuration for deliveries, if they are in the source, and would put them into
    /// quarantine.
    /// </summary>
    /// <exception cref="SettingsException">It does.</exception>
    private static void RefuseOwnFiles(HostSettings settings)
    {
        if (settings.Remote is not null) return;
        string inbox = Path.TrimEndingDirectorySeparator(Path.GetFullPath(settings.Source!));
        var pattern = new FilePattern(settings.Folder.Pattern);
        IEnumerable<string> own = settings.Files.Select(file => file.Path);
        foreach (string path in settings.UsesSqlServer ? own : own.Append(settings.Database))
        {
            string full = Path.GetFullPath(path), folder = Path.GetDirectoryName(full)!;
            bool isIn = folder == inbox
                || (settings.Folder.Recursive && folder.StartsWith(inbox + Path.DirectorySeparatorChar, StringComparison.Ordinal));
            if (!isIn || !pattern.Matches(Path.GetFileName(full))) continue;
            throw new SettingsException(
                "pattern", $"found '{settings.Folder.Pattern}', which takes {Shown.Path(full)}, a file of the import itself, for a "
                + "delivery. Keep it outside the source, or name what is delivered, such as *.csv.");
        }
    }

    /// <summary>A source of which nothing is changed, not even what a killed run left.</summary>
    public static IFileSource Untouched(HostSettings settings)
    {
        IFileSource source = Source(settings);
        if (source is FolderSource folder) folder.ChangesNothing = true;
        if (source is SftpSource server) server.ChangesNothing = true;
        return source;
    }

    /// <summary>Where a source puts bad files.</summary>
    public static IQuarantine Quarantine(IFileSource source) => source switch
    {
        FolderSource folder => new FolderQuarantine(folder),
        SftpSource server => new SftpQuarantine(server),
        _ => throw new ArgumentException($"{source.GetType().Name} has no quarantine", nameof(source)),
    };

    /// <summary>
    /// Moves a file back from a source's archive, unless it is at the source; says why it cannot be, or null. Throws
    /// <see cref="SourceException"/> if the source refuses.
    /// </summary>
    public static Func<DeliveredFile, CancellationToken, ValueTask<string?>> BringBack(IFileSource source) => source switch
    {
        FolderSource folder => (file, _) => ValueTask.FromResult(new FolderArchive(folder).BringBack(file.File, file.ImportedUtc)),
        SftpSource server => (file, token) => new SftpArchiveReturn(server).BringBackAsync(file.File, file.ImportedUtc, token),
        _ => throw new ArgumentException($"{source.GetType().Name} has no archive", nameof(source)),
    };

    /// <summary>Where a source puts loaded files.</summary>
    public static IArchive Archive(IFileSource source) => source switch
    {
        FolderSource folder => new FolderArchive(folder),
        SftpSource server => new SftpArchive(server),
        _ => throw new ArgumentException($"{source.GetType().Name} has no archive", nameof(source)),
    };

    public static IFileFormat<Reading> Format(HostSettings settings)
    {
        if (settings.Formats.Count == 0) return new CsvFormat<Reading>(settings.Format.Format);
        return new FormatByPattern<Reading>(settings.Formats.Select(choice => (choice.Files!, FormatOf(choice))));

        static IFileFormat<Reading> FormatOf(FormatChoice choice) => new CsvFormat<Reading>(choice.Format);
    }

    /// <summary>The format for reading a file outside a run, which unpacks by itself what is compressed.</summary>
    public static IFileFormat<Reading> UnpackingFormat(HostSettings settings) =>
        new UnpackingFormat<Reading>(Format(settings), settings.Pipeline.MaxUnpacked, settings.Pipeline.EntryPattern);

    /// <exception cref="SettingsException">The settings of the database exclude each other.</exception>
    public static IStore Store(HostSettings settings) => settings.UsesSqlServer
        ? new SqlServerStore(settings, Table(settings))
        : new SqliteStore(settings, Table(settings));

    /// <summary>The ledger of what was imported into the database.</summary>
    /// <exception cref="SettingsException">The connection string is missing or cannot be read.</exception>
    public static ILedger Ledger(HostSettings settings) => settings.UsesSqlServer ? SqlServer(settings) : Sqlite(settings);

    /// <summary>Which files brought what.</summary>
    /// <exception cref="SettingsException">The connection string is missing or cannot be read.</exception>
    public static ILineage Lineage(HostSettings settings) => settings.UsesSqlServer ? SqlServer(settings) : Sqlite(settings);

    private static SqlServerLedger SqlServer(HostSettings settings) =>
        Checked("sqlserver", () => new SqlServerLedger(SqlServerConnection.Of(settings), AccessTokens.Applied(settings)));

    private static SqliteLedger Sqlite(HostSettings settings) => new(settings.Database, settings.Sqlite);

    /// <summary>The statements that create the tables. Needs no connection string.</summary>
    public static string Schema(HostSettings settings)
    {
        (string schema, string bursts) = settings.UsesSqlServer
            ? (SqlServerDdl.Of(Table(settings), settings.SqlServer), SqlServerBurstStore.Schema(settings.SqlServer))
            : (SqliteDdl.Of(Table(settings), settings.Sqlite), SqliteBurstStore.Schema);
        return settings.Areas.Count == 0 ? schema : $"{schema}\n{bursts};\n";
    }

    /// <summary>The areas with their pipes. A file that several of them name is read once.</summary>
    /// <exception cref="SettingsException">A file cannot be read, or a logger is at a node that there is not.</exception>
    public static IReadOnlyList<WatchedArea> Areas(HostSettings settings)
    {
        var graphs = new Dictionary<(string, string), PipeGraph>();
        return [.. settings.Areas.Select(choice =>
        {
            if (choice is not { Nodes: { } nodes, Pipes: { } pipes }) return choice.Area;
            if (!graphs.TryGetValue((nodes, pipes), out PipeGraph? graph)) graphs[(nodes, pipes)] = graph = PipeFiles.Read(nodes, pipes);
            if (choice.Area.Pressures.FirstOrDefault(point => point.Node is { } node && !graph.Has(node)) is { } lost)
            {
                throw new SettingsException(AreaSettings.Key,
                    $"the logger {Shown.Name(lost.Logger)} of {Shown.Name(choice.Area.Name)} is at the node {Shown.Name(lost.Node!)}, "
                    + $"which {Shown.Path(nodes)} does not have.");
            }
            return choice.Area with { Pipes = graph };
        })];
    }

    /// <summary>Where events of areas are kept: the database of the readings.</summary>
    /// <exception cref="SettingsException">The connection string is missing or cannot be read.</exception>
    public static IBurstStore Bursts(HostSettings settings) => settings.UsesSqlServer
        ? Checked("sqlserver", () =>
            new SqlServerBurstStore(SqlServerConnection.Of(settings), Table(settings), AccessTokens.Applied(settings)))
        : new SqliteBurstStore(settings.Database, Table(settings), settings.Sqlite);

    public static RowMap<Reading> Table(HostSettings settings)
    {
        TableSettings table = settings.Table;
        return Checked("table", () => ReadingTable.Named(table.Name, table.Logger, table.Channel, table.Timestamp, table.Value));
    }

    /// <summary>Makes a part. If the library refuses its options, that is reported as a wrong setting.</summary>
    internal static T Checked<T>(string key, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (ArgumentException error)
        {
            throw new SettingsException(key, SettingProblem.Sentence(error));
        }
    }

    private static SftpSource Server(SftpSourceOptions remote)
    {
        SftpSettings.Check(remote);
        return new SftpSource(remote);
    }

    private static FolderSource Folder(string full, HostSettings settings, bool mustBeThere) =>
        !mustBeThere || IsFolder(full) ? new FolderSource(full, settings.Folder) : throw new SourceException(Missing(full));

    /// <summary>A folder that cannot be looked at is not a missing one, which <see cref="Directory.Exists"/> takes it for.</summary>
    /// <exception cref="SourceException">It cannot be looked at.</exception>
    private static bool IsFolder(string path)
    {
        try
        {
            return File.GetAttributes(path).HasFlag(FileAttributes.Directory);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SourceException($"The source folder {path} cannot be looked at: {error.Message} "
                + "Check the rights of the folders above it, and the disk or the network share.", error);
        }
    }

    private static string Missing(string folder)
    {
        string name = Path.GetFileName(folder);
        if (File.Exists(folder))
            return $"The source {folder} is a file. Name the folder it is in, and --pattern \"{name}\" for that file alone.";
        string? near = null;
        if (Path.GetDirectoryName(folder) is { } parent && Directory.Exists(parent))
            near = Suggestion.For(name, Directory.EnumerateDirectories(parent).Take(1000).Select(path => Path.GetFileName(path)));
        return $"The source folder {folder} does not exist. "
            + (near is null ? "Check the path, and that the share is mounted." : $"Did you mean {near}?");
    }
}
