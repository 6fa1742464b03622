using System.Diagnostics;
using System.Globalization;
using Dynamo.Pipeline.Tests;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>Rows per second into SQL Server, and what a row costs this side: processor time and allocation.</summary>
internal static class SqlServerBench
{
    private const int Repeat = 5, SingleRows = 5_000;

    /// <param name="connection">
    /// A connection string, or <c>endpoint</c>: the tests' own endpoint in a process of its own, for the costs of this side.
    /// </param>
    /// <param name="count">How many rows the bulk ways write.</param>
    /// <param name="only">Measures the ways with this in their name alone, beside the bare one; for a profiler.</param>
    public static async Task<int> RunAsync(string connection, int count, string only = "")
    {
        using Process? endpoint = connection == "endpoint" ? Start() : null;
        var ways = new SqlServerWays(endpoint is null ? connection : (await endpoint.StandardOutput.ReadLineAsync())!);
        try
        {
            await MeasureAsync(ways, count, only);
        }
        finally
        {
            ways.Drop();
            endpoint?.StandardInput.Close();
        }
        return 0;
    }

    /// <summary>Serves until nobody holds its input any more.</summary>
    public static async Task ServeAsync()
    {
        await using var endpoint = new TdsEndpoint();
        Console.WriteLine(endpoint.ConnectionString);
        await Console.In.ReadToEndAsync();
    }

    private static async Task MeasureAsync(SqlServerWays ways, int count, string only)
    {
        Reading[] rows = Rows(count, 0), few = Rows(Math.Min(SingleRows, count), 0), changed = Rows(count, 1);
        IReadOnlyList<FileRows<Reading>[]> files = SqlServerWays.Batches(rows), others = SqlServerWays.Batches(changed);
        var figures = new List<Figure>();
        (string Name, Reading[] Rows, Func<Task> Work, bool Fresh)[] all =
        [
            ("bare SqlBulkCopy", rows, () => ways.BareAsync(rows), true),
            ("bare SqlBulkCopy, blocking", rows, () => ways.BareAsync(rows, blocking: true), true),
            ("ours, append", rows, () => ways.OursAsync(files, append: true, "a"), true),
            ("ours, upsert into an empty table", rows, () => ways.OursAsync(files, append: false, "u"), true),
            ("ours, upsert over the same keys", rows, () => ways.OursAsync(others, append: false, "c"), false),
            ("Dapper over a list", few, () => ways.DapperAsync(few), true),
            ("a parameterised insert a row", few, () => ways.RowByRowAsync(few), true),
        ];
        for (int i = 0; i <= Repeat; i++)
        {
            // The first round opens connections and compiles; it is not counted.
            List<Figure> round = [];
            foreach ((string name, Reading[] written, Func<Task> work, bool fresh) in all)
                if (name == all[0].Name || name.Contains(only, StringComparison.Ordinal))
                    round.Add(await TimeAsync(name, ways, written, work, fresh));
            if (i > 0) figures.AddRange(round);
        }
        Print(figures);
    }

    private static async Task<Figure> TimeAsync(string name, SqlServerWays ways, Reading[] rows, Func<Task> work, bool fresh)
    {
        if (fresh) await ways.MakeAsync();
        GC.Collect();
        using var self = Process.GetCurrentProcess();
        TimeSpan cpu = self.TotalProcessorTime;
        long bytes = GC.GetTotalAllocatedBytes(precise: true), began = Stopwatch.GetTimestamp();
        await work();
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        self.Refresh();
        var figure = new Figure(
            name, rows.Length / seconds, (self.TotalProcessorTime - cpu).TotalMicroseconds / rows.Length,
            (double)(GC.GetTotalAllocatedBytes(precise: true) - bytes) / rows.Length);
        return ways.Rows == rows.Length ? figure : throw new InvalidOperationException($"{name} wrote {ways.Rows} rows of {rows.Length}.");
    }

    private static void Print(List<Figure> figures)
    {
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{"medians of " + Repeat,-36} {"rows/s",10} {"of bare",8} {"CPU µs/row",11} {"of bare",8} {"bytes/row",10} "
                    + $"{"of bare",8}"));
        Figure[] medians = [
            .. figures.GroupBy(f => f.Name).Select(
                g => new Figure(
                    g.Key, Child.Median(g.Select(f => f.PerSecond)), Child.Median(g.Select(f => f.Cpu)),
                    Child.Median(g.Select(f => f.Bytes))))];
        foreach (Figure f in medians)
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{f.Name,-36} {f.PerSecond,10:N0} {f.PerSecond / medians[0].PerSecond,8:F2} {f.Cpu,11:F2} "
                    + $"{f.Cpu / medians[0].Cpu,8:F2} {f.Bytes,10:F0} {f.Bytes / medians[0].Bytes,8:F2}"));
    }

    /// <summary>Readings of 500 loggers with two channels, in the order of their key.</summary>
    private static Reading[] Rows(int count, double more)
    {
        var began = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        int each = Math.Max(1, count / 1000);
        Reading Row(int i) =>
            new($"L{i / each / 2:D5}", i / each % 2 == 0 ? "flow" : "pressure", began.AddMinutes(15 * (i % each)), i + more);
        return [.. Enumerable.Range(0, count).Select(Row)];
    }

    private static Process Start() =>
        Process.Start(
            new ProcessStartInfo(
                Environment.ProcessPath!, ["sqlserver-endpoint"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;

    private sealed record Figure(string Name, double PerSecond, double Cpu, double Bytes);
}
