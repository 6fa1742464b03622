using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The JSON object of <c>--json</c>, on one line. It is written by hand, because loading a serializer takes longer than the whole report.
/// </summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions s_line = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(Action<Utf8JsonWriter> members) => Of(members, s_line);

    /// <summary>An object with the members, and an array with the members of each source.</summary>
    public static string OfSources(IReadOnlyList<Action<Utf8JsonWriter>> sources, Action<Utf8JsonWriter> members) => Of(json =>
    {
        members(json);
        json.WriteStartArray("sources");
        foreach (Action<Utf8JsonWriter> source in sources)
        {
            json.WriteStartObject();
            source(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>On lines, for a file that people edit.</summary>
    public static string ForFile(Action<Utf8JsonWriter> members) => Of(members, s_line with { Indented = true });

    private static string Of(Action<Utf8JsonWriter> members, JsonWriterOptions options)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, options))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    public static void Defect(Utf8JsonWriter json, Defect? defect)
    {
        if (defect is null) return;
        json.WriteString("problem", defect.Problem);
        if (defect.Line is { } line) json.WriteNumber("line", line);
        Optional(json, "column", defect.Column);
        Optional(json, "found", defect.Found);
        Optional(json, "expected", defect.Expected);
        Optional(json, "remedy", defect.Remedy);
    }

    /// <summary>An array of texts.</summary>
    public static void List(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    public static void Optional(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null) json.WriteString(name, value);
    }
}
