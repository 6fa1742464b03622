namespace Dynamo.Pipeline.Host;

/// <summary>What a format reads from sample files, as a run would: nothing lost, and no two readings with the same key.</summary>
/// <param name="Files">Each file.</param>
/// <param name="Collided">How many readings have the logger, channel and time of an earlier one of their file.</param>
/// <param name="Example">Two such readings in words.</param>
/// <param name="Between">How many readings have the key of one in another file, with another value.</param>
internal sealed record Proof(IReadOnlyList<ProposedFile> Files, long Collided, string? Example, long Between)
{
    public long Read => Files.Sum(file => file.Read);

    public long Rejected => Files.Sum(file => file.Rejected);

    public bool IsWhole => Files.All(file => file.Defect is null && file.Read > 0 && file.Rejected == 0);

    /// <summary>Reads all samples with the library's own reader.</summary>
    public static async Task<Proof> OfAsync(
        IReadOnlyList<Sample> samples, string root, ReadingFormat format, CancellationToken cancellationToken)
    {
        var files = new List<ProposedFile>();
        var everywhere = new Dictionary<(string, string, long), double>();
        long collided = 0, between = 0;
        string? example = null;
        foreach (Sample sample in samples)
        {
            var seen = new Dictionary<(string, string, long), long>();
            ProposedFile file = await ProposedFile.ReadAsync(sample, root, format, Look, cancellationToken);
            files.Add(file);
            foreach ((string, string, long) key in seen.Keys.Take(MostKept)) everywhere.TryAdd(key, double.NaN);

            void Look(Reading row, long line)
            {
                (string, string, long) key = (row.Logger, row.Channel, row.TimestampUtc.Ticks);
                if (seen.TryAdd(key, line))
                {
                    if (everywhere.ContainsKey(key)) between++;
                    return;
                }
                collided++;
                example ??= $"lines {seen[key]} and {line} of {Path.GetFileName(sample.Path)} are both {Shown.Row(row)}";
            }
        }
        return new Proof(files, collided, example, between);
    }

    private const int MostKept = 1_000_000;
}
