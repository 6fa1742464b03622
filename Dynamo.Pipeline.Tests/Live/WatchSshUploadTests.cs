using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A real sshd receives uploads into the watched folder: slow ones, broken ones that are resumed, and those that are renamed when they
/// are complete.
/// </summary>
[CancelAfter(180_000)]
internal sealed class WatchSshUploadTests
{
    private const int Readings = 40;

    [Test]
    public async Task Slow_renamed_and_resumed_uploads_are_loaded_with_all_their_readings(CancellationToken token)
    {
        Sshd.Require();
        await External.RunAsync("sh", "-c", "command -v sftp");
        using var work = new ScratchFolder();
        using var sshd = new Sshd(work.Path);
        await using var watched = new Watched();
        watched.Start(Watched.Sweeps, source: new FolderSource(
            watched.Inbox, new FolderSourceOptions { SettleTime = TimeSpan.FromMilliseconds(10) }));
        await watched.UntilAsync(() => watched.Events.OfType<WatchStarted>().Any(), "started");

        Task slow = UploadAsync("slow", "slow.csv");
        Task renamed = UploadAsync("renamed", "renamed.csv.part", "rename renamed.csv.part renamed.csv");
        using Process broken = Begin("resumed", "put", "resumed.csv");
        var resumed = new FileInfo(Path.Join(watched.Inbox, "resumed.csv"));
        await watched.UntilAsync(() => Length(resumed) > 300, "half of the upload");
        broken.Kill();
        await broken.WaitForExitAsync(token);
        await watched.UntilAsync(() => Count("resumed") > 0, "what was there when the upload broke off");
        long before = Count("resumed");
        using Process rest = Begin("resumed", "reput", "resumed.csv");
        await rest.WaitForExitAsync(token);
        Assert.That((rest.ExitCode, before < Readings), Is.EqualTo((0, true)), $"{before} readings before the rest came");
        await Task.WhenAll(slow, renamed);
        await watched.UntilAsync(
            () => watched.Readings() == 3 * Readings && watched.Scalar<double>("SELECT sum(Value) FROM Reading") == 3 * 780,
            "all readings");

        PipelineResult result = await watched.StopAsync();

        Assert.Multiple(() =>
        {
            // Two of the three came whole; of the third, the first part and then all of it.
            Assert.That(result.Books, Has.Property("Loaded").EqualTo(4));
            Assert.That(result.Books.RowsRejected, Is.LessThanOrEqualTo(1), "the line at which the upload broke off");
            Assert.That(watched.Scalar<long>("SELECT count(*) FROM ImportedFile WHERE Path = 'slow.csv'"), Is.EqualTo(1));
        });

        long Count(string logger) => watched.Readings() == 0
            ? 0 : watched.Scalar<long>($"SELECT count(*) FROM Reading WHERE Logger = '{logger}'");

        async Task UploadAsync(string logger, string to, string then = "")
        {
            using Process client = Begin(logger, "put", to, then);
            await client.WaitForExitAsync(token);
            Assert.That(client.ExitCode, Is.Zero, $"the upload of {to}");
        }

        // In pieces of 200 bytes, a kilobyte a second.
        Process Begin(string logger, string how, string to, string then = "")
        {
            File.WriteAllText(work[logger], "logger,channel,timestamp,value\n" + string.Concat(
                Enumerable.Range(0, Readings).Select(i => FormattableString.Invariant($"{logger},p,2025-01-01T00:{i:D2}:00Z,{i}\n"))));
            string commands = work[$"{logger}-{how}"];
            File.WriteAllText(commands, $"cd {watched.Inbox}\n{how} {work[logger]} {to}\n{then}\n");
            return Process.Start("sftp", [
                "-q", "-b", commands, "-B", "200", "-l", "8", "-F", sshd.ConfigFile, "-i", sshd.UserKey,
                "-o", $"UserKnownHostsFile={sshd.KnownHosts}", "-P", $"{sshd.Port}", $"{Environment.UserName}@127.0.0.1"]);
        }
    }

    private static long Length(FileInfo file)
    {
        file.Refresh();
        return file.Exists ? file.Length : 0;
    }
}
