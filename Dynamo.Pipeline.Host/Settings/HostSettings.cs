namespace Dynamo.Pipeline.Host;

/// <summary>
/// Everything the host can be told, checked. This folder reads settings from the configuration file, the environment and the command line,
/// and reports everything that is wrong with them at once. Settings are made of the library's own options, so a default or a limit stands
/// in one place.
/// </summary>
internal sealed record HostSettings
{
    public static HostSettings Default { get; } = new();

    /// <summary>The folder or address to import, as it was given. No default: a command that needs it asks for it.</summary>
    public string? Source { get; init; }

    /// <summary>What is set for each of several sources, which <see cref="SeveralSources"/> makes settings of. Default none.</summary>
    public IReadOnlyList<IReadOnlyList<(Setting Setting, IReadOnlyList<string> Values)>> Sources { get; init; } = [];

    /// <summary>The parts of <see cref="Source"/>, if it is an address.</summary>
    public SftpSourceOptions? Address { get; init; }

    public FolderSourceOptions Folder { get; init; } = new();

    /// <summary>The options of a server without its address: the host is a placeholder, which <see cref="Remote"/> replaces.</summary>
    public SftpSourceOptions Sftp { get; init; } = new() { Host = "unset" };

    /// <summary>The format of all files. Not used if there are <see cref="Formats"/>.</summary>
    public FormatChoice Format { get; init; } = FormatChoice.Default;

    /// <summary>Formats for some files each. The first one that matches a file wins.</summary>
    public IReadOnlyList<FormatChoice> Formats { get; init; } = [];

    /// <summary>The database file. Default <c>dynamo.db</c> in the current folder.</summary>
    public string Database { get; init; } = "dynamo.db";

    public SqliteSinkOptions Sqlite { get; init; } = new();

    /// <summary>Whether rows go into SQL Server rather than into <see cref="Database"/>.</summary>
    public bool UsesSqlServer { get; init; }

    public string? SqlServerConnection { get; init; }

    public string? SqlServerPassword { get; init; }

    /// <summary>The program and its arguments that print a token to log in with. Default none.</summary>
    public IReadOnlyList<string> AccessTokenCommand { get; init; } = [];

    /// <summary>The file that holds a token to log in with. Default none.</summary>
    public string? AccessTokenFile { get; init; }

    public SqlServerSinkOptions SqlServer { get; init; } = new();

    public TableSettings Table { get; init; } = new();

    /// <summary>Whether a run ends with exit code 1 as long as any file of its source is in quarantine. Default false.</summary>
    public bool QuarantineAlarm { get; init; }

    public PipelineOptions Pipeline { get; init; } = new();

    public WatchOptions Watch { get; init; } = new();

    public QueueOptions Queue { get; init; } = new();

    /// <summary>The areas that are looked after. Default none.</summary>
    public IReadOnlyList<AreaChoice> Areas { get; init; } = [];

    public Retention Retention { get; init; } = new();

    public ObserveOptions Observe { get; init; } = new();

    /// <summary>The options of the server with its address; <see langword="null"/>: the source is a folder.</summary>
    public SftpSourceOptions? Remote =>
        Address is null ? null : Sftp with { Host = Address.Host, User = Address.User, Port = Address.Port, Path = Address.Path };

    /// <summary>The source's name in the ledger and in JSON.</summary>
    public string SourceName => Remote?.ToString() ?? "folder:" + Path.GetFullPath(Source ?? "");

    /// <summary>The source as people read it.</summary>
    public string ShownSource => Remote is { } remote ? Shown.Name(remote.ToString()) : Shown.Path(Path.GetFullPath(Source ?? ""));

    /// <summary>An element of <see cref="Formats"/>, or the default format if there is no such element yet.</summary>
    public FormatChoice Element(int index) => index < Formats.Count ? Formats[index] : FormatChoice.Default;

    /// <summary>These settings with one element of <see cref="Formats"/> replaced. The list grows as needed.</summary>
    public HostSettings With(int index, FormatChoice choice) =>
        this with { Formats = [.. Enumerable.Range(0, Math.Max(Formats.Count, index + 1)).Select(i => i == index ? choice : Element(i))] };

    /// <summary>The settings that were given, with their values: no secrets, no passwords in addresses.</summary>
    public IReadOnlyList<(string Key, string Value)> Given { get; init; } = [];

    /// <summary>The same as text, a line each.</summary>
    public string Text => string.Join('\n', Given.Select(given => $"{given.Key}: {given.Value}"));

    /// <summary>The options that named files of settings, such as <c>--config</c>, with their paths.</summary>
    public IReadOnlyList<(string Option, string Path)> Files { get; init; } = [];

    /// <summary>The settings that options of the command gave.</summary>
    public IReadOnlyList<(string Key, string Value)> Arguments { get; init; } = [];

    /// <summary>These settings, if they name a source.</summary>
    /// <exception cref="SettingsException">They do not.</exception>
    public HostSettings WithSource()
    {
        if (Source is not null || Sources.Count > 0) return this;
        const string Here = "dynamo.json";
        throw new SettingsException("source", Files.Count == 0 && File.Exists(Here)
            ? $"nothing says what to import. There is a {Here} in this folder: add --config {Here}, or --source DIR."
            : "nothing says what to import. Add --source DIR, or \"source\" to the file that --config names. "
                + "dynamo init writes one, and dynamo demo imports samples.");
    }
}

/// <summary>The names of the table of readings. Default <c>Reading(Logger, Channel, TimestampUtc, Value)</c>.</summary>
internal sealed record TableSettings
{
    public string Name { get; init; } = "Reading";

    public string Logger { get; init; } = "Logger";

    public string Channel { get; init; } = "Channel";

    public string Timestamp { get; init; } = "TimestampUtc";

    public string Value { get; init; } = "Value";
}
