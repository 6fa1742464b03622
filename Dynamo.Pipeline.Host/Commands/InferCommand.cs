using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo infer</c>: looks at sample files and proposes the settings that import them.</summary>
internal sealed class InferCommand : Command, IExamples
{
    private readonly Argument<string[]> _files = new("FILE") { Description = "Sample files; the more of a kind, the surer the result.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _zone = new("--zone") { Description = "The zone of timestamps without an offset, such as Europe/Brussels. Default: UTC, and it is said so.", HelpName = "ZONE" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout: the settings, the first readings, what is sure and what is to decide." };

    public InferCommand(CommandContext context) : base("infer", "Looks at sample files and prints the settings that import them.")
    {
        Arguments.Add(_files);
        Options.Add(_zone);
        Options.Add(_json);
        SetAction((parsed, _) => InferAsync(parsed, context));
    }

    public string Examples => """
        Examples:
          dynamo infer export.csv > dynamo.json
          dynamo infer samples/*.csv --zone Europe/Brussels
        """;

    private async Task<int> InferAsync(ParseResult parsed, CommandContext context)
    {
        string? zone = parsed.GetValue(_zone);
        if (zone is not null && !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
            throw new SettingsException("--zone", $"found '{zone}', allowed is an IANA zone such as Europe/Brussels or UTC.");
        Sample[] samples = [.. (parsed.GetValue(_files) ?? []).Select(Path.GetFullPath).Distinct().Select(Sample.Read)];
        string root = Root(samples);
        (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others) = FormatGuess.Of(samples, zone);
        var files = new List<ProposedFile>();
        foreach (Proposal proposal in proposals)
            foreach (string file in proposal.Files)
                files.Add(await ProposedFile.ReadAsync(file, root, proposal.Format, context.Stopping));
        var report = new InferReport(root, proposals, files, others);
        if (parsed.GetValue(_json))
        {
            context.Out.WriteLine(JsonText.Of(report.WriteAll));
            return (int)(report.IsGood ? ExitCode.Ok : ExitCode.DoneWithBadData);
        }
        if (proposals.Count > 0) context.Out.WriteLine(JsonText.Of(report.WriteSettings));
        report.WriteText(context.Error);
        return (int)(report.IsGood ? ExitCode.Ok : ExitCode.DoneWithBadData);
    }

    /// <summary>The folder that holds all samples, in it or below.</summary>
    private static string Root(Sample[] samples)
    {
        string root = Path.GetDirectoryName(samples[0].Path)!;
        while (!samples.All(sample => sample.Path.StartsWith(Path.TrimEndingDirectorySeparator(root) + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
            root = Path.GetDirectoryName(root) ?? Path.GetPathRoot(root)!;
        return root;
    }
}
