namespace Dynamo.Pipeline.Host;

/// <summary>Settings from one place. Layers are applied one after the other, so the last one wins.</summary>
/// <param name="Values">The values with their keys as they were found, in the order they were found.</param>
/// <param name="Name">How a key of this layer is called in a message.</param>
/// <param name="Folder">What relative paths are relative to; <see langword="null"/>: the current folder.</param>
internal sealed record SettingLayer(IReadOnlyList<(string Key, string Value)> Values, Func<string, string> Name, string? Folder = null)
{
    /// <summary>Applies every value, adding to <paramref name="problems"/> what is wrong.</summary>
    public HostSettings Apply(HostSettings settings, List<SettingProblem> problems)
    {
        foreach (IGrouping<string, (string Key, string Value)> group in Values.GroupBy(value => WithoutIndex(value.Key), StringComparer.OrdinalIgnoreCase))
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

    private string Rebased(Setting setting, string value) => Folder is null || setting.Rebase is null ? value : setting.Rebase(value, Folder);

    private SettingProblem Unknown(string key)
    {
        string? near = SettingCatalogue.All.FirstOrDefault(setting => setting.Key.StartsWith(key + ":", StringComparison.OrdinalIgnoreCase))?.Key
            ?? Suggestion.For(key, FormatSettings.Near(key))
            ?? Suggestion.For(key, SettingCatalogue.All.Select(setting => setting.Key))
            ?? Suggestion.For(key[(key.LastIndexOf(':') + 1)..], SettingCatalogue.All.Select(setting => setting.Key));
        return new SettingProblem(Name(key), "there is no such setting.", near is null ? null : Name(near));
    }

    /// <summary>The elements of an array, and numbered variables, are one setting: <c>format:timestampFormats:0</c>.</summary>
    private static string WithoutIndex(string key)
    {
        int colon = key.LastIndexOf(':');
        return colon > 0 && key.AsSpan(colon + 1).TrimStart("0123456789").IsEmpty && SettingCatalogue.Find(key[..colon]) is { IsList: true } ? key[..colon] : key;
    }
}
