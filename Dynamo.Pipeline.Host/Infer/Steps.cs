namespace Dynamo.Pipeline.Host;

/// <summary>How times run on in the files' order: right ones go one way, in even steps, without jumps.</summary>
/// <param name="Read">The share of texts that are times.</param>
/// <param name="OneWay">The share of steps in the usual direction.</param>
/// <param name="Even">The share of steps that are as long as the usual one.</param>
/// <param name="Distinct">The share of times that differ from all others of their file.</param>
/// <param name="Count">How many steps there are that are not 0.</param>
/// <param name="Longest">The longest step, in ticks.</param>
/// <param name="IsAhead">Whether times lie in the future.</param>
internal sealed record Steps(double Read, double OneWay, double Even, double Distinct, int Count, long Longest, bool IsAhead)
{
    /// <summary>Looks at the times of several files, <see langword="null"/> where a text could not be read.</summary>
    public static Steps Of(IReadOnlyList<long?[]> files)
    {
        int all = files.Sum(times => times.Length), read = 0, distinct = 0;
        long last = 0;
        var steps = new List<long>();
        foreach (long?[] times in files)
        {
            long[] known = [.. times.OfType<long>()];
            read += known.Length;
            distinct += known.Distinct().Count();
            if (known.Length > 0) last = Math.Max(last, known.Max());
            steps.AddRange(known.Zip(known.Skip(1), (a, b) => b - a).Where(step => step != 0));
        }
        int forward = steps.Count(step => step > 0);
        var usual = steps.GroupBy(Math.Abs).OrderByDescending(group => group.Count()).FirstOrDefault();
        return new Steps(
            all == 0 ? 0 : (double)read / all,
            steps.Count == 0 ? 1 : (double)Math.Max(forward, steps.Count - forward) / steps.Count,
            steps.Count == 0 ? 1 : (double)usual!.Count() / steps.Count,
            read == 0 ? 0 : (double)distinct / read,
            steps.Count,
            steps.Count == 0 ? 0 : steps.Max(Math.Abs),
            last > DateTime.UtcNow.AddDays(2).Ticks);
    }

    /// <summary>More is more likely right.</summary>
    public double Score => (3 * Read) + (2 * OneWay) + Even + (2 * Distinct) - (IsAhead ? 0.7 : 0);
}
