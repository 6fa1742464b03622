using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo headroom</c>: finds out how many loggers this machine keeps up with.</summary>
internal sealed class HeadroomCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<string?> _loggers =
        ValueOption.Named("--loggers", "N[,N…]", "Numbers of loggers to try. Default: doubled from 100000 until it falls behind.");

    private readonly Option<string?> _every = ValueOption.Named("--every", "TIME", "How often each sends a file. Default: 15min.");
    private readonly Option<string?> _lasts = ValueOption.Named("--for", "TIME", "How long files land for each number. Default: 10s.");
    private readonly Option<string?> _inbox = ValueOption.Named(
        "--inbox", "DIR", "Where files land. Default: a new folder here. With a server as the source: its folder on this machine.");

    private readonly Option<string?> _page = ValueOption.Named("--page", "FILE", "Write a page with the curve, lag against loggers.");
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout, nothing else there." };

    public HeadroomCommand(CommandContext context)
        : base("headroom", "Simulates loggers in compressed time, and says with how many this machine keeps up.")
    {
        Settings = new SettingOptions(this);
        Array.ForEach<Option>([_loggers, _every, _lasts, _inbox, _page, _json], Options.Add);
        SetAction((parsed, _) => MeasureAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo headroom                                        from a folder here into a SQLite database here, both removed again
          dynamo headroom --loggers 1000000,5000000 --for 20s --page headroom.html
          dynamo headroom --sink sqlserver --every 5min          into the tables of the settings: use a database for trials
          dynamo headroom --source sftp://me@localhost/trial --inbox /home/me/trial
        """;

    private async Task<int> MeasureAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.Read(parsed);
        var problems = new List<SettingProblem>();
        TimeSpan every = Time(parsed, _every, TimeSpan.FromMinutes(15), problems);
        TimeSpan lasts = Time(parsed, _lasts, TimeSpan.FromSeconds(10), problems);
        long[] loggers = ValueOption.Apply<long[]>(parsed, _loggers, "a list such as 100000,1000000", [], (_, text) =>
            [.. text.Split(',').Select(one => (long)SettingText.Count(one.Trim()))], problems);
        if (problems.Count > 0) throw new SettingsException(problems);
        bool json = parsed.GetValue(_json), isTemporary = parsed.GetValue(_inbox) is null;
        if (settings.Remote is not null && isTemporary)
        {
            throw new SettingsException(
                "--inbox", "it is missing. With a server as the source, it names the server's folder on this machine.");
        }
        string inbox = Path.GetFullPath(parsed.GetValue(_inbox) ?? $"headroom-{Guid.NewGuid():N}");
        Directory.CreateDirectory(inbox);
        bool isSet = settings.Given.Any(given => given.Key == "after");
        settings = settings with
        {
            Source = settings.Remote is null ? inbox : settings.Source,
            // Unless it is set: what most watches do, so that the inbox stays short.
            Folder = settings.Folder with { AfterCommit = isSet ? settings.Folder.AfterCommit : AfterCommit.Archive },
            Sftp = settings.Sftp with
            {
                AfterCommit = isSet ? settings.Sftp.AfterCommit : AfterCommit.Archive,
                SettleTime = TimeSpan.Zero,
            },
        };
        var points = new List<HeadroomPoint>();
        try
        {
            var trial = new HeadroomTrial(settings, inbox, lasts);
            Func<HostSettings, IBatchSink<Reading>> sink = settings.UsesSqlServer
                ? one => Composition.Store(one).Sink()
                : one => new TemporaryDatabase($"{inbox}.db", one);
            for (int i = 0; loggers.Length == 0 ? points.All(point => point.IsSustained) : i < loggers.Length; i++)
            {
                points.Add(await trial.RunAsync(loggers.Length == 0 ? 100_000L << i : loggers[i], every, sink, context.Stopping));
                string how = points[^1].IsSustained ? "keeps up" : "falls behind";
                if (!json) context.Error.WriteLine($"{Shown.Count(points[^1].Loggers)} loggers: {how}");
            }
        }
        finally
        {
            if (isTemporary) Directory.Delete(inbox, recursive: true);
            if (Directory.Exists(inbox + "-feed")) Directory.Delete(inbox + "-feed", recursive: true);
        }
        string into = settings.UsesSqlServer ? Composition.Store(settings).Shown : "a SQLite database";
        var report = new HeadroomReport(points, every, settings.Remote is null ? "a folder" : settings.ShownSource, into);
        if (parsed.GetValue(_page) is { } page) File.WriteAllText(page, report.Page());
        if (json) context.Out.WriteLine(report.Json(ExitCode.Ok));
        else report.Write(context.Out);
        return (int)ExitCode.Ok;
    }

    private static TimeSpan Time(ParseResult parsed, Option<string?> option, TimeSpan otherwise, List<SettingProblem> problems) =>
        ValueOption.Apply(parsed, option, "a duration such as 10s or 15min", otherwise, (_, text) =>
            SettingText.Duration(text) is var time && time > TimeSpan.Zero ? time : throw new FormatException(), problems);
}
