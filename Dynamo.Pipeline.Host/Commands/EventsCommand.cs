using System.CommandLine;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo events</c>: shows bursts and leaks of the areas, and where to look for them.</summary>
internal sealed class EventsCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<string?> _area = ValueOption.Named("--area", "NAME", "Only those of this area.");
    private readonly Option<string?> _since = ValueOption.Named(
        "--since", "TIME", "Only those detected since then: a time, or how long ago, such as 7d. Default: all.");

    private readonly Option<bool> _open = new("--open") { Description = "Only those that go on: suspected and confirmed." };
    private readonly Option<string?> _geoJson = ValueOption.Named(
        "--geojson", "FILE", "Write the places to look at as GeoJSON, for a map. Pipes are lines if --config names their files.");

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public EventsCommand(CommandContext context)
        : base("events", "Shows bursts and leaks of the areas, and where to look for them.")
    {
        Settings = new SettingOptions(this, "sink");
        foreach (Option option in (ReadOnlySpan<Option>)[_area, _since, _open, _geoJson, _json]) Options.Add(option);
        SetAction((parsed, _) => ShowAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo events --config dynamo.json --open
          dynamo events --sink sqlite:readings.db --since 7d --json
          dynamo events --config dynamo.json --area North --geojson north.geojson
        """;

    private async Task<int> ShowAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed);
        IReadOnlyList<WatchedArea> areas = Composition.Areas(settings);
        string? area = parsed.GetValue(_area);
        DateTime after = parsed.GetValue(_since) is { } since ? Moments.Since("--since", since, DateTime.UtcNow) : DateTime.MinValue;
        AreaEvent[] events = [.. (await EventsAsync(settings, area, after, context.Stopping))
            .Where(told => !parsed.GetValue(_open) || EventText.IsOpen(told))];
        if (area is not null && events.Length == 0 && areas.Count > 0 && areas.All(one => one.Name != area))
        {
            throw new SettingsException(
                "--area", $"found '{area}', allowed is the name of an area.", Suggestion.For(area, areas.Select(one => one.Name)));
        }
        if (parsed.GetValue(_geoJson) is { } file) Write(file, EventText.GeoJson(events, areas));
        if (parsed.GetValue(_json))
        {
            context.Out.WriteLine(JsonText.Of(json =>
            {
                json.WriteNumber("version", StatusBoard.Version);
                EventText.Write(json, "events", events);
            }));
        }
        else WriteText(context.Out, settings, events);
        return (int)ExitCode.Ok;
    }

    private static async Task<IReadOnlyList<AreaEvent>> EventsAsync(
        HostSettings settings, string? area, DateTime after, CancellationToken stopping)
    {
        // The database is there, or that is said.
        await Composition.Ledger(settings).RunsAsync(1, stopping);
        return await Composition.Bursts(settings).EventsAsync(area, after, stopping);
    }

    private static void WriteText(TextWriter to, HostSettings settings, AreaEvent[] events)
    {
        int open = events.Count(EventText.IsOpen);
        to.WriteLine($"{Shown.Count(events.Length, "event")}, {Shown.Count(open)} open");
        if (events.Length == 0 && settings.Areas.Count == 0)
            to.WriteLine("No areas are set. docs/analysis.md says how to name an area's inflow, and --config where that is.");
        foreach (AreaEvent told in events.OrderByDescending(told => told.Event.Detected))
        {
            to.WriteLine();
            to.WriteLine($"  {EventText.Line(told)}");
            to.WriteLine(FormattableString.Invariant(
                $"    detected {Shown.Utc(told.Event.Detected)}; sure by flow {told.Event.FlowConfidence:P0}")
                + FormattableString.Invariant($", by pressure {told.Event.PressureConfidence:P0}"));
        }
    }

    /// <exception cref="SettingsException">It cannot be written.</exception>
    private static void Write(string file, string text)
    {
        try
        {
            File.WriteAllText(file, text);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException("--geojson", $"the file '{file}' cannot be written: {error.Message}");
        }
    }
}
