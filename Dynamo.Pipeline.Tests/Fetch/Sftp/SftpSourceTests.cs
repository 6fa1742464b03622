using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>The source over sftp-server on a pipe, and over servers a test wrote.</summary>
[CancelAfter(120_000)]
public sealed class SftpSourceTests
{
    private static readonly DateTime Listed = DateTime.UnixEpoch.AddSeconds(1_700_000_000);

    /// <summary>Of what is waited for: the time to settle, and pauses between attempts. What is longer is a deadline.</summary>
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(5);

    private ScratchFolder _inbox = null!;

    [SetUp]
    public void MakeInbox() => _inbox = new ScratchFolder();

    [TearDown]
    public void RemoveInbox() => _inbox.Dispose();

    [Test]
    public async Task Many_thousand_names_are_listed_each_once(CancellationToken cancellationToken)
    {
        int files = SoakAttribute.IsWanted ? 65_000 : 9_000;
        for (int i = 0; i < files; i++) File.WriteAllBytes(_inbox[$"{i}.csv"], []);
        await using SftpSource source = Real();
        var names = new HashSet<string>();
        await foreach (SourceFile file in source.ListAsync(cancellationToken)) Assert.That(names.Add(file.Path), Is.True);
        Assert.That(names, Has.Count.EqualTo(files));
    }

    [TestCase(24, 300)]
    [TestCase(12, 100)]
    public async Task A_server_with_few_handles_gives_every_file(int openFiles, int files, CancellationToken cancellationToken)
    {
        for (int i = 0; i < files; i++) File.WriteAllText(_inbox[$"{i}.csv"], $"content {i}");
        await using SftpSource source = new(Options(), () => new SftpServerTransport(openFiles));
        List<SourceFile> listed = await ListAsync(source, cancellationToken);
        // What it advertises takes the folder it lists and its own descriptors into account only roughly: both ways are walked.
        await Task.WhenAll(listed.Select(async file =>
        {
            using FileContent content = await source.OpenAsync(file, 1000, cancellationToken);
            Assert.That(Encoding.ASCII.GetString(content.Bytes.Span), Is.EqualTo("content " + Path.GetFileNameWithoutExtension(file.Path)));
        }));
    }

    [Test]
    public async Task A_server_with_few_handles_takes_many_bad_files_into_quarantine(
        [Values] AfterCommit after, CancellationToken cancellationToken)
    {
        for (int i = 0; i < 200; i++) File.WriteAllText(_inbox[$"{i}.csv"], $"content {i}");
        await using SftpSource source = new(Options() with { AfterCommit = after }, () => new SftpServerTransport(openFiles: 24));
        List<SourceFile> listed = await ListAsync(source, cancellationToken);

        await source.CompleteAsync([.. listed.Select(file => new CompletedFile(file, new Defect("broken")))], cancellationToken);

        Assert.That(Directory.GetFiles(_inbox["quarantine"]), Has.Length.EqualTo(400));
        Assert.That(Directory.GetFiles(_inbox.Path), Has.Length.EqualTo(after == AfterCommit.Keep ? 200 : 0));
    }

