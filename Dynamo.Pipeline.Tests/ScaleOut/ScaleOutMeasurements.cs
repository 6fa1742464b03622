using System.Diagnostics;
using System.Globalization;
using Dynamo.Pipeline.Host;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What several workers bring and what the broker costs, by hand: DYNAMO_TEST_SOAK=1, and DYNAMO_TEST_PROGRAM for the native program.
/// The figures are in docs/scale-out.md.
/// </summary>
[TestFixture, Soak(ByHand = true), CancelAfter(1_200_000)]
internal sealed class ScaleOutMeasurements
{
    private const int Rounds = 3;

    /// <summary>Where each answer of the database takes 5 ms, so that workers wait more than they work.</summary>
    [Test]
    public async Task Three_workers_against_one(CancellationToken token)
    {
        var one = new List<double>();
        var three = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            one.Add(await SecondsAsync(1, token));
            three.Add(await SecondsAsync(3, token));
        }
        TestContext.Out.WriteLine(
            $"one {Text(one)} s, three {Text(three)} s: {Median(one) / Median(three):0.00} times");
        Assert.That(Median(one) / Median(three), Is.GreaterThan(2.2));
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
            queue.Add(await SecondsAsync(-1, token));
        }
        TestContext.Out.WriteLine($"run {Text(run)} s, one worker {Text(queue)} s: {Median(queue) / Median(run):0.000}");
    }

    /// <param name="workers">How many; 0 for a run; below zero for so many without the delay.</param>
    /// <param name="token">The test's own end.</param>
    private static async Task<double> SecondsAsync(int workers, CancellationToken token)
    {
        await using var host = new ScaleOutHost();
        using var sshd = new Sshd(host.Work.Path);
        const int Loggers = 500;
        int steps = workers > 0 ? 18 : 54, files = Loggers * steps;
        new LoggerFiles(new GenerateOptions { To = host.Work["outbox"], Loggers = Loggers, Steps = steps, Seed = 3, Bad = 0 })
            .Write(cancellationToken: token);
        host.Source = sshd.Arguments(host.Inbox);
        host.Variables["DYNAMO__WATCH__POLL"] = "50ms";
        await using DelayProxy? slow = workers > 0 ? new DelayProxy(Port(host.Database.ConnectionString), TimeSpan.FromMilliseconds(5))
            : null;
        if (slow is not null)
        {
            host.Variables["DYNAMO_SINK"] = new SqlConnectionStringBuilder(host.Database.ConnectionString)
            {
                DataSource = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1,{slow.Port}"),
            }.ConnectionString;
            host.Variables["DYNAMO__WRITERS"] = "1";
            host.Variables["DYNAMO__BATCHFILES"] = "20";
        }
        // All are up, and have imported something, before it begins.
        host.Land(0, 20);
        if (workers != 0)
        {
            host.Dispatcher();
            for (int i = 0; i < Math.Abs(workers); i++) host.Worker();
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
            await host.UntilAsync(() => host.Imported == files + 20, "all are imported", token);
        }
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static int Port(string connection) =>
        int.Parse(new SqlConnectionStringBuilder(connection).DataSource.Split(',')[1], CultureInfo.InvariantCulture);

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static string Text(List<double> values) =>
        string.Join(" ", values.Select(value => value.ToString("0.00", CultureInfo.InvariantCulture)));
}
