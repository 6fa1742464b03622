using System.Text.Json;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>What the page shows of areas: in memory, and bounded whatever there is.</summary>
internal static class AreaBoard
{
    private const int MostEvents = 50, MostPlaces = 20, MostAreas = 100, MostPipes = 2_000;

    /// <summary>So long an event that is over is shown with the others.</summary>
    private static readonly TimeSpan s_shown = TimeSpan.FromDays(30);

    /// <summary>What goes on, in words for the headline: the newest that is sure, and how many there are.</summary>
    public static string? Headline(IReadOnlyList<AreaView> areas)
    {
        AreaEvent[] open = [.. areas.SelectMany(area => area.Events).Where(told => told.Event.State == BurstState.Confirmed)
            .OrderByDescending(told => told.Event.Detected)];
        if (open.Length == 0) return null;
        string others = open.Length == 1 ? "" : $", and {Shown.Count(open.Length - 1, "other")}";
        return $"a {EventText.Kind(open[0].Event)} in {open[0].Area} since {open[0].Event.Onset:MM-dd HH:mm}Z{others}";
    }

    /// <summary>The member <c>areas</c> of the status.</summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<AreaView> areas, DateTime nowUtc)
    {
        AreaEvent[] events = [.. areas.SelectMany(area => area.Events)];
        json.WriteStartObject("areas");
        json.WriteNumber("count", areas.Count);
        json.WriteNumber("learning", areas.Count(area => area.IsLearning));
        json.WriteNumber("open", events.Count(EventText.IsOpen));
        if (areas.Min(area => area.UntilUtc) is { } until) json.WriteString("untilUtc", until);
        EventText.Write(json, "events", events.Where(told => EventText.IsOpen(told) || nowUtc - told.Event.Changed < s_shown)
            .OrderByDescending(EventText.IsOpen).ThenByDescending(told => told.Event.Detected).Take(MostEvents), MostPlaces);
        json.WriteEndObject();
    }

    /// <summary>Areas whose name contains a text; those with open events first.</summary>
    public static string ListJson(IReadOnlyList<AreaView> areas, string? text) => JsonText.Of(json =>
    {
        json.WriteNumber("version", StatusBoard.Version);
        json.WriteNumber("count", areas.Count);
        json.WriteStartArray("areas");
        foreach (AreaView area in areas
            .Where(area => string.IsNullOrEmpty(text) || area.Area.Name.Contains(text, StringComparison.OrdinalIgnoreCase))
            .OrderByDescending(area => area.Events.Any(EventText.IsOpen)).Take(MostAreas))
        {
            json.WriteStartObject();
            WriteHead(json, area);
            Numbers(json, area.Last);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>The inflow of an area in the last days, its events, and what a map of it needs.</summary>
    /// <param name="area">The area; <see langword="null"/>: there is none of this name.</param>
    public static string OneJson(AreaView? area) => JsonText.Of(json =>
    {
        json.WriteNumber("version", StatusBoard.Version);
        if (area is null) return;
        WriteHead(json, area);
        json.WriteStartArray("inflow");
        foreach (AreaStep step in area.Recent)
        {
            json.WriteStartObject();
            json.WriteString("atUtc", step.StartUtc);
            Numbers(json, step);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        EventText.Write(json, "events", area.Events.OrderByDescending(told => told.Event.Detected).Take(MostEvents));
        json.WriteStartArray("loggers");
        foreach (PressurePoint point in area.Area.Pressures)
        {
            if (area.Area.PlaceOf(point) is not { } place) continue;
            json.WriteStartObject();
            json.WriteString("name", point.Logger);
            json.WriteNumber("x", place.X);
            json.WriteNumber("y", place.Y);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("pipes");
        if (area.Area.Pipes is { Pipes.Count: <= MostPipes } graph)
        {
            foreach (Pipe pipe in graph.Pipes)
            {
                (Place from, Place to) = graph.Ends(pipe);
                json.WriteStartArray();
                foreach (double at in (ReadOnlySpan<double>)[from.X, from.Y, to.X, to.Y]) json.WriteNumberValue(at);
                json.WriteEndArray();
            }
        }
        json.WriteEndArray();
    });

    private static void WriteHead(Utf8JsonWriter json, AreaView area)
    {
        int open = area.Events.Count(EventText.IsOpen);
        json.WriteString("name", area.Area.Name);
        json.WriteString("state", open > 0 ? "event" : area.IsLearning ? "learning" : "well");
        json.WriteNumber("open", open);
        if (area.UntilUtc is { } until) json.WriteString("untilUtc", until);
    }

    private static void Numbers(Utf8JsonWriter json, AreaStep step)
    {
        if (step.StartUtc == default) return;
        if (float.IsFinite(step.Inflow)) json.WriteNumber("inflow", step.Inflow);
        if (float.IsFinite(step.Expected)) json.WriteNumber("expected", step.Expected);
    }
}
