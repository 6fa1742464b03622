using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Dynamo.Pipeline.Host;
using Dynamo.Pipeline.Tests.Analysis;

namespace Dynamo.Pipeline.Tests;

/// <summary>Word that goes out, to a real server that is down at first, and to a program.</summary>
[TestFixture, CancelAfter(120_000)]
internal sealed class NoticesTests
{
    [Test]
    public async Task A_server_that_is_down_at_first_gets_each_notice_once_also_those_of_a_process_that_was_killed()
    {
        int port = LoopbackPort.Next();
        await using var watch = new ObservedWatch($$"""
            , "notify": { "url": "http://127.0.0.1:{{port}}/hook", "spool": "notices" }
            , "watch": { "sweep": "200ms", "poll": "200ms", "longestPause": "1s" }
            """);
        await watch.StartAsync();
        for (int i = 0; i < 30; i++) watch.Land($"bad{i}.csv", "nothing\n");
        await ObservedWatch.UntilAsync(() => Task.FromResult(Spooled(watch) == 1));
        await watch.KillAsync();

        using var server = new Hook(port);
        await watch.StartAsync();
        await ObservedWatch.UntilAsync(() => Task.FromResult(server.Got.Count == 1));
        Directory.Move(watch.Work["inbox"], watch.Work["away"]);
        await ObservedWatch.UntilAsync(() => Task.FromResult(server.Got.Count == 2));
        Directory.Move(watch.Work["away"], watch.Work["inbox"]);
        await ObservedWatch.UntilAsync(() => Task.FromResult(server.Got.Count == 3));
        await ObservedWatch.UntilAsync(() => Task.FromResult(Spooled(watch) == 0));
        await watch.StopAsync();

        JsonElement[] got = [.. server.Got.Select(text => JsonDocument.Parse(text).RootElement)];
        Assert.Multiple(() =>
        {
            Assert.That(got.Select(one => one.GetProperty("kind").GetString()), Is.EqualTo(new[] { "quarantine", "outage", "recovery" }));
            Assert.That(got[0].GetProperty("count").GetInt32(), Is.EqualTo(30), "what belongs together is one notice");
            Assert.That(got[1].GetProperty("of").GetString(), Is.EqualTo("folder inbox"));
            Assert.That(got.Select(one => one.GetProperty("id").GetString()), Is.Unique);
            Assert.That(string.Concat(server.Got), Does.Not.Contain(watch.Work.Path));
        });
    }

