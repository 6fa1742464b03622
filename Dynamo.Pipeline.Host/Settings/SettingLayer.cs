using System.Collections;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>Settings from one place. Layers are applied one after the other, so the last one wins.</summary>
/// <param name="Values">The values with their keys as they were found, in the order they were found.</param>
/// <param name="Name">How a message names a key of this layer.</param>
/// <param name="Folder">What relative paths are relative to; <see langword="null"/>: the current folder.</param>
internal sealed record SettingLayer(IReadOnlyList<(string Key, string Value)> Values, Func<string, string> Name, string? Folder = null)
{
    private const string Prefix = "DYNAMO__";

    private static readonly JsonDocumentOptions s_json = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>The settings in a JSON file.</summary>
    /// <exception cref="SettingsException">The file cannot be read or is not a JSON object.</exception>
    public static SettingLayer FromFile(string path, string option = "--config")
    {
        string name = Path.GetFileName(path);
        var values = new List<(string, string)>();
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path), s_json);
            JsonValueKind kind = json.RootElement.ValueKind;
            if (kind != JsonValueKind.Object)
                throw new SettingsException(
                    path, $"found a JSON {kind.ToString().ToLowerInvariant()}, expected an object: {{ \"source\": \"inbox\" }}.");
            Flatten(json.RootElement, "", values);
        }
        catch (JsonException error)
        {
            if (new FileInfo(path).Length == 0)
                throw new SettingsException(
                    path, "the file is empty. If dynamo infer was to write it, it found no format: see what it said.");
            throw new SettingsException(Position(path, error), $"this is not valid JSON: {Reason(error)}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new SettingsException(option, $"the file '{path}' cannot be read: {error.Message}");
        }
        return new SettingLayer(values, key => $"{name}: {key}", Path.GetDirectoryName(Path.GetFullPath(path)));
    }

    /// <summary>The settings in the environment's variables <c>DYNAMO__…</c>.</summary>
    public static SettingLayer FromEnvironment()
    {
        var values = new List<(string Key, string Value)>();
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (variable.Key is string key && key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
                values.Add((key[Prefix.Length..].Replace("__", ":", StringComparison.Ordinal), (string?)variable.Value ?? ""));
        }
        values.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        return new SettingLayer(values, key => Prefix + key.ToUpperInvariant().Replace(":", "__", StringComparison.Ordinal));
    }

    /// <summary>Applies every value, adding to <paramref name="problems"/> what is wrong.</summary>
    public HostSettings Apply(HostSettings settings, List<SettingProblem> problems)
    {
        ILookup<bool, (string Key, string Value)> areas = Values.ToLookup(value => AreaSettings.IsBelow(value.Key));
        if (areas[true].Any()) settings = AreaSettings.Apply(settings, [.. areas[true]], Name, Folder, problems);
        foreach (var group in areas[false].GroupBy(value => WithoutIndex(value.Key), StringComparer.OrdinalIgnoreCase))
        {
            if (SettingCatalogue.Find(group.Key) is not { } setting)
            {
                problems.Add(Unknown(group.Key));
                continue;
            }
            string[] values = [.. group.Select(value => Rebased(setting, value.Value))];
            settings = setting.TryApply(settings, values, Name(group.Key), problems);
        }
        return settings;
    }

    private string Rebased(Setting setting, string value) =>
        Folder is null || setting.Rebase is null ? value : setting.Rebase(value, Folder);

    private SettingProblem Unknown(string key)
    {
        string[] known = [.. SettingCatalogue.All.Select(setting => setting.Key)];
        string? near = known.FirstOrDefault(one => one.StartsWith(key + ":", StringComparison.OrdinalIgnoreCase))
            ?? Suggestion.For(key, FormatSettings.Near(key))
            ?? Suggestion.For(key, known)
            ?? Suggestion.For(key[(key.LastIndexOf(':') + 1)..], known);
        return new SettingProblem(Name(key), "there is no such setting.", near is null ? null : Name(near));
    }

    /// <summary>The elements of an array, and numbered variables, are one setting: <c>format:timestampFormats:0</c>.</summary>
    private static string WithoutIndex(string key)
    {
        int colon = key.LastIndexOf(':');
        if (colon <= 0 || !key.AsSpan(colon + 1).TrimStart("0123456789").IsEmpty) return key;
        return SettingCatalogue.Find(key[..colon]) is { IsList: true } ? key[..colon] : key;
    }

    private static void Flatten(JsonElement element, string key, List<(string, string)> values)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    // Editors find the schema for completion there.
                    if (key.Length == 0 && property.Name == "$schema") continue;
                    Flatten(property.Value, key.Length == 0 ? property.Name : $"{key}:{property.Name}", values);
                }
                break;
            case JsonValueKind.Array:
                int index = 0;
                foreach (JsonElement item in element.EnumerateArray()) Flatten(item, $"{key}:{index++}", values);
                break;
            case JsonValueKind.Null:
                break; // The same as leaving it out.
            default:
                values.Add((key, element.ToString()));
                break;
        }
    }

    private static string Position(string path, JsonException error) =>
        error.LineNumber is { } line ? $"{path}, line {line + 1}, column {(error.BytePositionInLine ?? 0) + 1}" : path;

    /// <summary>The parser's message without its coordinates, which count from 0.</summary>
    private static string Reason(JsonException error)
    {
        int coordinates = error.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return coordinates < 0 ? error.Message : error.Message[..coordinates];
    }
}
