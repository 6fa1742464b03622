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
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout: what an import must find." };

    public GenerateCommand(CommandContext context) : base("generate", "Writes the files that a water network's loggers would send.")
    {
        foreach (Option option in (ReadOnlySpan<Option>)[_to, _loggers, _steps, _seed, _backlog, _bad, _json]) Options.Add(option);
        SetAction(parsed => Write(parsed, context));
    }

    public string Examples => """
        Examples:
          dynamo generate --to inbox --loggers 500 --steps 54 --seed 1     27,000 files
          dynamo generate --to inbox --loggers 20 --steps 10 --bad 0.05
        """;

    private int Write(ParseResult parsed, CommandContext context)
    {
        GenerateOptions options = Read(parsed);
        GenerateResult result = Write(options, context);
        if (parsed.GetValue(_json)) context.Out.WriteLine(JsonText.Of(json => WriteJson(json, result)));
        else WriteText(context.Out, options, result);
        return (int)ExitCode.Ok;
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
