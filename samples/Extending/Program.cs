// Your own source, format, sink and blocks, each in its own file, at work together.
using System.IO.Compression;
using Dynamo.Pipeline;

// The archive is created beside the built program, or in the folder given as an argument.
string archive = Path.Join(args.Length > 0 ? args[0] : AppContext.BaseDirectory, "readings.zip");
WriteArchive(archive);

await using var source = new ZipSource(archive);
await using var sink = new LatestValues();

PipelineResult result = await FilePipeline.From(source)
    .Read(new JsonLines())
    .Transform((ref Reading r) => r is { Channel: "flow", Value: > 50 }
        ? new Defect("more than the pipe can carry") { Found = $"{r.Value}" }
        : null)
    .WriteTo(sink)
    .AfterCommit(batch => Console.WriteLine($"committed: {string.Join(", ", batch.Loaded.Select(file => file.File.Path))}"))
    .RunAsync();

Console.WriteLine(result.Books);
Console.WriteLine(await new OwnLedger(sink).TotalsAsync(source.Name));
foreach (Reading reading in sink.Latest.Values)
    Console.WriteLine(FormattableString.Invariant($"{reading.Logger} {reading.Channel} {reading.Value}"));

static void WriteArchive(string path)
{
    File.Delete(path);
    using ZipArchive zip = ZipFile.Open(path, ZipArchiveMode.Create);
    using var entry = new StreamWriter(zip.CreateEntry("L1.jsonl").Open());
    entry.Write("""
        {"Logger":"L1","Channel":"flow","Time":"2026-01-01T00:00:00+01:00","Value":1.5}
        {"Logger":"L1","Channel":"flow","Time":"2026-01-01T00:15:00+01:00","Value":500}
        {"Logger":"L1","Channel":"pressure","Time":"2026-01-01T00:15:00+01:00","Value":4.2}
        """);
}
