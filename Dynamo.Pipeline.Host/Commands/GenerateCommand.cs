using System.CommandLine;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo generate</c>: writes logger files to try things out with.</summary>
internal sealed class GenerateCommand : Command, IExamples
{
    private readonly Option<string?> _to = new("--to")
    {
        Description = "Folder to write into; it is created when missing.",
        HelpName = "DIR",
        Required = true,
    };

    private readonly Option<string?> _loggers = ValueOption.Named("--loggers", "N", "Number of loggers. Default: 500.");
    private readonly Option<string?> _steps = ValueOption.Named("--steps", "N", "Files of each logger, one every 15 minutes. Default: 54.");
    private readonly Option<string?> _seed = ValueOption.Named("--seed", "S", "The same seed gives the same bytes. Default: 1.");
    private readonly Option<string?> _backlog =
        ValueOption.Named("--backlog", "F", "Share of files with a day or more in them, 0 to 1. Default: 0.02.");

    private readonly Option<string?> _bad = ValueOption.Named("--bad", "F", "Share of unusual and broken files, 0 to 1. Default: 0.");
    private readonly Option<bool> _town = new("--town")
    {
        Description = "Write a town instead, with an area's inflow and pressures, bursts and their labels, pipes and a configuration.",
    };

    private readonly Option<string?> _days = ValueOption.Named("--days", "N", "With --town: how many days. Default: 35.");
    private readonly Option<string?> _bursts = ValueOption.Named("--bursts", "N", "With --town: how many leaks begin. Default: 2.");
    private readonly Option<string?> _every = ValueOption.Named(
        "--every", "TIME", "With --town: what each file of a logger covers, 15min to 24h. Default: 24h.");

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout: what an import must find." };

    public GenerateCommand(CommandContext context) : base("generate", "Writes the files that a water network's loggers would send.")
    {
        foreach (Option option in (ReadOnlySpan<Option>)
            [_to, _loggers, _steps, _seed, _backlog, _bad, _town, _days, _bursts, _every, _json]) Options.Add(option);
        SetAction(parsed => Write(parsed, context));
    }

    public string Examples => """
        Examples:
          dynamo generate --to inbox --loggers 500 --steps 54 --seed 1     27,000 files
          dynamo generate --to inbox --loggers 20 --steps 10 --bad 0.05
          dynamo generate --to town --town --bursts 3 --days 50
        """;

    private int Write(ParseResult parsed, CommandContext context)
    {
        if (parsed.GetValue(_town)) return WriteTown(parsed, context);
        if (((Option<string?>[])[_days, _bursts, _every]).FirstOrDefault(option => parsed.GetValue(option) is not null) is { } alone)
            throw new SettingsException(alone.Name, "it is for --town. Add --town.");
        GenerateOptions options = Read(parsed);
        GenerateResult result = Write(options, context);
        if (parsed.GetValue(_json)) context.Out.WriteLine(JsonText.Of(json => WriteJson(json, result)));
        else WriteText(context.Out, options, result);
        return (int)ExitCode.Ok;
    }

