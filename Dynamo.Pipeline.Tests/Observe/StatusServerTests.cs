using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dynamo.Pipeline.Host;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>What the real program serves: to whom, and in an outage.</summary>
[TestFixture, CancelAfter(120_000)]
internal sealed class StatusServerTests
{
    [Test]
    public async Task It_shows_what_came_in_and_no_path_of_the_machine()
    {
        await using var watch = new ObservedWatch();
        await watch.StartAsync();
        watch.LandReadings(20);
        watch.Land("bad.csv", "logger,channel,timestamp,value\nL1,flow,yesterday,1\n");

        JsonElement status = await watch.StatusAsync(now => now.GetProperty("quarantine").GetProperty("count").GetInt32() == 1
            && now.GetProperty("sources")[0].GetProperty("files").GetProperty("loaded").GetInt32() == 20);

        JsonElement source = status.GetProperty("sources")[0];
        Assert.Multiple(() =>
        {
            Assert.That(status.GetProperty("version").GetInt32(), Is.EqualTo(1));
            Assert.That(status.GetProperty("state").GetString(), Is.EqualTo("attention"));
            Assert.That(status.GetProperty("headline").GetString(), Is.EqualTo("1 file is in quarantine."));
            Assert.That(source.GetProperty("name").GetString(), Is.EqualTo("folder inbox"));
            Assert.That(
                source.GetProperty("steps").EnumerateArray().Select(step => step.GetProperty("name").GetString()),
                Is.EqualTo(new[] { "list", "chunk", "read_file", "batch", "write", "complete" }));
            Assert.That(source.GetProperty("hour").GetProperty("files").EnumerateArray().Sum(one => one.GetInt32()), Is.EqualTo(21));
            Assert.That(status.GetProperty("rejects")[0].GetProperty("reason").GetString(), Does.StartWith("timestamp: "));
            Assert.That(status.GetProperty("loggers").GetProperty("known").GetInt32(), Is.EqualTo(20));
            Assert.That(status.ToString(), Does.Not.Contain(watch.Work.Path));
        });
    }

    [Test]
    public async Task What_a_former_process_imported_is_known_after_a_restart()
    {
        await using var watch = new ObservedWatch();
        await watch.StartAsync();
        for (int minute = 0; minute < 75; minute += 15) watch.LandReadings(3, minute);
        watch.Land("bad.csv", "no header of ours\n");
        await watch.StatusAsync(now => now.GetProperty("sources")[0].GetProperty("files").GetProperty("loaded").GetInt32() == 15);
        await watch.StopAsync();

        await watch.StartAsync();
        JsonElement status = await watch.StatusAsync(now => now.GetProperty("loggers").GetProperty("late").GetInt32() == 3);

        JsonElement late = status.GetProperty("loggers").GetProperty("latest")[0];
        DynamoResult asked = await DynamoProcess.RunAsync(
            ["status", "--config", "dynamo.json", "--loggers", "--late", "--json"], watch.Work.Path);
        Assert.Multiple(() =>
        {
            Assert.That(status.GetProperty("quarantine").GetProperty("count").GetInt32(), Is.EqualTo(1));
            Assert.That(late.GetProperty("intervalSeconds").GetInt32(), Is.EqualTo(900));
            Assert.That(late.GetProperty("dueUtc").GetString(), Is.EqualTo("2026-01-01T01:15:00Z"));
            Assert.That(
                JsonDocument.Parse(asked.StandardOutput).RootElement.GetProperty("loggers")[0].ToString(), Is.EqualTo(late.ToString()),
                "the command has the same rule");
        });
    }

