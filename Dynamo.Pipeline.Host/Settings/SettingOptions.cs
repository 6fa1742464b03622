using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>A command that takes settings.</summary>
internal interface ISettingsCommand
{
    SettingOptions Settings { get; }
}

/// <summary>A command that takes no settings, but may be given the address of a server.</summary>
internal interface IServerCommand
{
    string Address(ParseResult parsed);
}

/// <summary>The options of a command that stand for settings. Reads the settings from all three places and checks them.</summary>
internal sealed class SettingOptions
{
    /// <summary>The settings of commands that give files back to the source, or take them out of what is kept.</summary>
    public static readonly string[] OfReturning = ["source", "sink", "doneMarker", "sftp:identityFile", "sftp:knownHostsFile"];

    private readonly List<(Setting Setting, Option Option)> _options = [];
    private readonly Option<string?> _config =
        ValueOption.Named("--config", "FILE", "Settings in a JSON file; relative paths in it start at its folder.");

    private readonly Option<string?> _more = ValueOption.Named(
        "--settings", "FILE", "More settings in a JSON file, such as dynamo tune writes; they win over those of --config.");

    /// <summary>
    /// Adds <c>--config</c>, <c>--settings</c> and the options of the named settings to a command; of all settings, if none are named.
    /// </summary>
    public SettingOptions(Command command, params string[] keys)
    {
        foreach (Setting setting in SettingCatalogue.All)
        {
            if (setting.IsForImports && command is not (RunCommand or LiveCommand)) continue;
            if (setting.Option is null || (keys.Length > 0 && !keys.Contains(setting.Key))) continue;
            Option option = Make(setting);
            _options.Add((setting, option));
            command.Options.Add(option);
        }
        command.Options.Add(_config);
        command.Options.Add(_more);
    }

    /// <exception cref="SettingsException">Something is wrong; the message lists everything.</exception>
    public HostSettings Read(ParseResult parsed)
    {
        HostSettings settings = ReadAll(parsed);
        if (settings.Sources.Count > 0)
        {
            throw new SettingsException(
                SeveralSources.Key, "a list of sources is for dynamo run, watch, check, status and prune. Name one with --source, "
                + "and its settings in a file of its own.");
        }
        return settings;
    }

    /// <summary>The settings of a command that takes several sources.</summary>
    /// <exception cref="SettingsException">Something is wrong; the message lists everything.</exception>
    public HostSettings ReadAll(ParseResult parsed)
    {
        var problems = new List<SettingProblem>();
        HostSettings settings = Read(parsed, problems);
        return problems.Count == 0 ? settings : throw new SettingsException(problems);
    }

    /// <summary>Reads the settings, adding to <paramref name="problems"/> what is wrong.</summary>
    public HostSettings Read(ParseResult parsed, List<SettingProblem> problems)
    {
        SettingLayer arguments = FromArguments(parsed);
        List<SettingLayer> layers =
        [
            .. FromFile(_config, parsed, problems),
            .. FromFile(_more, parsed, problems),
            SettingLayer.FromEnvironment(),
            arguments,
        ];
        HostSettings settings = HostSettings.Default;
        foreach (SettingLayer layer in layers)
            settings = layer.Apply(settings, problems);
        settings = FormatSettings.Completed(settings, problems) with
        {
            Arguments = arguments.Values,
            Files = [.. Named(_config, parsed), .. Named(_more, parsed)],
        };
        CheckTogether(settings, problems);
        return settings;
    }

    private static void CheckTogether(HostSettings settings, List<SettingProblem> problems)
    {
        PipelineOptions pipeline = settings.Pipeline;
        if (pipeline.StreamAbove > pipeline.BytesInFlight)
            problems.Add(new SettingProblem(
                "streamAbove", $"found {pipeline.StreamAbove}, allowed is at most bytesInFlight ({pipeline.BytesInFlight})."));
    }

    private static (string, string)[] Named(Option<string?> option, ParseResult parsed) =>
        parsed.GetResult(option)?.Errors.Any() == true || parsed.GetValue(option) is not { } path ? [] : [(option.Name, path)];

    private static SettingLayer[] FromFile(Option<string?> option, ParseResult parsed, List<SettingProblem> problems)
    {
        if (parsed.GetResult(option)?.Errors.Any() == true || parsed.GetValue(option) is not { } path) return [];
        try
        {
            return [SettingLayer.FromFile(path, option.Name)];
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
            // If something is wrong with its argument, the parser reports it.
            if (parsed.GetResult(option) is not { Implicit: false, Errors: var errors } || errors.Any()) continue;
            string? value = option is Option<bool> flag
                ? (parsed.GetValue(flag) ? "true" : "false")
                : parsed.GetValue((Option<string?>)option);
            if (value is not null) values.Add((setting.Key, value));
        }
        return new SettingLayer(values, key => SettingCatalogue.Find(key)?.Option ?? key);
    }

    private static Option Make(Setting setting) => setting.ValueName is null
        ? new Option<bool>(setting.Option!) { Description = setting.Help }
        : new Option<string?>(setting.Option!) { Description = setting.Help, HelpName = setting.ValueName };
}
