using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>Outages of real servers and disks while a watch is at work: it goes on by itself, and nothing is lost or doubled.</summary>
[CancelAfter(400_000)]
internal sealed class WatchOutageTests
{
    [TestCase(SshClientKind.OpenSsh)]
    [TestCase(SshClientKind.Managed)]
    public async Task A_server_that_is_stopped_and_comes_back(SshClientKind client)
    {
        Sshd.Require();
        if (client == SshClientKind.Managed) SoakAttribute.Require();
        using var keys = new ScratchFolder();
        using var sshd = new Sshd(keys.Path);
        await using var watched = new Watched();
        var options = new WatchOptions { Poll = TimeSpan.FromMilliseconds(200), LongestPause = TimeSpan.FromSeconds(2) };
        watched.Start(options, source: new SftpSource(sshd.Options(watched.Inbox, client: client) with
        {
            AfterCommit = AfterCommit.Archive,
            ArchiveFolder = "archive",
            Reconnects = 1,
        }));
        watched.Land(20);
        await watched.UntilReadingsAsync(20);
        sshd.Kill();
        watched.Land(20);
        await watched.UntilAsync(() => watched.Events.OfType<OutageBegan>().Any(), "an outage");
        watched.Land(20);
        sshd.Start();
        await watched.UntilReadingsAsync(60);
        await watched.UntilAsync(() => watched.Events.OfType<OutageEnded>().Any(), "its end");
        watched.Land(20);
        await watched.UntilReadingsAsync(80);
        await watched.UntilAsync(() => Directory.GetFiles(watched.Inbox).Length == 0, "all archived");

        PipelineResult result = await watched.StopAsync();

        Assert.Multiple(() =>
        {
            Assert.That(result.Books, Has.Property("Loaded").EqualTo(80));
            Assert.That(Directory.GetFiles(Path.Join(watched.Inbox, "archive")), Has.Length.EqualTo(80));
        });
    }

    [Test]
    public async Task A_disk_that_is_full_and_is_freed()
    {
        using var place = new ScratchFolder();
        using var disk = new SmallDisk(place["disk"], "3m");
        await using var watched = new Watched(Path.Join(disk.Path, "readings.db"));
        await watched.StartAsync();
        watched.Land(10);
        await watched.UntilReadingsAsync(10);
        string ballast = Path.Join(disk.Path, "ballast");
        Fill(ballast);
        watched.Land(2_000);
        await watched.UntilAsync(() => watched.Events.OfType<OutageBegan>().Any(), "an outage");
        File.Delete(ballast);
        await watched.UntilReadingsAsync(2_010);
        await watched.UntilAsync(() => watched.Events.OfType<OutageEnded>().Any(), "its end");

        PipelineResult result = await watched.StopAsync();

        Assert.That(result.Books, Has.Property("Loaded").EqualTo(2_010));
        Assert.That(watched.Events.OfType<OutageBegan>().First().Reason, Does.Contain("full"));
    }

    [Test]
    public async Task A_sql_server_that_goes_away_and_comes_back()
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        await using var watched = new Watched();
        await using IBatchSink<Reading> sink = database.NewSink(DuplicatePolicy.LastWins, o => o);
        watched.Start(sink: sink);
        watched.Land(5);
        await watched.UntilAsync(() => Seen() == 5, "5 readings");
        database.Endpoint!.IsAway = true;
        watched.Land(30);
        await watched.UntilAsync(() => watched.Events.OfType<OutageBegan>().Any(), "an outage");
        watched.Land(30);
        database.Endpoint.IsAway = false;
        await watched.UntilAsync(() => Seen() == 65, "65 readings");

        PipelineResult result = await watched.StopAsync();

        Assert.That(result.Books, Has.Property("Loaded").EqualTo(65));

        int Seen()
        {
            try
            {
                return database.Readings().Count;
            }
            catch (SqlException)
            {
                // The pool of the test's own connections has those that were cut.
                return -1;
            }
        }
    }

    private static void Fill(string path)
    {
        using FileStream file = File.Create(path, bufferSize: 0);
        byte[] block = new byte[4096];
        try
        {
            while (true) file.Write(block);
        }
        catch (IOException)
        {
            // Full.
        }
    }
}
