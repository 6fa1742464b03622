using System.Diagnostics;
using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>read_file and nothing else: the files are listed before the clock starts, and the rows are dropped.</summary>
internal static class ReadStep
{
    public static async Task RunAsync(string folder, int readers, int chunk, int repeat)
    {
        await MeasureAsync(folder, readers, chunk);
        for (int i = 0; i < repeat; i++)
        {
            (int files, long rows, double seconds) = await MeasureAsync(folder, readers, chunk);
            Console.WriteLine(FormattableString.Invariant($"readers={readers} chunk={chunk} files={files} rows={rows} {seconds:F4}s"));
        }
    }

    public static async Task<(int Files, long Rows, double Seconds)> MeasureAsync(string folder, int readers, int chunk)
    {
        await using var source = new FolderSource(folder, "*.csv");
        var format = new CsvFormat<Reading>(ReadingFormat.Default);
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(default)) files.Add(file);
        long rows = 0;

        long started = Stopwatch.GetTimestamp();
        var read = new ActionBlock<SourceFile[]>(
            async some => Interlocked.Add(ref rows, await ReadAsync(source, format, some)),
            new ExecutionDataflowBlockOptions { MaxDegreeOfParallelism = readers, EnsureOrdered = false });
        foreach (SourceFile[] some in files.Chunk(chunk)) await read.SendAsync(some);
        read.Complete();
        await read.Completion;
        return (files.Count, rows, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static async Task<long> ReadAsync(FolderSource source, CsvFormat<Reading> format, SourceFile[] files)
    {
        long count = 0;
        foreach (SourceFile file in files)
        {
            using FileContent content = await source.OpenAsync(file, 1 << 24, default);
            using IRowReader<Reading> reader = format.Open(file, content);
            var rows = new RowBatch<Reading>();
            while (await reader.ReadAsync(rows, int.MaxValue, default)) { }
            count += rows.Count;
        }
        return count;
    }
}
