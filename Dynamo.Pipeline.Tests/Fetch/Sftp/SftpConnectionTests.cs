using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>The session against servers that lie, fall silent or go away. Each of them ends in an error that says what was wrong.</summary>
[CancelAfter(30_000)]
public sealed class SftpConnectionTests
{
    private static readonly SftpTiming Timing = new(TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(20), TimeSpan.FromMinutes(5));

    [Test]
    public async Task A_server_that_says_something_else_is_named(CancellationToken cancellationToken)
    {
        SftpConnectionException error = await FailsToStartAsync(server => server.Raw("Welcome! Last login: never\n"u8.ToArray()),
            cancellationToken);
        Assert.That(error.Message, Does.Contain("login script").And.Contain("Welcome"));
    }

    [Test]
    public async Task A_server_of_an_older_version_is_refused(CancellationToken cancellationToken)
    {
        SftpConnectionException error = await FailsToStartAsync(server => server.Send(SftpProtocol.VersionReply, ScriptedServer.U32(2)),
            cancellationToken);
        Assert.That(error.Message, Does.Contain("version 2"));
    }

    [Test]
    public async Task A_server_that_hangs_up_ends_the_greeting(CancellationToken cancellationToken)
    {
        SftpConnectionException error = await FailsToStartAsync(server => server.Read(), cancellationToken);
        Assert.That(error.MayRecover, Is.True);
    }

    [Test]
    public async Task A_silent_server_is_given_up_after_the_time_to_connect(CancellationToken cancellationToken)
    {
        var clock = new WatchedTime(DateTimeOffset.UnixEpoch);
        using var ended = new ManualResetEventSlim();
        Task<SftpConnection> starting = SftpConnection.StartAsync(new ScriptedTransport(_ => ended.Wait(cancellationToken)), Timing, clock,
            cancellationToken);
        clock.Advance(await clock.SomebodyWaitsAsync(Timing.Connect, cancellationToken));
        // Until its script ends, the transport cannot be closed.
        ended.Set();
        Assert.That(async () => await starting, Throws.TypeOf<SftpConnectionException>().With.Message.Contains("20 s"));
    }

    [TestCase("an unknown id")]
    [TestCase("a second answer")]
    [TestCase("a lying length")]
    [TestCase("a wrong type")]
    [TestCase("a cut packet")]
    [TestCase("a handle of 300 bytes")]
    [TestCase("a second greeting")]
    public async Task What_no_server_may_send_ends_the_session_and_every_request(string what, CancellationToken cancellationToken)
    {
        await using SftpConnection connection = await StartAsync(server =>
        {
            uint id = server.Read().Id;
            server.Read();
            switch (what)
            {
                case "an unknown id": server.Status(id + 1000, SftpCode.Ok); break;
                case "a second answer": server.Status(id, SftpCode.NoSuchFile); server.Status(id, SftpCode.NoSuchFile); break;
                case "a lying length": server.Raw([0x7F, 0xFF, 0xFF, 0xFF, 101]); break;
                case "a wrong type": server.Send(SftpProtocol.Data, ScriptedServer.U32(id), ScriptedServer.Text("x")); break;
                case "a cut packet": server.Send(SftpProtocol.Attrs, ScriptedServer.U32(id), ScriptedServer.U32(1)); break;
                case "a handle of 300 bytes":
                    server.Send(SftpProtocol.Handle, ScriptedServer.U32(id), ScriptedServer.String(new byte[300]));
                    break;
                default: server.Send(SftpProtocol.VersionReply, ScriptedServer.U32(3)); break;
            }
            server.Read();
        }, cancellationToken);
        Task first = what.StartsWith("a handle", StringComparison.Ordinal)
            ? ListAsync(connection, cancellationToken)
            : connection.LstatAsync("a"u8.ToArray());
        Task second = connection.LstatAsync("b"u8.ToArray());
        if (what != "a second answer") Assert.That(() => first, Throws.TypeOf<SftpConnectionException>());
        Assert.That(() => second, Throws.TypeOf<SftpConnectionException>().With.Message.Contains("does not speak SFTP as it should"));
        Assert.That(() => connection.LstatAsync("c"u8.ToArray()), Throws.TypeOf<SftpConnectionException>());
        Assert.That(connection.Cause, Is.TypeOf<SftpConnectionException>().With.Property("MayRecover").False);
    }

    [Test]
    public async Task When_the_pipe_ends_every_pending_request_fails_with_the_first_cause(CancellationToken cancellationToken)
    {
        await using SftpConnection connection = await StartAsync(server =>
        {
            for (int i = 0; i < 100; i++) server.Read();
        }, cancellationToken);
        Task[] pending = [.. Enumerable.Range(0, 100).Select(_ => connection.LstatAsync("a"u8.ToArray()))];
        foreach (Task request in pending)
            Assert.That(Assert.ThrowsAsync<SftpConnectionException>(() => request.WaitAsync(cancellationToken)),
                Is.SameAs(connection.Cause));
    }

    [Test]
    public async Task A_transport_that_takes_no_more_requests_ends_the_session_at_once(CancellationToken cancellationToken)
    {
        var clock = new WatchedTime(DateTimeOffset.UnixEpoch);
        var transport = new DeafTransport();
        await using SftpConnection connection = await SftpConnection.StartAsync(transport, Timing, clock, cancellationToken)
            .WaitAsync(cancellationToken);
        transport.IsDeaf = true;

        var error = Assert.ThrowsAsync<SftpConnectionException>(() => connection.LstatAsync("a"u8.ToArray()).WaitAsync(cancellationToken));

        Assert.That(error!.MayRecover);
    }