    [TestCase(SftpProtocol.Open)]
    [TestCase(SftpProtocol.Write)]
    [TestCase(SftpProtocol.Close)]
    [TestCase(SftpProtocol.Rename)]
    [TestCase(SftpProtocol.Lstat)]
    [TestCase(SftpProtocol.MkDir)]
    public async Task What_fails_for_a_moment_while_a_bad_file_is_put_aside_is_asked_for_again(
        byte refused, CancellationToken cancellationToken)
    {
        int refusals = 3;
        var there = new HashSet<string> { _inbox.Path, _inbox["a.csv"] };
        var clock = new WatchedTime(Listed);
        await using SftpSource source = Scripted(server =>
        {
            while (true)
            {
                ScriptedServer.Request request = server.Read();
                if (request.Type == refused && refusals-- > 0) server.Status(request.Id, SftpCode.Failure);
                else if (request.Type is SftpProtocol.Lstat or SftpProtocol.Stat)
                {
                    if (!there.Contains(request.Text)) server.Status(request.Id, SftpCode.NoSuchFile);
                    else
                    {
                        bool isFile = Path.HasExtension(request.Text) && !Path.GetFileName(request.Text).StartsWith('.');
                        byte[] attributes = isFile ? ScriptedServer.File(1) : ScriptedServer.Folder();
                        server.Send(SftpProtocol.Attrs, ScriptedServer.U32(request.Id), attributes);
                    }
                }
                else if (request.Type == SftpProtocol.Open)
                {
                    there.Add(request.Text);
                    server.Send(SftpProtocol.Handle, ScriptedServer.U32(request.Id), ScriptedServer.Text("h"));
                }
                else if (request.Type == SftpProtocol.MkDir)
                    server.Status(request.Id, there.Add(request.Text) ? SftpCode.Ok : SftpCode.Failure);
                else if (request.Type == SftpProtocol.Rename)
                {
                    bool isDone = !there.Contains(request.SecondText) && there.Remove(request.Text) && there.Add(request.SecondText);
                    server.Status(request.Id, isDone ? SftpCode.Ok : SftpCode.Failure);
                }
                else
                {
                    if (request.Type is SftpProtocol.Remove or SftpProtocol.RmDir) there.Remove(request.Text);
                    server.Status(request.Id, SftpCode.Ok);
                }
            }
        }, Options() with { AfterCommit = AfterCommit.Archive, TimeProvider = clock });

        Task settling = source.CompleteAsync([new CompletedFile(new SourceFile("a.csv", 1, Listed), new Defect("broken"))],
            cancellationToken).AsTask();
        await clock.PassAsync(settling, s_longestWait, cancellationToken);

        await settling;
        Assert.That(refusals, Is.LessThan(0));
        Assert.That(there.Where(Path.HasExtension).Select(path => Path.GetRelativePath(_inbox.Path, path)),
            Is.EquivalentTo(new[] { "quarantine/a.csv", "quarantine/a.csv.reason.json" }));
    }

    [Test]
    public async Task What_a_killed_server_left_under_both_names_gets_one_and_other_content_gets_its_own(
        [Values] bool isBad, [Values] bool isSame, CancellationToken cancellationToken)
    {
        string aside = Directory.CreateDirectory(_inbox[isBad ? "quarantine" : "archive"]).FullName;
        File.WriteAllText(_inbox["a.csv"], "content");
        File.WriteAllText(Path.Combine(aside, "a.csv"), isSame ? "content" : "another");
        foreach (string path in (string[])[_inbox["a.csv"], Path.Combine(aside, "a.csv")]) File.SetLastWriteTimeUtc(path, Listed);
        await using SftpSource source = new(
            Options() with { AfterCommit = AfterCommit.Archive, ArchiveFolder = "archive" }, () => new SftpServerTransport());
        SourceFile file = (await ListAsync(source, cancellationToken)).Single();

        await source.CompleteAsync([new CompletedFile(file, isBad ? new Defect("broken") : null)], cancellationToken);

        string[] contents = [.. Directory.GetFiles(aside, "*.csv").Select(File.ReadAllText)];
        Assert.That(contents, Is.EquivalentTo(isSame ? new[] { "content" } : ["content", "another"]));
        Assert.That(Directory.GetFiles(_inbox.Path), Is.Empty);
    }

