using System.Globalization;

namespace Dynamo.Pipeline;

/// <summary>
/// The one rule for when bad rows make a bad file: more than <see cref="PipelineOptions.MaxBadRows"/> of them, or only bad ones.
/// The pipeline applies it to the rows that the reader and the blocks rejected. The database sinks also count the rows that
/// the database refused.
/// </summary>
internal static class BadRows
{
    /// <summary>Whether these are too many, however many good ones there are: no more rows need be looked at.</summary>
    public static bool AreOverLimit(long rejected, int maxBadRows) => rejected > maxBadRows;

    public static bool AreTooMany(long good, long rejected, int maxBadRows) =>
        AreOverLimit(rejected, maxBadRows) || (rejected > 0 && good == 0);

    /// <summary>Why to quarantine the file, or null if it can be loaded.</summary>
    /// <param name="good">How many rows are loaded, or would be.</param>
    /// <param name="rejected">How many rows are rejected.</param>
    /// <param name="maxBadRows">How many rejected rows a file may have.</param>
    /// <param name="first">The first reject. It is not null if <paramref name="rejected"/> is not 0.</param>
    public static Defect? Verdict(long good, long rejected, int maxBadRows, Defect? first)
    {
        if (!AreTooMany(good, rejected, maxBadRows) || first is null) return null;
        string problem = AreOverLimit(rejected, maxBadRows)
            ? string.Create(CultureInfo.InvariantCulture, $"more than {maxBadRows} rows were rejected, the first: {first.Problem}")
            : $"no row could be loaded, the first: {first.Problem}";
        return first with { Problem = problem };
    }
}