    private int WriteTown(ParseResult parsed, CommandContext context)
    {
        var problems = new List<SettingProblem>();
        string to = parsed.GetValue(_to)!;
        long seed = ValueOption.Apply(parsed, _seed, "a whole number", 1L, (_, text) => SettingText.Whole(text), problems);
        int days = Number(_days, 35, 17, 3_000), bursts = Number(_bursts, 2, 0, 500);
        TimeSpan every = ValueOption.Apply(parsed, _every, "a duration of 15min to 24h that divides a day", TimeSpan.FromDays(1),
            (_, text) => SettingText.Duration(text) is var time && time >= TimeSpan.FromMinutes(15) && time <= TimeSpan.FromDays(1)
                && time.Ticks % TimeSpan.FromMinutes(15).Ticks == 0 && TimeSpan.TicksPerDay % time.Ticks == 0
                ? time : throw new FormatException(), problems);
        foreach (Option<string?> option in (Option<string?>[])[_loggers, _steps, _backlog, _bad])
            if (parsed.GetValue(option) is not null) problems.Add(new SettingProblem(option.Name, "it is not for --town."));
        if (problems.Count > 0) throw new SettingsException(problems);
        try
        {
            var town = new TownFiles(seed, days, bursts, every);
            int files = town.Write(to, context.Stopping);
            if (parsed.GetValue(_json))
            {
                context.Out.WriteLine(JsonText.Of(json =>
                {
                    json.WriteNumber("files", files);
                    json.WriteNumber("leaks", town.Leaks);
                }));
                return (int)ExitCode.Ok;
            }
            string folder = Shown.Path(Path.GetFullPath(to)), config = Pasted.Argument(Path.Combine(to, "dynamo.json"));
            context.Out.WriteLine(
                $"Wrote {Shown.Count(files, "file")} of 7 loggers into {folder}, with {Shown.Count(town.Leaks, "leak")}.");
            NextSteps.Write(context.Out,
            [
                ($"{Pasted.Program} run --config {config}", "imports them and looks after the town"),
                ($"{Pasted.Program} events --config {config}", "shows what it found, and where to look"),
                ($"{Pasted.Program} replay --config {config} --labels {Pasted.Argument(Path.Combine(to, "leaks.csv"))}",
                    "compares that with the leaks, on a page with inflow and map"),
            ]);
            return (int)ExitCode.Ok;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SinkException($"The files cannot be written to {to}: {error.Message}", error);
        }

        int Number(Option<string?> option, int otherwise, int least, int most) => ValueOption.Apply(
            parsed, option, $"a whole number, {least} to {most}", otherwise,
            (_, text) => SettingText.Count(text) is var number && number >= least && number <= most ? number : throw new FormatException(),
            problems);
    }

    private static GenerateResult Write(GenerateOptions options, CommandContext context)
    {
        try
        {
            return new LoggerFiles(options).Write(null, context.Stopping);
        }
        catch (ArgumentException error)
        {
            throw new SettingsException("generate", error.Message);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SinkException($"The files cannot be written to {options.To}: {error.Message}", error);
        }
    }

    private GenerateOptions Read(ParseResult parsed)
    {
        var problems = new List<SettingProblem>();
        var options = new GenerateOptions { To = "." };
        Set(_to, "a folder", (o, text) => o with { To = text });
        Set(_loggers, "a whole number, 1 to 1000000", (o, text) => o with { Loggers = SettingText.Count(text) });
        Set(_steps, "a whole number, 1 to 10000000", (o, text) => o with { Steps = SettingText.Count(text) });
        Set(_seed, "a whole number", (o, text) => o with { Seed = SettingText.Whole(text) });
        Set(_backlog, "a share, 0 to 1", (o, text) => o with { Backlog = SettingText.Fraction(text) });
        Set(_bad, "a share, 0 to 1", (o, text) => o with { Bad = SettingText.Fraction(text) });
        return problems.Count == 0 ? options : throw new SettingsException(problems);

        void Set(Option<string?> option, string allowed, Func<GenerateOptions, string, GenerateOptions> apply) =>
            options = ValueOption.Apply(parsed, option, allowed, options, apply, problems);
    }

    private static void WriteText(TextWriter to, GenerateOptions options, GenerateResult result)
    {
        string files = $"{Shown.Count(result.Files, "file")} ({Shown.Count(result.Bytes)} bytes)";
        string readings = $"{Shown.Count(result.Readings, "reading")}, {Shown.Count(result.DistinctReadings)} of them different";
        to.WriteLine($"Wrote {files} into {Shown.Path(Path.GetFullPath(options.To))}.");
        to.WriteLine($"  An import must find {readings},");
        to.WriteLine($"  reject {Shown.Count(result.RejectedRows, "row")}, and quarantine {Shown.Count(result.Quarantined, "file")}.");
    }

    private static void WriteJson(Utf8JsonWriter json, GenerateResult result)
    {
        json.WriteNumber("files", result.Files);
        json.WriteNumber("bytes", result.Bytes);
        json.WriteNumber("readings", result.Readings);
        json.WriteNumber("distinctReadings", result.DistinctReadings);
        json.WriteNumber("rejectedRows", result.RejectedRows);
        json.WriteNumber("quarantined", result.Quarantined);
        json.WriteStartObject("bad");
        foreach ((BadKind kind, long count) in result.Bad.OrderBy(pair => pair.Key)) json.WriteNumber(kind.ToString(), count);
        json.WriteEndObject();
    }
}
