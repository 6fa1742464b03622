using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>Dispatchers and workers as processes, with a real broker.</summary>
[TestFixture, CancelAfter(300_000), Order(1)]
internal sealed class ScaleOutTests
{
    [Test]
    public async Task Files_of_a_folder_go_through_three_workers_once(CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        var files = new LoggerFiles(new GenerateOptions { To = host.Inbox, Loggers = 40, Steps = 30, Seed = 18, Bad = 0.01 });
        files.Write(cancellationToken: token);
        var oracle = new ImportOracle(files);
        Process dispatcher = host.Dispatcher();
        Process[] workers = [host.Worker(), host.Worker(), host.Worker()];

        await host.UntilAsync(() => host.Imported == 1_200, "all files are in the ledger", token);
        await ScaleOutHost.StopAsync(dispatcher, token);
        foreach (Process worker in workers) await ScaleOutHost.StopAsync(worker, token);

        oracle.AssertLoaded(host.Database.Readings(), host.Database.Ledger(), "over a queue");
        var runs = host.Runs();
        Assert.Multiple(() =>
        {
            Assert.That(dispatcher.ExitCode, Is.Zero, string.Join('\n', host.Said));
            Assert.That(workers.Select(worker => worker.ExitCode), Is.All.Zero, string.Join('\n', host.Said));
            Assert.That(runs[0].PartOf, Is.Null);
            Assert.That(runs[0].Listed, Is.EqualTo(1_200));
            Assert.That(runs[0].Loaded + runs[0].Quarantined, Is.EqualTo(1_200));
            Assert.That(runs.Skip(1).Select(run => run.PartOf), Is.All.EqualTo(runs[0].RunId));
            Assert.That(runs.Skip(1).Sum(run => run.Loaded), Is.EqualTo(runs[0].Loaded));
        });
    }

    [Test, Soak]
    public async Task All_27_000_files_of_a_server_go_through_three_workers_once(CancellationToken token)
    {
        Sshd.Require();
        await using var host = new ScaleOutHost();
        using var sshd = new Sshd(host.Work.Path);
        var files = new LoggerFiles(new GenerateOptions { To = host.Inbox, Loggers = 500, Steps = 54, Seed = 11, Bad = 0.005 });
        files.Write(cancellationToken: token);
        var oracle = new ImportOracle(files);
        host.Source = sshd.Arguments(host.Inbox);
        Process dispatcher = host.Dispatcher();
        Process[] workers = [host.Worker(), host.Worker(), host.Worker()];

        await host.UntilAsync(() => host.Imported == 27_000, "all files are in the ledger", token);
        await host.UntilAsync(() => !Directory.EnumerateFiles(host.Inbox).Any(), "all files are taken away", token);
        await ScaleOutHost.StopAsync(dispatcher, token);
        foreach (Process worker in workers) await ScaleOutHost.StopAsync(worker, token);

        oracle.AssertLoaded(host.Database.Readings(), host.Database.Ledger(), "from sshd over a queue into SQL Server");
        oracle.AssertSettled(host.Inbox, "from sshd over a queue");
        JsonElement books = host.Stopped();
        var runs = host.Runs();
        Assert.Multiple(() =>
        {
            Assert.That(books.GetProperty("files").GetProperty("listed").GetInt64(), Is.EqualTo(27_000), string.Join('\n', host.Said));
            Assert.That(runs[0].Loaded + runs[0].AlreadyLoaded + runs[0].Quarantined + runs[0].Deferred, Is.EqualTo(27_000));
            Assert.That(runs.Skip(1).Count(run => run.Loaded > 0), Is.EqualTo(3), "each worker took a part");
            Assert.That(runs.Skip(1).Sum(run => run.Loaded), Is.EqualTo(runs[0].Loaded));
        });
    }

