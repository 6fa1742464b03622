using System.Diagnostics.Tracing;
using System.Globalization;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// What the read step and the whole pipeline allocate, by type: the runtime reports about every hundred thousandth byte with the
/// type it belongs to.
/// </summary>
internal static class Allocations
{
    private const int Shown = 12;

    public static async Task RunAsync(string folder, int repeat)
    {
        await ReportAsync("read step", folder, repeat, _ => new NullSink<Reading>());
        string work = Directory.CreateTempSubdirectory("dynamo-allocations-").FullName;
        await ReportAsync(
            "whole pipeline", folder, repeat, i => new SqliteSink<Reading>(Path.Combine(work, $"{i}.db"), ReadingTable.Default));
        Directory.Delete(work, recursive: true);
    }

    private static async Task ReportAsync(string what, string folder, int repeat, Func<int, IBatchSink<Reading>> sink)
    {
        long files = (await RunAsync(folder, sink(0))).Books.Loaded;
        using var ticks = new Ticks();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        int collections = GC.CollectionCount(0);
        for (int i = 1; i <= repeat; i++) await RunAsync(folder, sink(i));
        double all = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)repeat;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: {all / 1e6:F1} MB, {all / files:F0} bytes a file, "
                    + $"{(GC.CollectionCount(0) - collections) / (double)repeat:F1} collections"));
        long sampled = ticks.ByType.Values.Sum();
        foreach ((string type, long bytes) in ticks.ByType.OrderByDescending(pair => pair.Value).Take(Shown))
            Console.WriteLine(FormattableString.Invariant($"  {100.0 * bytes / sampled,5:F1} %  {type}"));
    }

    private static async Task<PipelineResult> RunAsync(string folder, IBatchSink<Reading> sink)
    {
        await using var source = new FolderSource(folder, "*.csv");
        await using (sink)
            return await FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink).RunAsync();
    }

    /// <summary>The runtime's allocation ticks.</summary>
    private sealed class Ticks : EventListener
    {
        private const EventKeywords Collector = (EventKeywords)1;

        private readonly Dictionary<string, long> _byType = [];

        public IReadOnlyDictionary<string, long> ByType { get { lock (_byType) return new Dictionary<string, long>(_byType); } }

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "Microsoft-Windows-DotNETRuntime") EnableEvents(eventSource, EventLevel.Verbose, Collector);
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            if (eventData.EventName?.StartsWith("GCAllocationTick", StringComparison.Ordinal) != true
                || eventData.PayloadNames is not { } names)
                return;
            string type = eventData.Payload![names.IndexOf("TypeName")] as string ?? "unknown";
            ulong bytes = (ulong)eventData.Payload[names.IndexOf("AllocationAmount64")]!;
            lock (_byType) _byType[type] = _byType.GetValueOrDefault(type) + (long)bytes;
        }
    }
}
