using System.Diagnostics;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A cluster of three nodes in network namespaces of this machine, made by <c>cluster.sh</c>. By hand: it needs root and takes minutes.
/// </summary>
[TestFixture, Soak(ByHand = true), Platform("Linux"), CancelAfter(900_000)]
internal sealed class RabbitClusterTests
{
    private static readonly string s_script = Path.Join(AppContext.BaseDirectory, "cluster.sh");

    [Test]
    public async Task Nothing_is_lost_when_nodes_die_hang_or_are_cut_off(CancellationToken token)
    {
        if (!Environment.IsPrivilegedProcess) External.Missing("network namespaces need root");
        using var folder = new ScratchFolder();
        await RunAsync(folder, token, "down");
        await RunAsync(folder, token, "up");
        try
        {
            await using var host = new ScaleOutHost(
                [.. Enumerable.Range(1, 3).Select(node => FormattableString.Invariant($"amqp://guest:guest@10.77.0.1{node}:5672/"))]);
            host.Variables["DYNAMO__QUEUE__CHUNKFILES"] = "10";
            var files = new LoggerFiles(
                new GenerateOptions { To = host.Work["outbox"], Loggers = 100, Steps = 140, Seed = 7, Bad = 0.005 });
            files.Write(cancellationToken: token);
            string[] paths = [.. Directory.EnumerateFiles(host.Work["outbox"])];
            new Random(7).Shuffle(paths);
            Process[] processes = [host.Dispatcher(), host.Dispatcher(), host.Worker(), host.Worker(), host.Worker()];
            int landed = 0;
            using var done = CancellationTokenSource.CreateLinkedTokenSource(token);
            Task landing = Task.Run(async () =>
            {
                foreach (string[] some in paths.Chunk(20))
                {
                    foreach (string path in some) File.Move(path, Path.Join(host.Inbox, Path.GetFileName(path)));
                    Interlocked.Add(ref landed, some.Length);
                    await Task.Delay(500, token);
                }
            }, token);
            await host.UntilAsync(() => host.Imported > 100, "it works", token);

            string leader = (await RunAsync(folder, token, "leader")).Trim();
            await TroubleAsync(
                $"the leader of the queue, node {leader}, is killed", ["kill", leader], TimeSpan.FromSeconds(20), ["start", leader]);
            foreach (string node in (string[])["1", "2", "3"])
                await TroubleAsync($"node {node} is cut off for a minute", ["cut", node], TimeSpan.FromMinutes(1), ["join", node]);
            await TroubleAsync("node 2 is paused", ["pause", "2"], TimeSpan.FromSeconds(30), ["resume", "2"]);
            await landing;
            await host.UntilAsync(() => host.Imported == paths.Length, "all are in the ledger", token);
            await host.UntilAsync(() => !Directory.EnumerateFiles(host.Inbox).Any(), "all are taken away", token);
            foreach (Process process in processes) await ScaleOutHost.StopAsync(process, token);
            new ImportOracle(files).AssertLoaded(host.Database.Readings(), host.Database.Ledger(), "a cluster");

            async Task TroubleAsync(string what, string[] begin, TimeSpan lasts, string[] end)
            {
                long imported = host.Imported, began = Stopwatch.GetTimestamp(), at = began;
                var longest = TimeSpan.Zero;
                await RunAsync(folder, token, begin);
                bool isOver = false;
                while (Stopwatch.GetElapsedTime(began) < lasts + TimeSpan.FromSeconds(20))
                {
                    if (!isOver && Stopwatch.GetElapsedTime(began) > lasts)
                    {
                        await RunAsync(folder, token, end);
                        isOver = true;
                    }
                    await Task.Delay(100, token);
                    long now = host.Imported;
                    if (now != imported || now >= Volatile.Read(ref landed)) (imported, at) = (now, Stopwatch.GetTimestamp());
                    if (Stopwatch.GetElapsedTime(at) is var gap && gap > longest) longest = gap;
                }
                TestContext.Out.WriteLine($"{what}: the longest gap was {longest.TotalSeconds:0.0} s");
                foreach (string line in host.Said.Where(line => !line.Contains("\"wave\"", StringComparison.Ordinal)).TakeLast(12))
                    TestContext.Out.WriteLine($"    {line[..Math.Min(line.Length, 260)]}");
                Assert.That(longest, Is.LessThan(TimeSpan.FromSeconds(30)), what);
            }
        }
        finally
        {
            await RunAsync(folder, CancellationToken.None, "down");
        }
    }

    private static async Task<string> RunAsync(ScratchFolder folder, CancellationToken token, params string[] arguments)
    {
        var start = new ProcessStartInfo("sh", [s_script, folder.Path, .. arguments]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        // What it starts keeps its output open.
        Task<string?> first = process.StandardOutput.ReadLineAsync(token).AsTask();
        await process.WaitForExitAsync(token);
        Assert.That(process.ExitCode, Is.Zero, string.Join(' ', arguments));
        return first.IsCompleted ? await first ?? "" : "";
    }
}
