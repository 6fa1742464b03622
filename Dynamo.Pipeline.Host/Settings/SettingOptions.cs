using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>The options of a command that stand for settings, and the way from all three places to checked settings.</summary>
internal sealed class SettingOptions
{
    private readonly List<(Setting Setting, Option Option)> _options = [];
    private readonly Option<string?> _config = new("--config") { Description = "Settings in a JSON file; relative paths in it start at its folder.", HelpName = "FILE" };

    private readonly Option<string?> _more = new("--settings") { Description = "More settings in a JSON file, such as dynamo tune writes; they win over those of --config.", HelpName = "FILE" };

    /// <summary>Adds <c>--config</c>, <c>--settings</c> and the options of these settings to a command; all of them when none are named.</summary>
    public SettingOptions(Command command, params string[] keys)
    {
        foreach (Setting setting in SettingCatalogue.All)
        {
            if (setting.Option is null || (keys.Length > 0 && !keys.Contains(setting.Key))) continue;
            Option option = Make(setting);
            _options.Add((setting, option));
            command.Options.Add(option);
        }
        command.Options.Add(_config);
        command.Options.Add(_more);
    }

    /// <exception cref="SettingsException">All that is wrong.</exception>
    public HostSettings Read(ParseResult parsed)
    {
        var problems = new List<SettingProblem>();
        HostSettings settings = Read(parsed, problems);
        return problems.Count == 0 ? settings : throw new SettingsException(problems);
    }

    /// <summary>Reads the settings, adding to <paramref name="problems"/> what is wrong.</summary>
    public HostSettings Read(ParseResult parsed, List<SettingProblem> problems)
    {
        List<SettingLayer> layers = [.. FromFile(_config, parsed, problems), .. FromFile(_more, parsed, problems), SettingLayers.Environment(), FromArguments(parsed)];
        HostSettings settings = HostSettings.Default;
        foreach (SettingLayer layer in layers)
            settings = layer.Apply(settings, problems);
        settings = FormatSettings.Completed(settings, problems) with { IsConfigured = layers.Any(layer => layer.Values.Count > 0) };
        if (settings.Folder.SettleTime >= settings.Pipeline.StallTimeout)
            problems.Add(new SettingProblem("settle", $"found {settings.Folder.SettleTime}, allowed is less than stallTimeout ({settings.Pipeline.StallTimeout}): waiting so long would look like a hang."));
        if (settings.Pipeline.StreamAbove > settings.Pipeline.BytesInFlight)
            problems.Add(new SettingProblem("streamAbove", $"found {settings.Pipeline.StreamAbove}, allowed is at most bytesInFlight ({settings.Pipeline.BytesInFlight})."));
        return settings;
    }

    private static SettingLayer[] FromFile(Option<string?> option, ParseResult parsed, List<SettingProblem> problems)
    {
        if (parsed.GetResult(option)?.Errors.Any() == true || parsed.GetValue(option) is not { } path) return [];
        try
        {
            return [SettingLayers.File(path, option.Name)];
        }
        catch (SettingsException error)
        {
            problems.AddRange(error.Problems);
            return [];
        }
    }

    private SettingLayer FromArguments(ParseResult parsed)
    {
        var values = new List<(string, string)>();
        foreach ((Setting setting, Option option) in _options)
        {
            // What is wrong with its arguments is told by the parser.
            if (parsed.GetResult(option) is not { Implicit: false, Errors: var errors } || errors.Any()) continue;
            string? value = option is Option<bool> flag ? parsed.GetValue(flag) ? "true" : "false" : parsed.GetValue((Option<string?>)option);
            if (value is not null) values.Add((setting.Key, value));
        }
        return new SettingLayer(values, key => SettingCatalogue.Find(key)?.Option ?? key);
    }

    private static Option Make(Setting setting) => setting.ValueName is null
        ? new Option<bool>(setting.Option!) { Description = setting.Help }
        : new Option<string?>(setting.Option!) { Description = setting.Help, HelpName = setting.ValueName };
}
