// A row, a CSV shape and a table of one's own: the same pipeline, with the same ledger, rejects and quarantine.
using Dynamo.Pipeline;
using Dynamo.Pipeline.Sqlite;

// "events" and "pumps.db" are beside the built program, or in the folder that is named.
Environment.CurrentDirectory = args.Length > 0 ? args[0] : AppContext.BaseDirectory;

await using var source = new FolderSource("events", "*.csv");
await using var sink = new SqliteSink<PumpEvent>("pumps.db", PumpEventTable.Map, new SqliteSinkOptions { Duplicates = DuplicatePolicy.Reject });

PipelineResult result = await FilePipeline.From(source).Read(new CsvFormat<PumpEvent>(new PumpEvents())).WriteTo(sink).RunAsync();

Console.WriteLine(result.Books);
foreach (FileResult file in result.Notable)
    Console.WriteLine($"{file.File.Path}: {file.Defect ?? file.Rejects[0]}");
