using System.CommandLine;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo check</c>: tries everything a run needs and changes nothing.</summary>
internal sealed class CheckCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public CheckCommand(CommandContext context) : base("check", "Tries settings, source, sink and the first files; changes nothing.")
    {
        Settings = new SettingOptions(this);
        Options.Add(_json);
        SetAction((parsed, _) => CheckAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo check --config dynamo.json
          dynamo check --source inbox --sink sqlite:readings.db
          dynamo check --source sftp://loggers@files.example.org/out
        """;

    private async Task<int> CheckAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed).WithSource();
        bool json = parsed.GetValue(_json);
        if (settings.Sources.Count == 0)
        {
            (ExitCode good, Action<Utf8JsonWriter> members) = await CheckAsync(settings, json ? null : context.Out, context.Stopping);
            if (json) context.Out.WriteLine(JsonText.Of(members));
            return (int)good;
        }
        var worst = ExitCode.Ok;
        var sources = new List<Action<Utf8JsonWriter>>();
        foreach (HostSettings source in SeveralSources.Of(settings))
        {
            ExitCode code;
            try
            {
                (code, Action<Utf8JsonWriter> members) = await CheckAsync(source, json ? null : context.Out, context.Stopping);
                sources.Add(members);
            }
            catch (Exception error) when (error is PipelineException or SettingsException)
            {
                Failure failure = Failure.Of(error, context.Stopping);
                code = failure.Code;
                sources.Add(members => failure.WriteJson(members, source.SourceName));
                context.Error.WriteLine($"dynamo: {source.ShownSource}: {Secret.Free(failure.Message)}");
            }
            if (code > worst) worst = code;
            if (!json) context.Out.WriteLine();
        }
        if (json) context.Out.WriteLine(JsonText.OfSources(sources, members => members.WriteNumber("exitCode", (int)worst)));
        return (int)worst;
    }

    /// <summary>Checks one source, and gives what is said of it in JSON.</summary>
    private static async Task<(ExitCode Code, Action<Utf8JsonWriter> Members)> CheckAsync(
        HostSettings settings, TextWriter? to, CancellationToken stopping)
    {
        await using IFileSource source = Composition.Untouched(settings);
        IStore store = Composition.Store(settings);
        StoreTrial database = await store.CheckAsync(stopping);
        ServerTrial? trial = source is SftpSource server ? await ServerTrial.RunAsync(server, stopping) : null;
        FirstFiles files = await FirstFiles.ReadAsync(source, Composition.UnpackingFormat(settings), stopping);
        BrokerTrial? broker = settings.Queue.Urls.Count > 0 ? await BrokerTrial.RunAsync(settings, stopping) : null;
        AreaTrial? areas = settings.Areas.Count > 0 ? await AreaTrial.RunAsync(settings, stopping) : null;
        IReadOnlyList<string> open = Rights.Open(settings);
        if (to is not null) CheckReport.Write(to, settings, store, database, trial, broker, areas, files, open);
        bool isGood = files.Files.All(file => file.Defect is null && file.Rows.Rejects.Count == 0 && file.Collided == 0);
        return (isGood ? ExitCode.Ok : ExitCode.DoneWithBadData,
            json => CheckReport.WriteJson(json, settings, store, database, trial, broker, areas, files, open));
    }
}
