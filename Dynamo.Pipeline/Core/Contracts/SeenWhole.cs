using System.Globalization;

namespace Dynamo.Pipeline;

/// <summary>
/// Up to when a watch has imported everything that landed at its source, as it stands in the row of its run: where a run that fails has its
/// error. Until then, a logger of which nothing is there has sent nothing; of what is later, the import cannot know.
/// </summary>
internal static class SeenWhole
{
    private const string Seen = "Seen whole until ", NotYet = "Not seen whole yet", Time = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    /// <param name="untilUtc">Until when; <see langword="null"/>: not at all yet.</param>
    /// <param name="fails">What is wrong with the source; <see langword="null"/>: nothing.</param>
    public static string Text(DateTime? untilUtc, string? fails) =>
        (untilUtc is { } until ? Seen + until.ToString(Time, CultureInfo.InvariantCulture) : NotYet)
        + (fails is null ? "." : $". {fails}");

    /// <summary>Reads what a row has.</summary>
    /// <param name="reason">What the row has.</param>
    /// <returns>
    /// Whether it is of a watch that has not failed, until when its source was seen whole, and what is, or was, wrong with it.
    /// </returns>
    public static (bool IsSeen, DateTime? UntilUtc, string? Reason) Parse(string? reason)
    {
        if (reason?.StartsWith(NotYet, StringComparison.Ordinal) == true) return (true, null, Rest(NotYet.Length));
        int end = Seen.Length + Time.Replace("'", "", StringComparison.Ordinal).Length;
        if (reason is null || reason.Length < end || !reason.StartsWith(Seen, StringComparison.Ordinal)
            || !DateTime.TryParseExact(reason[Seen.Length..end], Time, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTime until))
            return (false, null, reason);
        return (true, until, Rest(end));

        string? Rest(int from) => reason.Length > from + 2 ? reason[(from + 2)..] : null;
    }
}
