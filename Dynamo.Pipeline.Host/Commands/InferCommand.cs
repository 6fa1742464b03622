using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo infer</c>: looks at sample files and proposes settings that import them.</summary>
internal sealed class InferCommand : Command, IExamples
{
    private readonly Argument<string[]> _files = new("FILE")
    {
        Description = "Sample files; the more files of a kind, the better the result.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _zone = ValueOption.Named(
        "--zone", "ZONE", "The zone of timestamps without an offset, such as Europe/Brussels. Default: UTC, and the report says so.");

    private readonly Option<bool> _json = new("--json")
    {
        Description = "One JSON object on stdout: the settings, the first readings, what is certain and what is for you to decide.",
    };

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
        bool json = parsed.GetValue(_json);
        if (json) context.Out.WriteLine(JsonText.Of(report.WriteAll));
        else if (proposals.Count > 0) context.Out.WriteLine(JsonText.ForFile(report.WriteSettings));
        if (!json) report.WriteText(context.Error);
        return (int)(report.IsGood ? ExitCode.Ok : ExitCode.DoneWithBadData);
    }

    /// <summary>The deepest folder that has all samples in it or below it.</summary>
    private static string Root(Sample[] samples)
    {
        string root = Path.GetDirectoryName(samples[0].Path)!;
        while (!samples.All(sample => IsBelow(sample.Path, root)))
            root = Path.GetDirectoryName(root) ?? Path.GetPathRoot(root)!;
        return root;
    }

    private static bool IsBelow(string path, string folder) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
