using System.Diagnostics;
using Dynamo.Pipeline.Host;
using RabbitMQ.Client;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What goes wrong on several machines, at random moments: whatever happens, every reading is there once, every file once in the ledger,
/// and the import goes on by itself.
/// </summary>
[TestFixture, CancelAfter(400_000)]
internal sealed class ScaleOutChaosTests
{
    private const int Loggers = 60, Steps = 40, Workers = 3;

    /// <summary>DYNAMO_TEST_CHAOS_SEED names one of them.</summary>
    private static IEnumerable<int> Seeds => Environment.GetEnvironmentVariable("DYNAMO_TEST_CHAOS_SEED") is { Length: > 0 } one
        ? one.Split(',').Select(seed => int.Parse(seed, System.Globalization.CultureInfo.InvariantCulture))
        : Enumerable.Range(1, SoakAttribute.Rounds(0, 1, 20));

    [TestCaseSource(nameof(Seeds))]
    public async Task Nothing_is_lost_and_nothing_comes_twice(int seed, CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        await using var chaos = new Chaos(host, seed);
        var files = new LoggerFiles(
            new GenerateOptions { To = host.Work["outbox"], Loggers = Loggers, Steps = Steps, Seed = seed, Bad = 0.01 });
        files.Write(cancellationToken: token);
        var oracle = new ImportOracle(files);

        await chaos.RunAsync([.. Directory.EnumerateFiles(host.Work["outbox"])], token);
        chaos.Heal();
        await host.UntilAsync(() => host.Imported == Loggers * Steps, "all files are in the ledger", token);
        await host.UntilAsync(() => !Directory.EnumerateFiles(host.Inbox).Any(), "all files are taken away", token);
        await chaos.StopAsync(token);

        oracle.AssertLoaded(host.Database.Readings(), host.Database.Ledger(), chaos.Story);
        oracle.AssertSettled(host.Inbox, chaos.Story);
        TestContext.Out.WriteLine(chaos.Story);
        var runs = host.Runs();
        Assert.Multiple(() =>
        {
            Assert.That(
                runs.Where(run => run.Outcome is "completed" or "cancelled")
                    .Select(run => run.Listed - run.Loaded - run.AlreadyLoaded - run.Quarantined - run.Deferred),
                Is.All.Zero, "the books of every run that ended by itself");
            Assert.That(chaos.LongestGap, Is.LessThan(TimeSpan.FromSeconds(30)), $"until it went on; {chaos.Story}");
        });
    }

    /// <summary>Dispatchers, workers and a broker, and what happens to them.</summary>
    private sealed class Chaos(ScaleOutHost host, int seed) : IAsyncDisposable
    {
        private readonly Random _random = new(seed);
        private readonly List<Process> _workers = [], _dispatchers = [];
        private readonly List<string> _story = [];
        private readonly CuttingProxy _proxy = new(host.Broker.Port);
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private readonly CancellationTokenSource _ended = new();
        private Task _watching = Task.CompletedTask;
        private int _landed, _duplicates;
        private volatile bool _isBrokerDown;

        public string Story => $"seed {seed}: {string.Join("; ", _story)}; longest gap {LongestGap.TotalSeconds:0.0} s";

        /// <summary>The longest time without an import although files were there and everything was up.</summary>
        public TimeSpan LongestGap { get; private set; }

        public async Task RunAsync(string[] files, CancellationToken token)
        {
            host.Variables["DYNAMO__QUEUE__CHUNKFILES"] = "20";
            _dispatchers.Add(host.Dispatcher());
            _dispatchers.Add(host.Dispatcher());
            for (int i = 0; i < Workers; i++) StartWorker();
            _watching = Task.Run(WatchAsync, token);
            _random.Shuffle(files);
            int at = 0;
            for (int round = 0; at < files.Length; round++)
            {
                int count = Math.Min(files.Length - at, _random.Next(100, 400));
                for (int i = 0; i < count; i++, at++) File.Move(files[at], Path.Join(host.Inbox, Path.GetFileName(files[at])));
                Volatile.Write(ref _landed, at);
                await Task.Delay(_random.Next(100, 1_500), token);
                await DoAsync(_random.Next(8), token);
            }
        }

        public void Heal()
        {
            foreach (Process worker in _workers) Signal(worker, "CONT");
        }

        public async Task StopAsync(CancellationToken token)
        {
            await _ended.CancelAsync();
            await _watching;
            foreach (Process process in _dispatchers.Concat(_workers)) await ScaleOutHost.StopAsync(process, token);
        }

