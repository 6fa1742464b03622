using System.Globalization;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Writes a recording as a trace that Chrome (<c>chrome://tracing</c>), Perfetto (<c>ui.perfetto.dev</c>) and speedscope open:
/// complete events of the Trace Event Format (Google, "Trace Event Format", JSON object format), one row for each reader and writer.
/// </summary>
internal static class ChromeTrace
{
    private const int Process = 1;
    private const int FirstReader = 1;
    private const int FirstWriter = 10_001;

    /// <summary>Writes everything that was recorded. The stream stays open.</summary>
    public static void Write(Stream to, TraceRecorder recorder)
    {
        using var json = new Utf8JsonWriter(to);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartObject("otherData");
        json.WriteNumber("recorded", recorder.Events.Length);
        json.WriteNumber("dropped", recorder.Dropped);
        json.WriteEndObject();
        json.WriteStartArray("traceEvents");
        WriteNames(json, recorder);
        foreach (TraceEvent span in recorder.Events)
        {
            WriteSpan(json, span);
            if (json.BytesPending > 1 << 16) json.Flush();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter json, TraceRecorder recorder)
    {
        var rows = new SortedDictionary<int, string>();
        foreach (TraceEvent span in recorder.Events)
        {
            string kind = span.Kind == TraceKind.Batch ? "writer" : "reader";
            rows[Row(span)] = string.Create(CultureInfo.InvariantCulture, $"{kind} {span.Lane + 1}");
        }
        WriteName(json, "process_name", 0, "dynamo");
        foreach ((int row, string name) in rows) WriteName(json, "thread_name", row, name);
    }

    private static void WriteName(Utf8JsonWriter json, string what, int row, string name)
    {
        json.WriteStartObject();
        json.WriteString("name", what);
        json.WriteString("ph", "M");
        json.WriteNumber("pid", Process);
        json.WriteNumber("tid", row);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteSpan(Utf8JsonWriter json, TraceEvent span)
    {
        json.WriteStartObject();
        string kind = span.Kind == TraceKind.Batch ? "batch" : "chunk";
        json.WriteString("name", span.Path ?? string.Create(CultureInfo.InvariantCulture, $"{kind} {span.Number}"));
        json.WriteString("cat", span.Kind switch { TraceKind.File => "file", TraceKind.Chunk => "chunk", _ => "batch" });
        json.WriteString("ph", "X");
        json.WriteNumber("ts", Math.Round(span.Start.TotalMicroseconds, 1));
        json.WriteNumber("dur", Math.Round((span.End - span.Start).TotalMicroseconds, 1));
        json.WriteNumber("pid", Process);
        json.WriteNumber("tid", Row(span));
        json.WriteStartObject("args");
        if (span.Kind == TraceKind.File) json.WriteNumber("chunk", span.Number);
        else json.WriteNumber("files", span.Files);
        json.WriteNumber("bytes", span.Bytes);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static int Row(TraceEvent span) => (span.Kind == TraceKind.Batch ? FirstWriter : FirstReader) + span.Lane;
}
