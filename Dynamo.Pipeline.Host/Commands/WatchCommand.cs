namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo watch</c>: stays, and imports files as they land.</summary>
internal sealed class WatchCommand(CommandContext context) : LiveCommand(
    Word, "Stays, and imports files as they land. Ctrl+C or SIGTERM ends it.", "No waves; only outages and what needs attention.", context)
{
    public const string Word = "watch";

    public override string Examples => """
        Examples:
          dynamo watch --source inbox --sink sqlite:readings.db --after archive
          dynamo watch --config dynamo.json --json
          dynamo watch --source sftp://loggers@files.example.org/out --sink sqlite:readings.db --after archive
          dynamo watch --source inbox --sink sqlite:readings.db --for 1h
        """;

    protected override void Check(HostSettings source)
    {
        // They open nothing until they are used.
        _ = Composition.Source(source, mustBeThere: false);
        _ = Composition.Format(source);
        _ = Composition.Store(source).Sink();
    }

    protected override async Task<PipelineResult> ImportAsync(LiveImport import)
    {
        HostSettings settings = import.Settings;
        await using IFileSource source = Composition.Source(settings, mustBeThere: false);
        if (source is SftpSource server) server.News.Tells = TellConnection;
        await using IBatchSink<Reading> sink = Composition.Store(settings).Sink();
        await using HourlyPruning pruning = HourlyPruning.Beside(settings, Console.Error);
        FilePipeline<Reading> pipeline = FilePipeline
            .From(source)
            .Read(Composition.Format(settings))
            .WriteTo(sink, settings.Pipeline with { Settings = settings.Text });
        return await InTurns.WatchAsync(import.Telling(pipeline), import, source.Name);
    }

    private static void TellConnection(string news) =>
        Console.Error.WriteLine($"{Shown.Utc(DateTime.UtcNow)} {Shown.Name(Secret.Free(news))}");
}
