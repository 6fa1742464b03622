using System.CommandLine;

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
        HostSettings settings = Settings.Read(parsed);
        if (settings.Source is null) settings = SampleInbox.Settings(settings);
        await using IFileSource source = Composition.Untouched(settings);
        IStore store = Composition.Store(settings);
        StoreTrial database = await store.CheckAsync(context.Stopping);
        ServerTrial? trial = source is SftpSource server ? await ServerTrial.RunAsync(server, context.Stopping) : null;
        FirstFiles files = await FirstFiles.ReadAsync(source, Composition.Format(settings), context.Stopping);
        IReadOnlyList<string> open = Rights.Open(settings);
        if (parsed.GetValue(_json))
            context.Out.WriteLine(JsonText.Of(json => CheckReport.WriteJson(json, settings, store, database, trial, files, open)));
        else
            CheckReport.Write(context.Out, settings, store, database, trial, files, open);
        bool isGood = files.Files.All(file => file.Defect is null && file.Rows.Rejects.Count == 0 && file.Collided == 0);
        return (int)(isGood ? ExitCode.Ok : ExitCode.DoneWithBadData);
    }
}