    [Test, Soak, Platform("Linux")]
    public async Task A_file_that_kills_its_workers_is_found_among_others_and_put_aside(CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        string library = await FaultLibrary.RequireAsync(), plan = host.Work["plan"];
        File.WriteAllText(plan, $"root {host.Work.Path}\nopen inbox/f0000007.csv 1 1000000 die\n");
        host.Variables["DYNAMO__QUEUE__DELIVERYLIMIT"] = "2";
        Dictionary<string, string?> killed = new() { ["LD_PRELOAD"] = library, ["FAULTS_PLAN"] = plan };
        Process dispatcher = host.Dispatcher();
        host.Land(0, 30);
        int starts = 0;
        using var done = CancellationTokenSource.CreateLinkedTokenSource(token);
        Task[] managers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            // As a service manager does: a worker that ends is started again.
            while (!done.IsCancellationRequested)
            {
                Process worker = host.Begin(
                    ["work", .. host.Source, "--sink", "sqlserver", "--after", "archive", "--quiet"], killed);
                Interlocked.Increment(ref starts);
                await worker.WaitForExitAsync(done.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }, token))];

        await host.UntilAsync(() => host.Imported == 30 && !Directory.EnumerateFiles(host.Inbox).Any(), "all have an outcome", token);
        await done.CancelAsync();
        await Task.WhenAll(managers);

        Assert.Multiple(() =>
        {
            Assert.That(
                host.Database.Ledger().Where(file => file.Outcome != "loaded"), Is.EqualTo(new[] { ("f0000007.csv", "quarantined") }));
            Assert.That(host.Database.Readings(), Has.Count.EqualTo(29));
            Assert.That(
                host.Database.Scalar<string>($"SELECT Reason FROM {host.Database.Options.LedgerTable} WHERE Outcome = 'quarantined'"),
                Does.Contain("it ended its worker 2 times").And.Contain("not heard of again"));
            Assert.That(File.Exists(Path.Join(host.Inbox, "quarantine", "f0000007.csv")));
            Assert.That(starts, Is.InRange(2 + 4, 2 + 6), "two of its chunk and two of itself end a worker, and hardly more");
        });
    }

    /// <summary>The page's user, permissions and configuration, with the addresses of the test.</summary>
    [Test]
    public async Task Its_page_leads_from_nothing_to_three_workers(CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        (string Language, string Text)[] blocks = [.. Repository.Blocks("docs/scale-out.md").Select(block => (block.Language, block.Text))];
        foreach (string line in blocks.SelectMany(block => block.Text.Split('\n'))
            .Where(line => line.StartsWith("rabbitmqctl ", StringComparison.Ordinal)))
            host.Broker.Control([.. line.Split(' ').Skip(1).Select(word => word.Trim('\''))]);
        JsonNode settings = JsonNode.Parse(blocks.Single(block => block.Language == "json").Text)!;
        settings["source"] = host.Inbox;
        File.WriteAllText(host.Work["dynamo.json"], settings.ToJsonString());
        host.Variables["DYNAMO__QUEUE__URL__0"] = host.Broker.Url.Replace("guest:guest", "dynamo:SECRET", StringComparison.Ordinal);
        string[] configuration = ["--config", "dynamo.json"];

        DynamoResult before = await host.RunAsync(token, ["check", .. configuration]);
        Process dispatcher = host.Begin(["dispatch", .. configuration, "--json"]);
        Process[] workers = [.. Enumerable.Range(0, 3).Select(_ => host.Begin(["work", .. configuration]))];
        host.Land(0, 50);
        await host.UntilAsync(() => host.Imported == 50, "all are imported", token);
        DynamoResult during = await host.RunAsync(token, ["check", .. configuration, "--json"]);
        foreach (Process process in workers.Append(dispatcher)) await ScaleOutHost.StopAsync(process, token);
        DynamoResult status = await host.RunAsync(token, ["status", .. configuration]);
        DynamoResult asJson = await host.RunAsync(token, ["status", .. configuration, "--json"]);

        JsonElement run = DynamoFolder.Json(asJson).GetProperty("runs")[0], broker = DynamoFolder.Json(during).GetProperty("broker");
        Assert.Multiple(() =>
        {
            Assert.That(
                before.StandardOutput, Does.Contain("RabbitMQ 3.").And.Contain("dynamo.fresh: is made when").And.Contain("3 deliveries"));
            Assert.That(before.StandardOutput + before.StandardError, Does.Not.Contain("SECRET"));
            Assert.That(
                broker.GetProperty("queues").EnumerateArray().Select(queue => queue.GetProperty("messages").GetInt32()),
                Has.Exactly(5).Zero);
            Assert.That(workers.Append(dispatcher).Select(process => process.ExitCode), Is.All.Zero, string.Join('\n', host.Said));
            Assert.That(status.StandardOutput, Does.Match("[123] workers?, 0 at work, together: 50 loaded, 0 quarantined"));
            Assert.That(run.GetProperty("workers").GetProperty("loaded").GetInt64(), Is.EqualTo(50));
            Assert.That(run.GetProperty("loaded").GetInt64(), Is.EqualTo(50));
            Assert.That(host.Database.Readings(), Has.Count.EqualTo(50));
        });
    }

    [Test, Soak]
    public async Task A_second_dispatcher_waits_and_takes_over_and_others_are_told_who_holds_the_source(CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        host.Land(0, 20);
        Process first = host.Dispatcher();
        Process worker = host.Worker();
        await host.UntilAsync(() => host.Imported == 20, "the first one works", token);
        Process second = host.Dispatcher();
        await host.UntilAsync(
            () => host.Said.Any(line => line.Contains("This dispatcher waits, and takes over.")), "the second one waits", token);
        DynamoResult run = await host.RunAsync(token, ["run", .. host.Source, "--sink", "sqlserver", "--after", "archive"]);

        // It hangs, and keeps its session.
        Signal(first, "STOP");
        host.Land(20, 20);
        await host.UntilAsync(() => host.Imported == 40, "the second one has taken over", token);
        DynamoResult again = await host.RunAsync(token, ["run", .. host.Source, "--sink", "sqlserver", "--after", "archive"]);
        Signal(first, "CONT");
        await host.UntilAsync(
            () => host.Said.Any(line => line.Contains("Another dispatcher has taken the source")), "the first notices", token);
        await ScaleOutHost.StopAsync(second, token);
        host.Land(40, 20);
        await host.UntilAsync(() => host.Imported == 60, "the first one has it again", token);
        await ScaleOutHost.StopAsync(first, token);

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo((int)ExitCode.AlreadyRunning), run.StandardError);
            Assert.That(run.StandardError, Does.Contain($"a dispatcher on {Environment.MachineName}, since 20"));
            Assert.That(again.ExitCode, Is.EqualTo((int)ExitCode.AlreadyRunning), again.StandardError);
            Assert.That(host.Database.Readings(), Has.Count.EqualTo(60));
            Assert.That(host.Runs().Where(one => one.PartOf is null).Select(one => one.Outcome),
                Has.Exactly(1).EqualTo("interrupted").Or.None.EqualTo("running"));
        });
    }

    [Test]
    public async Task What_does_not_fit_is_refused_with_what_to_do(CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        DynamoResult file = await host.RunAsync(token, ["dispatch", .. host.Source, "--sink", "sqlite:r.db"]);
        host.Broker.Declare("dynamo.fresh", new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        DynamoResult other = await host.RunAsync(token, ["work", .. host.Source, "--sink", "sqlserver"]);
        string[] without = ["dispatch", .. host.Source, "--sink", "sqlserver"];
        DynamoResult nowhere = await DynamoProcess.RunAsync(without, host.Work.Path, host.Database.Variables, token);
        Dictionary<string, string?> wrong = host.Environment;
        wrong["DYNAMO__QUEUE__URL__0"] = host.Broker.Url.Replace("guest:guest", "guest:s3cr3t", StringComparison.Ordinal);
        DynamoResult login = await DynamoProcess.RunAsync(without, host.Work.Path, wrong, token);
        Assert.Multiple(() =>
        {
            Assert.That(new[] { file, other, nowhere, login }.Select(one => one.ExitCode), Is.All.EqualTo((int)ExitCode.Usage));
            Assert.That(file.StandardError, Does.Contain("SQLite is one file with one writer").And.Contain("dynamo watch"));
            Assert.That(other.StandardError,
                Does.Contain("the queue dynamo.fresh is there with other properties").And.Contain("delete_queue"));
            Assert.That(nowhere.StandardError, Does.Contain("queue:url").And.Contain("DYNAMO__QUEUE__URL"));
            Assert.That(login.StandardError, Does.Contain("refuses the login").And.Not.Contain("s3cr3t"));
        });
    }

    [Test, Soak]
    public async Task Messages_of_strangers_do_no_harm(CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        File.WriteAllText(host.Work["secret.csv"], "logger,channel,timestamp,value\nX,p,2025-01-01T00:00:00Z,1\n");
        Process dispatcher = host.Dispatcher();
        Process worker = host.Worker();
        host.Land(0, 5);
        await host.UntilAsync(() => host.Imported == 5, "it works", token);
        long run = host.Runs()[0].RunId;
        var size = new FileInfo(host.Work["secret.csv"]);
        byte[][] messages =
        [
            [], "no JSON"u8.ToArray(), "{\"v\":2}"u8.ToArray(), "{\"v\":1,\"id\":7}"u8.ToArray(),
            .. new[] { "../secret.csv", "/etc/passwd", "a/../../secret.csv", "" }.Select(path => new ChunkMessage(
                "x", run, "folder:" + host.Inbox, [new SourceFile(path, size.Length, size.LastWriteTimeUtc)], false).ToBytes().ToArray()),
        ];
        foreach (string queue in (string[])["dynamo.fresh", "dynamo.backlog", "dynamo.single", "dynamo.reports", "dynamo.failed"])
            foreach (byte[] message in messages) await host.Broker.PublishAsync(queue, message, token);
        host.Land(5, 5);
        await host.UntilAsync(() => host.Imported == 10, "it goes on", token);
        await host.UntilAsync(
            () => host.Broker.Control("list_queues", "--no-table-headers", "name", "messages").Split('\n')
                .All(line => line.Trim().Length == 0 || line.TrimEnd().EndsWith("\t0", StringComparison.Ordinal)),
            "the messages are gone", token);
        await ScaleOutHost.StopAsync(worker, token);
        await ScaleOutHost.StopAsync(dispatcher, token);
        Assert.Multiple(() =>
        {
            Assert.That((dispatcher.ExitCode, worker.ExitCode), Is.EqualTo((0, 0)), string.Join('\n', host.Said));
            Assert.That(host.Database.Readings(), Has.Count.EqualTo(10).And.None.Matches<Reading>(reading => reading.Logger == "X"));
        });
    }

    [Test, Soak]
    public async Task Without_a_worker_or_a_broker_it_says_so_waits_and_goes_on(CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        host.Land(0, 10);
        int port = LoopbackPort.Next(), own = LoopbackPort.Next();
        Process dispatcher = host.Dispatcher("--listen", FormattableString.Invariant($"{port}"));
        await host.UntilAsync(() => host.Said.Any(line => line.Contains("no worker is heard of")), "no worker", token);
        using var client = new HttpClient();
        string alone = await client.GetStringAsync(new Uri(FormattableString.Invariant($"http://127.0.0.1:{port}/api/status")), token);
        Process worker = host.Worker("--listen", FormattableString.Invariant($"{own}"));
        await host.UntilAsync(() => host.Imported == 10, "a worker came", token);
        string ready = await client.GetStringAsync(new Uri(FormattableString.Invariant($"http://127.0.0.1:{own}/health/ready")), token);
        await host.UntilAsync(
            () => host.Said.Any(line => line.Contains("\"event\":\"recovered\"") && line.Contains("workers of")), "it is told", token);
        host.Broker.Kill();
        host.Land(10, 10);
        await host.UntilAsync(
            () => host.Said.Any(line => line.Contains("\"event\":\"outage\"") && line.Contains("queue:dynamo at ")), "no broker", token);
        host.Broker.Start();
        await host.UntilAsync(() => host.Imported == 20, "it goes on", token);
        await ScaleOutHost.StopAsync(dispatcher, token);
        Assert.Multiple(() =>
        {
            Assert.That(dispatcher.ExitCode, Is.Zero, string.Join('\n', host.Said));
            Assert.That(alone, Does.Contain("The workers are away").And.Contain("\"workers\":[]").And.Match("\"chunksUnderWay\":[1-9]"));
            Assert.That(ready, Is.Not.Empty);
        });
    }

    private static void Signal(Process process, string signal)
    {
        using Process kill = Process.Start("kill", ["-" + signal, FormattableString.Invariant($"{process.Id}")]);
        kill.WaitForExit();
    }
}
