using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>A server whose clock is not ours, on Debian's sftp-server: it is our clock that is moved.</summary>
[Platform("Linux"), CancelAfter(60_000)]
internal sealed class SftpClockTests
{
    private static readonly TimeSpan s_settle = TimeSpan.FromSeconds(1);

    private ScratchFolder _inbox = null!;

    [SetUp]
    public void Create()
    {
        Sshd.Require();
        _inbox = new ScratchFolder();
    }

    [TearDown]
    public void Remove() => _inbox?.Dispose();

    /// <summary>
    /// By our clock the file has not changed for an hour. Archived now, it would take what its writer still writes with it.
    /// </summary>
    [Test]
    public async Task A_file_that_is_still_written_is_not_taken_for_an_old_one_when_the_server_is_behind(
        [Values(AfterCommit.Archive, AfterCommit.Delete)] AfterCommit after, CancellationToken token)
    {
        var clock = new WatchedTime(DateTimeOffset.UtcNow + TimeSpan.FromHours(1));
        long began = Stopwatch.GetTimestamp();
        await using SftpSource source = Source(after, clock);
        File.WriteAllText(_inbox["a.csv"], "begun");

        Task<List<SourceFile>> listing = ListAsync(source, token);
        // Between the first look at the file and the second one.
        TimeSpan wait = await clock.SomebodyWaitsAsync(s_settle, token);
        File.AppendAllText(_inbox["a.csv"], "more");
        clock.Advance(wait);
        List<SourceFile> files = await listing;

        Assert.Multiple(() =>
        {
            Assert.That(files.Single().DeferReason, Is.EqualTo("still changing"));
            // Our clock stands still, the server's does not, and tells whole seconds.
            Assert.That(source.ClockOffset,
                Is.InRange(-TimeSpan.FromSeconds(3_601), Stopwatch.GetElapsedTime(began) - TimeSpan.FromHours(1)));
            Assert.That(Directory.GetFileSystemEntries(_inbox.Path), Has.Length.EqualTo(1), "nothing of ours is left");
        });
    }

    [Test]
    public async Task The_clock_is_not_asked_where_files_stay(CancellationToken token)
    {
        await using SftpSource source = Source(AfterCommit.Keep, TimeProvider.System);
        await foreach (SourceFile _ in source.ListAsync(token)) { }
        Assert.That(source.ClockOffset, Is.Null);
    }

    /// <summary>The server's refusal of a folder of ours, here because there is none to make it in, is no error of the listing.</summary>
    [Test]
    public async Task Without_an_answer_the_listing_goes_on(CancellationToken token)
    {
        await using SftpSource source = Source(AfterCommit.Archive, TimeProvider.System, "nowhere");
        SourceException? error = Assert.ThrowsAsync<SourceException>(async () =>
        {
            await foreach (SourceFile _ in source.ListAsync(token)) { }
        });
        Assert.That((source.ClockOffset, error!.Message), Is.EqualTo(((TimeSpan?)null, error.Message)));
        Assert.That(error.Message, Does.Contain("nowhere"));
    }

    private static async Task<List<SourceFile>> ListAsync(SftpSource source, CancellationToken token)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(token)) files.Add(file);
        return files;
    }

    private SftpSource Source(AfterCommit after, TimeProvider clock, string below = "") => new(
        new SftpSourceOptions
        {
            Host = "pipe",
            Path = _inbox[below],
            AfterCommit = after,
            SettleTime = s_settle,
            TimeProvider = clock,
        }, () => new SftpServerTransport());
}
