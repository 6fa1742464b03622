using System.CommandLine;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo prune</c>: removes records and archived files that are older than the settings keep them.</summary>
internal sealed class PruneCommand : Command, ISettingsCommand, IExamples
{
    private const string NothingIsSet =
        "Nothing is removed: none of retention:ledger, retention:rejects, retention:runs and retention:archive is set.";

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Show what would be removed; change nothing." };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public PruneCommand(CommandContext context)
        : base("prune", "Removes what is older than the retention: settings keep it. Without one, nothing is removed.")
    {
        Settings = new SettingOptions(this, SettingOptions.OfReturning);
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
        HostSettings all = Settings.ReadAll(parsed).WithSource();
        bool dryRun = parsed.GetValue(_dryRun), json = parsed.GetValue(_json);
        if (!all.Retention.IsSet) context.Error.WriteLine(NothingIsSet);
        var removed = new List<Action<Utf8JsonWriter>>();
        foreach (HostSettings settings in all.Retention.IsSet ? SeveralSources.Of(all) : [])
        {
            PrunedAll pruned = await Pruning.RunAsync(settings, dryRun, DateTime.UtcNow, context.Stopping);
            removed.Add(members =>
            {
                members.WriteString("source", settings.SourceName);
                pruned.WriteJson(members);
            });
            if (json) continue;
            if (pruned.Note is { } note) context.Out.WriteLine(note);
            context.Out.WriteLine($"{(dryRun ? "Would remove" : "Removed")} of {settings.ShownSource}:");
            foreach (string line in pruned.Lines) context.Out.WriteLine($"  {line}");
        }
        if (json) context.Out.WriteLine(JsonText.OfSources(removed, members => members.WriteBoolean("dryRun", dryRun)));
        return (int)ExitCode.Ok;
    }
}
