using System.Diagnostics;
using System.Globalization;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What several workers bring and what the broker costs, by hand: DYNAMO_TEST_SOAK=1, and DYNAMO_TEST_PROGRAM for the native program.
/// The figures are in docs/scale-out.md.
/// </summary>
[TestFixture, Soak(ByHand = true), CancelAfter(1_200_000)]
internal sealed class ScaleOutMeasurements
{
    private const int Rounds = 3;

    /// <summary>
    /// Workers whose sink waits 5 ms for each batch of 20 files, over a real broker: the machine's processors and the server that plays
    /// SQL Server, which takes one transaction at a time, are not the limit.
    /// </summary>
    [Test]
    public async Task Three_workers_against_one(CancellationToken token)
    {
        const int Files = 20_000;
        List<double> one = [], three = [];
        for (int round = 0; round < Rounds; round++)
        {
            one.Add(await WaitingAsync(1));
            three.Add(await WaitingAsync(3));
        }
        TestContext.Out.WriteLine($"one {Text(one)} s, three {Text(three)} s: {Median(one) / Median(three):0.00} times");
        Assert.That(Median(one) / Median(three), Is.GreaterThan(2.2));

        async Task<double> WaitingAsync(int count)
        {
            using var folder = new ScratchFolder();
            using var broker = new RabbitServer(folder.Path);
            var queue = new QueueOptions { Urls = [new Uri(broker.Url)] };
            var source = MemorySource.Of(Files);
            var sink = new MemorySink<int> { OnWrite = (_, cancelled) => new ValueTask(Task.Delay(5, cancelled)) };
            var options = new PipelineOptions { BatchFiles = 20, Writers = 1, FilesPerMessage = queue.ChunkFiles };
            await using var dispatcher = new QueueWorkers(queue, source.Name, TimeSpan.FromMinutes(15), _ => { }) { RunId = () => 1 };
            dispatcher.Start();
            using var done = CancellationTokenSource.CreateLinkedTokenSource(token);
            QueuedChunks[] chunks = [.. Enumerable.Range(0, count).Select(_ => new QueuedChunks(queue, source.Name, _ => { }))];
            foreach (QueuedChunks each in chunks) each.Start();
            Task<PipelineResult>[] workers = [.. chunks.Select(each => FilePipeline.From(source).Read(new NumberFormat())
                .WriteTo(sink, options).WorkAsync(each.OfRunAsync(1, done.Token), cancellationToken: done.Token))];
            foreach (QueuedChunks each in chunks) await each.ConnectedAsync(token);
            await dispatcher.ConnectedAsync(token);
            long began = Stopwatch.GetTimestamp();
            PipelineResult all = await FilePipeline.From(source).HandOut(dispatcher, sink, options).RunAsync(cancellationToken: token);
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            await done.CancelAsync();
            foreach (Task worker in workers) await worker.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (QueuedChunks each in chunks) await each.DisposeAsync();
            Assert.That(all.Books.Loaded, Is.EqualTo(Files));
            return seconds;
        }
    }

    /// <summary>The same files by <c>dynamo run</c>, and by a dispatcher and one worker.</summary>
    [Test]
    public async Task The_broker_against_a_run(CancellationToken token)
    {
        var run = new List<double>();
        var queue = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            run.Add(await SecondsAsync(0, token));
            queue.Add(await SecondsAsync(1, token));
        }
        TestContext.Out.WriteLine($"run {Text(run)} s, one worker {Text(queue)} s: {Median(queue) / Median(run):0.000}");
    }

    /// <param name="workers">How many; 0 for a run.</param>
    /// <param name="token">The test's own end.</param>
    private static async Task<double> SecondsAsync(int workers, CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        using var sshd = new Sshd(host.Work.Path);
        const int Files = 27_000;
        new LoggerFiles(new GenerateOptions { To = host.Work["outbox"], Loggers = 500, Steps = 54, Seed = 3, Bad = 0 })
            .Write(cancellationToken: token);
        host.Source = sshd.Arguments(host.Inbox);
        host.Variables["DYNAMO__WATCH__POLL"] = "50ms";
        // All are up, and have imported something, before it begins.
        host.Land(0, 20);
        if (workers != 0)
        {
            host.Dispatcher();
            for (int i = 0; i < workers; i++) host.Worker();
            await host.UntilAsync(() => host.Imported == 20, "they are up", token);
            await Task.Delay(TimeSpan.FromSeconds(4), token);
        }
        Directory.Move(host.Work["outbox"], Path.Join(host.Inbox, "more"));
        foreach (string path in Directory.EnumerateFiles(Path.Join(host.Inbox, "more")))
            File.Move(path, Path.Join(host.Inbox, Path.GetFileName(path)));
        long began = Stopwatch.GetTimestamp();
        if (workers == 0)
        {
            DynamoResult result = await host.RunAsync(token, ["run", .. host.Source, "--sink", "sqlserver", "--after", "archive"]);
            Assert.That(result.ExitCode, Is.Zero, result.StandardError);
        }
        else
        {
            await host.UntilAsync(() => host.Imported == Files + 20, "all are imported", token);
        }
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static string Text(List<double> values) =>
        string.Join(" ", values.Select(value => value.ToString("0.00", CultureInfo.InvariantCulture)));
}
