using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dynamo.Pipeline.Analysis;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests.Analysis;

/// <summary>Areas through the real program: a town is generated, imported, looked at and replayed.</summary>
[CancelAfter(180_000)]
internal sealed class AreaHostTests
{
    private readonly DynamoFolder _folder = new();

    private string Config => _folder["town/dynamo.json"];

    [OneTimeSetUp]
    public async Task MakeTownAsync()
    {
        DynamoResult made = await DynamoProcess.RunAsync(["generate", "--to", "town", "--town", "--days", "45"], _folder.Path);
        Assert.That(made.ExitCode, Is.Zero, made.StandardError);
        DynamoResult check = await RunAsync("check");
        Assert.That(check.StandardOutput, Does.Contain("areas     Town: it learns from 14 days of readings, and there are none yet"));
        Assert.That((await RunAsync("events")).StandardError, Does.Contain("readings.db"), "there is no database yet");
        DynamoResult run = await RunAsync("run");
        Assert.That(run.StandardOutput, Does.Contain("2 events of areas").And.Contain("Town: a burst is confirmed, since 2025-01-31")
            .And.Contain("events --config"), run.StandardError);
    }

    [OneTimeTearDown]
    public void Remove()
    {
        SqliteConnection.ClearAllPools();
        _folder.Dispose();
    }

    [Test]
    public async Task The_same_seed_gives_the_same_town()
    {
        await DynamoProcess.RunAsync(["generate", "--to", "again", "--town", "--days", "45"], _folder.Path);
        string[] files = [.. Directory.EnumerateFiles(_folder["again"], "*", SearchOption.AllDirectories)];
        Assert.Multiple(() =>
        {
            Assert.That(files, Has.Length.EqualTo(319));
            foreach (string file in files)
            {
                string other = file.Replace("/again/", "/town/", StringComparison.Ordinal);
                Assert.That(File.ReadAllText(file), Is.EqualTo(File.ReadAllText(other)));
            }
        });
    }

    [Test]
    public async Task Events_are_shown_chosen_and_written_as_json()
    {
        DynamoResult text = await RunAsync("events"), open = await RunAsync("events", "--open", "--json"),
            none = await RunAsync("events", "--since", "2025-03-01"), misspelt = await RunAsync("events", "--area", "Twon");
        using JsonDocument json = JsonDocument.Parse(open.StandardOutput);
        JsonElement one = json.RootElement.GetProperty("events").EnumerateArray().Single();
        Assert.Multiple(() =>
        {
            Assert.That(text.StandardOutput, Does.StartWith("2 events, 1 open").And.Contain("is repaired").And.Contain("Look first at P"));
            Assert.That(one.GetProperty("state").GetString(), Is.EqualTo("confirmed"));
            Assert.That(one.GetProperty("kind").GetString(), Is.EqualTo("sudden"));
            Assert.That(one.GetProperty("size").GetDouble(), Is.EqualTo(23).Within(3));
            Assert.That(one.GetProperty("places").GetArrayLength(), Is.Positive);
            Assert.That(none.StandardOutput, Does.StartWith("0 events, 0 open"));
            Assert.That(misspelt.ExitCode, Is.EqualTo(2));
        });
    }

