using System.Globalization;
using System.Text.Json;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>Events of areas as people and programs read them.</summary>
internal static class EventText
{
    /// <summary>What changed before is history: nobody is called for it.</summary>
    public static readonly TimeSpan News = TimeSpan.FromDays(2);

    /// <summary>So many places are named in a line.</summary>
    private const int MostNamed = 3;

    /// <summary>The event in a sentence or two: what, where, since when, how much, where to look.</summary>
    public static string Line(AreaEvent told)
    {
        BurstEvent it = told.Event;
        string what = it.State switch
        {
            BurstState.Repaired => "is repaired",
            BurstState.Passed => "has passed by itself",
            BurstState.Confirmed => "is confirmed",
            _ => "is suspected",
        };
        string repeat = it.RepeatOf is { } first ? $", more of the one of {Shown.Utc(first)}" : "";
        return $"{Shown.Name(told.Area)}: a {Kind(it)} {what}, since {Shown.Utc(it.Onset)}{repeat}: {Size(it)} more than usual. "
            + Where(told);
    }

    /// <summary>What a run has found: the last events in lines, of others their number.</summary>
    public static void Write(TextWriter to, IReadOnlyList<AreaEvent> told)
    {
        const int MostShown = 5;
        if (told.Count == 0) return;
        to.WriteLine();
        string more = told.Count > MostShown ? "; dynamo events shows all, the last are" : "";
        to.WriteLine($"  {Shown.Count(told.Count, "event")} of areas{more}:");
        foreach (AreaEvent one in told.OrderBy(one => one.Event.Changed).TakeLast(MostShown)) to.WriteLine($"    {Line(one)}");
    }

    /// <summary>Events as an array of JSON.</summary>
    public static void Write(Utf8JsonWriter json, string name, IEnumerable<AreaEvent> events, int mostPlaces = int.MaxValue)
    {
        json.WriteStartArray(name);
        foreach (AreaEvent told in events)
        {
            json.WriteStartObject();
            Write(json, told, mostPlaces);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>Burst or growing leak.</summary>
    public static string Kind(BurstEvent it) => it.IsSudden ? "burst" : "growing leak";

    /// <summary>Size and standard error, in the unit of the inflow.</summary>
    public static string Size(BurstEvent it) =>
        string.Create(CultureInfo.InvariantCulture, $"{Rounded(it.Size)} ± {Rounded(it.Uncertainty)}");

    /// <summary>Where to look, as far as it is known.</summary>
    public static string Where(AreaEvent told)
    {
        if (told.Event.State is BurstState.Repaired or BurstState.Passed) return "Nothing is to be done.";
        if (told.Places.Count == 0) return "Where is not known: it needs three pressure loggers whose places are set, and a day.";
        string places = string.Join(", ", told.Places
            .OrderByDescending(place => place.Probability).Take(MostNamed).Select(place => $"{Place(place)} ({Share(place.Probability)})"));
        string all = Share(told.Places.Sum(place => place.Probability));
        return $"Look first at {places}; {Shown.Count(told.Places.Count, "place")} with {all} in all.";
    }

    /// <summary>The members of an event in JSON. Members may be added, but none is renamed or removed.</summary>
    public static void Write(Utf8JsonWriter json, AreaEvent told, int mostPlaces = int.MaxValue)
    {
        BurstEvent it = told.Event;
        json.WriteString("area", told.Area);
        json.WriteString("state", Word(it.State));
        json.WriteString("kind", it.IsSudden ? "sudden" : "growing");
        json.WriteString("onsetUtc", it.Onset);
        json.WriteString("detectedUtc", it.Detected);
        json.WriteString("changedUtc", it.Changed);
        if (it.RepeatOf is { } first) json.WriteString("repeatOfUtc", first);
        Number(json, "size", it.Size);
        Number(json, "uncertainty", it.Uncertainty);
        Number(json, "flowConfidence", it.FlowConfidence);
        Number(json, "pressureConfidence", it.PressureConfidence);
        json.WriteStartArray("places");
        foreach (RankedPlace place in told.Places.Take(mostPlaces))
        {
            json.WriteStartObject();
            json.WriteString("name", place.Place.Name);
            Number(json, "x", place.Place.X);
            Number(json, "y", place.Place.Y);
            Number(json, "length", place.Length);
            Number(json, "probability", place.Probability);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>
    /// Areas of interest as GeoJSON (RFC 7946): a feature for each place, a line where the pipe is known, else a point. Coordinates are
    /// those of the settings, in their own system.
    /// </summary>
    public static string GeoJson(IEnumerable<AreaEvent> events, IReadOnlyList<WatchedArea> areas) => JsonText.Of(json =>
    {
        json.WriteString("type", "FeatureCollection");
        json.WriteStartArray("features");
        foreach (AreaEvent told in events)
        {
            PipeGraph? graph = areas.FirstOrDefault(area => area.Name == told.Area)?.Pipes;
            Dictionary<string, Pipe>? pipes = graph?.Pipes.DistinctBy(pipe => pipe.Name).ToDictionary(pipe => pipe.Name);
            foreach ((int rank, RankedPlace place) in told.Places.Index())
            {
                json.WriteStartObject();
                json.WriteString("type", "Feature");
                json.WriteStartObject("geometry");
                Pipe? pipe = pipes?.GetValueOrDefault(place.Place.Name);
                json.WriteString("type", pipe is null ? "Point" : "LineString");
                json.WriteStartArray("coordinates");
                if (pipe is null)
                {
                    Position(place.Place);
                }
                else
                {
                    (Place from, Place to) = graph!.Ends(pipe);
                    foreach (Place end in (ReadOnlySpan<Place>)[from, to])
                    {
                        json.WriteStartArray();
                        Position(end);
                        json.WriteEndArray();
                    }
                }
                json.WriteEndArray();
                json.WriteEndObject();
                json.WriteStartObject("properties");
                json.WriteString("place", place.Place.Name);
                json.WriteNumber("rank", rank + 1);
                json.WriteNumber("probability", Math.Round(place.Probability, 4));
                json.WriteString("area", told.Area);
                json.WriteString("state", Word(told.Event.State));
                json.WriteString("onsetUtc", told.Event.Onset);
                json.WriteString("detectedUtc", told.Event.Detected);
                Number(json, "size", told.Event.Size);
                json.WriteEndObject();
                json.WriteEndObject();
            }
        }
        json.WriteEndArray();

        void Position(Place at)
        {
            json.WriteNumberValue(at.X);
            json.WriteNumberValue(at.Y);
        }
    });

    public static string Word(BurstState state) => state switch
    {
        BurstState.Suspected => "suspected",
        BurstState.Confirmed => "confirmed",
        BurstState.Repaired => "repaired",
        _ => "passed",
    };

    /// <summary>Whether water is lost as far as is known.</summary>
    public static bool IsOpen(AreaEvent told) => told.Event.State is BurstState.Suspected or BurstState.Confirmed;

    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, Math.Round(value, 6));
    }

    private static string Place(RankedPlace place) => place.Place.Name.Length > 0 ? Shown.Name(place.Place.Name)
        : string.Create(CultureInfo.InvariantCulture, $"({place.Place.X:0.#####}, {place.Place.Y:0.#####})");

    private static string Share(double share) => string.Create(CultureInfo.InvariantCulture, $"{share * 100:0} %");

    /// <summary>Three digits.</summary>
    private static string Rounded(double value) => value == 0 || !double.IsFinite(value) ? "0"
        : Math.Round(value, Math.Clamp(2 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 9)).ToString(CultureInfo.InvariantCulture);
}
