using System.Diagnostics;
namespace Dynamo.Pipeline.Benchmarks;
internal static class ImportHere
{
    public static async Task RunAsync(string folder, string database)
    {
        for (int i = 0; i < 5; i++)
        {
            foreach (string f in Directory.GetFiles(Path.GetDirectoryName(database)!, Path.GetFileName(database) + "*")) File.Delete(f);
            long started = Stopwatch.GetTimestamp(); var cpu = Process.GetCurrentProcess().TotalProcessorTime;
            await using (var source = new FolderSource(folder, "*.csv"))
            {
                await using var sink = new SqliteSink<Reading>(database, ReadingTable.Default);
                var result = await FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink).RunAsync();
                Console.WriteLine($"{result.Books} {result.Elapsed.TotalSeconds:F3}");
            }
            Console.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalSeconds:F3}s cpu {(Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds:F3}");
        }
    }
}
