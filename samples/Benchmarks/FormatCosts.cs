using System.Diagnostics;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// Nanoseconds a value for each format: the best of many passes, all formats in turn, so that what else the machine does falls out.
/// The best pass is the one that nothing disturbed.
/// </summary>
internal static class FormatCosts
{
    private static readonly SourceFile s_file = new("L00001.csv", 0, DateTime.UnixEpoch);

    public static async Task RunAsync(int passes)
    {
        var formats = FormatCase.All.Select(one => new CsvFormat<Reading>(one.Format)).ToArray();
        double[] best = [.. Enumerable.Repeat(double.MaxValue, formats.Length)];
        var rows = new RowBatch<Reading>(20_000);
        for (int pass = 0; pass < passes; pass++)
            for (int i = 0; i < formats.Length; i++)
                best[i] = Math.Min(best[i], await PassAsync(formats[i], FormatCase.All[i], rows));
        for (int i = 0; i < best.Length; i++)
            Console.WriteLine(
                FormattableString.Invariant($"{FormatCase.All[i].Name,-34} {best[i],7:F1} ns a value   {best[i] / best[0],5:F2}"));
    }

    private static async Task<double> PassAsync(CsvFormat<Reading> format, FormatCase one, RowBatch<Reading> rows)
    {
        rows.Clear();
        long started = Stopwatch.GetTimestamp();
        using var content = new FileContent(one.Bytes);
        using IRowReader<Reading> reader = format.Open(s_file, content);
        while (await reader.ReadAsync(rows, int.MaxValue, default)) { }
        double nanoseconds = Stopwatch.GetElapsedTime(started).TotalNanoseconds;
        if (rows.Rows.Count != one.Values)
            throw new InvalidOperationException($"{one.Name}: {rows.Rows.Count} rows, {(rows.Rejects.Count > 0 ? rows.Rejects[0] : null)}");
        return nanoseconds / one.Values;
    }
}
