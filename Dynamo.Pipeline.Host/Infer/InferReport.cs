using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What <c>dynamo infer</c> prints: on stdout the configuration, ready to save; on stderr what a person should know about it.
/// </summary>
internal sealed class InferReport(
    string root, IReadOnlyList<Proposal> proposals, IReadOnlyList<ProposedFile> files, IReadOnlyList<NoProposal> others)
{
    public bool IsGood => others.Count == 0 && files.All(file => file.Defect is null && file.Read > 0);

    /// <summary>The settings that import the samples.</summary>
    public void WriteSettings(Utf8JsonWriter json)
    {
        json.WriteString("source", root);
        json.WriteString("pattern", string.Join(';', proposals.Select(proposal => proposal.Pattern).Distinct()));
        if (proposals.SelectMany(proposal => proposal.Files).Any(file => Path.GetDirectoryName(file) != root))
            json.WriteBoolean("recursive", true);
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
        foreach (ProposedFile file in files) WriteFile(json, file);
        json.WriteEndArray();
        JsonText.List(json, "sure", proposals.SelectMany(proposal => proposal.Sure));
        JsonText.List(json, "decide", proposals.SelectMany(proposal => proposal.Decide).Distinct());
        JsonText.List(json, "notUnderstood", others.Select(other => $"{Path.GetRelativePath(root, other.File)}: {other.Why}"));
    }

    public void WriteText(TextWriter to)
    {
        foreach (Proposal proposal in proposals)
        {
            to.WriteLine(proposals.Count == 1 ? "The samples show:" : $"{Shown.Name(proposal.Pattern)}:");
            foreach (string sure in proposal.Sure) to.WriteLine($"  {Shown.Name(sure)}");
            if (proposal.Decide.Count > 0) to.WriteLine("To decide:");
            foreach (string decide in proposal.Decide) to.WriteLine($"  {Shown.Name(decide)}");
            foreach (ProposedFile file in files.Where(file => proposal.Files.Contains(file.Path))) WriteFile(to, file);
            to.WriteLine();
        }
        foreach (NoProposal other in others)
            to.WriteLine($"{Shown.Name(Path.GetRelativePath(root, other.File))}: {Shown.Name(other.Why)}");
        if (proposals.Count > 0)
            to.WriteLine("The configuration is on stdout. "
                + "Save it (dynamo infer FILE > dynamo.json), then: dynamo check --config dynamo.json");
    }

    private void WriteFile(TextWriter to, ProposedFile file)
    {
        to.WriteLine();
        string counts =
            $"{Shown.Count(file.Read, "reading")}, {Shown.Count(file.Skipped)} without a value, {Shown.Count(file.Rejected)} rejected";
        to.WriteLine($"{Shown.Name(Path.GetRelativePath(root, file.Path))}: {counts}");
        foreach (Reading row in file.First)
            to.WriteLine($"    {Shown.Row(row)}");
        if (file.Defect is not null) to.WriteLine($"    would be quarantined: {file.Defect}");
        foreach (Defect reject in file.Rejects) to.WriteLine($"    rejected: {reject}");
    }

    private void WriteFile(Utf8JsonWriter json, ProposedFile file)
    {
        json.WriteStartObject();
        json.WriteString("file", Path.GetRelativePath(root, file.Path));
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
