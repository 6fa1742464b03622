using System.Globalization;

namespace Dynamo.Pipeline;

/// <summary>
/// The one rule of when bad rows make a bad file: more than <see cref="PipelineOptions.MaxBadRows"/> of them, or nothing but bad ones. The pipeline applies it to
/// what the reader and the blocks rejected, the database sinks to what the database refused as well.
/// </summary>
internal static class BadRows
{
    public static bool AreTooMany(long good, long rejected, int maxBadRows) => rejected > maxBadRows || (rejected > 0 && good == 0);

    /// <summary>Why the file is quarantined, or null when it is to be loaded.</summary>
    /// <param name="good">Rows that are loaded, or would be.</param>
    /// <param name="rejected">Rows that are left out.</param>
    /// <param name="maxBadRows">How many of them a file may have.</param>
    /// <param name="first">The first reject; there is one when <paramref name="rejected"/> is not 0.</param>
    public static Defect? Verdict(long good, long rejected, int maxBadRows, Defect? first)
    {
        if (!AreTooMany(good, rejected, maxBadRows) || first is null) return null;
        string problem = rejected > maxBadRows
            ? string.Create(CultureInfo.InvariantCulture, $"more than {maxBadRows} rows were rejected, the first: {first.Problem}")
            : $"no row could be loaded, the first: {first.Problem}";
        return first with { Problem = problem };
    }
}
