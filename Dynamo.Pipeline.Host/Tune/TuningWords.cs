using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>The answer of a sweep in words, for the report and for the terminal.</summary>
internal static class TuningWords
{
    private const int Enough = 2;

    /// <summary>What to do, and why, in sentences. The first one says whether to change anything.</summary>
    public static IReadOnlyList<string> Answer(TuningResult result)
    {
        if (result.Read is not { } read || result.Advice is not { } advice) return ["Nothing was measured."];
        if (advice.Kind == TuningAdviceKind.TooFew) return [.. TooFew(result.Files.Files, read)];
        var words = new List<string> { advice.Kind == TuningAdviceKind.Leave ? Leave(read, result.Current) : Set(read, result.Current) };
        TuningVerdict best = read.Best, worst = read.Worst;
        if (best.Cell != advice.Cell)
            words.Add($"The fastest on average were {Settings(best.Cell)}, with {Mean(best)}.");
        int like = read.Cells.Count(cell => cell.IsLikeBest && cell.Cell != best.Cell), others = read.Cells.Count - 1;
        if (best.Seconds.Count < Enough)
            words.Add("Each was measured once only, so that nothing can be said about chance; --repeat 5 tells more.");
        else if (like > 0)
            words.Add($"Of {Shown.Count(others, "other combination")}, {Shown.Count(like, "is", "are")} as good as the fastest, "
                + "as far as these measurements can tell: which one comes first is chance.");
        // Unless the first sentence has said it.
        if (!worst.IsLikeBest && (advice.Kind == TuningAdviceKind.Leave || read.Find(result.Current) is not null))
            words.Add(string.Create(CultureInfo.InvariantCulture,
                $"The slowest, {Settings(worst.Cell)}, takes {worst.Seconds.Mean / best.Seconds.Mean:0.0} times as long: {Mean(worst)}."));
        if (read.BestAuto is { } auto) words.Add(Auto(auto, read));
        if (result.Whole is { } whole) words.AddRange(Whole(result, whole));
        return words;
    }

    /// <summary>A cell in words: <c>2 readers with 100 files at a time</c>.</summary>
    public static string Settings(TuningCell cell) => $"{Readers(cell)} with {Shown.Count(cell.FilesPerMessage, "file")} at a time";

    private static string Readers(TuningCell cell) =>
        cell.Readers is { } count ? Shown.Count(count, "reader") : "readers on auto";

    private static IEnumerable<string> TooFew(int files, TuningAnalysis read) =>
    [
        $"Leave it as it is: {(files == 1 ? "this one file is" : $"these {Shown.Count(files)} files are")} too few to tell anything. "
            + $"{(files == 1 ? "It is" : "They are")} read in {Shown.Short(TimeSpan.FromSeconds(read.Best.Seconds.Mean))}, "
            + "and what else the machine does takes as long.",
        "To learn more, measure 20,000 files or more: your own, or made ones "
            + "(dynamo generate --to tune-files --loggers 500 --steps 54, then dynamo tune --source tune-files --out tune-more --quick).",
    ];

    private static string Leave(TuningAnalysis read, TuningCell current) => read.Find(current) is { } now
        ? $"Leave it as it is: {Settings(current)}, as it is set, took {Mean(now)}; "
            + "nothing that was tried is faster by more than chance, or by enough to matter."
        : "Leave it as it is: whatever was tried, the differences are no larger than chance.";

    private static string Set(TuningAnalysis read, TuningCell current)
    {
        TuningVerdict better = read.Recommended, than = read.Find(current) ?? read.Worst;
        string what = than.Cell == current ? "what is set now" : "the slowest that was tried";
        return $"Set {Settings(better.Cell)}: that takes {Mean(better)}, and {what}, {Settings(than.Cell)}, {Mean(than)}.";
    }

    /// <summary>A number of loggers, rounded down to two digits: the measurements are not more exact.</summary>
    public static string Loggers(double loggers)
    {
        double unit = Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(Math.Max(1, loggers))) - 1));
        return Shown.Count(Math.Floor(loggers / unit) * unit);
    }

    private static string Mean(TuningVerdict cell) => $"{Shown.Seconds(cell.Seconds.Mean)} s";

    private static string Auto(TuningVerdict auto, TuningAnalysis read)
    {
        double ratio = (auto.Seconds.Mean / read.Best.Seconds.Mean) - 1;
        string how = Math.Abs(ratio) < 0.005 ? "as fast as" : $"{Shown.Percent(ratio)} against";
        return $"Readers on auto, the default, are {how} the best fixed number "
            + $"({Mean(auto)} with {Shown.Count(auto.Cell.FilesPerMessage, "file")} at a time).";
    }

    private static IEnumerable<string> Whole(TuningResult result, TuningAnalysis whole)
    {
        TuningCell cell = whole.Recommended.Cell;
        if (whole.Cells.Count > 1)
            yield return $"For the whole pipeline, set batches of {Shown.Count(cell.BatchRows)} rows "
                + $"and {Shown.Count(cell.Writers, "writer")}: {Mean(whole.Recommended)}.";
        yield return $"Live: the whole pipeline takes {Shown.Count(result.FilesPerSecond!.Value)} files a second, into an empty database. "
            + $"With one file every 15 minutes that is {Loggers(result.Loggers!.Value)} loggers with nothing to spare; plan for half.";
    }
}