    [Test]
    public async Task A_server_that_only_gives_keeps_its_bad_files_and_the_run_goes_on(CancellationToken cancellationToken)
    {
        File.WriteAllText(_inbox["a.csv"], "nonsense");
        await using SftpSource source = new(Options(), () => new SftpServerTransport(arguments: "-R"));
        SourceFile file = (await ListAsync(source, cancellationToken)).Single();

        await source.CompleteAsync([new CompletedFile(file, new Defect("broken"))], cancellationToken);

        Assert.That(_inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
        await using SftpSource moving = new(Options() with { AfterCommit = AfterCommit.Archive },
            () => new SftpServerTransport(arguments: "-R"));
        Assert.That(async () => await moving.CompleteAsync([new CompletedFile(file, new Defect("broken"))], cancellationToken),
            Throws.TypeOf<SourceException>().With.Message.Contains("permission"));
    }

    [Test]
    public async Task A_large_file_is_streamed_in_constant_memory([Values] bool synchronously, CancellationToken cancellationToken)
    {
        // Several times the limit below.
        long size = SoakAttribute.IsWanted ? 1L << 30 : 1L << 28;
        using (FileStream sparse = File.Create(_inbox["large.csv"])) sparse.SetLength(size);

        string[] measured = (await Alone.RunAsync(ReadLargeAsync, cancellationToken, _inbox.Path, $"{synchronously}")).Split(' ');

        Assert.That(long.Parse(measured[0], CultureInfo.InvariantCulture), Is.EqualTo(size));
        Assert.That(long.Parse(measured[1], CultureInfo.InvariantCulture), Is.LessThan(64 << 20));
    }

    /// <summary>The bytes read, and the most that were held beyond what was there before.</summary>
    private static async Task<string> ReadLargeAsync(string[] arguments)
    {
        bool synchronously = bool.Parse(arguments[1]);
        await using SftpSource source = new(Options(arguments[0]), () => new SftpServerTransport());
        SourceFile file = (await ListAsync(source, default)).Single();
        using FileContent content = await source.OpenAsync(file, 1000, default);
        var buffer = new byte[1 << 16];
        long before = GC.GetTotalMemory(forceFullCollection: true), total = 0, most = 0;
        for (int read;
            (read = synchronously ? content.Stream!.Read(buffer) : await content.Stream!.ReadAsync(buffer)) > 0;
            total += read)
            if (total % (1 << 26) < read) most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true));
        return string.Create(CultureInfo.InvariantCulture, $"{total} {most - before}");
    }

    [Test]
    public async Task A_file_that_may_be_young_by_either_clock_is_looked_at_twice(CancellationToken cancellationToken)
    {
        var clock = new WatchedTime(Listed.AddSeconds(30));
        foreach (string name in (string[])["grows.csv", "still.csv", "goes.csv", "old.csv"]) File.WriteAllText(_inbox[name], "x");
        foreach (string name in (string[])["grows.csv", "still.csv", "goes.csv"]) File.SetLastWriteTimeUtc(_inbox[name], Listed);
        File.SetLastWriteTimeUtc(_inbox["old.csv"], Listed.AddMinutes(-2));
        await using SftpSource source = new(Options() with { SettleTime = TimeSpan.FromSeconds(5), TimeProvider = clock },
            () => new SftpServerTransport());
        await using IAsyncEnumerator<SourceFile> listing = source.ListAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        Assert.That(await listing.MoveNextAsync(), Is.True);
        Assert.That(listing.Current.Path, Is.EqualTo("old.csv"));
        Task<bool> next = listing.MoveNextAsync().AsTask();
        File.AppendAllText(_inbox["grows.csv"], "x");
        File.Delete(_inbox["goes.csv"]);
        var found = new Dictionary<string, string?>();
        while (await StepAsync(next, clock, cancellationToken))
        {
            found.Add(listing.Current.Path, listing.Current.DeferReason);
            next = listing.MoveNextAsync().AsTask();
        }
        Assert.That(found, Is.EquivalentTo(new Dictionary<string, string?> { ["grows.csv"] = "still changing", ["still.csv"] = null }));
    }

    [Test]
    public async Task Names_that_are_no_utf8_are_deferred_and_read_as_latin1_when_asked(CancellationToken cancellationToken)
    {
        Action<ScriptedServer> script = server => Listing(server, [.. "gr\u00fcn.csv".Select(c => (byte)c)]);
        await using SftpSource utf8 = Scripted(script), latin1 = Scripted(script, Options() with { NameEncoding = Encoding.Latin1 });
        Assert.That((await ListAsync(utf8, cancellationToken)).Single().DeferReason, Does.Contain("utf-8"));
        Assert.That((await ListAsync(latin1, cancellationToken)).Single(), Is.EqualTo(new SourceFile("gr\u00fcn.csv", 10, Listed)));
    }

    [TestCase(SftpCode.NoSuchFile, false)]
    [TestCase(SftpCode.Failure, true)]
    public async Task What_was_set_aside_and_is_gone_by_now_is_nobody_s_concern(
        object code, bool isSaid, CancellationToken cancellationToken)
    {
        string claims = FileNames.NewClaims();
        await using SftpSource source = Scripted(server =>
        {
            server.Send(SftpProtocol.Handle, ScriptedServer.U32(server.ReadUntil(SftpProtocol.OpenDir).Id), ScriptedServer.Text("h"));
            server.Send(SftpProtocol.Name, ScriptedServer.U32(server.Read().Id), ScriptedServer.U32(2),
                ScriptedServer.Text("a.csv"), ScriptedServer.Text("long"), ScriptedServer.File(10),
                ScriptedServer.Text(claims), ScriptedServer.Text("long"), ScriptedServer.Folder());
            while (true)
            {
                ScriptedServer.Request request = server.Read();
                server.Status(request.Id, request.Type == SftpProtocol.OpenDir ? (SftpCode)code : SftpCode.EndOfFile);
            }
        });

        List<SourceFile> files = await ListAsync(source, cancellationToken);

        Assert.That(files.Select(file => file.Path), Is.EquivalentTo(isSaid ? new[] { "a.csv", claims } : ["a.csv"]));
    }

    [TestCase(SftpCode.PermissionDenied, "permission")]
    [TestCase(SftpCode.Failure, "not today")]
    public async Task A_link_that_cannot_be_followed_is_deferred_and_costs_the_others_nothing(
        object code, string reason, CancellationToken cancellationToken)
    {
        await using SftpSource source = Scripted(server =>
        {
            for (int i = 0; i < 3; i++) server.Status(server.ReadUntil(SftpProtocol.RealPath).Id, SftpCode.Failure);
            server.Send(SftpProtocol.Handle, ScriptedServer.U32(server.ReadUntil(SftpProtocol.OpenDir).Id), ScriptedServer.Text("h"));
            server.Send(SftpProtocol.Name, ScriptedServer.U32(server.Read().Id), ScriptedServer.U32(2),
                ScriptedServer.Text("a.csv"), ScriptedServer.Text("long"), ScriptedServer.File(10),
                ScriptedServer.Text("link.csv"), ScriptedServer.Text("long"), ScriptedServer.Link());
            while (true)
            {
                ScriptedServer.Request request = server.Read();
                if (request.Type == SftpProtocol.Stat) server.Status(request.Id, (SftpCode)code, "not today");
                else server.Status(request.Id, SftpCode.EndOfFile);
            }
        }, Options() with { FollowLinks = true });

        List<SourceFile> files = await ListAsync(source, cancellationToken);

        Assert.That(files.Single(file => file.Path == "a.csv").DeferReason, Is.Null);
        Assert.That(files.Single(file => file.Path == "link.csv").DeferReason, Does.Contain(reason));
    }

    [Test]
    public async Task A_young_file_that_may_not_be_looked_at_again_is_deferred(CancellationToken cancellationToken)
    {
        var clock = new WatchedTime(Listed.AddSeconds(30));
        await using SftpSource source = Scripted(server =>
        {
            server.Send(SftpProtocol.Handle, ScriptedServer.U32(server.ReadUntil(SftpProtocol.OpenDir).Id), ScriptedServer.Text("h"));
            server.Names(server.Read().Id, "a.csv"u8.ToArray());
            while (true)
            {
                ScriptedServer.Request request = server.Read();
                server.Status(request.Id, request.Type == SftpProtocol.Stat ? SftpCode.PermissionDenied : SftpCode.EndOfFile);
            }
        }, Options() with { SettleTime = TimeSpan.FromSeconds(5), TimeProvider = clock });

        Task<List<SourceFile>> listing = ListAsync(source, cancellationToken);
        await clock.PassAsync(listing, s_longestWait, cancellationToken);

        Assert.That((await listing).Single().DeferReason, Does.Contain("permission"));
    }

    [TestCase("../x.csv", "contains '/'")]
    [TestCase("/etc/passwd.csv", "contains '/'")]
    [TestCase("a\0b.csv", "contains a NUL")]
    [TestCase("", "is empty")]
    public async Task A_name_that_is_none_ends_the_listing_and_is_named(string name, string wrong, CancellationToken cancellationToken)
    {
        await using SftpSource source = Scripted(server => Listing(server, Encoding.UTF8.GetBytes(name)));
        var error = Assert.ThrowsAsync<SourceException>(() => ListAsync(source, cancellationToken));
        Assert.That(error!.Message, Does.Contain(wrong));
    }

    [Test]
    public async Task An_endless_listing_ends_in_an_error_and_repeated_names_count_once(CancellationToken cancellationToken)
    {
        await using SftpSource source = Scripted(server =>
        {
            server.Send(SftpProtocol.Handle, ScriptedServer.U32(server.ReadUntil(SftpProtocol.OpenDir).Id), ScriptedServer.Text("h"));
            while (true) server.Names(server.Read().Id, "a.csv"u8.ToArray(), "b.csv"u8.ToArray());
        }, Options() with { MostNames = 10_000 });
        var files = new List<SourceFile>();
        var error = Assert.ThrowsAsync<SourceException>(async () =>
        {
            await foreach (SourceFile file in source.ListAsync(cancellationToken)) files.Add(file);
        });
        Assert.That(error!.Message, Does.Contain("endless"));
        Assert.That(files.Select(file => file.Path), Is.EqualTo(new[] { "a.csv", "b.csv" }));
    }

    [Test]
    public async Task Folders_nested_without_end_end_in_a_deferred_one(CancellationToken cancellationToken)
    {
        await using SftpSource source = Folders(1, [(byte)'d', .. new byte[99].Select(_ => (byte)'x')]);

        SourceFile file = (await ListAsync(source, cancellationToken)).Single();

        Assert.That(file.Path.Length, Is.InRange(4000, 5000));
        Assert.That(file.DeferReason, Does.Contain("longer"));
    }

    [Test, NonParallelizable]
    public void Folders_beside_each_other_without_end_end_in_an_error(CancellationToken cancellationToken)
    {
        SftpSource source = Folders(int.MaxValue, [.. new byte[3000].Select(_ => (byte)'x')]);
        long before = GC.GetTotalMemory(forceFullCollection: true);

        var error = Assert.ThrowsAsync<SourceException>(() => ListAsync(source, cancellationToken));

        Assert.That(error!.Message, Does.Contain("endless"));
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(200 << 20));
        GC.KeepAlive(source);
    }

    [Test]
    public async Task Short_reads_and_answers_out_of_order_make_a_whole_file(
        [Values(1, 1000, 100_000)] int size, [Values] bool streamed, CancellationToken cancellationToken)
    {
        byte[] content = new byte[size];
        new Random(size).NextBytes(content);
        await using SftpSource source = Scripted(server => ServeFile(server, content, new Random(size)));
        using FileContent opened = await source.OpenAsync(new SourceFile("a.csv", size, Listed), streamed ? 0 : size, cancellationToken);
        var bytes = new MemoryStream();
        if (opened.Stream is { } stream) await stream.CopyToAsync(bytes, cancellationToken);
        else bytes.Write(opened.Bytes.Span);
        Assert.That(bytes.ToArray(), Is.EqualTo(content));
    }

    [TestCase(SftpCode.NoSuchFile, typeof(FileChangedException))]
    [TestCase(SftpCode.PermissionDenied, typeof(UnreadableFileException))]
    [TestCase(SftpCode.Failure, typeof(UnreadableFileException))]
    [TestCase((SftpCode)4711, typeof(UnreadableFileException))]
    public async Task A_refused_file_is_that_file_s_error(object code, Type expected, CancellationToken cancellationToken)
    {
        await using SftpSource source = Scripted(server =>
        {
            while (true)
            {
                var request = server.Read();
                if (request.Type == SftpProtocol.Stat)
                    server.Send(SftpProtocol.Attrs, ScriptedServer.U32(request.Id), ScriptedServer.File(1));
                else server.Status(request.Id, (SftpCode)code, "no");
            }
        });
        Assert.That(async () => await source.OpenAsync(new SourceFile("a.csv", 1, Listed), 10, cancellationToken), Throws.TypeOf(expected));
    }

    [Test]
    public async Task A_data_answer_longer_than_asked_for_ends_the_source(CancellationToken cancellationToken)
    {
        await using SftpSource source = Scripted(server =>
        {
            server.Send(SftpProtocol.Handle, ScriptedServer.U32(server.ReadUntil(SftpProtocol.Open).Id), ScriptedServer.Text("h"));
            server.Send(SftpProtocol.Data, ScriptedServer.U32(server.ReadUntil(SftpProtocol.Read).Id),
                ScriptedServer.String(new byte[5000]));
            server.ReadUntil(255);
        });
        var error =
            Assert.ThrowsAsync<SourceException>(async () => await source.OpenAsync(new SourceFile("a.csv", 10, Listed), 100,
            cancellationToken));
        Assert.That(error!.Message, Does.Contain("5000 bytes"));
    }

    [Test]
    public async Task A_server_that_always_dies_ends_the_source_after_bounded_attempts(CancellationToken cancellationToken)
    {
        int connections = 0;
        await using SftpSource source = new(Options() with { Reconnects = 2 }, () =>
        {
            connections++;
            return new ScriptedTransport(server =>
            {
                server.Greet();
                server.Read();
            });
        });
        var error = Assert.ThrowsAsync<SourceException>(() => ListAsync(source, cancellationToken));
        Assert.That(error!.Message, Does.Contain("ended the SFTP session").And.Contain("pipe"));
        Assert.That(connections, Is.EqualTo(3));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_source_whose_server_was_down_connects_again_in_the_next_run(bool wasUp, CancellationToken cancellationToken)
    {
        File.WriteAllText(_inbox["a.csv"], "12345");
        bool isDown = !wasUp;
        int connections = 0;
        var dead = new List<SftpServerTransport>();
        await using SftpSource source = new(Options() with { Reconnects = 1 }, () =>
        {
            connections++;
            if (isDown) throw new SftpConnectionException("nobody listens", mayRecover: true);
            var transport = new SftpServerTransport();
            dead.Add(transport);
            return transport;
        });
        if (wasUp)
        {
            Assert.That(await ListAsync(source, cancellationToken), Has.Count.EqualTo(1));
            isDown = true;
            dead.ForEach(transport => transport.Abort());
        }
        var first = Assert.ThrowsAsync<SourceException>(() => ListAsync(source, cancellationToken));
        int tried = connections;
        var file = new SourceFile("a.csv", 5, Listed);
        var same = Assert.ThrowsAsync<SourceException>(async () => await source.OpenAsync(file, 10, cancellationToken));
        Assert.That(connections, Is.EqualTo(tried), "a run that has given up does not try again with each of its files");
        var second = Assert.ThrowsAsync<SourceException>(() => ListAsync(source, cancellationToken));

        isDown = false;
        List<SourceFile> files = await ListAsync(source, cancellationToken);

        Assert.That(new[] { first!.Message, same!.Message, second!.Message }, Has.All.Contains("nobody listens"));
        Assert.That(files.Select(listed => listed.Path), Is.EqualTo(new[] { "a.csv" }));
        using FileContent content = await source.OpenAsync(files[0], 10, cancellationToken);
        Assert.That(content.Bytes.Length, Is.EqualTo(5));
    }

    [Test]
    public async Task A_listing_interrupted_again_and_again_counts_every_file_once(CancellationToken cancellationToken)
    {
        int connections = 0;
        await using SftpSource source = new(Options() with { Reconnects = 1 }, () =>
        {
            int answers = ++connections;
            return new ScriptedTransport(server =>
            {
                server.Greet();
                server.Send(SftpProtocol.Handle, ScriptedServer.U32(server.Read().Id), ScriptedServer.Text("h"));
                for (int i = 0; i < answers && i < 5; i++) server.Names(server.Read().Id, Encoding.ASCII.GetBytes($"{i}.csv"));
                if (answers > 5) while (true) server.Status(server.Read().Id, SftpCode.EndOfFile);
            });
        });
        List<SourceFile> files = await ListAsync(source, cancellationToken);
        Assert.That(files.Select(file => file.Path), Is.EqualTo(new[] { "0.csv", "1.csv", "2.csv", "3.csv", "4.csv" }));
    }

    [Test]
    public async Task Opening_given_up_leaves_the_connection_in_order(CancellationToken cancellationToken)
    {
        File.WriteAllText(_inbox["a.csv"], "12345");
        await using SftpSource source = Real();
        SourceFile file = (await ListAsync(source, cancellationToken)).Single();
        for (int i = 0; i < 300; i++)
        {
            using var giveUp = new CancellationTokenSource();
            Task<FileContent> opening = source.OpenAsync(file, 10, giveUp.Token).AsTask();
            await giveUp.CancelAsync();
            await opening.ContinueWith(static ended => { if (ended.IsCompletedSuccessfully) ended.Result.Dispose(); }, cancellationToken,
                TaskContinuationOptions.None, TaskScheduler.Default);
        }
        using FileContent content = await source.OpenAsync(file, 10, cancellationToken);
        Assert.That(content.Bytes.Length, Is.EqualTo(5));
    }

    /// <summary>Whoever may write to the folder could have the import read what only its login may read.</summary>
    [Test]
    public async Task Links_are_deferred_and_followed_on_request_where_they_stay_below(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_inbox["in/sub"]);
        File.WriteAllText(_inbox["secret"], "12345");
        File.WriteAllText(_inbox["in/sub/real.txt"], "12345");
        File.WriteAllText(_inbox["in/near.csv"], "12345");
        foreach ((string name, string target) in new[]
        {
            ("below", "sub/real.txt"), ("out", "../secret"), ("absolute", _inbox["secret"]), ("dangling", "nowhere"), ("beside", "../in-2"),
        })
            File.CreateSymbolicLink(_inbox[$"in/{name}.csv"], target);
        File.WriteAllText(_inbox["in-2"], "12345");
        SftpSourceOptions options = Options() with { Path = _inbox["in"] };
        await using SftpSource source = new(options, () => new SftpServerTransport());
        await using SftpSource following = new(options with { FollowLinks = true }, () => new SftpServerTransport());

        List<SourceFile> listed = await ListAsync(source, cancellationToken), followed = await ListAsync(following, cancellationToken);

        Assert.Multiple(() =>
        {
            Assert.That(listed.Where(file => file.DeferReason is null).Select(file => file.Path), Is.EqualTo(new[] { "near.csv" }));
            Assert.That(listed.Count(file => file.DeferReason?.Contains("FollowLinks", StringComparison.Ordinal) == true), Is.EqualTo(5));
            Assert.That(
                followed.Select(file => $"{file.Path} {file.DeferReason}".TrimEnd()), Is.EquivalentTo(new[]
                {
                    "near.csv", "below.csv", "out.csv the symbolic link leads out of the source",
                    "absolute.csv the symbolic link leads out of the source", "beside.csv the symbolic link leads out of the source",
                    "dangling.csv the symbolic link leads nowhere",
                }));
        });
    }

    [Test]
    public async Task An_archive_named_through_a_link_is_not_listed_again(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_inbox["real/sub"]);
        Directory.CreateSymbolicLink(_inbox["link"], _inbox["real"]);
        File.WriteAllText(_inbox["real/a.csv"], "12345");
        File.WriteAllText(_inbox["real/sub/b.csv"], "12345");
        await using SftpSource source = new(Options() with
        {
            Path = _inbox["real"],
            Recursive = true,
            AfterCommit = AfterCommit.Archive,
            ArchiveFolder = _inbox["link/sub/../old"],
        }, () => new SftpServerTransport());

        await source.CompleteAsync([.. (await ListAsync(source, cancellationToken)).Select(file => new CompletedFile(file, null))],
            cancellationToken);

        Assert.That(_inbox.Files(), Does.Contain("real/old/a.csv").And.Contain("real/old/sub/b.csv"));
        Assert.That(await ListAsync(source, cancellationToken), Is.Empty);
    }

    [Test]
    public async Task The_server_is_described(CancellationToken cancellationToken)
    {
        await using SftpSource source = Real();
        SftpServerInfo info = await source.DescribeAsync(cancellationToken);
        Assert.That(info.Extensions, Does.ContainKey("posix-rename@openssh.com"));
        Assert.That(info.OpenHandles, Is.GreaterThan(0));
        Assert.That(info.RoundTrip, Is.GreaterThan(TimeSpan.Zero));
    }

    private SftpSourceOptions Options() => Options(_inbox.Path);

    private static SftpSourceOptions Options(string path) => new() { Host = "pipe", Path = path, SettleTime = TimeSpan.Zero };

    private SftpSource Real() => new(Options(), () => new SftpServerTransport());

    private SftpSource Scripted(Action<ScriptedServer> script, SftpSourceOptions? options = null) =>
        new((options ?? Options()) with { Reconnects = 0 }, () => new ScriptedTransport(server =>
    {
        server.Greet();
        script(server);
    }));

    private static void Listing(ScriptedServer server, byte[] name)
    {
        server.Send(SftpProtocol.Handle, ScriptedServer.U32(server.ReadUntil(SftpProtocol.OpenDir).Id), ScriptedServer.Text("h"));
        server.Names(server.Read().Id, "."u8.ToArray(), ".."u8.ToArray(), name);
        while (true) server.Status(server.Read().Id, SftpCode.EndOfFile);
    }

    /// <summary>A server on which each folder holds folders, whose names begin with their number.</summary>
    private SftpSource Folders(int inEach, byte[] name) => Scripted(server =>
    {
        int listed = 0;
        while (true)
        {
            ScriptedServer.Request request = server.Read();
            if (request.Type == SftpProtocol.OpenDir)
            {
                listed = 0;
                server.Send(SftpProtocol.Handle, ScriptedServer.U32(request.Id), ScriptedServer.Text("h"));
            }
            else if (request.Type == SftpProtocol.ReadDir && listed < inEach)
            {
                byte[] unique = [.. Encoding.ASCII.GetBytes($"{listed++}"), .. name];
                server.Send(SftpProtocol.Name, ScriptedServer.U32(request.Id), ScriptedServer.U32(1), ScriptedServer.String(unique),
                    ScriptedServer.Text("long"), ScriptedServer.Folder());
            }
            else server.Status(request.Id, request.Type == SftpProtocol.ReadDir ? SftpCode.EndOfFile : SftpCode.Ok);
        }
    }, Options() with { Recursive = true });

    /// <summary>Answers READs in random order, mostly with less than was asked for.</summary>
    private static void ServeFile(ScriptedServer server, byte[] content, Random random)
    {
        server.Send(SftpProtocol.Handle, ScriptedServer.U32(server.ReadUntil(SftpProtocol.Open).Id), ScriptedServer.Text("h"));
        var first = new List<ScriptedServer.Request>();
        // As many READs as travel together are answered in another order.
        for (int i = 0; i < content.Length / SftpProtocol.SafeReadLength; i++) first.Add(NextRead(server, content, random));
        foreach (ScriptedServer.Request request in first.OrderBy(_ => random.Next()).ToList()) Answer(server, request, content, random);
        while (true) Answer(server, server.Read(), content, random);
    }

    private static ScriptedServer.Request NextRead(ScriptedServer server, byte[] content, Random random)
    {
        while (true)
        {
            ScriptedServer.Request request = server.Read();
            if (request.Type == SftpProtocol.Read) return request;
            Answer(server, request, content, random);
        }
    }

    private static void Answer(ScriptedServer server, ScriptedServer.Request request, byte[] content, Random random)
    {
        if (request.Type == SftpProtocol.Fstat)
            server.Send(SftpProtocol.Attrs, ScriptedServer.U32(request.Id), ScriptedServer.File(content.Length));
        else if (request.Type == SftpProtocol.Close) server.Status(request.Id, SftpCode.Ok);
        else
        {
            var fields = new SftpReader(request.Body);
            fields.Bytes();
            int offset = (int)fields.UInt64(), length = (int)fields.UInt32(), left = Math.Min(length, content.Length - offset);
            if (left <= 0) server.Status(request.Id, SftpCode.EndOfFile);
            else
                server.Send(SftpProtocol.Data, ScriptedServer.U32(request.Id),
                    ScriptedServer.String(content[offset..(offset + random.Next(1, left + 1))]));
        }
    }

    private static async Task<bool> StepAsync(Task<bool> next, WatchedTime clock, CancellationToken cancellationToken)
    {
        await clock.PassAsync(next, s_longestWait, cancellationToken);
        return await next;
    }

    private static async Task<List<SourceFile>> ListAsync(SftpSource source, CancellationToken cancellationToken)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(cancellationToken)) files.Add(file);
        return files;
    }
}
