namespace Dynamo.Pipeline.Tests;

/// <summary>What a power cut can take back of an archive on another file system, seen by the system calls that the import makes.</summary>
[Platform("Linux"), CancelAfter(60_000)]
internal sealed class DurableCopyTests
{
    [Test]
    public async Task A_copy_is_on_its_disk_with_its_folders_before_the_original_goes(CancellationToken token)
    {
        if (!Directory.Exists("/dev/shm")) External.Missing("there is no second file system at /dev/shm");
        if (!File.Exists("/usr/bin/strace")) External.Missing("strace is not installed");
        using var elsewhere = new ScratchFolder("/dev/shm");
        using var folder = new DynamoFolder();
        Directory.CreateDirectory(folder["inbox/sub"]);
        folder.Put("sub/a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5");
        await File.WriteAllTextAsync(
            folder["dynamo.json"], $$"""{ "archive": "{{elsewhere["archive"]}}", "recursive": true, "after": "archive" }""", token);

        DynamoResult run = await DynamoProcess.RunAsync(
            "exec strace -f -y -o calls -e trace=fsync,mkdirat,renameat2,unlinkat \"$0\" \"$@\"",
            ["run", "--config", "dynamo.json", "--source", "inbox", "--sink", "sqlite:readings.db"], folder.Path, token);

        Assert.That(run.ExitCode, Is.Zero, run.StandardOutput + run.StandardError);
        string[] calls = await File.ReadAllLinesAsync(folder["calls"], token);
        string archive = elsewhere["archive"];
        int written = Find(0, "fsync(", archive + "/sub/.dynamo-"), named = Find(written, "renameat2(", archive + "/sub>, \".dynamo-");
        int flushed = Find(named, "fsync(", archive + "/sub>)"), gone = Find(flushed, "unlinkat(", "\"a.csv\"");
        int made = Find(0, "mkdirat(", archive + ">, \"sub\""), madeFlushed = Find(made, "fsync(", archive + ">)");
        Assert.That(new[] { written, named, flushed, gone, made, madeFlushed }, Has.All.GreaterThanOrEqualTo(0), string.Join('\n', calls));
        Assert.That(madeFlushed, Is.LessThan(gone));
        Assert.That(Find(gone, "fsync(", ".dynamo-claimed-"), Is.GreaterThan(gone), "the original's folder");

        int Find(int from, string call, string argument) => from < 0 ? -1 : Array.FindIndex(
            calls, from, line => line.Contains(call, StringComparison.Ordinal) && line.Contains(argument, StringComparison.Ordinal));
    }
}
