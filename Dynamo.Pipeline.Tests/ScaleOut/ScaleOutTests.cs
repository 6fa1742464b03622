using System.Diagnostics;
using System.Text.Json;
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
}