    [Test]
    public async Task A_logger_whose_last_reading_is_in_the_future_is_late_by_the_time_of_its_import(CancellationToken token)
    {
        using var work = new ScratchFolder();
        Directory.CreateDirectory(work["inbox"]);
        for (int i = 0; i < 4; i++)
            File.WriteAllText(work[$"inbox/{i}.csv"], $"logger,channel,timestamp,value\nL,flow,2026-01-01T0{i}:00:00Z,1\n");
        File.WriteAllText(work["inbox/wrong.csv"], "logger,channel,timestamp,value\nL,flow,2098-01-01T00:00:00Z,1\n");
        string[] into = ["--source", "inbox", "--sink", "sqlite:r.db"], asks = ["status", "--sink", "sqlite:r.db", "--loggers", "--json"];
        await DynamoProcess.RunAsync(["run", .. into, "--settle", "0"], work.Path, null, token);
        DynamoResult now = await DynamoProcess.RunAsync(asks, work.Path, null, token);
        using (var connection = new SqliteConnection($"Data Source={work["r.db"]};Pooling=False"))
        {
            connection.Open();
            using SqliteCommand earlier = connection.CreateCommand();
            earlier.CommandText = $"UPDATE ImportedFileEntry SET ImportedTicks = ImportedTicks - {TimeSpan.FromHours(3).Ticks}";
            earlier.ExecuteNonQuery();
        }

        DynamoResult later = await DynamoProcess.RunAsync(asks, work.Path, null, token);

        Assert.That((Late(now), Late(later)), Is.EqualTo((false, true)));

        static bool Late(DynamoResult result) =>
            JsonDocument.Parse(result.StandardOutput).RootElement.GetProperty("loggers")[0].GetProperty("late").GetBoolean();
    }

    [Test]
    public async Task Only_this_machine_is_answered_where_there_is_no_token_and_nothing_but_questions()
    {
        await using var watch = new ObservedWatch();
        await watch.StartAsync();

        (HttpStatusCode rebound, _) = await watch.GetAsync("/api/status", request => request.Headers.Host = "evil.example");
        (HttpStatusCode posted, _) = await watch.GetAsync("/api/status", request => request.Method = HttpMethod.Post);
        (HttpStatusCode local, _) = await watch.GetAsync("/", request => request.Headers.Host = "localhost");
        (HttpStatusCode missing, _) = await watch.GetAsync("/../dynamo.json");
        (HttpStatusCode events, _) = await watch.GetAsync("/api/events", request => request.Method = HttpMethod.Head);

        Assert.That((rebound, posted, local, missing, events), Is.EqualTo((HttpStatusCode.MisdirectedRequest,
            HttpStatusCode.MethodNotAllowed, HttpStatusCode.OK, HttpStatusCode.NotFound, HttpStatusCode.OK)));
    }

