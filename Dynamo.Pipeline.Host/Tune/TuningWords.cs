using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>The answer of a sweep in words, for the report and for the terminal.</summary>
internal static class TuningWords
{
    /// <summary>What to set, and why, in sentences.</summary>
    public static IReadOnlyList<string> Answer(TuningResult result)
    {
        if (result.Read is not { } read) return ["Nothing was measured."];
        TuningVerdict best = read.Best, recommended = read.Recommended, worst = read.Worst;
        string times = string.Create(CultureInfo.InvariantCulture, $"{worst.Seconds.Mean / recommended.Seconds.Mean:0.0} times");
        var words = new List<string>
        {
            $"Set {Settings(recommended.Cell)}: the read step takes {Mean(recommended)}, "
                + $"{times} as fast as the worst cell ({Settings(worst.Cell)}, {Mean(worst)}).",
        };
        if (recommended.Cell != best.Cell)
            words.Add($"The smallest mean is {Mean(best)} with {Settings(best.Cell)}; "
                + "these measurements cannot tell the two apart, and the recommended one has fewer files in memory.");
        int like = read.Cells.Count(cell => cell.IsLikeBest && cell.Cell != best.Cell);
        words.Add(like == 0
            ? "No other cell is as good."
            : $"{Shown.Count(like)} other {(like == 1 ? "cell" : "cells")} of {Shown.Count(read.Cells.Count - 1)} "
                + "cannot be told from the best: their order is chance.");
        if (read.BestAuto is { } auto) words.Add(Auto(auto, read));
        if (result.Whole is { } whole) words.AddRange(Whole(result, whole));
        return words;
    }

    /// <summary>A cell in words: <c>2 readers with 100 files a message</c>.</summary>
    public static string Settings(TuningCell cell) =>
        $"{cell.ReadersText} {(cell.Readers == 1 ? "reader" : "readers")} with {Shown.Count(cell.FilesPerMessage, "file")} a message";

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
            + $"({Mean(auto)} with {Shown.Count(auto.Cell.FilesPerMessage)} files a message).";
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
