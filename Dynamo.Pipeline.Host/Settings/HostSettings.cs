namespace Dynamo.Pipeline.Host;

/// <summary>
/// Everything the host can be told, checked. Composed of the library's own options, so that a default or a limit is written down once.
/// </summary>
internal sealed record HostSettings
{
    public static HostSettings Default { get; } = new();

    /// <summary>The folder to import, as it was given. Default <see langword="null"/>: the bundled samples, when nothing else was said either.</summary>
    public string? Source { get; init; }

    public FolderSourceOptions Folder { get; init; } = new();

    public ReadingFormat Format { get; init; } = ReadingFormat.Default;

    /// <summary>Whether it was said where the logger's name is.</summary>
    public bool HasLogger { get; init; }

    /// <summary>The database file. Default <c>dynamo.db</c> in the current folder.</summary>
    public string Database { get; init; } = "dynamo.db";

    public SqliteSinkOptions Sqlite { get; init; } = new();

    public TableSettings Table { get; init; } = new();

    public PipelineOptions Pipeline { get; init; } = new();

    /// <summary>Whether anything at all was set: then a missing source is a mistake.</summary>
    public bool IsConfigured { get; init; }
}

/// <summary>The table of readings, for a database that exists already. Default <c>Reading(Logger, Channel, TimestampUtc, Value)</c>.</summary>
internal sealed record TableSettings
{
    public string Name { get; init; } = "Reading";

    public string Logger { get; init; } = "Logger";

    public string Channel { get; init; } = "Channel";

    public string Timestamp { get; init; } = "TimestampUtc";

    public string Value { get; init; } = "Value";
}
