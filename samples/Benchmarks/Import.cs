using System.Diagnostics;
using System.Globalization;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>The whole import, several times in one process: what a profiler sees here is neither start-up nor compilation.</summary>
internal static class Import
{
    public static async Task RunAsync(string folder, string database, int repeat)
    {
        for (int i = 0; i < repeat; i++)
        {
            foreach (string end in (string[])["", "-wal", "-shm"]) File.Delete(database + end);
            long started = Stopwatch.GetTimestamp(), allocated = GC.GetTotalAllocatedBytes();
            TimeSpan cpu = Environment.CpuUsage.TotalTime, pauses = GC.GetTotalPauseDuration();
            PipelineResult result = await ImportAsync(folder, database);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{Stopwatch.GetElapsedTime(started).TotalSeconds:F3} s, CPU {(Environment.CpuUsage.TotalTime - cpu).TotalSeconds:F3} "
                    + $"s, allocated {(GC.GetTotalAllocatedBytes() - allocated) / 1e6:F1} MB, collector "
                    + $"{(GC.GetTotalPauseDuration() - pauses).TotalMilliseconds:F0} ms; {result.Books}"));
        }
    }

    private static async Task<PipelineResult> ImportAsync(string folder, string database)
    {
        await using var source = new FolderSource(folder, "*.csv");
        await using var sink = new SqliteSink<Reading>(database, ReadingTable.Default);
        return await FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink).RunAsync();
    }
}
