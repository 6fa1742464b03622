using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// <c>dynamo status</c>: shows the last runs, the ledger's totals, the age of the newest reading, and what is in quarantine.
/// </summary>
internal sealed class StatusCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<string?> _runs = ValueOption.Named("--runs", "N", "How many of the last runs to show. Default: 5.");
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public StatusCommand(CommandContext context)
        : base("status", "Shows the last runs, the totals, the newest reading, and what is in quarantine.")
    {
        Settings = new SettingOptions(this, "sink");
        Options.Add(_runs);
        Options.Add(_json);
        SetAction((parsed, _) => ShowAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo status --sink sqlite:readings.db
          dynamo status --config dynamo.json --json
        """;

    private async Task<int> ShowAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed);
        SinkStatus status = await SinkStatus.ReadAsync(settings, ValueOption.Count(parsed, _runs, 5), context.Stopping);
        if (parsed.GetValue(_json)) context.Out.WriteLine(JsonText.Of(status.WriteJson));
        else status.Write(context.Out);
        return (int)ExitCode.Ok;
    }
}