    [Test]
    public async Task A_burst_of_today_is_told_and_none_of_long_ago()
    {
        int port = LoopbackPort.Next();
        await using var watch = new ObservedWatch($$"""
            , "notify": { "url": "http://127.0.0.1:{{port}}/hook", "spool": "notices" }
            , "areas": [ { "name": "North", "inflow": [ { "logger": "M" } ] } ]
            """);
        using var server = new Hook(port);
        // The second burst begins on the 31st day, which is yesterday; the first one was ten days before.
        Reading[] until = [.. BurstWatchTests.Readings.Where(reading => reading.TimestampUtc < new DateTime(2025, 2, 1, 6, 0, 0))];
        TimeSpan shift = TimeSpan.FromDays(7 * (int)((DateTime.UtcNow - until.Max(reading => reading.TimestampUtc)).TotalDays / 7));
        TimeSpan rest = DateTime.UtcNow - until.Max(reading => reading.TimestampUtc) - shift;
        shift += TimeSpan.FromMinutes(15 * (int)(rest / TimeSpan.FromMinutes(15)));
        await watch.StartAsync();
        IEnumerable<Reading> inflow = until.Where(reading => reading.Logger == "M");
        watch.Land("a.csv", "logger,channel,timestamp,value\n" + string.Concat(inflow.Select(reading =>
            FormattableString.Invariant($"M,flow,{reading.TimestampUtc + shift:yyyy-MM-ddTHH:mm:ssZ},{reading.Value:R}\n"))));

        await ObservedWatch.UntilAsync(() => Task.FromResult(server.Got.Any(text => text.Contains("\"kind\":\"burst\""))));
        await watch.StopAsync();

        JsonElement notice = JsonDocument.Parse(server.Got.First(text => text.Contains("\"kind\":\"burst\""))).RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(notice.GetProperty("message").GetString(), Does.StartWith("North: a burst is "));
            Assert.That(notice.GetProperty("area").GetString(), Is.EqualTo("North"));
            Assert.That(DateTime.UtcNow - notice.GetProperty("onsetUtc").GetDateTime(), Is.LessThan(TimeSpan.FromDays(3)));
            Assert.That(server.Got.Where(text => text.Contains("\"repaired\"")), Is.Empty, "that was long ago");
        });
    }

    [Test]
    public async Task A_program_gets_the_json_on_stdin_and_is_tried_again_until_it_succeeds()
    {
        await using var watch = new ObservedWatch(
            """
            , "notify": {
                "command": ["sh", "-c", "test -e tries || { touch tries; exit 1; }; cat >> got.txt; env >> env.txt"], "spool": "notices"
            }
            """,
            new Dictionary<string, string?> { ["DYNAMO__SFTP__PASSWORD"] = "hunter2" });
        // What somebody else put into the folder is neither sent nor in the way.
        Directory.CreateDirectory(watch.Work["notices"]);
        File.WriteAllText(watch.Work["secret"], "S3cret");
        File.CreateSymbolicLink(watch.Work["notices/0.command.json"], watch.Work["secret"]);
        File.CreateSymbolicLink(watch.Work["notices/1.command.json"], watch.Work["nowhere"]);
        await watch.StartAsync();
        watch.Land("bad.csv", "nothing\n");

        await ObservedWatch.UntilAsync(() => Task.FromResult(File.Exists(watch.Work["env.txt"])));
        await watch.StopAsync();

        JsonElement notice = JsonDocument.Parse(File.ReadAllText(watch.Work["got.txt"])).RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(File.Exists(watch.Work["tries"]));
            Assert.That(notice.GetProperty("kind").GetString(), Is.EqualTo("quarantine"));
            Assert.That(notice.GetProperty("files")[0].GetProperty("file").GetString(), Is.EqualTo("bad.csv"));
            Assert.That(File.ReadAllText(watch.Work["env.txt"]), Does.Not.Contain("hunter2"));
            Assert.That(Spooled(watch), Is.EqualTo(2), "those of somebody else");
        });
    }

    [Test]
    public async Task A_notice_that_the_server_does_not_want_holds_up_no_other()
    {
        int port = LoopbackPort.Next();
        await using var watch = new ObservedWatch($$"""
            , "notify": { "url": "http://127.0.0.1:{{port}}/hook", "spool": "notices" }
            , "watch": { "sweep": "200ms", "poll": "200ms", "longestPause": "1s" }
            """);
        using var server = new Hook(port, text => text.Contains("\"quarantine\"", StringComparison.Ordinal) ? 413 : 200);
        await watch.StartAsync();
        watch.Land("bad.csv", "nothing\n");
        await ObservedWatch.UntilAsync(() => Task.FromResult(server.Got.Count == 1));
        Directory.Move(watch.Work["inbox"], watch.Work["away"]);
        await ObservedWatch.UntilAsync(() => Task.FromResult(server.Got.Count == 2 && Spooled(watch) == 0));
        await watch.StopAsync();

        Assert.That(server.Got.Last(), Does.Contain("\"outage\""));
    }

    [Test, Soak]
    public async Task What_is_late_is_told_once_also_by_a_process_that_was_killed_and_started_again(CancellationToken token)
    {
        int port = LoopbackPort.Next();
        await using var watch = new ObservedWatch(
            $$""", "notify": { "url": "http://127.0.0.1:{{port}}/hook", "spool": "notices" } """);
        using var server = new Hook(port);
        await DeliverAsync("L1");
        await watch.StartAsync();
        await ObservedWatch.UntilAsync(() => Task.FromResult(server.Got.Count == 1 && Spooled(watch) == 0));
        await watch.KillAsync();
        await DeliverAsync("L2");
        await watch.StartAsync();
        await ObservedWatch.UntilAsync(() => Task.FromResult(server.Got.Count == 2 && Spooled(watch) == 0));
        await watch.StopAsync();

        string[][] told = [.. server.Got.Select(text => JsonDocument.Parse(text).RootElement.GetProperty("loggers").EnumerateArray()
            .Select(logger => logger.GetProperty("logger").GetString()!).ToArray())];
        Assert.That(told, Is.EqualTo(new string[][] { ["L1"], ["L2"] }));

        Task DeliverAsync(string logger)
        {
            for (int hour = 0; hour < 5; hour++)
                watch.Land($"{logger}_{hour}.csv", $"logger,channel,timestamp,value\n{logger},flow,2026-01-01T0{hour}:00:00Z,1\n");
            return DynamoProcess.RunAsync(["run", "--config", "dynamo.json"], watch.Work.Path,
                new Dictionary<string, string?> { ["DYNAMO__OBSERVE__LISTEN"] = $"{LoopbackPort.Next()}" }, token);
        }
    }

    [Test]
    public void Over_restarts_a_logger_is_told_when_it_becomes_late_and_when_it_delivers_and_at_no_other_time()
    {
        using var folder = new ScratchFolder();
        DateTime now = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var known = new Dictionary<string, LoggerState>();
        var steps = new List<(string Newly, string Again)>();
        string[] hostile = ["a", "\"],\u202e<b>"];
        foreach (string name in hostile) known[name] = new LoggerState(name, now, TimeSpan.FromHours(1));

        Look(isKilled: false, hostile);
        Look(isKilled: true, hostile);
        Look(isKilled: false, "a");
        Look(isKilled: false, hostile);
        known.Remove("a");
        Look(isKilled: true);
        File.WriteAllText(folder["late-loggers.told"], "{\"loggers\":[1,{}]}");
        known.Clear();
        known["c"] = new LoggerState("c", now, null);
        Look(isKilled: false, "c");

        string others = string.Join("|", hostile.Skip(1));
        Assert.That(steps, Is.EqualTo(new[]
        {
            (string.Join("|", hostile), ""), ("", ""), ("", others), (others, ""), ("", others), ("c", ""),
        }));

        void Look(bool isKilled, params string[] late)
        {
            var told = new ToldLate(folder.Path);
            (LoggerState[] newly, LoggerState[] again) = told.Take(
                [.. late.Select(name => known[name])], name => known.TryGetValue(name, out LoggerState one) ? one : null);
            steps.Add((string.Join("|", newly.Select(one => one.Name)), string.Join("|", again.Select(one => one.Name))));
            if (!isKilled) Assert.That(told.Keep(), Is.Null);
        }
    }

    private static int Spooled(ObservedWatch watch) => Directory.GetFiles(watch.Work["notices"], "*.json").Length;

    private sealed class Hook : IDisposable
    {
        private readonly HttpListener _listener = new();

        public Hook(int port, Func<string, int>? answer = null)
        {
            _listener.Prefixes.Add($"http://127.0.0.1:{port}/");
            _listener.Start();
            _ = Task.Run(async () =>
            {
                while (_listener.IsListening)
                {
                    HttpListenerContext context = await _listener.GetContextAsync();
                    using var text = new StreamReader(context.Request.InputStream);
                    string got = await text.ReadToEndAsync();
                    context.Response.StatusCode = answer?.Invoke(got) ?? 200;
                    context.Response.Close();
                    Got.Enqueue(got);
                }
            });
        }

        public ConcurrentQueue<string> Got { get; } = new();

        public void Dispose() => _listener.Close();
    }
}
