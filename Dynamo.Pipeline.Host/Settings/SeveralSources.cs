using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The list <c>sources</c>: each element names a source, and its own pattern, format and so on. What an element does not say, holds as
/// it is set for all.
/// </summary>
internal static class SeveralSources
{
    public const string Key = "sources";

    private const string Many = Key + ":";

    /// <summary>The setting of a key such as <c>sources:1:after</c>.</summary>
    public static Setting? Find(string key)
    {
        if (!key.StartsWith(Many, StringComparison.OrdinalIgnoreCase)) return null;
        int colon = key.IndexOf(':', Many.Length);
        if (colon < 0) return null;
        ReadOnlySpan<char> number = key.AsSpan(Many.Length, colon - Many.Length);
        if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int index) || index >= 1000) return null;
        string name = key[(colon + 1)..];
        Setting? setting = FormatSettings.Find(name) ?? SourceSettings.All.Concat(SftpSettings.All)
            .FirstOrDefault(one => one.Key.Equals(name, StringComparison.OrdinalIgnoreCase));
        return setting is null ? null : setting with
        {
            Key = $"{Many}{index}:{setting.Key}",
            Option = null,
            Apply = (settings, values) =>
            {
                // A wrong value is found here, where its place is known.
                setting.Apply(settings, values);
                List<(Setting, IReadOnlyList<string>)>[] all =
                    [.. Enumerable.Range(0, Math.Max(settings.Sources.Count, index + 1)).Select(i => Element(settings, i))];
                all[index].RemoveAll(one => one.Item1.Key == setting.Key);
                all[index].Add((setting, values));
                return settings with { Sources = all };
            },
        };
    }

    /// <summary>The settings of each source; of the only one, if there is no list.</summary>
    /// <exception cref="SettingsException">An element lacks its source, or its settings contradict each other.</exception>
    public static IReadOnlyList<HostSettings> Of(HostSettings settings)
    {
        if (settings.Sources.Count == 0) return [settings];
        var problems = new List<SettingProblem>();
        if (settings.Source is not null) problems.Add(new SettingProblem(Key, "there is source as well. Keep one of them."));
        var each = new List<HostSettings>();
        foreach (IReadOnlyList<(Setting Setting, IReadOnlyList<string> Values)> element in settings.Sources)
        {
            // Formats of its own replace those for all, as a whole.
            bool hasFormats = element.Any(one => one.Setting.Key.StartsWith("format", StringComparison.OrdinalIgnoreCase));
            HostSettings own = settings with { Sources = [] };
            if (hasFormats) own = own with { Format = FormatChoice.Default, Formats = [] };
            string where = string.Create(CultureInfo.InvariantCulture, $"{Many}{each.Count}");
            foreach ((Setting setting, IReadOnlyList<string> values) in element)
            {
                own = setting.TryApply(own, values, where, problems);
            }
            own = FormatSettings.Completed(own, problems);
            if (own.Source is null)
                problems.Add(new SettingProblem(where, "it names no source, expected \"source\": a folder or an address."));
            else if (each.Any(other => other.SourceName == own.SourceName))
                problems.Add(new SettingProblem(where, $"{own.ShownSource} is named twice. One watch takes a source alone."));
            each.Add(own);
        }
        return problems.Count == 0 ? each : throw new SettingsException(problems);
    }

    private static List<(Setting, IReadOnlyList<string>)> Element(HostSettings settings, int index) =>
        index < settings.Sources.Count ? [.. settings.Sources[index]] : [];
}