    [Test]
    public async Task Answers_may_come_in_any_order(CancellationToken cancellationToken)
    {
        await using SftpConnection connection = await StartAsync(server =>
        {
            var requests = Enumerable.Range(0, 50).Select(_ => server.Read()).Reverse().ToList();
            foreach (var request in requests)
                server.Send(SftpProtocol.Attrs, ScriptedServer.U32(request.Id), ScriptedServer.File(int.Parse(request.Text, null)));
            server.Read();
        }, cancellationToken);
        Task<SftpAttributes?>[] requests = [.. Enumerable.Range(0, 50).Select(i => connection.LstatAsync(Encoding.ASCII.GetBytes($"{i}")))];
        for (int i = 0; i < 50; i++) Assert.That((await requests[i].WaitAsync(cancellationToken))?.Size, Is.EqualTo(i));
    }

    [Test]
    public async Task A_request_left_unanswered_ends_the_session_at_its_deadline_while_others_are_answered(
        CancellationToken cancellationToken)
    {
        var clock = new WatchedTime(DateTimeOffset.UnixEpoch);
        await using SftpConnection connection = await StartAsync(server =>
        {
            server.Read();
            while (true) server.Status(server.Read().Id, SftpCode.NoSuchFile);
        }, cancellationToken, clock);
        Task skipped = connection.LstatAsync("never"u8.ToArray());
        int answered = 0;
        for (TimeSpan passed = default; passed < Timing.Deadline * 2 && !skipped.IsCompleted; passed += Timing.Deadline / 8)
        {
            clock.Advance(Timing.Deadline / 8);
            if (skipped.IsCompleted) break;
            await connection.LstatAsync("answered"u8.ToArray()).WaitAsync(cancellationToken);
            answered++;
        }
        Assert.That(() => skipped,
            Throws.TypeOf<SftpConnectionException>().With.Message.Contains("unanswered for 20 s").And.Property("MayRecover").True);
        Assert.That(answered, Is.InRange(7, 10));
    }

    [Test]
    public async Task A_slow_server_with_much_under_way_is_not_taken_for_dead(CancellationToken cancellationToken)
    {
        var clock = new WatchedTime(DateTimeOffset.UnixEpoch);
        using var next = new SemaphoreSlim(0);
        await using SftpConnection connection = await StartAsync(server =>
        {
            for (int i = 0; i < 10; i++)
            {
                next.Wait(cancellationToken);
                server.Status(server.Read().Id, SftpCode.NoSuchFile);
            }
            server.Read();
        }, cancellationToken, clock);
        Task[] requests = [.. Enumerable.Range(0, 10).Select(_ => connection.LstatAsync("a"u8.ToArray()))];
        foreach (Task request in requests)
        {
            for (int i = 0; i < 6; i++) clock.Advance(Timing.Deadline / 8);
            next.Release();
            await request.WaitAsync(cancellationToken);
        }
        Assert.That(connection.Cause, Is.Null);
    }

    [Test]
    public async Task An_idle_session_is_kept_alive(CancellationToken cancellationToken)
    {
        var clock = new WatchedTime(DateTimeOffset.UnixEpoch);
        var sign = new TaskCompletionSource<byte>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using SftpConnection connection = await StartAsync(server => sign.SetResult(server.Read().Type), cancellationToken, clock);
        clock.Advance(Timing.KeepAlive);
        Assert.That(await sign.Task.WaitAsync(cancellationToken), Is.EqualTo(SftpProtocol.RealPath));
    }

    private static async Task ListAsync(SftpConnection connection, CancellationToken cancellationToken)
    {
        await foreach (SftpEntry[] _ in connection.ListAsync("a"u8.ToArray(), cancellationToken)) { }
    }

    private static async Task<SftpConnection> StartAsync(
        Action<ScriptedServer> script, CancellationToken cancellationToken, TimeProvider? clock = null) =>
        await SftpConnection.StartAsync(new ScriptedTransport(server =>
        {
            server.Greet();
            script(server);
        }), Timing, clock ?? TimeProvider.System, cancellationToken).WaitAsync(cancellationToken);

    private static async Task<SftpConnectionException> FailsToStartAsync(Action<ScriptedServer> script, CancellationToken cancellationToken)
    {
        Task<SftpConnection> starting = SftpConnection.StartAsync(new ScriptedTransport(script), Timing, TimeProvider.System,
            cancellationToken);
        return (await Task.WhenAny(starting).WaitAsync(cancellationToken)).Exception?.InnerException as SftpConnectionException
            ?? throw new AssertionException("it started");
    }

    /// <summary>A server that is silent and stays, and a pipe to it that breaks.</summary>
    private sealed class DeafTransport : SftpTransport
    {
        private readonly ScriptedTransport _inner = new(server =>
        {
            server.Greet();
            while (true) server.Read();
        });
        private readonly MemoryStream _broken = new();

        public DeafTransport() => _broken.Dispose();

        public bool IsDeaf { get; set; }

        public override Stream Input => _inner.Input;

        public override Stream Output => IsDeaf ? _broken : _inner.Output;

        public override void Abort() => _inner.Abort();

        public override SftpConnectionException? Explain() => null;

        public override void Dispose() => _inner.Dispose();
    }
}