    [Test]
    public async Task GeoJson_has_a_line_for_each_pipe_of_the_area_of_interest()
    {
        await RunAsync("events", "--geojson", "e.geojson");
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["e.geojson"]));
        JsonElement[] features = [.. json.RootElement.GetProperty("features").EnumerateArray()];
        Assert.Multiple(() =>
        {
            Assert.That(json.RootElement.GetProperty("type").GetString(), Is.EqualTo("FeatureCollection"));
            Assert.That(features, Is.Not.Empty);
            JsonElement[] shapes = [.. features.Select(one => one.GetProperty("geometry"))];
            Assert.That(shapes.Select(one => one.GetProperty("type").GetString()), Has.All.EqualTo("LineString"));
            Assert.That(shapes.Select(one => one.GetProperty("coordinates").GetArrayLength()), Has.All.EqualTo(2));
            Assert.That(features[0].GetProperty("properties").GetProperty("probability").GetDouble(), Is.InRange(0.01, 1));
        });
    }

    [Test]
    public async Task A_replay_tells_the_events_that_the_import_told_from_the_database_and_from_the_files([Values] bool files)
    {
        string[] more = files ? ["--from-files"] : [];
        DynamoResult replay = await RunAsync(["replay", "--labels", "town/leaks.csv", "--json", "--output", "r.html", .. more]);
        DynamoResult events = await RunAsync("events", "--json");
        using JsonDocument replayed = JsonDocument.Parse(replay.StandardOutput), kept = JsonDocument.Parse(events.StandardOutput);
        JsonElement area = replayed.RootElement.GetProperty("areas")[0];
        string page = await File.ReadAllTextAsync(_folder["r.html"]);
        Assert.Multiple(() =>
        {
            Assert.That(area.GetProperty("events").GetRawText(), Is.EqualTo(kept.RootElement.GetProperty("events").GetRawText()));
            Assert.That((area.GetProperty("leaks").GetInt32(), area.GetProperty("found").GetInt32()), Is.EqualTo((2, 2)));
            Assert.That(area.GetProperty("falseAlarms").GetInt32(), Is.Zero);
            Assert.That(area.GetProperty("labels")[1].GetProperty("delayHours").GetDouble(), Is.InRange(0, 12));
            Assert.That(page, Does.Contain("<b>2 of 2</b>").And.Contain("<svg").And.Not.Contain("http://").And.Not.Contain("https://"));
        });
    }

    [Test]
    public async Task A_replay_says_what_it_lacks()
    {
        File.WriteAllText(_folder["bad.csv"], "start,end\n2025-01-01 00:00,soon\n");
        DynamoResult label = await RunAsync("replay", "--labels", "bad.csv"), area = await RunAsync("replay", "--area", "Twon");
        File.WriteAllText(_folder["none.json"], """{ "source": "inbox", "sink": "sqlite:town/readings.db" }""");
        DynamoResult none = await DynamoProcess.RunAsync(["replay", "--config", "none.json"], _folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(label.StandardError, Does.Contain("--labels: bad.csv: line 2, column end: it is no time; found 'soon'"));
            Assert.That(area.StandardError, Does.Contain("found 'Twon'"));
            Assert.That(none.StandardError, Does.Contain("areas: no areas are set."));
            Assert.That((label.ExitCode, area.ExitCode, none.ExitCode), Is.EqualTo((2, 2, 2)));
        });
    }

    [Test]
    public async Task Check_names_what_an_area_lacks()
    {
        File.WriteAllText(_folder["c.json"], """
            { "source": "town/inbox", "sink": "sqlite:town/readings.db", "areas": [
              { "name": "Typo", "inflow": [ { "logger": "M2" } ] },
              { "name": "Two", "inflow": [ { "logger": "M1" } ],
                "pressures": [ { "logger": "P1", "x": 1, "y": 1 }, { "logger": "P2" } ] } ] }
            """);
        DynamoResult check = await DynamoProcess.RunAsync(["check", "--config", "c.json"], _folder.Path);
        Assert.That(check.StandardOutput, Does.Contain("areas     Typo: no reading of flow of M2")
            .And.Contain("Two: 1 pressure logger with a place")
            .And.Contain("no pressure loggers: it says that something burst, not where"));
    }

    [Test]
    public async Task Files_that_come_into_a_watch_are_looked_at_and_what_was_long_ago_is_told_to_nobody(CancellationToken token)
    {
        using var folder = new DynamoFolder();
        BurstKillTests.Configure(folder);
        List<string> said = [];
        using Process watch = DynamoProcess.Start(["watch", "--config", "d.json"], folder.Path, null, line =>
        {
            lock (said) said.Add(line);
        });
        Reading[][] days = [.. BurstWatchTests.Readings.OrderBy(reading => reading.TimestampUtc).Chunk(5 * 96 * 5)];
        for (int day = 0; day < days.Length; day++)
        {
            folder.Put($"{day:00}.csv", [.. days[day].Select(r =>
                string.Create(CultureInfo.InvariantCulture, $"{r.Logger},{r.Channel},{r.TimestampUtc:yyyy-MM-ddTHH:mm:ssZ},{r.Value:R}"))]);
            await UntilAsync($"SELECT count(*) FROM ImportedFile", day + 1);
        }
        AreaEvent[] expected = await BurstWatchTests.Once;
        await UntilAsync("SELECT count(*) FROM BurstEvent WHERE Told = State", expected.Length);
        DynamoProcess.Terminate(watch);
        await watch.WaitForExitAsync(token);
        var kept = await new SqliteBurstStore(folder["r.db"]).EventsAsync(null, DateTime.MinValue, token);
        Assert.Multiple(() =>
        {
            Assert.That(watch.ExitCode, Is.Zero, string.Join('\n', said));
            Assert.That(kept, Is.EqualTo(expected).Using(new BurstWatchTests.Same()));
            Assert.That(said, Has.None.Contains("is confirmed"), "what was long ago calls nobody");
        });

        async Task UntilAsync(string query, long count)
        {
            while (BurstKillTests.Count(folder, query) != count) await Task.Delay(50, token);
        }
    }

    private Task<DynamoResult> RunAsync(string command, params string[] more) => RunAsync([command, .. more]);

    private Task<DynamoResult> RunAsync(string[] command) =>
        DynamoProcess.RunAsync([command[0], "--config", Config, .. command[1..]], _folder.Path);
}
