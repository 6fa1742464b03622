namespace Dynamo.Pipeline.Host;

/// <summary>
/// One setting under its three names: a path in the JSON file (<c>format:separator</c>), a variable in the environment
/// (<c>DYNAMO__FORMAT__SEPARATOR</c>), and for the common ones an option (<c>--readers</c>).
/// </summary>
internal sealed record Setting(string Key, string Allowed, Func<HostSettings, IReadOnlyList<string>, HostSettings> Apply)
{
    /// <summary>The option; <see langword="null"/>: it can only be set in a file or in the environment.</summary>
    public string? Option { get; init; }

    /// <summary>One line for <c>--help</c>, with the default and its unit.</summary>
    public string Help { get; init; } = "";

    /// <summary>What an option's value is called in <c>--help</c>; <see langword="null"/> for a flag.</summary>
    public string? ValueName { get; init; }

    /// <summary>Whether its option is for the commands that import only.</summary>
    public bool IsForImports { get; init; }

    /// <summary>The allowed words, if there are only a few. Used for suggestions.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>Whether it takes several values, in JSON an array.</summary>
    public bool IsList { get; init; }

    /// <summary>Whether no message may show the value.</summary>
    public bool IsSecret { get; init; }

    /// <summary>Makes a relative path in a file relative to that file's folder; <see langword="null"/>: the value is no path.</summary>
    public Func<string, string, string>? Rebase { get; init; }

    /// <summary>A setting with one value.</summary>
    public static Setting One(string key, string allowed, Func<HostSettings, string, HostSettings> apply) =>
        new(key, allowed, (settings, values) => apply(settings, values[0]));

    /// <summary>A setting with one of a few words.</summary>
    public static Setting Choice<T>(string key, IReadOnlyList<(string Word, T Value)> choices, Func<HostSettings, T, HostSettings> apply)
    {
        string[] words = SettingText.Words(choices);
        Setting setting = One(key, SettingText.Listed(words), (settings, text) => apply(settings, SettingText.Choice(text, choices)));
        return setting with { Words = words };
    }

    private string Kept(IReadOnlyList<string> values) => IsSecret ? "***" : string.Join(", ", values.Select(Secret.Masked));

    /// <summary>Applies the values, or says what is wrong with them.</summary>
    public HostSettings TryApply(HostSettings settings, IReadOnlyList<string> values, string where, List<SettingProblem> problems)
    {
        string found = IsSecret ? "***" : $"'{string.Join("', '", values.Select(Secret.Masked))}'";
        if (values.Count != 1 && !IsList)
        {
            problems.Add(new SettingProblem(where, $"found {values.Count} values, allowed is one: {Allowed}."));
            return settings;
        }
        try
        {
            return Apply(settings, values) with { Given = [.. settings.Given.Where(given => given.Key != Key), (Key, Kept(values))] };
        }
        catch (SettingValueException error)
        {
            problems.Add(new SettingProblem(where, error.Message));
            return settings;
        }
        catch (Exception error) when (error is FormatException or ArgumentException or OverflowException)
        {
            string? suggestion = Words.Count > 0 ? Suggestion.For(values[0], Words) : null;
            problems.Add(new SettingProblem(where, $"found {found}, allowed is {Allowed}.", suggestion));
            return settings;
        }
    }
}

/// <summary>A wrong value whose message says more than what was found and what is allowed.</summary>
internal sealed class SettingValueException(string message) : Exception(message);

/// <summary>
/// All settings. The JSON file, the environment and the options are checked against them, and <c>--help</c> is made of them.
/// </summary>
internal static class SettingCatalogue
{
    public static IReadOnlyList<Setting> All { get; } =
    [
        .. SourceSettings.All,
        .. SftpSettings.All,
        .. SinkSettings.All,
        .. SqlServerSettings.All,
        .. FormatSettings.All,
        .. PipelineSettings.All,
        .. WatchSettings.All,
        .. QueueSettings.All,
        .. RetentionSettings.All,
        .. ObserveSettings.All,
    ];

    private static readonly Dictionary<string, Setting> s_byKey =
        All.ToDictionary(setting => setting.Key, StringComparer.OrdinalIgnoreCase);

    public static Setting? Find(string key) => s_byKey.GetValueOrDefault(key) ?? FormatSettings.Find(key) ?? SeveralSources.Find(key);
}
