using System.CommandLine;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo generate</c>: logger files to try things out with.</summary>
internal sealed class GenerateCommand : Command, IExamples
{
    private readonly Option<string?> _to = new("--to") { Description = "Folder to write into; it is created when missing.", HelpName = "DIR", Required = true };
    private readonly Option<string?> _loggers = new("--loggers") { Description = "Number of loggers. Default: 500.", HelpName = "N" };
    private readonly Option<string?> _steps = new("--steps") { Description = "Files of each logger, one every 15 minutes. Default: 54.", HelpName = "N" };
    private readonly Option<string?> _seed = new("--seed") { Description = "The same seed gives the same bytes. Default: 1.", HelpName = "S" };
    private readonly Option<string?> _backlog = new("--backlog") { Description = "Share of files with a day or more in them, 0 to 1. Default: 0.02.", HelpName = "F" };
    private readonly Option<string?> _bad = new("--bad") { Description = "Share of unusual and broken files, 0 to 1. Default: 0.", HelpName = "F" };
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
        GenerateOptions options = Set(parsed, _to, "a folder", new GenerateOptions { To = "." }, (o, text) => o with { To = text }, problems);
        options = Set(parsed, _loggers, "a whole number, 1 to 1000000", options, (o, text) => o with { Loggers = SettingText.Count(text) }, problems);
        options = Set(parsed, _steps, "a whole number, 1 to 10000000", options, (o, text) => o with { Steps = SettingText.Count(text) }, problems);
        options = Set(parsed, _seed, "a whole number", options, (o, text) => o with { Seed = SettingText.Whole(text) }, problems);
        options = Set(parsed, _backlog, "a share, 0 to 1", options, (o, text) => o with { Backlog = SettingText.Fraction(text) }, problems);
        options = Set(parsed, _bad, "a share, 0 to 1", options, (o, text) => o with { Bad = SettingText.Fraction(text) }, problems);
        return problems.Count == 0 ? options : throw new SettingsException(problems);
    }

    private static GenerateOptions Set(
        ParseResult parsed, Option<string?> option, string allowed, GenerateOptions options, Func<GenerateOptions, string, GenerateOptions> apply, List<SettingProblem> problems)
    {
        if (parsed.GetValue(option) is not { } text) return options;
        try
        {
            return apply(options, text);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or OverflowException)
        {
            problems.Add(new SettingProblem(option.Name, $"found '{text}', allowed is {allowed}."));
            return options;
        }
    }

    private static void WriteText(TextWriter to, GenerateOptions options, GenerateResult result)
    {
        to.WriteLine($"Wrote {Shown.Count(result.Files, "file")} ({Shown.Count(result.Bytes)} bytes) into {Shown.Path(Path.GetFullPath(options.To))}.");
        to.WriteLine($"  An import must find {Shown.Count(result.Readings, "reading")}, {Shown.Count(result.DistinctReadings)} of them different,");
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
