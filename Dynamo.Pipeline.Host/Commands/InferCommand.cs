using System.CommandLine;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo infer</c>: looks at sample files and proposes settings that import them.</summary>
internal sealed class InferCommand : Command, IExamples, IServerCommand
{
    private readonly Argument<string[]> _files = new("FILE")
    {
        Description = "Sample files, a folder of them, or a folder on a server (sftp://USER@HOST/DIR). More files of a kind tell more.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _zone = ValueOption.Named(
        "--zone", "ZONE", "The zone of timestamps without an offset, such as Europe/Brussels. Default: UTC, and the report says so.");

    private readonly Option<string?> _out = ValueOption.Named(
        "--out", "FILE", "Writes the configuration to this file instead of stdout, and only if there is one.");

    private readonly Option<bool> _json = new("--json")
    {
        Description = "One JSON object on stdout: the settings, the first readings, what is certain and what is for you to decide.",
    };

    public InferCommand(CommandContext context) : base("infer", "Looks at sample files and prints the settings that import them.")
    {
        Arguments.Add(_files);
        Options.Add(_zone);
        Options.Add(_out);
        Options.Add(_json);
        SetAction((parsed, _) => InferAsync(parsed, context));
    }

    public string Examples => """
        Examples:
          dynamo infer inbox --out dynamo.json
          dynamo infer export.csv > dynamo.json
          dynamo infer samples/*.csv --zone Europe/Brussels
          dynamo infer sftp://loggers@files.example.org/out --out dynamo.json
        """;

    public string Address(ParseResult parsed) => parsed.GetValue(_files)?.FirstOrDefault() ?? "";

    private async Task<int> InferAsync(ParseResult parsed, CommandContext context)
    {
        string? zone = parsed.GetValue(_zone);
        if (zone is not null && !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
            throw new SettingsException("--zone", $"found '{zone}', allowed is an IANA zone such as Europe/Brussels or UTC.");
        string? output = parsed.GetValue(_out);
        SampleSet set = await SampleSet.ReadAsync(parsed.GetValue(_files) ?? [], null, context.Stopping);
        if (set.Nothing is { } nothing) throw new SourceException(nothing);
        (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others) =
            await FormatGuess.OfAsync(set.Samples, zone, set.Root, context.Stopping);
        var report = new InferReport(set, proposals, [.. others, .. set.Bad]);
        bool json = parsed.GetValue(_json);
        if (json) context.Out.WriteLine(JsonText.Of(report.WriteAll));
        else if (proposals.Count > 0 && output is null) context.Out.WriteLine(JsonText.ForFile(report.WriteSettings));
        if (proposals.Count > 0 && output is not null) Write(output, JsonText.ForFile(report.WriteSettings));
        if (!json) report.WriteText(context.Error, output ?? RedirectedTo());
        if (set.Left > 0 && !json) context.Error.WriteLine($"{Shown.Count(set.Left, "more file")} there were not looked at.");
        return (int)(report.IsGood ? ExitCode.Ok : ExitCode.DoneWithBadData);
    }

    /// <summary>The file to which a shell sends stdout (<c>&gt; dynamo.json</c>), if it can be told.</summary>
    private static string? RedirectedTo()
    {
        if (!OperatingSystem.IsLinux() || !Console.IsOutputRedirected) return null;
        try
        {
            return File.ResolveLinkTarget("/proc/self/fd/1", returnFinalTarget: false)?.FullName is { } path
                && path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && File.Exists(path) ? path : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static void Write(string path, string text)
    {
        try
        {
            OwnFile.Write(path, text + "\n");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new SettingsException("--out", $"the configuration cannot be written to '{path}': {error.Message}");
        }
    }
}
