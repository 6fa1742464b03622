// Your own row: its columns, its table, and the same ledger, rejects and quarantine as for readings.
using Dynamo.Pipeline;
using Dynamo.Pipeline.Sqlite;

// "events" and "pumps.db" are beside the built program, or in the folder given as an argument.
Environment.CurrentDirectory = args.Length > 0 ? args[0] : AppContext.BaseDirectory;

// The key decides which row is the same row, sent again.
RowMap<PumpEvent> table = RowMap<PumpEvent>.Table("PumpEvent").Key("Pump", e => e.Pump).Key("AtUtc", e => e.AtUtc)
    .Column("IsOn", e => e.On).Column("Kilowatt", e => e.Kilowatt);
var format = new CsvFormat<PumpEvent>(["pump", "at", "state", "kW"], Parse, new CsvText { Separator = ';' });

await using var source = new FolderSource("events", "*.csv");
await using var sink = new SqliteSink<PumpEvent>("pumps.db", table);
PipelineResult result = await FilePipeline.From(source).Read(format).WriteTo(sink).RunAsync();

Console.WriteLine(result.Books);
foreach (FileResult file in result.Notable)
    Console.WriteLine($"{file.File.Path}: {file.Defect ?? file.Rejects[0]}");

// The numbers are places in the list of columns. The first field that cannot be read says why its line is rejected.
static Defect? Parse(in CsvRecord line, out PumpEvent row)
{
    row = line.TryName(0, out string? pump, out Defect? defect)
        && line.TryTimestamp(1, out DateTime at, out defect)
        && line.TryBoolean(2, out bool isOn, out defect)
        && line.TryDoubleOrNull(3, out double? kilowatt, out defect) ? new PumpEvent(pump, at, isOn, kilowatt) : default;
    return defect;
}

internal readonly record struct PumpEvent(string Pump, DateTime AtUtc, bool On, double? Kilowatt);
