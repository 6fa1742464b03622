using System.Text.Json;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>What <c>dynamo check</c> finds about the areas: what they lack to be looked after.</summary>
internal sealed class AreaTrial
{
    /// <summary>Of so many areas the database is asked.</summary>
    private const int MostTried = 50;

    private const int LeastLoggers = 3;

    /// <summary>A series is silent when others of its area have readings so much later.</summary>
    private static readonly TimeSpan s_silent = TimeSpan.FromDays(1);

    private readonly List<(string Area, IReadOnlyList<string> Lacks)> _areas = [];

    private int _others;

    /// <exception cref="SettingsException">A file of an area cannot be read.</exception>
    public static async Task<AreaTrial> RunAsync(HostSettings settings, CancellationToken cancellationToken)
    {
        var trial = new AreaTrial();
        IReadOnlyList<WatchedArea> areas = Composition.Areas(settings);
        IBurstStore store = Composition.Bursts(settings);
        foreach (WatchedArea area in areas.Take(MostTried))
            trial._areas.Add((area.Name, [.. await OfReadingsAsync(area, store, cancellationToken), .. OfLoggers(area)]));
        trial._others = areas.Count - trial._areas.Count;
        return trial;
    }

    public void Write(TextWriter to)
    {
        foreach ((int index, (string area, IReadOnlyList<string> lacks)) in _areas.Index())
        {
            to.WriteLine($"{(index == 0 ? "areas     " : "          ")}{Shown.Name(area)}: {(lacks.Count == 0 ? "fine" : lacks[0])}");
            foreach (string lack in lacks.Skip(1)) to.WriteLine($"            {lack}");
        }
        if (_others > 0) to.WriteLine($"          {Shown.Count(_others, "other area")}, of which the readings were not asked for");
    }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartArray("areas");
        foreach ((string area, IReadOnlyList<string> lacks) in _areas)
        {
            json.WriteStartObject();
            json.WriteString("name", area);
            JsonText.List(json, "lacks", lacks);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (_others > 0) json.WriteNumber("areasNotTried", _others);
    }

    private static async Task<IReadOnlyList<string>> OfReadingsAsync(
        WatchedArea area, IBurstStore store, CancellationToken cancellationToken)
    {
        var spans = new List<(string Name, (DateTime Oldest, DateTime Newest)? Span)>();
        try
        {
            foreach ((string logger, string channel) in area.AllSeries)
            {
                (DateTime, DateTime)? span = await store.SpanAsync([(logger, channel)], cancellationToken);
                spans.Add(($"{Shown.Name(channel)} of {Shown.Name(logger)}", span));
            }
        }
        catch (SinkException)
        {
            // There is no table yet; a database that cannot be had was named before.
            return [$"it learns from {Days(area.Options.TrainingDays)} of readings, and there are none yet"];
        }
        var lacks = new List<string>();
        string[] missing = [.. spans.Where(one => one.Span is null).Select(one => one.Name)];
        if (missing.Length > 0)
            lacks.Add($"no reading of {string.Join(", ", missing.Take(5))}{(missing.Length > 5 ? $" and {missing.Length - 5} more" : "")}");
        if (spans.TrueForAll(one => one.Span is null)) return lacks;
        DateTime newest = spans.Max(one => one.Span?.Newest ?? DateTime.MinValue);
        (DateTime Oldest, DateTime Newest)?[] inflow = [.. spans.Take(area.Inflow.Count).Select(one => one.Span)];
        if (inflow.All(one => one is not null))
        {
            // The days on which all of the inflow is known.
            double days = Math.Max(0, (inflow.Min(one => one!.Value.Newest) - inflow.Max(one => one!.Value.Oldest)).TotalDays);
            if (days < area.Options.TrainingDays)
                lacks.Add($"{Days((int)days)} of history; it says something after {Days(area.Options.TrainingDays)}");
        }
        foreach ((string name, (DateTime Oldest, DateTime Newest)? span) in spans)
            if (span is { } known && newest - known.Newest > s_silent) lacks.Add($"{name} is silent since {Shown.Utc(known.Newest)}");
        return lacks;
    }

    private static IEnumerable<string> OfLoggers(WatchedArea area)
    {
        int placed = area.Pressures.Count(point => area.PlaceOf(point) is not null);
        if (area.Pressures.Count == 0) yield return "no pressure loggers: it says that something burst, not where";
        else if (placed < LeastLoggers)
        {
            yield return $"{Shown.Count(placed, "pressure logger")} with a place (x and y, or a node of its pipes); "
                + "where to look is known from three on";
        }
    }

    private static string Days(int days) => Shown.Count(days, "day");
}
