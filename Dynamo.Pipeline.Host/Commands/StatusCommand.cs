using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// <c>dynamo status</c>: shows the last runs, the ledger's totals, the age of the newest reading, and what is in quarantine; or the
/// loggers; or one line for a monitoring system.
/// </summary>
internal sealed class StatusCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<string?> _runs = ValueOption.Named("--runs", "N", "How many of the last runs to show. Default: 5.");
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    private readonly Option<bool> _loggers = new("--loggers")
    {
        Description = "Show each logger: its newest reading, its usual interval, and whether it is late.",
    };

    private readonly Option<bool> _late = new("--late") { Description = "With --loggers: only those that are late." };

    private readonly Option<bool> _check = new("--check")
    {
        Description = "One line and an exit code as Nagios and Icinga expect: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
    };

    private readonly Option<string?> _maxAge = ValueOption.Named(
        "--max-age", "TIME", "With --check: how long ago the last run may have ended, or the watch given its sign of life. Default: 2h.");

    private readonly Option<string?> _maxLate = ValueOption.Named(
        "--max-late", "N", "With --check: how many loggers may be late. Default: any; loggers are not looked at.");

    public StatusCommand(CommandContext context)
        : base("status", "Shows the last runs, the totals, the newest reading, and what is in quarantine.")
    {
        Settings = new SettingOptions(this, "sink");
        Options.Add(_runs);
        Options.Add(_json);
        Options.Add(_loggers);
        Options.Add(_late);
        Options.Add(_check);
        Options.Add(_maxAge);
        Options.Add(_maxLate);
        SetAction((parsed, _) => ShowAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo status --sink sqlite:readings.db
          dynamo status --config dynamo.json --json
          dynamo status --config dynamo.json --loggers --late
          dynamo status --config dynamo.json --check --max-age 2h --max-late 10
        """;

    private async Task<int> ShowAsync(ParseResult parsed, CommandContext context)
    {
        try
        {
            return await ShowCheckedAsync(parsed, context);
        }
        catch (SettingsException error) when (parsed.GetValue(_check))
        {
            // What is asked for wrongly is no outage: 2 would call somebody out of bed.
            var unknown = new Health(HealthState.Unknown, Secret.Free(error.Message), []);
            context.Out.WriteLine(parsed.GetValue(_json) ? JsonText.Of(unknown.WriteJson) : unknown.Line);
            return (int)unknown.State;
        }
    }

    private async Task<int> ShowCheckedAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed);
        if (Misplaced(parsed) is { } option) throw option;
        if (parsed.GetValue(_check)) return await CheckAsync(settings, parsed, context);
        if (parsed.GetValue(_loggers)) return await LoggersAsync(settings, parsed, context);
        SinkStatus status = await SinkStatus.ReadAsync(settings, ValueOption.Count(parsed, _runs, 5), context.Stopping);
        if (parsed.GetValue(_json)) context.Out.WriteLine(JsonText.Of(status.WriteJson));
        else status.Write(context.Out);
        return (int)ExitCode.Ok;
    }

    /// <summary>An option that says nothing without another one is a mistake.</summary>
    private SettingsException? Misplaced(ParseResult parsed)
    {
        if (parsed.GetValue(_late) && !parsed.GetValue(_loggers))
            return new SettingsException("--late", "it is for --loggers. Add --loggers.");
        if (parsed.GetValue(_check) && parsed.GetValue(_loggers))
        {
            return new SettingsException(
                "--check", "it shows no loggers. Keep one of --check and --loggers; --max-late counts the late ones.");
        }
        foreach (Option<string?> option in (Option<string?>[])[_maxAge, _maxLate])
            if (parsed.GetValue(option) is not null && !parsed.GetValue(_check))
                return new SettingsException(option.Name, "it is for --check. Add --check.");
        return null;
    }

    private async Task<int> LoggersAsync(HostSettings settings, ParseResult parsed, CommandContext context)
    {
        var report = await LoggersReport.ReadAsync(settings, parsed.GetValue(_late), context.Stopping);
        if (parsed.GetValue(_json)) context.Out.WriteLine(JsonText.Of(report.WriteJson));
        else report.Write(context.Out);
        return (int)ExitCode.Ok;
    }

    private async Task<int> CheckAsync(HostSettings settings, ParseResult parsed, CommandContext context)
    {
        var problems = new List<SettingProblem>();
        TimeSpan age = ValueOption.Apply(
            parsed, _maxAge, "a duration such as 90min or 2h", TimeSpan.FromHours(2), (_, text) => SettingText.Duration(text), problems);
        int? late = ValueOption.Apply(parsed, _maxLate, "a whole number, 0 or more", (int?)null,
            (_, text) => SettingText.Count(text) is >= 0 and var count ? count : throw new FormatException(), problems);
        if (problems.Count > 0) throw new SettingsException(problems);
        Health health = await Health.ReadAsync(settings, age, late, context.Stopping);
        context.Out.WriteLine(parsed.GetValue(_json) ? JsonText.Of(health.WriteJson) : health.Line);
        return (int)health.State;
    }
}
