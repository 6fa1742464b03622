using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// A town's files in a folder: what its loggers send (<c>inbox</c>), its nodes and pipes, the leaks that were in it, and a configuration
/// with its area. The same seed gives the same bytes.
/// </summary>
internal sealed class TownFiles
{
    private const int Day = Town.StepsPerDay, Loggers = 6, FirstDay = 16;
    private const double Mean = 100;

    /// <summary>A Wednesday, as the town's first day is.</summary>
    private static readonly DateTime s_start = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static readonly TimeSpan s_step = TimeSpan.FromMinutes(15);

    private readonly int _days, _stepsPerFile;
    private readonly Town _town;

    /// <param name="seed">Chooses the town, its leaks and the noise.</param>
    /// <param name="days">How many days.</param>
    /// <param name="bursts">How many leaks begin after what is usual was learnt. Every third one grows.</param>
    /// <param name="every">What each file of a logger covers.</param>
    public TownFiles(long seed, int days, int bursts, TimeSpan every)
    {
        (_days, _stepsPerFile) = (days, (int)(every / s_step));
        _town = new Town(seed, Loggers, Mean, [.. Enumerable.Range(0, bursts).Select(i => Leak(seed, days, bursts, i))]);
    }

    public int Leaks => _town.Leaks.Count;

    /// <summary>The town as an area.</summary>
    public WatchedArea Area => new("Town", [new InflowPart("M1", "flow")])
    {
        Pressures = [.. _town.LoggerNodes.Select((node, i) =>
            new PressurePoint(Name(i), "pressure", _town.Graph.Nodes[node].Name))],
        Pipes = _town.Graph,
    };

    /// <summary>Writes all of them.</summary>
    /// <returns>How many files are in the inbox.</returns>
    public int Write(string to, CancellationToken cancellationToken)
    {
        string inbox = Directory.CreateDirectory(Path.Combine(to, "inbox")).FullName;
        int files = 0;
        for (int from = 0; from < _days * Day; from += _stepsPerFile)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Write(inbox, "M1", "flow", from, step => _town.Inflow(step));
            for (int i = 0; i < Loggers; i++)
            {
                int logger = i;
                Write(inbox, Name(logger), "pressure", from, step => _town.Pressure(logger, step));
            }
            files += 1 + Loggers;
        }
        PipeGraph graph = _town.Graph;
        File.WriteAllLines(
            Path.Combine(to, "nodes.csv"), ["node,x,y", .. graph.Nodes.Select(node => Line($"{node.Name},{node.X:F1},{node.Y:F1}"))]);
        File.WriteAllLines(
            Path.Combine(to, "pipes.csv"),
            ["pipe,from,to,length", .. graph.Pipes.Select(pipe => Line($"{pipe.Name},{pipe.From},{pipe.To},{pipe.Length:F1}"))]);
        File.WriteAllLines(Path.Combine(to, "leaks.csv"), ["name,start,end,kind,peak,size,pipe", .. _town.Leaks.Select(Label)]);
        File.WriteAllText(Path.Combine(to, "dynamo.json"), Configuration());
        return files;
    }

    /// <summary>Leaks come one after the other, and the last one is not repaired.</summary>
    private static TownLeak Leak(long seed, int days, int bursts, int i)
    {
        double between = (double)(days - FirstDay) / bursts;
        ulong random = SplitMix.Hash((ulong)seed, 501, (ulong)i);
        bool grows = i % 3 == 2;
        int from = (int)((FirstDay + i * between) * Day) + (int)(random % Day);
        int to = i == bursts - 1 ? days * Day : Math.Min(days * Day, from + (int)(between * 0.6 * Day));
        return new TownLeak((int)((random >> 20) % 48), from, to, Mean * (0.15 + (random >> 40) % 16 / 100.0), grows ? (to - from) / 2 : 0);
    }

    private void Write(string inbox, string logger, string channel, int from, Func<int, double> value)
    {
        DateTime start = s_start + s_step * from;
        var text = new StringBuilder("logger,channel,timestamp,value\n");
        for (int step = from; step < Math.Min(from + _stepsPerFile, _days * Day); step++)
            text.Append(Line($"{logger},{channel},{s_start + s_step * step:yyyy-MM-dd'T'HH:mm:ss'Z'},{value(step):F3}\n"));
        string path = Path.Combine(inbox, Line($"{logger}_{start:yyyyMMdd'T'HHmmss}.csv"));
        File.WriteAllText(path, text.ToString());
        File.SetLastWriteTimeUtc(path, start + s_step * _stepsPerFile);
    }

    private string Label(TownLeak leak, int number)
    {
        DateTime At(int step) => s_start + s_step * step;
        string kind = leak.GrowsFor == 0 ? "abrupt" : "incipient";
        return Line($"L{number + 1},{At(leak.From):yyyy-MM-dd HH:mm},{At(leak.To):yyyy-MM-dd HH:mm},{kind},")
            + Line($"{At(leak.From + leak.GrowsFor):yyyy-MM-dd HH:mm},{leak.Size:F1},{_town.Graph.Pipes[leak.Pipe].Name}");
    }

    private string Configuration()
    {
        string pressures = string.Join(",\n", Area.Pressures.Select(point =>
            $$"""        { "logger": "{{point.Logger}}", "node": "{{point.Node}}" }"""));
        return $$"""
            {
              "source": "inbox",
              "sink": "sqlite:readings.db",
              "areas": [
                {
                  "name": "Town",
                  "inflow": [ { "logger": "M1", "channel": "flow" } ],
                  "pressures": [
            {{pressures}}
                  ],
                  "nodes": "nodes.csv",
                  "pipes": "pipes.csv"
                }
              ]
            }

            """;
    }

    private static string Name(int logger) => $"P{logger + 1}";

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
