using System.Net.Sockets;
using System.Text;
using Dynamo.Pipeline.Host;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>What a watch tells systemd.</summary>
internal sealed class ServiceNoticeTests
{
    private static readonly DateTime s_at = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Test]
    public void The_sign_of_life_stops_when_files_wait_and_nothing_moves_and_no_outage_explains_it()
    {
        var time = new FakeTimeProvider();
        var said = new List<string>();
        using ServiceNotice notice = ServiceNotice.To(said.Add, 1, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(5), time);
        notice.Report("folder:/in", new WatchStarted(s_at, "folder:/in", "sqlite:/r.db", true));
        notice.Report("folder:/in", At(listed: 10, done: 10));
        Assert.That(said, Has.One.EqualTo("READY=1"));
        Assert.That(Beats(20), Is.EqualTo(20), "idle for 20 minutes");

        notice.Report("folder:/in", At(listed: 11, done: 10));
        Assert.That(Beats(10), Is.EqualTo(4), "one file hangs: until the stall time has passed");

        notice.Report("folder:/in", new OutageBegan(s_at, "sqlite:/r.db", "the disk is full"));
        Assert.That(Beats(10), Is.EqualTo(10), "an outage is no hang");
        notice.Report("folder:/in", new OutageEnded(s_at, "sqlite:/r.db", TimeSpan.FromMinutes(10)));
        notice.Report("folder:/in", At(listed: 11, done: 11));
        Assert.That(Beats(3), Is.EqualTo(3));
        Assert.That(said, Has.Some.StartsWith("STATUS=OUTAGE of sqlite:/r.db: the disk is full"));

        int Beats(int minutes)
        {
            said.RemoveAll(text => text == "WATCHDOG=1");
            for (int i = 0; i < minutes; i++)
            {
                time.Advance(TimeSpan.FromMinutes(1));
                PipelineProgress last = At(11, 10);
                if (minutes == 10) notice.Report("folder:/in", last);
                else if (minutes == 20) notice.Report("folder:/in", At(10, 10));
            }
            return said.Count(text => text == "WATCHDOG=1");
        }

        static PipelineProgress At(long listed, long done) =>
            new(new RunBooks { Listed = listed, Loaded = done }, TimeSpan.Zero, false) { Moves = listed + done };
    }

    [Test, CancelAfter(120_000)]
    public async Task The_real_program_says_that_it_has_started_and_that_it_stops(CancellationToken token)
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("systemd is of Linux");
        using var work = new ScratchFolder();
        Directory.CreateDirectory(work["inbox"]);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(work["notify"]));
        var environment = new Dictionary<string, string?> { ["NOTIFY_SOCKET"] = work["notify"], ["WATCHDOG_USEC"] = "500000" };
        using System.Diagnostics.Process process = DynamoProcess.Start(
            ["watch", "--source", "inbox", "--sink", "sqlite:r.db"], work.Path, environment);
        var said = new List<string>();
        await ReadUntilAsync(text => text.StartsWith("STATUS=Watching", StringComparison.Ordinal));
        await ReadUntilAsync(text => text == "WATCHDOG=1");
        DynamoProcess.Terminate(process);
        await ReadUntilAsync(text => text == "STOPPING=1");
        await process.WaitForExitAsync(token);
        Assert.Multiple(() =>
        {
            Assert.That(process.ExitCode, Is.Zero);
            Assert.That(said, Has.Some.EqualTo("READY=1").And.Some.StartsWith("STATUS=Watching folder:"));
        });

        async Task ReadUntilAsync(Func<string, bool> isLast)
        {
            byte[] buffer = new byte[4096];
            while (said.Count == 0 || !isLast(said[^1]))
                said.Add(Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, SocketFlags.None, token)));
        }
    }
}
