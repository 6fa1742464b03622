namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What a power cut could take away: the order of the real process's system calls says it, since no power can be cut here.
/// </summary>
[Platform("Linux")]
public sealed class PowerLossTests
{
    private const string Trace =
        "exec strace -f --seccomp-bpf -y -s 0 -e trace=pwrite64,fsync,fdatasync,rename,renameat2,linkat,link,unlink,unlinkat -o calls "
            + "\"$0\" \"$@\"";

    [TestCase("true", true), TestCase("false", false), CancelAfter(90_000)]
    public async Task A_file_is_archived_only_after_its_rows_are_on_the_disk(string durable, bool isOnDisk, CancellationToken token)
    {
        await External.RunAsync("strace", "-V");
        using var folder = new DynamoFolder();
        // All in one batch, so that nothing else is written while the files are archived.
        for (int i = 0; i < 20; i++) folder.Put($"{i}.csv", $"A,flow,2025-01-01T00:{i:00}:00Z,1");

        DynamoResult result = await DynamoProcess.RunAsync(
            $"export DYNAMO__DURABLE={durable}; {Trace}", [
                "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--after", "archive"], folder.Path, token);

        Assert.That(result.ExitCode, Is.Zero, result.StandardError);
        int unsynced = 0, archived = 0, early = 0;
        foreach (string call in await File.ReadAllLinesAsync(folder["calls"], token))
        {
            bool ofWal = call.Contains("readings.db-wal>", StringComparison.Ordinal);
            if (ofWal && call.Contains(" pwrite64(", StringComparison.Ordinal)) unsynced++;
            else if (ofWal && call.Contains("sync(", StringComparison.Ordinal)) unsynced = 0;
            else if (call.Contains("archive", StringComparison.Ordinal) && call.Contains(".csv", StringComparison.Ordinal))
            {
                archived++;
                if (unsynced > 0) early++;
            }
        }
        Assert.That(archived, Is.GreaterThanOrEqualTo(20));
        Assert.That(early, isOnDisk ? Is.Zero : Is.Positive);
    }
}
