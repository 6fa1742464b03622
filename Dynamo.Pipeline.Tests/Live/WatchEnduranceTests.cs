using System.Diagnostics;
using Dapper;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>Two minutes, which mostly wait: a fixture of its own, beside the others.</summary>
[Soak, CancelAfter(600_000), Order(1)]
internal sealed class WatchEnduranceTests : WatchedProcess
{
    [Test]
    public async Task For_long_and_killed_now_and_then_its_books_balance_its_memory_is_flat_and_old_entries_are_removed(
        CancellationToken token)
    {
        const int Old = 200, PerSecond = 200;
        File.WriteAllText(Work["d.json"], """
            { "source": "inbox", "sink": "sqlite:r.db", "after": "archive", "settle": "10ms",
              "retention": { "ledger": "1d", "lineage": "drop" } }
            """);
        int landed = 0;
        Process process = DynamoProcess.Start(["watch", "--config", "d.json"], Work.Path);
        Land(0, landed = Old);
        await UntilAsync(() => Count("ImportedFile") == Old && Directory.GetFiles(Inbox).Length == 0, token);
        await KillAsync();
        using (SqliteConnection connection = new($"Data Source={Work["r.db"]};Pooling=False"))
            connection.Execute($"UPDATE ImportedFileEntry SET ImportedTicks = ImportedTicks - {TimeSpan.TicksPerDay * 10}");
        for (int kill = 0; kill < 2; kill++)
        {
            process = DynamoProcess.Start(["watch", "--config", "d.json"], Work.Path);
            await LandForAsync(TimeSpan.FromSeconds(30));
            await KillAsync();
        }
        process = DynamoProcess.Start(["watch", "--config", "d.json"], Work.Path);
        await LandForAsync(TimeSpan.FromSeconds(25));
        long before = Memory();
        DynamoResult pruned = await DynamoProcess.RunAsync(["prune", "--config", "d.json"], Work.Path, null, token);
        await LandForAsync(TimeSpan.FromSeconds(35));
        long after = Memory();
        await UntilAsync(() => Directory.GetFiles(Inbox).Length == 0 && Count("ImportedFile") == landed - Old, token);
        DynamoProcess.Terminate(process);
        await process.WaitForExitAsync(token);
        TestContext.Out.WriteLine($"{landed} files, {before >> 20} MB, {after >> 20} MB");
        string[] archived = Directory.GetFiles(Path.Join(Inbox, "archive"), "*", SearchOption.AllDirectories);
        Assert.Multiple(() =>
        {
            Assert.That((process.ExitCode, pruned.ExitCode), Is.EqualTo((0, 0)), pruned.StandardError);
            Assert.That(pruned.StandardOutput, Does.Contain($"{Old} ledger entries"));
            Assert.That((Count(), archived.Select(Path.GetFileName).Distinct().Count()), Is.EqualTo((landed, landed)));
            Assert.That(archived, Has.Length.EqualTo(landed));
            Assert.That(Scalar("SELECT count(DISTINCT Logger) FROM Reading"), Is.EqualTo(landed));
            Assert.That(
                Scalar("SELECT Listed - Loaded - AlreadyLoaded - Quarantined - Deferred FROM ImportRun WHERE Outcome = 'completed'"),
                Is.Zero, "the books of the last one");
            Assert.That(after - before, Is.LessThan(40 << 20), "bytes more than a quarter of a minute before");
        });
        process.Dispose();

        async Task LandForAsync(TimeSpan time)
        {
            for (long began = Stopwatch.GetTimestamp(), more = 0; Stopwatch.GetElapsedTime(began) < time; await Task.Delay(50, token))
            {
                int due = (int)((long)(Stopwatch.GetElapsedTime(began).TotalSeconds * PerSecond) - more);
                Land(landed, due);
                (landed, more) = (landed + due, more + due);
            }
        }

        async Task KillAsync()
        {
            process.Kill();
            await process.WaitForExitAsync(token);
            process.Dispose();
        }

        long Memory()
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }
}
