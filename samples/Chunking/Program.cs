// Chunking: a chunk with a slow file keeps the files behind it waiting while other readers have nothing to do.
// The published Figure 5, from a measured run: this program draws two pictures.
using System.Text;
using Dynamo.Pipeline;
using Dynamo.Pipeline.Host;

// The files and the pictures go into a folder beside the built program, or into the one given as an argument.
string folder = args.Length > 0 ? args[0] : Path.Join(AppContext.BaseDirectory, "chunking");
string inbox = WriteSkewedFiles(Path.Join(folder, "inbox"));
int readers = Math.Clamp(Environment.ProcessorCount, 2, 4);

await RecordAsync("Warm-up", 50);
Timeline good = await RecordAsync("Small chunks", 20), bad = await RecordAsync("Large chunks", 700);

TimeSpan span = good.Elapsed > bad.Elapsed ? good.Elapsed : bad.Elapsed;
foreach (Timeline timeline in (Timeline[])[good, bad])
{
    string picture = Path.Join(folder, $"chunks-of-{timeline.FilesPerMessage}.svg");
    File.WriteAllText(picture, TimelineFigure.Standalone(timeline, span));
    string busy = FormattableString.Invariant($"busy {timeline.Busy * 100:0} % of {timeline.Elapsed.TotalMilliseconds:0} ms");
    Console.WriteLine(FormattableString.Invariant(
        $"{timeline.Title,-12} of {timeline.FilesPerMessage,3}: {timeline.Lanes.Count} readers, {busy} -> {Path.GetFileName(picture)}"));
}

async Task<Timeline> RecordAsync(string title, int chunk)
{
    var trace = new TraceRecorder();
    await using var source = new FolderSource(inbox, new FolderSourceOptions { SettleTime = TimeSpan.Zero });
    await using var sink = new NullSink<Reading>();
    await FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default))
        .WriteTo(sink, new PipelineOptions { Readers = readers, FilesPerMessage = chunk, Trace = trace })
        .RunAsync();
    return Timeline.Of(title, chunk, trace, readers);
}

// Two thousand files: most are small, a few are the backlogs of loggers that were offline, with a reading for each second.
static string WriteSkewedFiles(string folder)
{
    Directory.CreateDirectory(folder);
    for (int i = 0; i < 2_000; i++)
    {
        var text = new StringBuilder("logger,channel,timestamp,value\n");
        int rows = i % 400 == 333 ? 20_000 : 20;
        for (int row = 0; row < rows; row++)
        {
            DateTime time = new DateTime(2026, 1, 1).AddSeconds(row);
            text.Append(FormattableString.Invariant($"L{i:D5},flow,{time:yyyy-MM-ddTHH:mm:ss}Z,{row % 97 / 8.0}\n"));
        }
        File.WriteAllText(Path.Join(folder, $"L{i:D5}.csv"), text.ToString());
    }
    return folder;
}