    [Test]
    public async Task With_a_token_everything_but_health_asks_for_it()
    {
        const string Token = "a-token-of-some-length";
        await using var watch = new ObservedWatch(environment: new Dictionary<string, string?> { ["DYNAMO__OBSERVE__TOKEN"] = Token });
        await watch.StartAsync();

        (HttpStatusCode without, string text) = await watch.GetAsync("/api/status");
        (HttpStatusCode metrics, _) = await watch.GetAsync("/metrics");
        (HttpStatusCode wrong, _) = await watch.GetAsync("/api/status", Bearer("a-token-of-some-lengtH"));
        (HttpStatusCode right, _) = await watch.GetAsync("/api/status", Bearer(Token));
        (HttpStatusCode inAddress, _) = await watch.GetAsync("/api/status?token=" + Token);
        (HttpStatusCode page, string html) = await watch.GetAsync("/?token=" + Token, request =>
            request.Headers.Add("Cookie", $"dynamo-{watch.Port}=the-token-of-before"));

        Assert.Multiple(() =>
        {
            Assert.That((without, metrics, wrong), Is.EqualTo((
                HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)));
            Assert.That(text, Does.Contain("A token is needed").And.Not.Contain(Token));
            Assert.That(inAddress, Is.EqualTo(HttpStatusCode.Unauthorized), "only the page takes it from the address, once");
            Assert.That((right, page), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)));
            Assert.That(html, Does.StartWith("<!doctype html>"), "it is led to the address without the token, with a cookie");
        });

        static Action<HttpRequestMessage> Bearer(string token) =>
            request => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    [Test]
    public async Task A_source_that_is_gone_is_not_ready_and_is_again_when_it_is_back()
    {
        await using var watch = new ObservedWatch(""", "watch": { "sweep": "200ms", "poll": "200ms", "longestPause": "1s" } """);
        await watch.StartAsync();
        Directory.Move(watch.Work["inbox"], watch.Work["away"]);

        JsonElement gone = await watch.StatusAsync(now => now.GetProperty("state").GetString() == "failing");
        (HttpStatusCode ready, _) = await watch.GetAsync("/health/ready");
        (HttpStatusCode live, _) = await watch.GetAsync("/health/live");
        Directory.Move(watch.Work["away"], watch.Work["inbox"]);
        JsonElement back = await watch.StatusAsync(now => now.GetProperty("state").GetString() == "well");

        Assert.Multiple(() =>
        {
            Assert.That((ready, live), Is.EqualTo((HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK)), "an outage is no hang");
            Assert.That(gone.GetProperty("headline").GetString(), Does.Match(@"The folder inbox is away since \d\d:\d\dZ \("));
            Assert.That(gone.ToString(), Does.Not.Contain(watch.Work.Path));
            Assert.That(back.GetProperty("sources")[0].GetProperty("outages")[0].GetProperty("over").GetBoolean());
        });
    }

    [Test]
    public async Task While_its_source_is_away_it_is_not_known_whether_a_logger_is_late(CancellationToken token)
    {
        await using var watch = new ObservedWatch("""
            , "watch": { "sweep": "200ms", "poll": "200ms", "longestPause": "1s" }, "loggers": { "interval": "4s" }
            """);
        await watch.StartAsync();
        DateTime at = DateTime.UtcNow;
        watch.Land("L.csv", $"logger,channel,timestamp,value\nL,flow,{at:yyyy-MM-ddTHH:mm:ss}Z,1\n");
        await watch.StatusAsync(now => now.GetProperty("loggers").GetProperty("known").GetInt32() == 1);
        Directory.Move(watch.Work["inbox"], watch.Work["away"]);

        JsonElement gone = await watch.StatusAsync(now => now.GetProperty("loggers").GetProperty("importLate").GetInt32() == 1);
        DynamoResult asked = await DynamoProcess.RunAsync(
            ["status", "--config", "dynamo.json", "--loggers", "--late"], watch.Work.Path, null, token);
        Directory.Move(watch.Work["away"], watch.Work["inbox"]);
        JsonElement back = await watch.StatusAsync(now => now.GetProperty("loggers").GetProperty("late").GetInt32() == 1);
        await watch.StopAsync();
        DynamoResult stopped = await DynamoProcess.RunAsync(
            ["status", "--config", "dynamo.json", "--loggers", "--late"], watch.Work.Path, null, token);

        Assert.Multiple(() =>
        {
            Assert.That(gone.GetProperty("loggers").GetProperty("late").GetInt32(), Is.Zero);
            Assert.That(gone.GetProperty("state").GetString(), Is.EqualTo("failing"));
            Assert.That(back.GetProperty("loggers").GetProperty("importLate").GetInt32(), Is.Zero);
            Assert.That(asked.StandardOutput, Does.StartWith("1 logger, 0 late, 1 not known: their import is late")
                .And.Match("L .*import late: its source was last seen whole 20").And.Contain("None is known to be late."));
            Assert.That(stopped.StandardOutput, Does.StartWith("1 logger, 1 late\n").And.Contain("LATE since"),
                "it was seen until the stop");
        });
    }

    [Test]
    public async Task It_answers_at_once_while_the_database_is_locked()
    {
        await using var watch = new ObservedWatch();
        await watch.StartAsync();
        watch.LandReadings(1);
        await watch.StatusAsync(now => now.GetProperty("sources")[0].GetProperty("files").GetProperty("loaded").GetInt32() == 1);
        await using (var connection = new SqliteConnection($"Data Source={watch.Work["readings.db"]};Pooling=False"))
        {
            connection.Open();
            using SqliteTransaction locked = connection.BeginTransaction(deferred: false);
            watch.LandReadings(10, 15);
            JsonElement waits = await watch.StatusAsync(now => now.GetProperty("sources")[0].GetProperty("waiting").GetInt32() > 0);
            (HttpStatusCode page, _) = await watch.GetAsync("/");
            (HttpStatusCode metrics, string text) = await watch.GetAsync("/metrics");

            Assert.That((page, metrics), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)));
            Assert.That(text, Does.Match(@"dynamo_files_waiting_ratio|dynamo_files_waiting[^\n]*\} [1-9]"));
            Assert.That(waits.GetProperty("sources")[0].GetProperty("waiting").GetInt32(), Is.Positive);
        }
        await watch.StatusAsync(now => now.GetProperty("sources")[0].GetProperty("files").GetProperty("loaded").GetInt32() == 11);
    }

    [Test, Soak]
    public async Task A_database_that_is_locked_for_long_is_not_ready_and_is_again_afterwards()
    {
        await using var watch = new ObservedWatch();
        await watch.StartAsync();
        watch.LandReadings(1);
        await watch.StatusAsync(now => now.GetProperty("sources")[0].GetProperty("files").GetProperty("loaded").GetInt32() == 1);
        JsonElement away;
        HttpStatusCode ready, live;
        await using (var connection = new SqliteConnection($"Data Source={watch.Work["readings.db"]};Pooling=False"))
        {
            connection.Open();
            using SqliteTransaction locked = connection.BeginTransaction(deferred: false);
            watch.LandReadings(10, 15);
            away = await watch.StatusAsync(now => now.GetProperty("state").GetString() == "failing");
            ((ready, _), (live, _)) = (await watch.GetAsync("/health/ready"), await watch.GetAsync("/health/live"));
        }
        await watch.StatusAsync(now => now.GetProperty("state").GetString() == "well");
        (HttpStatusCode again, _) = await watch.GetAsync("/health/ready");

        Assert.That((ready, live, again), Is.EqualTo((HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK, HttpStatusCode.OK)));
        Assert.That(away.GetProperty("headline").GetString(), Does.StartWith("The database (SQLite readings.db) takes nothing since"));
        Assert.That(away.GetProperty("sources")[0].GetProperty("waitsFor").GetString(), Is.Not.Empty);
    }

    [Test]
    public async Task A_sink_that_hangs_is_not_alive_and_one_that_takes_long_is(CancellationToken token)
    {
        TimeSpan stall = TimeSpan.FromSeconds(1.5);
        var gate = new TaskCompletionSource();
        var board = new StatusBoard("run", new ObserveOptions(), stall, TimeProvider.System);
        SourceBoard source = board.Add(new HostSettings { Source = "inbox" });
        await using var files = new MemorySource(new Dictionary<string, string>
        {
            ["a.csv"] = "logger,channel,timestamp,value\nL,flow,2026-01-01T00:00:00Z,1\n",
        });
        await using var sink = new MemorySink<Reading> { OnWrite = async (_, _) => await gate.Task };
        Task<PipelineResult> run = source.RunAsync(
            FilePipeline.From(files).Read(new CsvFormat<Reading>(ReadingFormat.Default))
                .WriteTo(sink, new PipelineOptions { StallTimeout = stall, StopDeadline = TimeSpan.FromSeconds(1) }), null, token);
        bool wasWell = board.Pulse.IsWell, ended = false;

        for (long began = Stopwatch.GetTimestamp(); board.Pulse.IsWell && !ended; await Task.Delay(20, token))
            ended = run.IsCompleted || Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(30);

        Assert.That((wasWell, board.Pulse.IsWell, ended), Is.EqualTo((true, false, false)), "well, then not, before the run gives up");
        gate.SetResult();
        await ((Task)run).WaitAsync(token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [Test]
    public void Of_two_sources_of_one_name_the_one_that_hangs_is_seen()
    {
        var time = new FakeTimeProvider();
        var board = new StatusBoard("watch", new ObserveOptions(), TimeSpan.FromMinutes(5), time);
        SourceBoard one = board.Add(new HostSettings { Source = "/a/inbox" }), other = board.Add(new HostSettings { Source = "/b/inbox" });
        one.Started();
        other.Started();
        bool[] well = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            one.Report(At(done: 10));
            other.Report(At(done: 9));
            bool isWell = board.Pulse.IsWell && board.IsReady;
            time.Advance(TimeSpan.FromMinutes(6));
            one.Report(At(done: 10));
            return isWell;
        })];

        Assert.That((one.Name, other.Name), Is.EqualTo(("folder inbox", "folder inbox (2)")));
        Assert.That(well, Is.EqualTo(new[] { true, false }));

        static PipelineProgress At(long done) =>
            new(new RunBooks { Listed = 10, Loaded = done }, TimeSpan.Zero, false) { Moves = done };
    }

    [Test]
    public void Of_several_sources_one_that_has_failed_is_the_headline_and_one_that_is_done_is_no_trouble()
    {
        var board = new StatusBoard("run", new ObserveOptions(), TimeSpan.FromMinutes(5), TimeProvider.System);
        board.Add(new HostSettings { Source = "/a/one" }).Ended();
        board.Add(new HostSettings { Source = "/b/two" }).Started();
        bool isReady = board.IsReady;
        board.Add(new HostSettings { Source = "/c my/three" })
            .Failed(new SinkException("x"), "The folder /c my/three of sqlite is full.");
        JsonElement status = JsonDocument.Parse(board.Json()).RootElement;

        Assert.That((isReady, board.IsReady), Is.EqualTo((true, false)));
        Assert.That(status.GetProperty("state").GetString(), Is.EqualTo("failing"));
        Assert.That(status.GetProperty("headline").GetString(), Is.EqualTo("The import of folder three has failed."));
        Assert.That(status.ToString(), Does.Not.Contain("/c my"));
    }

    [Test]
    public async Task What_others_do_to_the_quarantine_and_what_was_streamed_is_read_again(CancellationToken token)
    {
        using var work = new ScratchFolder();
        Directory.CreateDirectory(work["inbox"]);
        File.WriteAllText(work["inbox/bad.csv"], "nothing of ours\n");
        for (int i = 0; i < 4; i++)
            File.WriteAllText(work[$"inbox/{i}.csv"], $"logger,channel,timestamp,value\nL,flow,2026-01-01T0{i}:00:00Z,1\n");
        await DynamoProcess.RunAsync(
            ["run", "--source", "inbox", "--sink", "sqlite:r.db", "--settle", "0"], work.Path, null, token);
        var settings = new HostSettings { Source = work["inbox"], Database = work["r.db"] };
        var time = new FakeTimeProvider();
        var board = new StatusBoard("watch", new ObserveOptions(), TimeSpan.FromMinutes(5), TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(token);
        Task reading = KnownReadings.LoadAsync(settings, board, time, stop.Token);
        await ObservedWatch.UntilAsync(() => Task.FromResult(board.Loggers.Count == 1 && Quarantined() == 1));

        await DynamoProcess.RunAsync(["retry", "--source", "inbox", "--sink", "sqlite:r.db"], work.Path, null, token);
        File.Delete(work["inbox/bad.csv"]);
        File.WriteAllText(work["inbox/4.csv"], "logger,channel,timestamp,value\nM,flow,2026-01-01T09:00:00Z,1\n");
        await DynamoProcess.RunAsync(
            ["run", "--source", "inbox", "--sink", "sqlite:r.db", "--settle", "0"], work.Path, null, token);
        board.Loggers.IsBehind = true;
        await ObservedWatch.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMinutes(1));
            return Task.FromResult(board.Loggers.Count == 2 && Quarantined() == 0);
        });
        await stop.CancelAsync();
        await reading;

        int Quarantined() =>
            JsonDocument.Parse(board.Json()).RootElement.GetProperty("quarantine").GetProperty("count").GetInt32();
    }

    [Test]
    public async Task However_many_hold_connections_open_health_and_metrics_answer(CancellationToken token)
    {
        var options = new ObserveOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) };
        var board = new StatusBoard("watch", options, TimeSpan.FromMinutes(5), TimeProvider.System);
        board.Add(new HostSettings { Source = "inbox" }).Started();
        using Exporters exporters = Exporters.Begin(isServed: true)!;
        await using StatusServer server = StatusServer.Start(board, options, exporters.Metrics!, TextWriter.Null);
        var port = new Uri(server.Address).Port;
        var strangers = new List<TcpClient>();
        try
        {
            for (int i = 0; i < 60; i++) await AskAsync("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
            HttpStatusCode[] streams = [.. await Task.WhenAll(strangers.Select(StatusAsync))];
            for (int i = 0; i < 300; i++) await AskAsync(i % 2 == 0 ? "" : "GET / HTT");

            using var client = new HttpClient { BaseAddress = new Uri(server.Address) };
            HttpStatusCode[] answers = [.. await Task.WhenAll(((string[])["/health/live", "/health/ready", "/metrics", "/api/status"])
                .Select(async path => (await client.GetAsync(path, token)).StatusCode))];

            Assert.That(answers, Is.All.EqualTo(HttpStatusCode.OK));
            Assert.That(streams.GroupBy(one => one).Select(one => (one.Key, one.Count())),
                Is.EquivalentTo(new[] { (HttpStatusCode.OK, 50), (HttpStatusCode.ServiceUnavailable, 10) }));
        }
        finally
        {
            foreach (TcpClient one in strangers) one.Dispose();
        }

        async Task AskAsync(string text)
        {
            var one = new TcpClient();
            strangers.Add(one);
            await one.ConnectAsync(IPAddress.Loopback, port, token);
            await one.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(text), token);
        }

        async Task<HttpStatusCode> StatusAsync(TcpClient one)
        {
            byte[] head = new byte["HTTP/1.1 200".Length];
            await one.GetStream().ReadExactlyAsync(head, token);
            return (HttpStatusCode)int.Parse(head.AsSpan(9), System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    [Test]
    public void However_many_loggers_there_are_an_answer_goes_through_few_of_them()
    {
        var time = new FakeTimeProvider();
        var board = new StatusBoard("watch", new ObserveOptions(), TimeSpan.FromMinutes(5), time);
        DateTime now = time.GetUtcNow().UtcDateTime;
        for (int i = 0; i < LoggerBook.Most; i++)
            board.Loggers.Known($"L{i:D6}", Enumerable.Range(0, 4).Select(back => now.AddHours((i % 2 == 0 ? -1 : -900) - (24 * back))));
        board.LookForLate(now);
        long before = board.Loggers.Looks;

        JsonElement status = JsonDocument.Parse(board.Json()).RootElement;

        Assert.That(board.Loggers.Looks - before, Is.LessThanOrEqualTo(StatusBoard.MostLooks));
        Assert.That(status.GetProperty("loggers").GetProperty("late").GetInt32(), Is.EqualTo(LoggerBook.Most / 2));
    }

    [Test]
    public async Task Prometheus_takes_the_metrics(CancellationToken token)
    {
        await using var watch = new ObservedWatch();
        await watch.StartAsync();
        watch.LandReadings(5);
        await watch.StatusAsync(now => now.GetProperty("sources")[0].GetProperty("files").GetProperty("loaded").GetInt32() == 5);
        File.WriteAllText(watch.Work["metrics.txt"], (await watch.GetAsync("/metrics")).Text);
        await External.RunAsync("sh", "-c", $"promtool check metrics < {watch.Work["metrics.txt"]}");
        int port = LoopbackPort.Next();
        File.WriteAllText(watch.Work["prometheus.yml"], $$"""
            global: { scrape_interval: 1s }
            rule_files: [ "{{Path.Join(Repository.Root, "docs", "prometheus-alerts.yml")}}" ]
            scrape_configs: [ { job_name: dynamo, static_configs: [ { targets: [ "127.0.0.1:{{watch.Port}}" ] } ] } ]
            """);
        using Process server = Process.Start(new ProcessStartInfo("prometheus",
            [$"--config.file={watch.Work["prometheus.yml"]}", $"--storage.tsdb.path={watch.Work["tsdb"]}",
                $"--web.listen-address=127.0.0.1:{port}"])
        { RedirectStandardError = true })!;
        try
        {
            server.BeginErrorReadLine();
            using var client = new HttpClient();
            string answer = "";
            await ObservedWatch.UntilAsync(async () =>
            {
                try
                {
                    answer = await client.GetStringAsync(
                        $"http://127.0.0.1:{port}/api/v1/query?query=dynamo_files_total{{dynamo_outcome=\"loaded\"}}", token);
                }
                catch (HttpRequestException)
                {
                    return false;
                }
                return answer.Contains("\"5\"", StringComparison.Ordinal);
            });
            string rules = await client.GetStringAsync($"http://127.0.0.1:{port}/api/v1/rules", token);
            Assert.That(rules, Does.Contain("DynamoOutage").And.Not.Contain("\"health\":\"err\""));
        }
        finally
        {
            server.Kill();
        }
    }

    [Test]
    public async Task The_documentation_the_alerts_and_the_dashboard_name_the_metrics_that_there_are()
    {
        await using var watch = new ObservedWatch();
        await watch.StartAsync();
        watch.LandReadings(5);
        await watch.StatusAsync(now => now.GetProperty("sources")[0].GetProperty("files").GetProperty("loaded").GetInt32() == 5);

        string metrics = (await watch.GetAsync("/metrics")).Text;

        string[] there = [.. Regex.Matches(metrics, @"^# TYPE (dynamo_\w+) ", RegexOptions.Multiline)
            .Select(match => match.Groups[1].Value)];
        Assert.Multiple(() =>
        {
            Assert.That(Named("docs/observing.md"), Is.EquivalentTo(there));
            Assert.That(Named("docs/prometheus-alerts.yml").Concat(Named("docs/grafana-dashboard.json")).Except(there), Is.Empty);
        });

        static IEnumerable<string> Named(string file) => Regex.Matches(Repository.Read(file), @"\bdynamo_\w+")
            .Select(match => Regex.Replace(match.Value, "_bucket$", ""))
                .Where(name => name is not ("dynamo_of" or "dynamo_to" or "dynamo_step"
                or "dynamo_state" or "dynamo_outcome")).Distinct();
    }

    [Test]
    public async Task Metrics_traces_and_log_go_out_by_otlp()
    {
        using var collector = new HttpListener();
        int port = LoopbackPort.Next();
        collector.Prefixes.Add($"http://127.0.0.1:{port}/");
        collector.Start();
        var got = new System.Collections.Concurrent.ConcurrentDictionary<string, string>();
        Task collecting = Task.Run(async () =>
        {
            while (collector.IsListening)
            {
                HttpListenerContext context = await collector.GetContextAsync();
                using var text = new StreamReader(context.Request.InputStream, System.Text.Encoding.Latin1);
                string body = await text.ReadToEndAsync();
                got.AddOrUpdate(context.Request.Url!.AbsolutePath, body, (_, before) => before + body);
                context.Response.Close();
            }
        });
        await using var watch = new ObservedWatch(environment: new Dictionary<string, string?>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = $"http://127.0.0.1:{port}",
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "500",
            ["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment=test",
        });
        await watch.StartAsync();
        watch.LandReadings(3);

        await ObservedWatch.UntilAsync(() => Task.FromResult(
            Has("/v1/metrics", "dynamo.files") && Has("/v1/traces", "read_file") && Has("/v1/logs", "The run of")));
        await watch.StopAsync();
        collector.Stop();

        Assert.That(got["/v1/metrics"], Does.Contain("deployment.environment").And.Contain("Dynamo.Pipeline"));
        await collecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        bool Has(string path, string text) => got.TryGetValue(path, out string? body) && body.Contains(text, StringComparison.Ordinal);
    }

    [Test]
    public async Task A_run_is_seen_while_it_goes_on_and_its_log_is_json(CancellationToken token)
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder["inbox"]);
        File.WriteAllText(folder["inbox/a.csv"], "logger,channel,timestamp,value\nL,flow,2026-01-01T00:00:00Z,1\n");
        File.WriteAllText(folder["inbox/b.csv"], "nothing\n");
        string[] arguments = ["run", "--source", "inbox", "--sink", "sqlite:r.db", "--settle", "0", "--listen", $"{LoopbackPort.Next()}",
            "--log", "json"];

        DynamoResult result = await DynamoProcess.RunAsync(arguments, folder.Path, null, token);

        string[] lines = [.. result.StandardError.Split('\n').Where(line => line.StartsWith('{'))];
        string?[] events = [.. lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("event").GetString())];
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(1));
            Assert.That(result.StandardError, Does.Contain("The status page: http://127.0.0.1:"));
            Assert.That(events, Is.EqualTo(new[] { "Began", "Quarantined", "Ended" }));
            Assert.That(JsonDocument.Parse(lines[1]).RootElement.GetProperty("file").GetString(), Is.EqualTo("b.csv"));
        });
    }

    [Test]
    public async Task Under_systemd_lines_begin_with_the_priority_of_the_journal(CancellationToken token)
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder["inbox"]);
        File.WriteAllText(folder["inbox/b.csv"], "nothing\n");
        string[] arguments = ["run", "--source", "inbox", "--sink", "sqlite:r.db", "--settle", "0", "--log", "text", "--log-level",
            "warning"];

        DynamoResult result = await DynamoProcess.RunAsync(
            arguments, folder.Path, new Dictionary<string, string?> { ["JOURNAL_STREAM"] = "8:1" }, token);

        Assert.That(result.StandardError.Split('\n').Where(line => line.StartsWith('<')), Is.EqualTo(new[]
        {
            result.StandardError.Split('\n').First(line => line.StartsWith("<4>In quarantine: b.csv", StringComparison.Ordinal)),
        }));
    }
}
