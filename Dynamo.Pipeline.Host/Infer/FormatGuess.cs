using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Makes formats from sample files. This folder looks at samples and proposes settings for them: each way to see a sample as a table is
/// drafted as a format and proved by the library's own reader; the draft that loses least is proposed, with what the samples leave open.
/// </summary>
internal static partial class FormatGuess
{
    private const int TriedLines = 3000;

    /// <summary>Groups samples that are written in the same way, and makes a format for each group.</summary>
    public static async Task<(IReadOnlyList<Proposal> Proposals, IReadOnlyList<NoProposal> Others)> OfAsync(
        IReadOnlyList<Sample> samples, string? zone, string? root = null, CancellationToken cancellationToken = default)
    {
        root ??= Path.GetDirectoryName(samples[0].Path)!;
        var others = new List<NoProposal>();
        var found = new List<(Sample Sample, SampleTable Table)>();
        foreach (Sample sample in samples)
        {
            (SampleTable? table, string why) = await TableOfAsync(sample, root, cancellationToken);
            if (table is null) others.Add(new NoProposal(sample.Path, why));
            else found.Add((sample, table));
        }
        var proposals = new List<Proposal>();
        var groups = found.GroupBy(one => Key(one.Table)).Select(group => group.ToArray()).ToArray();
        foreach ((Sample Sample, SampleTable Table)[] group in groups)
        {
            var draft = new Draft([.. group.Select(one => one.Sample)], [.. group.Select(one => one.Table)], zone, root);
            if (draft.Make() is not { } format)
            {
                others.AddRange(group.Select(one => new NoProposal(one.Sample.Path, draft.Why)));
                continue;
            }
            Proof proof = await Proof.OfAsync(draft.Samples, root, format, cancellationToken);
            // What would put its own samples into quarantine is no proposal.
            foreach (ProposedFile file in proof.Files.Where(file => file.Defect is not null || file.Read == 0))
                others.Add(new NoProposal(
                    file.Path, file.Defect is { } defect ? $"no format was found that reads it; the best one says: {defect}"
                        : "no format was found that reads anything from it."));
            if (proof.Files.All(file => file.Defect is not null || file.Read == 0)) continue;
            string[] files = [.. draft.Samples.Select(sample => sample.Path)];
            string[] foreign = [.. found.Select(one => one.Sample.Path).Concat(others.Select(other => other.File)).Except(files)];
            string pattern = FilePatternGuess.Of(files, groups.Length > 1 ? foreign : []);
            string[] delivered = [.. draft.Samples.Select(sample => sample.Delivered).Distinct()];
            proposals.Add(draft.Proposed(format, proof) with
            {
                Files = files,
                Pattern = pattern,
                Delivered = delivered.SequenceEqual(files) ? pattern : FilePatternGuess.Of(delivered, []),
            });
        }
        return (WithEntries(proposals, others, samples), others);
    }

    /// <summary>
    /// Entries of archives that are not understood stand beside others that are: readme files and the like. They are left out, and said.
    /// </summary>
    private static List<Proposal> WithEntries(List<Proposal> proposals, List<NoProposal> others, IReadOnlyList<Sample> samples)
    {
        Sample[] entries = [.. samples.Where(sample => sample.Delivered != sample.Path && !Packed.IsGzip(sample.Delivered))];
        string[] read = [.. entries.Select(entry => entry.Path).Intersect(proposals.SelectMany(proposal => proposal.Files))];
        string[] archives = [.. entries.Where(entry => read.Contains(entry.Path)).Select(entry => entry.Delivered).Distinct()];
        string[] left = [.. entries.Where(entry => archives.Contains(entry.Delivered)).Select(entry => entry.Path).Except(read)];
        if (left.Length == 0) return proposals;
        others.RemoveAll(other => left.Contains(other.File));
        string pattern = FilePatternGuess.Of(read, left), shown = string.Join(", ", left.Select(path
            => $"'{Path.GetFileName(path)}'").Distinct());
        string text = $"{shown} in the archives {(left.Length == 1 ? "is no table" : "are no tables")} of readings: \"entries\" "
            + "leaves out what is not "
            + $"like {pattern}.";
        return [
            .. proposals.Select(proposal => !proposal.Files.Any(read.Contains) ? proposal : proposal with
            {
                Entries = pattern,
                Decide = [.. proposal.Decide, text],
                Topics = [.. proposal.Topics, "entries that are left out"],
            })];
    }

    /// <summary>The way to see a sample as a table by which most is read and least is lost.</summary>
    private static async Task<(SampleTable? Table, string Why)> TableOfAsync(
        Sample sample, string root, CancellationToken cancellationToken)
    {
        string why = "no table was found: no separator splits its lines into the same number of fields, two or more.";
        (SampleTable? Table, double Score) best = (null, double.NegativeInfinity);
        Sample beginning = sample.Beginning(TriedLines);
        foreach (SampleTable table in TableSearch.Of(beginning))
        {
            var draft = new Draft([beginning], [table], null, root);
            if (draft.Make() is not { } format)
            {
                why = draft.Why;
                continue;
            }
            Proof proof = await Proof.OfAsync([beginning], root, format, cancellationToken);
            double score = Score(proof, table, draft);
            if (score > best.Score) best = (table, score);
        }
        if (best.Table is null) return (null, why);
        // The rows of the whole sample, seen in the same way.
        SampleTable? whole = TableSearch.Of(sample)
            .FirstOrDefault(table => table.Separator == best.Table.Separator && table.Comment == best.Table.Comment);
        return (whole ?? best.Table, why);
    }

    private static double Score(Proof proof, SampleTable table, Draft draft)
    {
        ProposedFile file = proof.Files[0];
        if (file.Defect is not null) return -10;
        if (file.Read == 0) return -9;
        double all = file.Read + file.Skipped + file.Rejected + table.Odd.Count + table.LikeDataBetween;
        double score = ((file.Read + file.Skipped) / all) - (2.0 * proof.Collided / file.Read);
        // Rows that another separator would not see are lost as well.
        score += 0.3 * Math.Min(1, (double)table.Rows.Count / Math.Max(1, draft.Samples[0].Lines.Count));
        return score + (table.Header is null ? 0 : 0.2) + (0.001 * Math.Min(100, table.Fields)) - (table.Comment is null ? 0.001 : 0);
    }

    /// <summary>Samples with the same key are written in the same way. Numbers in names are serial numbers and offsets.</summary>
    private static string Key(SampleTable table)
    {
        string header = table.Header is { } names
            ? string.Join('\t', names.Select(name => Volatile().Replace(name.ToLowerInvariant(), "")))
            : table.Fields.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return $"{table.Separator}{table.Comment}{table.Between.Count}{header}";
    }

    [GeneratedRegex(@"[0-9][0-9:.]*|(utc|gmt)[+-]", RegexOptions.CultureInvariant)]
    private static partial Regex Volatile();
}
