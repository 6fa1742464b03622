// An inbox that is fed live: LiveInbox [FOLDER [SECONDS]]. Ten times a second each of ten loggers sends a file, and the pressure of one is
// shown as it arrives. The inbox is live-inbox, the database live.db, both in the folder.
using System.Globalization;
using Dynamo.Pipeline;
using Dynamo.Pipeline.Sqlite;

if (args.Length > 0) Environment.CurrentDirectory = args[0];
double seconds = args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 30;
Directory.CreateDirectory("live-inbox");
Directory.CreateDirectory("live-uploads");
using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
Console.CancelKeyPress += (_, pressed) => (pressed.Cancel, _) = (true, stop.CancelAsync());
CancellationToken stopping = stop.Token;

await using var source = new FolderSource("live-inbox", new FolderSourceOptions { AfterCommit = AfterCommit.Archive });
await using var sink = new SqliteSink<Reading>("live.db", ReadingTable.Default);
Task sending = Task.Run(SendAsync);

PipelineResult result = await FilePipeline
    .From(source)
    .Read(new CsvFormat<Reading>(ReadingFormat.Default))
    .WriteTo(sink)
    .AfterCommit(Show)
    .WatchAsync(new WatchOptions { LongestWave = TimeSpan.FromSeconds(5) }, new Told(), cancellationToken: stopping);

await sending;
Console.WriteLine(result.Books);

static void Show(CommittedBatch<Reading> batch)
{
    foreach (Reading reading in batch.Loaded.SelectMany(file => file.Batch.Rows).Where(r => r is { Logger: "L0", Channel: "pressure" }))
    {
        TimeSpan ago = DateTime.UtcNow - reading.TimestampUtc;
        Console.WriteLine($"{reading.TimestampUtc:HH:mm:ss} {reading.Value:F2} bar, {ago.TotalMilliseconds:F0} ms ago");
    }
}

// As a server does that receives uploads: a file is written elsewhere and renamed in.
async Task SendAsync()
{
    for (int tick = 0; !stopping.IsCancellationRequested; tick++)
    {
        string now = $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ}";
        for (int i = 0; i < 10; i++)
        {
            string name = $"L{i}_{tick:D6}.csv", upload = Path.Combine("live-uploads", name);
            string pressure = FormattableString.Invariant($"{4 + Math.Sin((tick + i) / 20.0):F3}");
            await File.WriteAllTextAsync(upload, $"logger,channel,timestamp,value\nL{i},pressure,{now},{pressure}\n");
            File.Move(upload, Path.Combine("live-inbox", name), overwrite: true);
        }
        await Task.Delay(100, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

/// <summary>Prints waves and outages as they come.</summary>
internal sealed class Told : IProgress<WatchEvent>
{
    public void Report(WatchEvent value) => Console.WriteLine(value);
}