        public async ValueTask DisposeAsync()
        {
            Heal();
            await _ended.CancelAsync();
            await _watching;
            await _proxy.DisposeAsync();
            _ended.Dispose();
        }

        private void StartWorker()
        {
            // One in two by a proxy, which can cut its connection.
            bool isByProxy = _random.Next(2) == 0;
            string url = isByProxy ? FormattableString.Invariant($"amqp://guest:guest@127.0.0.1:{_proxy.Port}/") : host.Broker.Url;
            _workers.Add(host.Begin(
                ["work", .. host.Source, "--sink", "sqlserver", "--after", "archive", "--quiet"],
                    new() { ["DYNAMO__QUEUE__URL__0"] = url }));
        }

        private async Task DoAsync(int what, CancellationToken token)
        {
            Process worker = _workers[_random.Next(_workers.Count)];
            switch (what)
            {
                case 0 or 1:
                    Tell("a worker is killed");
                    worker.Kill();
                    _workers.Remove(worker);
                    StartWorker();
                    break;
                case 2:
                    Tell("a worker is paused");
                    Signal(worker, "STOP");
                    _ = Task.Delay(TimeSpan.FromSeconds(15), token).ContinueWith(_ =>
                    {
                        Tell("it goes on");
                        Signal(worker, "CONT");
                    }, token, TaskContinuationOptions.None, TaskScheduler.Default);
                    break;
                case 3:
                    await RestartBrokerAsync(wipe: false);
                    break;
                case 4:
                    await RestartBrokerAsync(wipe: true);
                    break;
                case 5:
                    Tell("chunks are published again");
                    await PublishAgainAsync(token);
                    break;
                case 6:
                    Tell("a dispatcher is killed");
                    Process dispatcher = _dispatchers[0];
                    dispatcher.Kill();
                    _dispatchers.RemoveAt(0);
                    _dispatchers.Add(host.Dispatcher());
                    break;
                default:
                    long bytes = _random.Next(1, 200_000);
                    Tell($"a connection is cut after {bytes} bytes");
                    _proxy.CutAfter(bytes);
                    break;
            }
        }

        private async Task RestartBrokerAsync(bool wipe)
        {
            Tell(wipe ? "the broker is wiped" : "the broker is restarted");
            _isBrokerDown = true;
            host.Broker.Kill();
            if (wipe) host.Broker.Wipe();
            await Task.Run(host.Broker.Start);
            _isBrokerDown = false;
            Tell("it is up");
        }

        /// <summary>Every file that is there, in chunks of another making.</summary>
        private async Task PublishAgainAsync(CancellationToken token)
        {
            if (host.Runs() is not [.., _] runs || runs.LastOrDefault(run => run.PartOf is null) is not { RunId: > 0 } last) return;
            await using IConnection connection =
                await new ConnectionFactory { Uri = new Uri(host.Broker.Url) }.CreateConnectionAsync(token);
            await using IChannel channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), token);
            foreach (string[] paths in Directory.EnumerateFiles(host.Inbox).Chunk(30))
            {
                SourceFile[] files = [.. paths.Select(path => new FileInfo(path)).Where(file => file.Exists)
                    .Select(file => new SourceFile(file.Name, file.Length, file.LastWriteTimeUtc))];
                if (files.Length == 0) continue;
                var chunk = new ChunkMessage(
                    FormattableString.Invariant($"again-{_duplicates++}"), last.RunId, "folder:" + host.Inbox, files, IsAgain: false);
                await channel.BasicPublishAsync("", "dynamo.backlog", chunk.ToBytes(), token);
            }
        }

        private async Task WatchAsync()
        {
            long imported = -1;
            long since = Stopwatch.GetTimestamp();
            while (!_ended.IsCancellationRequested)
            {
                await Task.Delay(100, CancellationToken.None);
                long now = host.Imported;
                if (now != imported || _isBrokerDown || now >= Volatile.Read(ref _landed))
                    (imported, since) = (now, Stopwatch.GetTimestamp());
                else if (Stopwatch.GetElapsedTime(since) is var gap && gap > LongestGap)
                    LongestGap = gap;
            }
        }

        private void Tell(string what)
        {
            lock (_story) _story.Add(FormattableString.Invariant($"{_clock.Elapsed.TotalSeconds:0.0} {what}"));
        }

        private static void Signal(Process process, string signal)
        {
            if (process.HasExited) return;
            using Process kill = Process.Start("kill", ["-" + signal, FormattableString.Invariant($"{process.Id}")]);
            kill.WaitForExit();
        }
    }
}
