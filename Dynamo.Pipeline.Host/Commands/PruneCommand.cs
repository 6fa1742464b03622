using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo prune</c>: removes records and archived files that are older than the settings keep them.</summary>
internal sealed class PruneCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Show what would be removed; change nothing." };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public PruneCommand(CommandContext context)
        : base("prune", "Removes what is older than the retention: settings keep it. Without one, nothing is removed.")
    {
        Settings = new SettingOptions(this, "source", "sink", "doneMarker", "sftp:identityFile", "sftp:knownHostsFile");
        Options.Add(_dryRun);
        Options.Add(_json);
        SetAction((parsed, _) => PruneAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo prune --config dynamo.json --dry-run
          dynamo prune --config dynamo.json     with "retention": { "archive": "400d", "ledger": "800d", "rejects": "90d", "runs": "90d" }
        """;

    private async Task<int> PruneAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.Read(parsed);
        if (settings.Source is null) settings = SampleInbox.Settings(settings);
        bool dryRun = parsed.GetValue(_dryRun), json = parsed.GetValue(_json);
        PrunedAll pruned = settings.Retention.IsSet
            ? await Pruning.RunAsync(settings, Composition.Store(settings), dryRun, DateTime.UtcNow, context.Stopping)
            : new PrunedAll(Pruned.Nothing, new PrunedLedger(Pruned.Nothing, Pruned.Nothing, Pruned.Nothing),
                "Nothing is removed: none of retention:ledger, retention:rejects, retention:runs and retention:archive is set.");
        if (json)
        {
            context.Out.WriteLine(JsonText.Of(output =>
            {
                output.WriteBoolean("dryRun", dryRun);
                pruned.WriteJson(output);
            }));
            return (int)ExitCode.Ok;
        }
        if (pruned.Note is { } note) context.Out.WriteLine(note);
        if (!settings.Retention.IsSet) return (int)ExitCode.Ok;
        context.Out.WriteLine(dryRun ? "Would remove:" : "Removed:");
        foreach (string line in pruned.Lines) context.Out.WriteLine($"  {line}");
        return (int)ExitCode.Ok;
    }
}
