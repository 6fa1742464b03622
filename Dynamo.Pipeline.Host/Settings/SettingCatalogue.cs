namespace Dynamo.Pipeline.Host;

/// <summary>All settings: what the JSON file, the environment and the options are checked against, and what <c>--help</c> is made of.</summary>
internal static class SettingCatalogue
{
    public static IReadOnlyList<Setting> All { get; } = [.. SourceSettings.All, .. SftpSettings.All, .. SinkSettings.All, .. SqlServerSettings.All, .. FormatSettings.All, .. PipelineSettings.All];

    private static readonly Dictionary<string, Setting> s_byKey = All.ToDictionary(setting => setting.Key, StringComparer.OrdinalIgnoreCase);

    public static Setting? Find(string key) => s_byKey.GetValueOrDefault(key) ?? FormatSettings.Find(key);
}
