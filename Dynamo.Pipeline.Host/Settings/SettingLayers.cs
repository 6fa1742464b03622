using System.Collections;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>Reads layers from a JSON file and from the environment.</summary>
internal static class SettingLayers
{
    private const string Prefix = "DYNAMO__";

    private static readonly JsonDocumentOptions s_json = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };

    /// <exception cref="SettingsException">The file cannot be read or is not a JSON object.</exception>
    public static SettingLayer File(string path, string option = "--config")
    {
        string name = Path.GetFileName(path);
        var values = new List<(string, string)>();
        try
        {
            using JsonDocument json = JsonDocument.Parse(System.IO.File.ReadAllBytes(path), s_json);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                throw new SettingsException(path, $"found a JSON {json.RootElement.ValueKind.ToString().ToLowerInvariant()}, expected an object: {{ \"source\": \"inbox\" }}.");
            Flatten(json.RootElement, "", values);
        }
        catch (JsonException error)
        {
            throw new SettingsException(Position(path, error), $"this is not valid JSON: {Reason(error)}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new SettingsException(option, $"the file '{path}' cannot be read: {error.Message}");
        }
        return new SettingLayer(values, key => $"{name}: {key}", Path.GetDirectoryName(Path.GetFullPath(path)));
    }

    public static SettingLayer Environment()
    {
        var values = new List<(string Key, string Value)>();
        foreach (DictionaryEntry variable in System.Environment.GetEnvironmentVariables())
        {
            if (variable.Key is string key && key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
                values.Add((key[Prefix.Length..].Replace("__", ":", StringComparison.Ordinal), (string?)variable.Value ?? ""));
        }
        values.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        return new SettingLayer(values, key => Prefix + key.ToUpperInvariant().Replace(":", "__", StringComparison.Ordinal));
    }

    private static void Flatten(JsonElement element, string key, List<(string, string)> values)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    // Editors look there for completion.
                    if (key.Length > 0 || property.Name != "$schema") Flatten(property.Value, key.Length == 0 ? property.Name : $"{key}:{property.Name}", values);
                }
                break;
            case JsonValueKind.Array:
                int index = 0;
                foreach (JsonElement item in element.EnumerateArray()) Flatten(item, $"{key}:{index++}", values);
                break;
            case JsonValueKind.Null:
                break; // As if it were not there.
            default:
                values.Add((key, element.ToString()));
                break;
        }
    }

    private static string Position(string path, JsonException error) =>
        error.LineNumber is { } line ? $"{path}, line {line + 1}, column {(error.BytePositionInLine ?? 0) + 1}" : path;

    /// <summary>The reader's message without its own coordinates, which count from 0.</summary>
    private static string Reason(JsonException error)
    {
        int coordinates = error.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return coordinates < 0 ? error.Message : error.Message[..coordinates];
    }
}
