using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>The answer of a sweep in words, for the page and for the terminal.</summary>
internal static class TuningWords
{
    /// <summary>What to set, and why.</summary>
    /// <param name="result">What was found.</param>
    /// <returns>Sentences.</returns>
    public static IReadOnlyList<string> Answer(TuningResult result)
    {
        if (result.Read is not { } read) return ["Nothing was measured."];
        TuningVerdict best = read.Best, recommended = read.Recommended, worst = read.Worst;
        var words = new List<string> { $"Set {Settings(recommended.Cell)}: the read step takes {Html.Seconds(recommended.Seconds.Mean)} s, {Times(worst.Seconds.Mean / recommended.Seconds.Mean)} as fast as the worst cell ({Settings(worst.Cell)}, {Html.Seconds(worst.Seconds.Mean)} s)." };
        int like = read.Cells.Count(cell => cell.IsLikeBest && cell.Cell != best.Cell);
        if (recommended.Cell != best.Cell)
            words.Add($"The smallest mean is {Html.Seconds(best.Seconds.Mean)} s with {Settings(best.Cell)}; these measurements cannot tell the two apart, and the recommended one has fewer files in memory.");
        words.Add(like == 0 ? "No other cell is as good." : $"{Html.Count(like)} other {(like == 1 ? "cell" : "cells")} of {Html.Count(read.Cells.Count - 1)} cannot be told from the best: their order is chance.");
        if (read.BestAuto is { } auto) words.Add(Auto(auto, read));
        if (result.Whole is { } whole) words.AddRange(Whole(result, whole));
        return words;
    }

    /// <summary>A cell as a person says it.</summary>
    /// <param name="cell">The cell.</param>
    /// <returns><c>2 readers with 100 files a message</c>.</returns>
    public static string Settings(TuningCell cell) => string.Create(CultureInfo.InvariantCulture,
        $"{cell.ReadersText} {(cell.Readers == 1 ? "reader" : "readers")} with {cell.FilesPerMessage:N0} {(cell.FilesPerMessage == 1 ? "file" : "files")} a message");

    /// <summary>A number of loggers, rounded down: more digits than two are not measured.</summary>
    internal static string Loggers(double loggers)
    {
        double unit = Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(Math.Max(1, loggers))) - 1));
        return Html.Count(Math.Floor(loggers / unit) * unit);
    }

    private static string Auto(TuningVerdict auto, TuningAnalysis read)
    {
        double ratio = (auto.Seconds.Mean / read.Best.Seconds.Mean) - 1;
        string how = Math.Abs(ratio) < 0.005 ? "as fast as" : $"{Html.Percent(ratio)} against";
        return $"Readers on auto, the default, are {how} the best fixed number ({Html.Seconds(auto.Seconds.Mean)} s with {Html.Count(auto.Cell.FilesPerMessage)} files a message).";
    }

    private static IEnumerable<string> Whole(TuningResult result, TuningAnalysis whole)
    {
        if (whole.Cells.Count > 1)
            yield return $"For the whole pipeline, set batches of {Html.Count(whole.Recommended.Cell.BatchRows)} rows and {whole.Recommended.Cell.Writers} {(whole.Recommended.Cell.Writers == 1 ? "writer" : "writers")}: {Html.Seconds(whole.Recommended.Seconds.Mean)} s.";
        yield return $"Live: the whole pipeline takes {Html.Count(result.FilesPerSecond!.Value)} files a second, into an empty database. At a file every 15 minutes that is {Loggers(result.Loggers!.Value)} loggers with nothing to spare; plan for half.";
    }

    private static string Times(double ratio) => string.Create(CultureInfo.InvariantCulture, $"{ratio:0.0} times");
}
