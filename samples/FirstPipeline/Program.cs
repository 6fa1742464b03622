// The first pipeline: the sample inbox into SQLite, with a function that checks every reading and one that looks at what was committed.
using Dynamo.Pipeline;
using Dynamo.Pipeline.Sqlite;

// "inbox" and "readings.db" are beside the built program, or in the folder given as an argument.
Environment.CurrentDirectory = args.Length > 0 ? args[0] : AppContext.BaseDirectory;

await using var source = new FolderSource("inbox", "*.csv");
await using var sink = new SqliteSink<Reading>("readings.db", ReadingTable.Default);
var low = new Dictionary<string, Reading>();

PipelineResult result = await FilePipeline
    .From(source)
    .Read(new CsvFormat<Reading>(ReadingFormat.Default))
    .Transform(Validate)
    .WriteTo(sink, new PipelineOptions { Readers = 4, FilesPerMessage = 100 })
    .AfterCommit(Analyse)
    .RunAsync();

Console.WriteLine(result.Books);
foreach (Reading reading in low.Values.OrderBy(r => r.Value).Take(3))
    Console.WriteLine($"lowest pressure: {reading.Logger} {reading.Value:F3} bar at {reading.TimestampUtc:u}");
// Files that went into quarantine, and rows that were rejected, each with its reason.
foreach (FileResult file in result.Notable.Take(5))
    Console.WriteLine($"{file.File.Path}: {file.Defect ?? (file.Rejects is [var first, ..] ? first : null)}");

// A row that is wrong is rejected, with its file and line; the rest of the file is loaded.
static Defect? Validate(ref Reading r) => r is { Channel: "flow", Value: > 50 }
    ? new Defect("the flow is more than the pipe can carry") { Column = "value", Found = $"{r.Value}", Expected = "at most 50 l/s" }
    : null;

// Gets one committed batch at a time, so it needs no lock.
void Analyse(CommittedBatch<Reading> batch)
{
    foreach (Reading reading in batch.Loaded.SelectMany(file => file.Batch.Rows).Where(r => r.Channel == "pressure"))
    {
        if (!low.TryGetValue(reading.Logger, out Reading lowest) || reading.Value < lowest.Value) low[reading.Logger] = reading;
    }
}
