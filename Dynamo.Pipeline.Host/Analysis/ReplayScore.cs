using System.Text.Json;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>What a replay of an area found of the leaks that are known.</summary>
internal sealed class ReplayScore
{
    public ReplayScore(ReplayedArea area, IReadOnlyList<BurstLabel> labels)
    {
        Area = area;
        Labels = [.. labels.Where(label => label.Area is null || label.Area == area.Area.Name)];
        Score = Labels.Count == 0 ? null : BurstScore.Of(area.Told, Labels);
    }

    public ReplayedArea Area { get; }

    public IReadOnlyList<BurstLabel> Labels { get; }

    /// <summary>The comparison; <see langword="null"/>: no leak of the area is known.</summary>
    public BurstScore? Score { get; }

    /// <summary>The event as it was in the end, with its places.</summary>
    public AreaEvent? EventOf(BurstEvent? told) =>
        told is null ? null : Area.Events.FirstOrDefault(one => one.Event.Detected == told.Detected);

    /// <summary>Whether the leak's pipe is in the area of interest; <see langword="null"/>: one of the two is not known.</summary>
    public bool? IsInside(ScoredLeak leak) => leak.Label.Pipe is not null && EventOf(leak.Found) is { Places.Count: > 0 } found
        ? found.Places.Any(place => place.Place.Name == leak.Label.Pipe) : null;

    /// <summary>How far along pipes the leak is from the place ranked first.</summary>
    public double? Distance(ScoredLeak leak)
    {
        if (Area.Area.Pipes is not { } graph || EventOf(leak.Found) is not { Places: [var first, ..] }) return null;
        int to = Index(graph, leak.Label.Pipe);
        if (to < 0 || Index(graph, first.Place.Name) is not (>= 0 and var from)) return null;
        if (from == to) return 0;
        Pipe pipe = graph.Pipes[from];
        return (graph.Distances(pipe.From)[to] + graph.Distances(pipe.To)[to]) / 2;

        static int Index(PipeGraph graph, string? name)
        {
            for (int i = 0; i < graph.Pipes.Count; i++)
                if (graph.Pipes[i].Name == name) return i;
            return -1;
        }
    }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteString("area", Area.Area.Name);
        EventText.Write(json, "events", Area.Events);
        if (Score is null) return;
        json.WriteNumber("leaks", Score.Leaks.Count);
        json.WriteNumber("found", Score.Leaks.Count(leak => leak.Found is not null));
        json.WriteNumber("inTime", Score.Leaks.Count(leak => leak.IsInTime));
        json.WriteNumber("falseAlarms", Score.FalseAlarms.Count);
        json.WriteNumber("repeats", Score.Repeats.Count);
        if (Score.MedianDelay is { } median) json.WriteNumber("medianDelayHours", Math.Round(median.TotalHours, 2));
        json.WriteNumber("euro", Math.Round(Score.Euro));
        json.WriteNumber("mostEuro", Math.Round(Score.MostEuro));
        json.WriteStartArray("labels");
        foreach (ScoredLeak leak in Score.Leaks)
        {
            json.WriteStartObject();
            json.WriteString("name", leak.Label.Name);
            json.WriteString("startUtc", leak.Label.Start);
            if (leak.Found is { } found) json.WriteString("detectedUtc", found.Detected);
            if (leak.Delay is { } delay) json.WriteNumber("delayHours", Math.Round(delay.TotalHours, 2));
            if (IsInside(leak) is { } inside) json.WriteBoolean("inside", inside);
            if (Distance(leak) is { } distance && double.IsFinite(distance)) json.WriteNumber("distance", Math.Round(distance, 1));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
