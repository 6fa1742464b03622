using System.CommandLine;
using System.Text.Json;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo retry</c>: moves quarantined files back to the source and removes them from the ledger.</summary>
internal sealed class RetryCommand : Command, ISettingsCommand, IExamples
{
    private readonly Argument<string[]> _files = new("FILE")
    {
        Description = "Quarantined files, by path or name. Default: all of this source.",
        Arity = ArgumentArity.ZeroOrMore,
    };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public RetryCommand(CommandContext context) : base("retry", "Offers quarantined files to the next run again.")
    {
        Arguments.Add(_files);
        Settings = new SettingOptions(this, SettingOptions.OfReturning);
        Options.Add(_json);
        SetAction((parsed, _) => RetryAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo retry --source inbox --sink sqlite:readings.db
          dynamo retry L00007_20250101T000000.csv --config dynamo.json
        """;

    private async Task<int> RetryAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.Read(parsed).WithSource();
        await using IFileSource source = Composition.Source(settings);
        IStore store = Composition.Store(settings);
        await using Turn turn = await Turns.TakeAsync(
            store, source.Name, settings.Pipeline.StopDeadline, context.Error, context.Stopping);
        string[] names = parsed.GetValue(_files) ?? [];
        IReadOnlyList<Retried> retried = await Returning.RetryAsync(
            source.Name, Composition.Quarantine(source), Composition.Ledger(settings),
            all => names.Length == 0 ? [.. all] : Choose(all, names), context.Stopping);
        if (parsed.GetValue(_json)) context.Out.WriteLine(JsonText.Of(json => WriteJson(json, retried)));
        else Write(context.Out, retried);
        return (int)(retried.All(file => file.Obstacle is null) ? ExitCode.Ok : ExitCode.DoneWithBadData);
    }

    /// <exception cref="SettingsException">A name is not in quarantine.</exception>
    private static HashSet<string> Choose(string[] all, string[] names)
    {
        var chosen = new HashSet<string>(StringComparer.Ordinal);
        var problems = new List<SettingProblem>();
        foreach (string name in names)
        {
            string[] found = [.. all.Where(path => IsMeant(path, name))];
            chosen.UnionWith(found);
            if (found.Length > 0) continue;
            string problem = "no such file of this source is in quarantine.";
            problems.Add(new SettingProblem(Shown.Name(name), problem, Suggestion.For(name, all)));
        }
        return problems.Count == 0 ? chosen : throw new SettingsException(problems);
    }

    private static bool IsMeant(string path, string name) =>
        path == name || path.EndsWith('/' + name, StringComparison.Ordinal) || path == Path.GetFileName(name);

    private static void Write(TextWriter to, IReadOnlyList<Retried> retried)
    {
        if (retried.Count == 0) to.WriteLine("Nothing of this source is in quarantine.");
        Write(to, "The next run reads again:", retried.Where(file => file.Obstacle is null));
        Write(to, "These stay in quarantine:", retried.Where(file => file.Obstacle is not null));
    }

    private static void Write(TextWriter to, string title, IEnumerable<Retried> files)
    {
        foreach ((int index, Retried file) in files.Index())
        {
            if (index == 0) to.WriteLine(title);
            to.WriteLine(file.Obstacle is null ? $"  {Shown.Name(file.Path)}" : $"  {Shown.Name(file.Path)}: {file.Obstacle}");
        }
    }

    private static void WriteJson(Utf8JsonWriter json, IReadOnlyList<Retried> retried)
    {
        json.WriteStartArray("files");
        foreach (Retried file in retried)
        {
            json.WriteStartObject();
            json.WriteString("file", file.Path);
            json.WriteBoolean("returned", file.Obstacle is null);
            JsonText.Optional(json, "obstacle", file.Obstacle);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
