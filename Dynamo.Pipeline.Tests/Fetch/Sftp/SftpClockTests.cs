namespace Dynamo.Pipeline.Tests;

/// <summary>A server whose clock is not ours, on Debian's sftp-server: it is our clock that is moved.</summary>
[Platform("Linux"), CancelAfter(60_000)]
internal sealed class SftpClockTests
{
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
        await using SftpSource source = Source(after, TimeSpan.FromHours(1));
        File.WriteAllText(_inbox["a.csv"], "begun");
        using var stop = new CancellationTokenSource();
        Task writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await File.AppendAllTextAsync(_inbox["a.csv"], "more", CancellationToken.None);
                await Task.Delay(1, CancellationToken.None);
            }
        }, CancellationToken.None);

        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(token)) files.Add(file);
        await stop.CancelAsync();
        await writing;

        Assert.Multiple(() =>
        {
            Assert.That(files.Single().DeferReason, Is.EqualTo("still changing"));
            Assert.That(source.ClockOffset, Is.EqualTo(TimeSpan.FromHours(-1)).Within(TimeSpan.FromSeconds(20)));
            Assert.That(Directory.GetFileSystemEntries(_inbox.Path), Has.Length.EqualTo(1), "nothing of ours is left");
        });
    }

    [Test]
    public async Task The_clock_is_not_asked_where_files_stay(CancellationToken token)
    {
        await using SftpSource source = Source(AfterCommit.Keep, TimeSpan.Zero);
        await foreach (SourceFile _ in source.ListAsync(token)) { }
        Assert.That(source.ClockOffset, Is.Null);
    }

    /// <summary>The server's refusal of a folder of ours, here because there is none to make it in, is no error of the listing.</summary>
    [Test]
    public async Task Without_an_answer_the_listing_goes_on(CancellationToken token)
    {
        await using SftpSource source = Source(AfterCommit.Archive, TimeSpan.Zero, "nowhere");
        SourceException? error = Assert.ThrowsAsync<SourceException>(async () =>
        {
            await foreach (SourceFile _ in source.ListAsync(token)) { }
        });
        Assert.That((source.ClockOffset, error!.Message), Is.EqualTo(((TimeSpan?)null, error.Message)));
        Assert.That(error.Message, Does.Contain("nowhere"));
    }

    private SftpSource Source(AfterCommit after, TimeSpan ahead, string below = "") => new(
        new SftpSourceOptions
        {
            Host = "pipe",
            Path = _inbox[below],
            AfterCommit = after,
            SettleTime = TimeSpan.FromSeconds(1),
            TimeProvider = new ShiftedTime(ahead),
        }, () => new SftpServerTransport());

    private sealed class ShiftedTime(TimeSpan ahead) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + ahead;
    }
}
