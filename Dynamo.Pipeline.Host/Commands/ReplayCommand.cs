using System.CommandLine;
using System.Globalization;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// <c>dynamo replay</c>: what the analysis of areas would have told of history, and what it found of leaks that are known.
/// </summary>
internal sealed class ReplayCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<bool> _fromFiles = new("--from-files")
    {
        Description = "Take the readings from the source's files instead of the database. Nothing is imported.",
    };

    private readonly Option<string?> _from = ValueOption.Named("--from", "TIME", "Begin then. Default: with the first reading.");
    private readonly Option<string?> _to = ValueOption.Named("--to", "TIME", "End then. Default: with the last reading.");
    private readonly Option<string?> _area = ValueOption.Named("--area", "NAME", "Only this area.");
    private readonly Option<string?> _speed = ValueOption.Named(
        "--speed", "N", "So many times faster than the clock, such as 3600: an hour a second. Default: as fast as it goes.");

    private readonly Option<string?> _labels = ValueOption.Named(
        "--labels", "FILE", "Leaks that are known to have been there, as CSV with start, end, and name, kind, peak, size, pipe, area.");

    private readonly Option<string?> _output = ValueOption.Named(
        "--output", "FILE", "Where the report page goes. Default: dynamo-replay.html.");

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public ReplayCommand(CommandContext context)
        : base("replay", "Goes through history as if it came in live, and shows what the analysis of areas tells.")
    {
        Settings = new SettingOptions(this, "source", "pattern", "recursive", "settle", "sink");
        foreach (Option option in (ReadOnlySpan<Option>)[_fromFiles, _from, _to, _area, _speed, _labels, _output, _json])
            Options.Add(option);
        SetAction((parsed, _) => ReplayAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo replay --config dynamo.json
          dynamo replay --config dynamo.json --labels leaks.csv --output report.html
          dynamo replay --config dynamo.json --from-files --from 2025-01-01 --to 2025-02-01
          dynamo replay --config dynamo.json --area Town --speed 86400
        """;

    private async Task<int> ReplayAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed);
        IReadOnlyList<WatchedArea> areas = Areas(settings, parsed.GetValue(_area));
        IReadOnlyList<BurstLabel> labels = parsed.GetValue(_labels) is { } file ? LabelFile.Read(file) : [];
        double? speed = Speed(parsed);
        bool json = parsed.GetValue(_json);
        ReadSeries read = Composition.Bursts(settings).ReadAsync;
        (DateTime Oldest, DateTime Newest)? span;
        if (parsed.GetValue(_fromFiles))
        {
            var readings = await ReadingsOfFiles.ReadAsync(settings.WithSource(), areas, context.Error, context.Stopping);
            (read, span) = (readings.ReadAsync, readings.Span);
        }
        else
        {
            // The database is there, or that is said.
            await Composition.Ledger(settings).RunsAsync(1, context.Stopping);
            span = await Composition.Bursts(settings).SpanAsync([.. areas.SelectMany(area => area.AllSeries).Distinct()], context.Stopping);
        }
        if (span is not { } known)
        {
            throw new SettingsException(AreaSettings.Key, "there is no reading of these areas. Compare the loggers and channels in the "
                + "settings with those of the readings: dynamo check names what is missing.");
        }
        DateTime from = parsed.GetValue(_from) is { } begin ? Moments.At("--from", begin) : known.Oldest,
            to = parsed.GetValue(_to) is { } end ? Moments.At("--to", end) : known.Newest.AddTicks(1);
        // Whole days, so that the first one counts.
        var replay = new Replay(areas, read);
        IReadOnlyList<ReplayedArea> replayed = await replay.RunAsync(
            from.Date, to, speed, told => { if (!json) context.Out.WriteLine($"{Shown.Utc(told.Event.Changed)} {EventText.Line(told)}"); },
            context.Stopping);
        ReplayScore[] scores = [.. replayed.Select(area => new ReplayScore(area, labels))];
        string output = parsed.GetValue(_output) ?? "dynamo-replay.html";
        Write(output, ReplayReport.Of(scores));
        if (json)
        {
            context.Out.WriteLine(JsonText.Of(members =>
            {
                members.WriteNumber("version", StatusBoard.Version);
                members.WriteString("report", Path.GetFullPath(output));
                members.WriteStartArray("areas");
                foreach (ReplayScore score in scores)
                {
                    members.WriteStartObject();
                    score.WriteJson(members);
                    members.WriteEndObject();
                }
                members.WriteEndArray();
            }));
        }
        else WriteText(context.Out, scores, output);
        return (int)(context.Stopping.IsCancellationRequested ? ExitCode.Cancelled : ExitCode.Ok);
    }

    private static void WriteText(TextWriter to, ReplayScore[] scores, string output)
    {
        foreach (ReplayScore score in scores)
        {
            string found = score.Score is not { } against ? ""
                : $": {against.Leaks.Count(leak => leak.Found is not null)} of {Shown.Count(against.Leaks.Count, "leak")} found, "
                    + $"{Shown.Count(against.FalseAlarms.Count, "false alarm")}, {Shown.Count(against.Repeats.Count, "repeat")}"
                    + (against.MedianDelay is { } delay ? $", median delay {Shown.Time(delay)}" : "");
            to.WriteLine($"{Shown.Name(score.Area.Area.Name)}: {Shown.Count(score.Area.Events.Count, "event")}{found}");
        }
        to.WriteLine($"Wrote {Shown.Path(Path.GetFullPath(output))}.");
    }

    private static IReadOnlyList<WatchedArea> Areas(HostSettings settings, string? name)
    {
        IReadOnlyList<WatchedArea> areas = Composition.Areas(settings);
        if (areas.Count == 0)
        {
            throw new SettingsException(
                AreaSettings.Key, "no areas are set. Name them in the file of --config; docs/analysis.md says how.");
        }
        if (name is null) return areas;
        return areas.FirstOrDefault(area => area.Name == name) is { } one ? [one] : throw new SettingsException(
            "--area", $"found '{name}', allowed is the name of an area.", Suggestion.For(name, areas.Select(area => area.Name)));
    }

    private double? Speed(ParseResult parsed)
    {
        var problems = new List<SettingProblem>();
        double? speed = ValueOption.Apply(parsed, _speed, "a number, 1 to 1000000000", (double?)null,
            (_, text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture) is >= 1 and <= 1e9 and var times
                ? times : throw new FormatException(), problems);
        return problems.Count == 0 ? speed : throw new SettingsException(problems);
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
            throw new SettingsException("--output", $"the file '{file}' cannot be written: {error.Message}");
        }
    }
}
