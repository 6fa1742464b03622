// The first pipeline: the sample inbox into SQLite, with a block that checks every reading and one that looks at what was committed.
using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline;
using Dynamo.Pipeline.Sqlite;

// "inbox" and "readings.db" are beside the built program, or in the folder that is named.
Environment.CurrentDirectory = args.Length > 0 ? args[0] : AppContext.BaseDirectory;
var low = new Dictionary<string, Reading>();

await using var source = new FolderSource("inbox", "*.csv");
await using var sink = new SqliteSink<Reading>("readings.db", ReadingTable.Default);

PipelineResult result = await FilePipeline
    .From(source)
    .Read(new CsvFormat<Reading>(ReadingFormat.Default))
    .Through(o => new TransformBlock<FileRows<Reading>, FileRows<Reading>>(Validate, o))
    .WriteTo(sink, new PipelineOptions { Readers = 4, FilesPerMessage = 100 })
    .AfterCommit(o => new ActionBlock<CommittedBatch<Reading>>(Analyse, o))
    .RunAsync();

Console.WriteLine(result.Books);

foreach (Reading reading in low.Values.OrderBy(r => r.Value).Take(3))
    Console.WriteLine(FormattableString.Invariant($"lowest pressure: {reading.Logger} {reading.Value} bar at {reading.TimestampUtc:u}"));

static FileRows<Reading> Validate(FileRows<Reading> file)
{
    file.Transform(static (ref Reading r) => r is { Channel: "flow", Value: > 50 }
        ? new Defect("the flow is more than the pipe can carry") { Column = "value", Found = $"{r.Value}", Expected = "at most 50 l/s" }
        : null);
    return file;
}

// Gets one batch at a time, so it needs no lock.
void Analyse(CommittedBatch<Reading> batch)
{
    foreach ((FileRows<Reading> file, FileResult verdict) in batch.Files.Zip(batch.Results))
    {
        if (verdict.Outcome != FileOutcome.Loaded) continue;
        foreach (Reading reading in file.Batch.Rows.Where(r => r.Channel == "pressure"))
        {
            if (!low.TryGetValue(reading.Logger, out Reading lowest) || reading.Value < lowest.Value) low[reading.Logger] = reading;
        }
    }
}
