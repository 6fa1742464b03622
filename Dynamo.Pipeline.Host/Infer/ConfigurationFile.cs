using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// A configuration for people to go on with: each setting below what it means, and others to choose from that are commented out.
/// </summary>
internal static class ConfigurationFile
{
    /// <summary>What many set sooner or later, as it would stand in the file.</summary>
    public static IReadOnlyList<(string Key, string Line)> Others { get; } =
    [
        ("recursive", "\"recursive\": true"),
        ("settle", "\"settle\": \"5s\""),
        ("duplicates", "\"duplicates\": \"last\""),
        ("maxBadRows", "\"maxBadRows\": 20"),
        ("retention:ledger", "\"retention\": { \"ledger\": \"400d\", \"archive\": \"400d\" }"),
        ("notify:url", "\"notify\": { \"url\": \"https://hooks.example.org/dynamo\" }"),
        ("sqlserver:connection", "\"sqlserver\": { \"connection\": \"Server=db.example.org;Database=Water;User ID=dynamo\" }"),
    ];

    private static readonly Dictionary<string, string> s_words = new()
    {
        ["pattern"] = "Which names to import.",
        ["entries"] = "Which entries of a .zip to read.",
        ["format"] = "What a file looks like: docs/formats.md has examples of many makers.",
        ["formats"] = "What the files look like, by their names: docs/formats.md has examples of many makers.",
        ["retention:ledger"] = "How long imported files are remembered and archived; by default for ever.",
        ["notify:url"] = "Where word goes when something is wrong.",
        ["sqlserver:connection"] = "Without the password: the variable DYNAMO__SQLSERVER__PASSWORD hands it over.",
    };

    /// <param name="answers">Settings with their values; they win over those of the proposal.</param>
    /// <param name="proposal">What the files look like; <see langword="null"/>: unknown, the default format holds.</param>
    public static string Text(IReadOnlyList<(string Key, string Value)> answers, InferReport? proposal)
    {
        using JsonDocument proposed = JsonDocument.Parse(
            proposal is { HasProposal: true } ? JsonText.ForFile(proposal.WriteSettings) : "{}");
        var text = new StringBuilder("{\n");
        foreach ((string key, string value) in answers) Add(text, key, json => Write(json, key, value));
        foreach (JsonProperty member in proposed.RootElement.EnumerateObject())
            if (answers.All(answer => answer.Key != member.Name)) Add(text, member.Name, member.WriteTo);
        text.Append("  // More settings; take the // away to set one. All of them: docs/options.md\n");
        foreach ((string key, string line) in Others)
            text.Append(CultureInfo.InvariantCulture, $"\n  // {Words(key)}\n  // {line},\n");
        return text.Append("}\n").ToString();
    }

    /// <summary>A key of a group, such as sftp:identityFile, is written as an object.</summary>
    private static void Write(Utf8JsonWriter json, string key, string value)
    {
        if (key.Split(':') is not [var group, var name])
        {
            json.WriteString(key, value);
            return;
        }
        json.WriteStartObject(group);
        json.WriteString(name, value);
        json.WriteEndObject();
    }

    private static void Add(StringBuilder text, string key, Action<Utf8JsonWriter> member)
    {
        if (Words(key) is { Length: > 0 } words) text.Append(CultureInfo.InvariantCulture, $"  // {words}\n");
        string json = JsonText.ForFile(member).ReplaceLineEndings("\n");
        text.Append(json.AsSpan(2, json.Length - 4)).Append(",\n\n");
    }

    private static string Words(string key) =>
        s_words.GetValueOrDefault(key) ?? SettingCatalogue.Find(key)?.Help ?? "";
}
