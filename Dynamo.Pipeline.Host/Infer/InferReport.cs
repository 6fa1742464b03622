using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What <c>dynamo infer</c> prints: on stdout the configuration, ready to save; on stderr what a person should know about it, first of
/// all what the samples leave open.
/// </summary>
internal sealed class InferReport(SampleSet set, IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others)
{
    /// <summary>The database of the proposal, beside the configuration.</summary>
    public const string Sink = "sqlite:readings.db";

    public bool IsGood => others.Count == 0 && proposals.All(proposal => proposal.Decide.Count == 0);

    /// <summary>Whether anything is proposed.</summary>
    public bool HasProposal => proposals.Count > 0;

    /// <summary>Whether the samples do not tell the zone of their times.</summary>
    public bool NeedsZone => proposals.Any(proposal => proposal.Topics.Contains("the zone"));

    /// <summary>The settings that import the samples.</summary>
    public void WriteSettings(Utf8JsonWriter json)
    {
        json.WriteString("source", set.Source);
        json.WriteString("pattern", string.Join(';', proposals.SelectMany(proposal => proposal.Delivered.Split(';')).Distinct()));
        if (set.Samples.Any(sample => Path.GetDirectoryName(sample.Delivered) != set.Root)) json.WriteBoolean("recursive", true);
        string[] entries = [.. proposals.Select(proposal => proposal.Entries).OfType<string>().Distinct()];
        if (entries.Length > 0) json.WriteString("entries", string.Join(';', entries));
        json.WriteString("sink", Sink);
        if (proposals.Count == 1)
        {
            json.WriteStartObject("format");
            FormatJson.WriteMembers(json, proposals[0].Format);
            json.WriteEndObject();
            return;
        }
        json.WriteStartArray("formats");
        foreach (Proposal proposal in proposals)
        {
            json.WriteStartObject();
            json.WriteString("files", proposal.Pattern);
            FormatJson.WriteMembers(json, proposal.Format);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>The settings and everything that is known about them, as one object.</summary>
    public void WriteAll(Utf8JsonWriter json)
    {
        json.WriteStartObject("settings");
        if (proposals.Count > 0) WriteSettings(json);
        json.WriteEndObject();
        json.WriteStartArray("files");
        foreach (ProposedFile file in proposals.SelectMany(proposal => proposal.Proof.Files)) WriteFile(json, file);
        json.WriteEndArray();
        JsonText.List(json, "sure", proposals.SelectMany(proposal => proposal.Sure));
        JsonText.List(json, "decide", proposals.SelectMany(proposal => proposal.Decide).Distinct());
        JsonText.List(json, "leftOut", proposals.SelectMany(proposal => proposal.LeftOut).Distinct());
        json.WriteNumber("collided", proposals.Sum(proposal => proposal.Proof.Collided));
        JsonText.List(json, "notUnderstood", others.Select(other => $"{Path.GetRelativePath(set.Root, other.File)}: {other.Why}"));
    }

    /// <param name="to">Where to write.</param>
    /// <param name="saved">The file in which the configuration is; <see langword="null"/>: it was written to stdout.</param>
    public void WriteText(TextWriter to, string? saved)
    {
        WriteFindings(to);
        if (proposals.Count == 0) return;
        string config = saved ?? "dynamo.json";
        to.WriteLine(saved is null
            ? $"The configuration is on stdout. Save it as {config} (> {config}, or --out {config}), then:"
            : $"The configuration is in {Shown.Path(config)}. Next:");
        string dynamo = Pasted.Program, named = Pasted.Argument(config);
        to.WriteLine($"  {dynamo} check --config {named}");
        to.WriteLine($"  {dynamo} run --config {named}");
    }

    /// <summary>What the samples show, and what they leave open.</summary>
    public void WriteFindings(TextWriter to)
    {
        to.WriteLine(FirstLine());
        foreach (Proposal proposal in proposals)
        {
            to.WriteLine();
            if (proposals.Count > 1) to.WriteLine($"{Shown.Name(proposal.Pattern)}:");
            Write(to, "To decide:", proposal.Decide);
            Write(to, "The samples show:", proposal.Sure);
            Write(to, "Left out:", proposal.LeftOut);
            foreach (ProposedFile file in proposal.Proof.Files) WriteFile(to, file);
        }
        to.WriteLine();
        foreach (NoProposal other in others)
            to.WriteLine($"{Shown.Name(Path.GetRelativePath(set.Root, other.File))}: {Shown.Name(other.Why)}");
    }

    /// <summary>What could not be told, or that all is well.</summary>
    private string FirstLine()
    {
        string[] topics = [.. proposals.SelectMany(proposal => proposal.Topics).Distinct()];
        if (others.Count > 0)
            topics = [
                .. topics.Prepend(
                    others.Count == 1 ? "a file that is not understood" : $"{Shown.Count(others.Count)} files that are not understood")];
        if (topics.Length > 0) return Shown.Name($"Not told by the samples: {string.Join("; ", topics)}.");
        long read = proposals.Sum(proposal => proposal.Proof.Read);
        return $"All {Shown.Count(read, "reading")} of {Shown.Count(proposals.Sum(proposal => proposal.Files.Count), "file")} would be "
            + $"imported, none twice.";
    }

    private static void Write(TextWriter to, string title, IReadOnlyList<string> lines)
    {
        if (lines.Count == 0) return;
        to.WriteLine(title);
        foreach (string line in lines) to.WriteLine($"  {Shown.Name(line)}");
    }

    private void WriteFile(TextWriter to, ProposedFile file)
    {
        to.WriteLine();
        string counts =
            $"{Shown.Count(file.Read, "reading")}, {Shown.Count(file.Skipped)} without a value, {Shown.Count(file.Rejected)} rejected";
        to.WriteLine($"{Shown.Name(Path.GetRelativePath(set.Root, file.Path))}: {counts}");
        foreach (Reading row in file.First)
            to.WriteLine($"    {Shown.Row(row)}");
        if (file.Defect is not null) to.WriteLine($"    would be quarantined: {file.Defect}");
        foreach (Defect reject in file.Rejects) to.WriteLine($"    rejected: {reject}");
    }

    private void WriteFile(Utf8JsonWriter json, ProposedFile file)
    {
        json.WriteStartObject();
        json.WriteString("file", Path.GetRelativePath(set.Root, file.Path));
        json.WriteNumber("readings", file.Read);
        json.WriteNumber("skipped", file.Skipped);
        json.WriteNumber("rejected", file.Rejected);
        JsonText.Defect(json, file.Defect ?? (file.Rejects.Count > 0 ? file.Rejects[0] : null));
        json.WriteStartArray("first");
        foreach (Reading row in file.First)
        {
            json.WriteStartObject();
            json.WriteString("logger", row.Logger);
            json.WriteString("channel", row.Channel);
            json.WriteString("timestampUtc", row.TimestampUtc);
            json.WriteNumber("value", row.Value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
