// An analysis that hangs after the commit: BurstWatch [FOLDER]. A generated town's loggers send flow and pressures of 45 days, two mains
// burst, and the places to look at go into map.svg. Your own analysis hangs there in the same way: AfterCommit gets every batch. All is in
// the folder burst-watch, or in the one that is named.
using System.Globalization;
using Dynamo.Pipeline;
using Dynamo.Pipeline.Analysis;
using Dynamo.Pipeline.Host;
using Dynamo.Pipeline.Sqlite;

Environment.CurrentDirectory = Directory.CreateDirectory(args.Length > 0 ? args[0] : "burst-watch").FullName;
var town = new TownFiles(seed: 1, days: 45, bursts: 2, every: TimeSpan.FromDays(1));
int files = town.Write("town", CancellationToken.None);
Console.WriteLine($"{files} files of a town in town/inbox");

await using var source = new FolderSource("town/inbox", "*.csv");
await using var sink = new SqliteSink<Reading>("town.db", ReadingTable.Default);
var store = new SqliteBurstStore("town.db");
await using var watch = new BurstWatch([town.Area], store, Tell);

PipelineResult result = await FilePipeline
    .From(source)
    .Read(new CsvFormat<Reading>(ReadingFormat.Default))
    .WriteTo(sink)
    .AfterCommit(watch.AddAsync)
    .RunAsync();
Console.WriteLine(result.Books);

IReadOnlyList<AreaEvent> events = await store.EventsAsync(null, DateTime.MinValue, CancellationToken.None);
if (events.LastOrDefault(one => one.Places.Count > 0) is { } last)
{
    File.WriteAllText("map.svg", Map(town.Area, last));
    Console.WriteLine($"map.svg shows where to look: first at {last.Places[0].Place.Name}. The leaks that were there: town/leaks.csv");
}

static void Tell(AreaEvent told)
{
    BurstEvent it = told.Event;
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{it.Changed:yyyy-MM-dd HH:mm} {told.Area}: {it.State}, {it.Size:F1} more since {it.Onset:MM-dd HH:mm}"));
}

static string Map(WatchedArea area, AreaEvent told)
{
    PipeGraph pipes = area.Pipes!;
    Dictionary<string, Place> nodes = pipes.Nodes.ToDictionary(node => node.Name);
    Dictionary<string, double> likely = told.Places.ToDictionary(place => place.Place.Name, place => place.Probability);
    double most = likely.Values.Max();
    IEnumerable<string> lines = pipes.Pipes.Select(pipe =>
    {
        (Place from, Place to, double share) = (nodes[pipe.From], nodes[pipe.To], likely.GetValueOrDefault(pipe.Name));
        string color = share > 0 ? "crimson" : "silver";
        return string.Create(CultureInfo.InvariantCulture, $"""
            <line x1="{from.X:F0}" y1="{-from.Y:F0}" x2="{to.X:F0}" y2="{-to.Y:F0}" stroke="{color}" stroke-width="{(share > 0 ? 12 : 4)}"
            opacity="{(share > 0 ? Math.Max(0.3, share / most) : 1):F2}"><title>{pipe.Name} {share:P0}</title></line>
            """);
    });
    IEnumerable<string> loggers = area.Pressures.Select(point => string.Create(CultureInfo.InvariantCulture,
        $"""<circle cx="{nodes[point.Node!].X:F0}" cy="{-nodes[point.Node!].Y:F0}" r="10"><title>{point.Logger}</title></circle>"""));
    double wide = pipes.Nodes.Max(node => node.X), high = pipes.Nodes.Max(node => node.Y);
    return string.Create(CultureInfo.InvariantCulture,
        $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 {-high - 20:F0} {wide + 40:F0} {high + 40:F0}" fill="steelblue">""")
        + string.Concat(lines.Concat(loggers)) + "</svg>";
}
