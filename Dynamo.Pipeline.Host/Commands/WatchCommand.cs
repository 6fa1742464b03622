using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo watch</c>: stays, and imports files as they land.</summary>
internal sealed class WatchCommand : Command, ISettingsCommand, IExamples
{
    public const string Word = "watch";

    private readonly Option<string?> _for = ValueOption.Named(
        "--for", "TIME", "Stop after this time, such as 90s, 2h or 7d. Default: never.");

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object a line on stdout, nothing else there." };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "No waves; only outages and what needs attention." };

    public WatchCommand(CommandContext context)
        : base(Word, "Stays, and imports files as they land. Ctrl+C or SIGTERM ends it.")
    {
        Settings = new SettingOptions(this);
        Options.Add(_for);
        Options.Add(_json);
        Options.Add(_quiet);
        SetAction((parsed, _) => WatchAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo watch --source inbox --sink sqlite:readings.db --after archive
          dynamo watch --config dynamo.json --json
          dynamo watch --source sftp://loggers@files.example.org/out --sink sqlite:readings.db --after archive
          dynamo watch --source inbox --sink sqlite:readings.db --for 1h
        """;

    private async Task<int> WatchAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed);
        IReadOnlyList<HostSettings> sources = SeveralSources.Of(settings);
        context.StopWithin(settings.Pipeline.StopDeadline);
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.Stopping);
        if (Duration(parsed) is { } time) stop.CancelAfter(time);
        using ServiceNotice? service = ServiceNotice.Begin(sources.Count, settings.Pipeline.StallTimeout);
        using CancellationTokenRegistration stopping = stop.Token.Register(() => service?.Stopping());
        // A source that fails for good stops the others, so that somebody notices. An outage does not.
        Task<ExitCode>[] watches = [.. sources.Select(source => Task.Run(async () =>
        {
            try
            {
                IWatchReport report = WatchReport.For(context, source, sources.Count > 1, json, quiet);
                return await WatchAsync(source, report, service, context, stop.Token);
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        }))];
        await ((Task)Task.WhenAll(watches)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (watches.FirstOrDefault(watch => watch.IsFaulted) is { } failed) await failed;
        return (int)watches.Max(watch => watch.Result);
    }

    private static async Task<ExitCode> WatchAsync(
        HostSettings settings, IWatchReport to, ServiceNotice? service, CommandContext context, CancellationToken stopping)
    {
        var told = new Told(to, service, settings.SourceName);
        await using IWatchReport report = to;
        await using IFileSource source = Composition.Source(settings, mustBeThere: false);
        await using IBatchSink<Reading> sink = Composition.Store(settings).Sink();
        await using HourlyPruning pruning = HourlyPruning.Beside(settings, context.Error);
        try
        {
            PipelineResult result = await FilePipeline
                .From(source)
                .Read(Composition.Format(settings))
                .WriteTo(sink, settings.Pipeline with { Settings = settings.Text })
                .WatchAsync(settings.Watch, told, told, stopping);
            // Stopped is how a watch ends. Cancelled is one that had read what it could not write.
            bool isLeft = result.WasCancelled && result.Books.Listed > result.Books.FilesDone;
            ExitCode code = isLeft ? ExitCode.Cancelled : ExitCode.Ok;
            report.Stopped(result, code, null);
            return code;
        }
        catch (PipelineException error) when (error.Result is { } result)
        {
            Failure failure = Failure.Of(error, context.Stopping);
            report.Stopped(result, failure.Code, failure.Message);
            throw new ReportedException(failure);
        }
    }

    /// <exception cref="SettingsException">It is no duration, or too long for a timer.</exception>
    private TimeSpan? Duration(ParseResult parsed)
    {
        if (parsed.GetValue(_for) is not { } text) return null;
        var problems = new List<SettingProblem>();
        TimeSpan time = ValueOption.Apply(parsed, _for, "a duration such as 90s, 2h or 7d, below 24 days", TimeSpan.Zero, (_, value) =>
            SettingText.Duration(value) is var given && given > TimeSpan.Zero && given.TotalMilliseconds < int.MaxValue
                ? given : throw new FormatException(), problems);
        return problems.Count == 0 ? time : throw new SettingsException(problems);
    }

    /// <summary>Whoever watches, and the service manager.</summary>
    private sealed class Told(IWatchReport report, ServiceNotice? service, string source)
        : IProgress<WatchEvent>, IProgress<PipelineProgress>
    {
        public void Report(WatchEvent value)
        {
            report.Report(value);
            service?.Report(source, value);
        }

        public void Report(PipelineProgress value)
        {
            report.Report(value);
            service?.Report(source, value);
        }
    }
}
