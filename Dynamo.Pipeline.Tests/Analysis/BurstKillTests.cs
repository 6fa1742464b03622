using System.Diagnostics;
using System.Globalization;
using Dynamo.Pipeline.Analysis;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests.Analysis;

/// <summary>The real <c>dynamo watch</c> looks after an area, and is killed again and again.</summary>
[CancelAfter(300_000), Soak]
internal sealed class BurstKillTests
{
    [Test]
    public async Task Killed_at_any_instant_it_keeps_the_events_that_an_undisturbed_one_keeps_and_tells_each(CancellationToken token)
    {
        using var folder = new DynamoFolder();
        var random = new Random(Environment.TickCount);
        TestContext.Out.WriteLine(Configure(folder));
        List<string> said = [];
        int kills = 0, number = 0, begun = 0;
        Process watch = Start();
        foreach (Reading[] hours in BurstWatchTests.Readings.OrderBy(reading => reading.TimestampUtc).Chunk(5 * 24))
        {
            foreach (IGrouping<string, Reading> file in hours.GroupBy(reading => reading.Logger))
            {
                folder.Put($"{file.Key}_{number++:00000}.csv", [.. file.Select(r => string.Create(
                    CultureInfo.InvariantCulture, $"{r.Logger},{r.Channel},{r.TimestampUtc:yyyy-MM-ddTHH:mm:ssZ},{r.Value:R}"))]);
            }
            if (random.Next(12) != 0) continue;
            await Task.Delay(random.Next(1500), token);
            watch.Kill();
            await watch.WaitForExitAsync(token);
            kills++;
            watch = Start();
        }
        await UntilAsync(() => Count(folder, "SELECT count(*) FROM ImportedFile") == number, token);
        AreaEvent[] expected = await BurstWatchTests.Once;
        await UntilAsync(() => Count(folder, "SELECT count(*) FROM BurstEvent WHERE Told = State") == expected.Length, token);
        // One that has only just begun does not listen to signals yet.
        await UntilAsync(() => HasStarted(), token);
        DynamoProcess.Terminate(watch);
        await watch.WaitForExitAsync(token);

        IReadOnlyList<AreaEvent> events = await new SqliteBurstStore(folder["r.db"]).EventsAsync(null, DateTime.MinValue, token);
        TestContext.Out.WriteLine($"{number} files, {kills} kills");
        Assert.Multiple(() =>
        {
            Assert.That(watch.ExitCode, Is.Zero);
            Assert.That(events, Is.EqualTo(expected).Using(new BurstWatchTests.Same()));
            foreach (AreaEvent one in expected)
            {
                lock (said)
                {
                    Assert.That(said, Has.Some.Contains("\"event\":\"burst\"").And.Contains(
                        one.Event.Detected.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture)));
                }
            }
        });

        Process Start()
        {
            lock (said) begun = said.Count;
            return DynamoProcess.Start(["watch", "--config", "d.json", "--json"], folder.Path, null, line =>
            {
                lock (said) said.Add(line);
            });
        }

        bool HasStarted()
        {
            lock (said) return said.Skip(begun).Any(line => line.Contains("\"event\":\"started\""));
        }
    }

    /// <summary>The area of <see cref="BurstWatchTests"/> in a configuration, with the files of its pipes.</summary>
    internal static string Configure(DynamoFolder folder)
    {
        WatchedArea area = BurstWatchTests.Area;
        File.WriteAllLines(folder["nodes.csv"], ["node,x,y", .. area.Pipes!.Nodes.Select(node =>
            string.Create(CultureInfo.InvariantCulture, $"{node.Name},{node.X:R},{node.Y:R}"))]);
        File.WriteAllLines(folder["pipes.csv"], ["pipe,from,to,length", .. area.Pipes.Pipes.Select(pipe =>
            string.Create(CultureInfo.InvariantCulture, $"{pipe.Name},{pipe.From},{pipe.To},{pipe.Length:R}"))]);
        string pressures = string.Join(", ", area.Pressures.Select(
            point => $$"""{ "logger": "{{point.Logger}}", "node": "{{point.Node}}" }"""));
        string text = $$"""
            {
              "source": "inbox", "sink": "sqlite:r.db", "watch": { "poll": "200ms" },
              "areas": [ {
                "name": "{{area.Name}}", "inflow": [ { "logger": "M" } ], "pressures": [ {{pressures}} ],
                "nodes": "nodes.csv", "pipes": "pipes.csv"
              } ]
            }
            """;
        File.WriteAllText(folder["d.json"], text);
        return text;
    }

    internal static long Count(DynamoFolder folder, string query)
    {
        try
        {
            using var db = new SqliteConnection($"Data Source={folder["r.db"]};Mode=ReadOnly;Default Timeout=10");
            db.Open();
            using SqliteCommand command = db.CreateCommand();
            command.CommandText = query;
            return (long)command.ExecuteScalar()!;
        }
        catch (SqliteException)
        {
            return -1;
        }
    }

    private static async Task UntilAsync(Func<bool> isTrue, CancellationToken token)
    {
        while (!isTrue()) await Task.Delay(50, token);
    }
}
