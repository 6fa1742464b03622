using System.Diagnostics;
using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>The real <c>dynamo watch</c>: what it prints, how it ends, and what is left when it is killed.</summary>
[CancelAfter(600_000)]
internal sealed class WatchHostTests : WatchedProcess
{
    [Test]
    public async Task It_prints_one_object_a_line_and_ends_with_0_when_it_is_told_to_stop(CancellationToken token)
    {
        DynamoResult ended = await DynamoProcess.RunAsync(
            ["watch", "--source", Inbox, "--sink", "sqlite:r.db", "--after", "archive", "--json"],
            async process =>
            {
                await UntilAsync(() => File.Exists(Work["r.db"]), token);
                Land(0, 5);
                await UntilAsync(() => Count() == 5, token);
                DynamoProcess.Terminate(process);
            },
            Work.Path, token);

        JsonElement[] lines = [.. ended.StandardOutput.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Multiple(() =>
        {
            Assert.That(ended.ExitCode, Is.Zero, ended.StandardError);
            Assert.That(lines.Select(line => line.GetProperty("event").GetString()), Is.EqualTo(new[] { "started", "wave", "stopped" })
                .Or.EqualTo(new[] { "started", "wave", "wave", "stopped" }));
            JsonElement stopped = lines[^1];
            Assert.That(stopped.GetProperty("files").GetProperty("loaded").GetInt32(), Is.EqualTo(5));
            Assert.That(stopped.GetProperty("exitCode").GetInt32(), Is.Zero);
            Assert.That(lines[1].GetProperty("rows").GetProperty("read").GetInt32(), Is.Positive);
            Assert.That(lines[1].GetProperty("lagSeconds").GetDouble(), Is.GreaterThanOrEqualTo(0));
            Assert.That(lines.Select(line => line.GetProperty("source").GetString()), Has.All.EqualTo("folder:" + Inbox));
        });
    }

    [Test]
    public async Task It_stops_by_itself_after_a_time_and_a_run_of_the_same_source_is_refused_meanwhile(CancellationToken token)
    {
        int other = -1;
        DynamoResult ended = await DynamoProcess.RunAsync(
            ["watch", "--source", Inbox, "--sink", "sqlite:r.db", "--for", "8s"],
            async _ =>
            {
                await UntilAsync(() => Count("ImportRun") == 1, token);
                File.WriteAllText(Path.Join(Inbox, "bad.csv"), "nothing of ours\n");
                string[] run = ["run", "--source", Inbox, "--sink", "sqlite:r.db"];
                other = (await DynamoProcess.RunAsync(run, Work.Path, null, token)).ExitCode;
            },
            Work.Path, token);
        Assert.Multiple(() =>
        {
            Assert.That(ended.ExitCode, Is.Zero, ended.StandardError);
            Assert.That(other, Is.EqualTo(5));
            Assert.That(ended.StandardOutput, Does.Contain("Watching folder:").And.Contain("Stopped: 0 files loaded, 1 quarantined")
                .And.Match(@"Z In quarantine: bad\.csv: line 1, column \S+: ").And.Contain("is taken by itself"));
        });
    }

    [Test]
    public async Task Several_sources_with_their_own_formats_go_into_one_database_and_one_outage_leaves_the_other(CancellationToken token)
    {
        Directory.CreateDirectory(Work["north"]);
        File.WriteAllText(Work["d.json"], """
            { "sink": "sqlite:r.db", "watch": { "poll": "1s" }, "sources": [
              { "source": "inbox", "after": "archive" },
              { "source": "north", "settle": "0", "format": { "separator": ";" } },
              { "source": "missing" } ] }
            """);
        DynamoResult ended = await DynamoProcess.RunAsync(
            ["watch", "--config", "d.json", "--json"],
            async process =>
            {
                await UntilAsync(() => Count("ImportRun") == 3, token);
                Land(0, 2);
                File.WriteAllText(Work["north/n.csv"], "logger;channel;timestamp;value\nN;p;2025-01-01T00:00:00Z;2\n");
                await UntilAsync(() => Count() == 3, token);
                DynamoProcess.Terminate(process);
            },
            Work.Path, token);
        Assert.Multiple(() =>
        {
            Assert.That(ended.ExitCode, Is.Zero, ended.StandardError);
            Assert.That(ended.StandardOutput, Does.Contain("\"event\":\"outage\"").And.Contain("does not exist"));
            Assert.That(Directory.GetFiles(Work["north"]), Has.Length.EqualTo(1), "kept");
            Assert.That(Directory.GetFiles(Inbox), Is.Empty, "archived");
        });
    }

    [Test]
    public async Task A_list_of_sources_is_checked_and_not_for_a_command_that_takes_one(CancellationToken token)
    {
        File.WriteAllText(Work["d.json"], """{ "sources": [ { "source": "inbox", "sink": "x" }, { "after": "sell" } ] }""");
        DynamoResult wrong = await DynamoProcess.RunAsync(["watch", "--config", "d.json"], Work.Path, null, token);
        File.WriteAllText(Work["d.json"], """{ "sources": [ { "source": "inbox" }, { "after": "keep" }, { "source": "./inbox" } ] }""");
        DynamoResult missing = await DynamoProcess.RunAsync(["watch", "--config", "d.json"], Work.Path, null, token);
        DynamoResult retry = await DynamoProcess.RunAsync(["retry", "--config", "d.json"], Work.Path, null, token);
        Assert.Multiple(() =>
        {
            Assert.That((wrong.ExitCode, missing.ExitCode, retry.ExitCode), Is.EqualTo((2, 2, 2)));
            Assert.That(wrong.StandardError, Does.Contain("sources:0:sink").And.Contain("sources:1:after: found 'sell'"));
            Assert.That(missing.StandardError, Does.Contain("sources:1: it names no source"));
            Assert.That(missing.StandardError, Does.Contain("sources:2: inbox is named twice"));
            Assert.That(retry.StandardError, Does.Contain("a list of sources is for dynamo run, watch"));
        });
    }

    [Test]
    public async Task Run_check_and_status_take_a_list_of_sources_and_one_that_is_missing_leaves_the_others_alone(CancellationToken token)
    {
        Directory.CreateDirectory(Work["north"]);
        Land(0, 2);
        File.WriteAllText(Work["north/n.csv"], "logger;channel;timestamp;value\nN;p;2025-01-01T00:00:00Z;2\n");
        File.WriteAllText(Work["d.json"], """
            { "sink": "sqlite:r.db", "settle": "0", "sources": [
              { "source": "missing" }, { "source": "inbox" }, { "source": "north", "format": { "separator": ";" } } ] }
            """);
        DynamoResult check = await DynamoProcess.RunAsync(["check", "--config", "d.json"], Work.Path, null, token);
        DynamoResult run = await DynamoProcess.RunAsync(["run", "--config", "d.json", "--json"], Work.Path, null, token);
        DynamoResult again = await DynamoProcess.RunAsync(["run", "--config", "d.json"], Work.Path, null, token);
        DynamoResult status = await DynamoProcess.RunAsync(["status", "--config", "d.json", "--json"], Work.Path, null, token);
        JsonElement ran = JsonDocument.Parse(run.StandardOutput).RootElement;
        Assert.Multiple(() =>
        {
            Assert.That((check.ExitCode, run.ExitCode, again.ExitCode, status.ExitCode), Is.EqualTo((3, 3, 3, 0)), run.StandardError);
            Assert.That(check.StandardOutput, Does.Contain("inbox: 2 files like").And.Contain("north: 1 file like"));
            Assert.That(check.StandardError, Does.Contain("dynamo: missing: The source folder").And.Contain("does not exist"));
            Assert.That(ran.GetProperty("exitCode").GetInt32(), Is.EqualTo(3));
            Assert.That(
                ran.GetProperty("sources").EnumerateArray().Select(source => source.GetProperty("outcome").GetString()),
                Is.EqualTo(new[] { "failed", "completed", "completed" }));
            Assert.That(again.StandardOutput, Does.Contain("all 2 files are already in").And.Contain("its one file is already in"));
            Assert.That(
                JsonDocument.Parse(status.StandardOutput).RootElement.GetProperty("sources").EnumerateArray()
                    .Select(source => source.GetProperty("loaded").GetInt32()),
                Is.EqualTo(new[] { 0, 2, 1 }));
        });
    }

    [Test, Platform("Linux")]
    public async Task Told_to_read_its_settings_again_it_refuses_wrong_ones_by_name_and_takes_good_ones(CancellationToken token)
    {
        Directory.CreateDirectory(Work["other"]);
        File.WriteAllText(Work["d.json"], """{ "source": "inbox", "sink": "sqlite:r.db" }""");
        DynamoResult ended = await DynamoProcess.RunAsync(
            "exec \"$0\" \"$@\" > out 2> err", ["watch", "--config", "d.json", "--for", "20m"],
            async process =>
            {
                await UntilAsync(() => Said("out").Contains("Watching", StringComparison.Ordinal), token);
                File.WriteAllText(Work["d.json"], """{ "source": "other", "sink": "sqlite:r.db", "after": "sell" }""");
                DynamoProcess.HangUp(process);
                await UntilAsync(() => Said("err").Contains("after: found 'sell'", StringComparison.Ordinal), token);
                File.WriteAllText(
                    Work["d.json"], """{ "source": "other", "sink": "sqlite:r.db", "observe": { "listen": "0.0.0.0:1" } }""");
                DynamoProcess.HangUp(process);
                await UntilAsync(() => Said("err").Contains("no observe:token", StringComparison.Ordinal), token);
                Land(0, 2);
                await UntilAsync(() => Count() == 2, token);

                File.WriteAllText(Work["d.json"], """{ "source": "other", "sink": "sqlite:r.db", "settle": "0" }""");
                DynamoProcess.HangUp(process);
                await UntilAsync(() => Said("out").Contains($"Watching folder:{Work["other"]}", StringComparison.Ordinal), token);
                File.WriteAllText(Work["other/o.csv"], "logger,channel,timestamp,value\nO,p,2025-01-01T00:00:00Z,2\n");
                await UntilAsync(() => Count() == 3, token);
                DynamoProcess.Terminate(process);
            },
            Work.Path, token);
        Assert.Multiple(() =>
        {
            Assert.That(ended.ExitCode, Is.Zero, Said("err"));
            Assert.That(Said("err"), Does.Contain("The settings are not taken").And.Contain("The settings are read again"));
            Assert.That(Count("ImportRun"), Is.EqualTo(2));
            using SqliteConnection connection = Open();
            Assert.That(connection.Query<string>("SELECT Outcome FROM ImportRun"), Has.All.EqualTo("completed"));
        });

        string Said(string file) => File.Exists(Work[file]) ? File.ReadAllText(Work[file]) : "";
    }

    [Test]
    public async Task Killed_again_and_again_while_files_land_it_loads_and_archives_every_file_once(CancellationToken token)
    {
        int kills = SoakAttribute.Rounds(3, 10, 50), landed = 0, seed = Environment.TickCount;
        var random = new Random(seed);
        string[] arguments = ["watch", "--source", Inbox, "--sink", "sqlite:r.db", "--after", "archive", "--settle", "10ms"];
        for (int kill = 0; kill < kills; kill++)
        {
            using Process process = DynamoProcess.Start(arguments, Work.Path);
            long before = Count();
            // Until something is committed, and then at a random instant, while files land.
            for (int more = random.Next(1, 60); Count() == before || more-- > 0;)
            {
                token.ThrowIfCancellationRequested();
                Land(landed, 3);
                landed += 3;
                await Task.Delay(2, token);
            }
            process.Kill();
            await process.WaitForExitAsync(token);
        }
        long runs = Count("ImportRun");
        using Process last = DynamoProcess.Start(arguments, Work.Path);
        // The killed ones may have done everything: the last one begins all the same, and says what became of them.
        await UntilAsync(
            () => Directory.GetFiles(Inbox).Length == 0 && Count("ImportedFile") == landed && Count("ImportRun") > runs, token);
        DynamoProcess.Terminate(last);
        await last.WaitForExitAsync(token);
        TestContext.Out.WriteLine($"seed {seed}: {kills} kills, {landed} files");
        using SqliteConnection connection = Open();
        string[] archived = Directory.GetFiles(Path.Join(Inbox, "archive"), "*", SearchOption.AllDirectories);
        Assert.Multiple(() =>
        {
            Assert.That(connection.ExecuteScalar<long>("SELECT count(*) FROM Reading"), Is.EqualTo(landed));
            Assert.That(connection.ExecuteScalar<long>("SELECT count(DISTINCT Logger) FROM Reading"), Is.EqualTo(landed));
            Assert.That(archived.Select(Path.GetFileName).Distinct().Count(), Is.EqualTo(landed));
            Assert.That(archived, Has.Length.EqualTo(landed));
            Assert.That(Directory.Exists(Path.Join(Inbox, "quarantine")), Is.False);
            Assert.That(connection.Query<string>("SELECT Outcome FROM ImportRun WHERE Outcome <> 'interrupted'"),
                Is.EqualTo(new[] { "completed" }));
        });
    }

    [Test]
    public async Task While_nothing_lands_it_opens_no_file_and_asks_no_database(CancellationToken token)
    {
        await External.RunAsync("strace", "-V");
        int files = SoakAttribute.Rounds(1_000, 10_000, 10_000);
        Land(0, files);
        using Process process = DynamoProcess.Start(
            ["watch", "--source", Inbox, "--sink", "sqlite:r.db", "--settle", "0"], Work.Path,
            new Dictionary<string, string?> { ["DYNAMO__WATCH__SWEEP"] = "500ms" });
        await UntilAsync(() => Count("ImportedFile") == files, token);
        // The books of the last files are written, and then nothing moves.
        await UntilAsync(() => Scalar("SELECT Loaded FROM ImportRun") == files, token);
        string log = Work["strace"];
        await External.RunAsync(
            "sh", "-c", $"timeout -s INT 8 strace -f -qq -e trace=openat,open,pread64,getdents64 -o {log} -p {process.Id}; true");
        DynamoProcess.Terminate(process);
        await process.WaitForExitAsync(token);
        string[] calls = File.ReadAllLines(log);
        Assert.Multiple(() =>
        {
            Assert.That(calls.Count(call => call.Contains("getdents64", StringComparison.Ordinal)), Is.Positive, "it sweeps");
            Assert.That(calls.Where(call => call.Contains(".csv", StringComparison.Ordinal)), Is.Empty, "files that are opened");
            Assert.That(calls.Where(call => call.Contains("pread64", StringComparison.Ordinal)), Is.Empty, "looks into the database");
        });
    }

    [Test]
    public async Task A_connection_that_comes_back_is_told_and_a_stop_says_that_it_came_in_an_outage(CancellationToken token)
    {
        Sshd.Require();
        using var sshd = new Sshd(Directory.CreateDirectory(Work["keys"]).FullName);
        List<string> said = [];
        DynamoResult ended = await DynamoProcess.RunAsync(
            "export DYNAMO__WATCH__POLL=100ms DYNAMO__SFTP__RECONNECTS=3; exec \"$0\" \"$@\" >out 2>err",
            ["watch", .. sshd.Arguments(Inbox), "--sink", "sqlite:r.db", "--settle", "0", "--log", "text"],
            async process =>
            {
                Land(0, 3);
                await UntilAsync(() => Count() == 3, token);
                sshd.Kill();
                sshd.Start();
                await UntilAsync(() => Said("err").Contains("is there again, after", StringComparison.Ordinal), token);
                said.AddRange(Said("err").Split('\n').Where(line => line.Contains("The connection to", StringComparison.Ordinal)));
                sshd.Kill();
                await UntilAsync(() => Said("out").Contains("OUTAGE", StringComparison.Ordinal), token);
                DynamoProcess.Terminate(process);
            },
            Work.Path, token);
        string outage = Said("out").Split('\n').First(line => line.Contains("OUTAGE", StringComparison.Ordinal));
        Assert.Multiple(() =>
        {
            Assert.That(said.Where(line => line.Contains("was lost, and is made anew: ", StringComparison.Ordinal)).ToList(),
                Has.Count.EqualTo(2), "one line on the terminal, and one in the log");
            Assert.That(said.Where(line => line.Contains("is there again, after", StringComparison.Ordinal)).ToList(),
                Has.Count.EqualTo(2));
            Assert.That(outage.Split("sftp://"), Has.Length.EqualTo(2), outage);
            Assert.That(outage, Does.Match(@"OUTAGE of sftp://\S+ \(tried 4 times\): .*Trying again until it works\."));
            Assert.That(Said("out"),
                Does.Match(@"Stopped during an outage of sftp://\S+ \(since \S+ \S+\): 3 files loaded, 3 new rows in .*\. "
                + "What came since then was not looked at, or not written: the next run or watch does that."));
        });

        string Said(string file) => File.Exists(Work[file]) ? File.ReadAllText(Work[file]) : "";
    }

    [Test, Platform("Linux")]
    public async Task On_a_terminal_it_keeps_some_lines_up_to_date_and_outages_come_above_them(CancellationToken token)
    {
        await External.RunAsync("script", "--version");
        DynamoResult ended = await DynamoProcess.RunAsync(
            "export DYNAMO__WATCH__SWEEP=300ms DYNAMO__WATCH__POLL=100ms; "
                + "exec env --default-signal script -qefc \"stty cols 40 rows 24; exec $0 $*\" screen",
            ["watch", "--source", "inbox", "--sink", "sqlite:r.db", "--after", "archive"],
            async process =>
            {
                await UntilAsync(() => Screen().Contains("last wave  none yet"), token);
                Land(0, 3);
                await UntilAsync(() => Screen().Contains("arrived    3 files, 3 new rows"), token);
                Directory.Move(Inbox, Work["away"]);
                await UntilAsync(() => Screen().Any(line => line.StartsWith("OUTAGE     since ", StringComparison.Ordinal)), token);
                Directory.Move(Work["away"], Inbox);
                await UntilAsync(() => Screen().Contains("outages    none now, 1 since the start"), token);
                await process.StandardInput.WriteAsync("\x03".AsMemory(), token);
                await process.StandardInput.FlushAsync(token);
            },
            Work.Path, token);
        string[] screen = Screen();
        string all = string.Concat(screen);
        Assert.Multiple(() =>
        {
            Assert.That(ended.ExitCode, Is.Zero, all);
            Assert.That(screen.Count(line => line.StartsWith("arrived", StringComparison.Ordinal)), Is.EqualTo(1), all);
            Assert.That(screen, Has.None.Contains("^C"));
            Assert.That(
                new[] { "OUTAGE of folder:", "works again after", "Stopping: what has been", "watching   …", "Stopped: 3 files loaded" }
                    .Select(text => all.IndexOf(text, StringComparison.Ordinal)),
                Is.Ordered.And.All.Not.Negative);
        });

        // What the terminal shows: the file has a line of its own first, and the program goes back and removes.
        string[] Screen()
        {
            if (!File.Exists(Work["screen"])) return [];
            using FileStream file = new(Work["screen"], FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(file);
            string text = reader.ReadToEnd();
            return Terminal.Show(text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..], 40);
        }
    }
}
