using System.Text;
using Renci.SshNet.Common;

namespace Dynamo.Pipeline.Tests;

/// <summary>The managed client against a real sshd: whom it trusts, how it logs in, and what it says it cannot do.</summary>
[CancelAfter(120_000), Order(1)]
public sealed class ManagedClientTests
{
    private static readonly DateTime s_time = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    private ScratchFolder _scratch = null!, _inbox = null!;
    private Sshd _sshd = null!;

    [OneTimeSetUp]
    public void StartServer()
    {
        Sshd.Require();
        _scratch = new ScratchFolder();
        // An RSA key beside the ed25519 one: a server has several, and a client picks one.
        Sshd.MakeKey(_scratch["rsa_host_key"], "", "-t", "rsa", "-b", "2048");
        _sshd = new Sshd(_scratch.Path, $"HostKey {_scratch["rsa_host_key"]}");
    }

    [OneTimeTearDown]
    public void StopServer()
    {
        _sshd?.Dispose();
        _scratch?.Dispose();
    }

    [SetUp]
    public void MakeInbox()
    {
        _inbox = new ScratchFolder();
        Know(_sshd.HostKey);
        File.Copy(_sshd.UserKey + ".pub", Path.Combine(_sshd.Folder, "authorized_keys"), overwrite: true);
    }

    [TearDown]
    public void RemoveInbox() => _inbox.Dispose();

    [Test]
    public async Task The_type_of_key_that_is_known_is_the_one_that_is_asked_for(
        [Values("ed25519", "rsa")] string type, [Values] bool hashed, CancellationToken token)
    {
        Know(type == "rsa" ? _scratch["rsa_host_key"] : _sshd.HostKey);
        if (hashed) await External.RunAsync("ssh-keygen", "-q", "-H", "-f", _sshd.KnownHosts);

        await ConnectsAsync(Options(), token);
    }

    [Test]
    public async Task A_key_of_the_host_without_its_port_counts(CancellationToken token)
    {
        await File.WriteAllTextAsync(_sshd.KnownHosts, $"127.0.0.1 {Public(_sshd.HostKey)}\n", token);

        await ConnectsAsync(Options(), token);
    }

    [Test]
    public async Task A_revoked_key_is_refused_always([Values] bool acceptNew, CancellationToken token)
    {
        await File.AppendAllTextAsync(_sshd.KnownHosts, $"@revoked * {Public(_sshd.HostKey)}\n", token);

        Assert.That(await FailsAsync(Options() with { AcceptNewHostKeys = acceptNew }, token),
            Does.Contain("revoked").And.Contain("SHA256:"));
    }

    [Test]
    public async Task A_host_of_which_only_other_types_are_known_was_met_before_and_is_not_accepted_as_new(CancellationToken token)
    {
        Sshd.MakeKey(_inbox["ecdsa"], "", "-t", "ecdsa");
        Know(_inbox["ecdsa"]);

        string error = await FailsAsync(Options() with { AcceptNewHostKeys = true }, token);

        Assert.That(error, Does.Contain("only ecdsa-sha2-nistp256 is known").And.Contain("dynamo hostkey"));
    }

    [Test]
    public async Task A_certificate_authority_for_hosts_is_named_as_what_it_cannot_do(CancellationToken token)
    {
        await File.WriteAllTextAsync(_sshd.KnownHosts, $"@cert-authority * {Public(_sshd.HostKey)}\n", token);

        Assert.That(await FailsAsync(Options(), token), Does.Contain("certificate authority").And.Contain("'openssh'"));
    }

    [Test]
    public async Task Many_connections_that_meet_a_new_host_remember_it_once(CancellationToken token)
    {
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", token);
        for (int i = 0; i < 40; i++) Put($"{i}.csv", "x");
        await using var source = new SftpSource(Options() with { AcceptNewHostKeys = true, Connections = 4 });

        List<SourceFile> files = await ListAsync(source, token);
        await Task.WhenAll(files.Select(async file => (await source.OpenAsync(file, 100, token)).Dispose()));

        Assert.That(await File.ReadAllLinesAsync(_sshd.KnownHosts, token), Has.Length.EqualTo(1));
    }

    [TestCase("-t", "ed25519")]
    [TestCase("-t", "ecdsa", "-b", "521")]
    [TestCase("-t", "rsa", "-b", "2048")]
    [TestCase("-t", "rsa", "-b", "2048", "-m", "PEM")]
    [TestCase("-t", "rsa", "-b", "2048", "-m", "PKCS8")]
    [TestCase("-t", "ecdsa", "-m", "PKCS8")]
    public async Task Private_keys_of_many_kinds_log_in_with_and_without_a_passphrase(params string[] arguments)
    {
        foreach (string passphrase in (string[])["", "the $ecret \"phrase\""])
        {
            string key = _inbox[passphrase.Length == 0 ? "open" : "locked"];
            Sshd.MakeKey(key, passphrase, arguments);
            await File.WriteAllTextAsync(Path.Combine(_sshd.Folder, "authorized_keys"), await File.ReadAllTextAsync(key + ".pub"));

            await ConnectsAsync(Options() with { IdentityFile = key, Password = passphrase.Length == 0 ? null : passphrase }, default);
        }
    }

    [Test]
    public async Task A_private_key_that_cannot_be_had_is_named_with_the_remedy(CancellationToken token)
    {
        string locked = _inbox["locked"], garbage = _inbox["garbage"], hardware = _inbox["hardware"];
        Sshd.MakeKey(locked, "s3cret-phrase");
        await File.WriteAllTextAsync(garbage, "no key at all", token);
        await File.WriteAllTextAsync(hardware, HardwareKey(), token);

        Assert.That(await FailsAsync(Options() with { IdentityFile = _scratch["missing"] }, token), Does.Contain("does not exist"));
        Assert.That(await FailsAsync(Options() with { IdentityFile = locked }, token),
            Does.Contain("is encrypted").And.Contain("Password"));
        Assert.That(await FailsAsync(Options() with { IdentityFile = locked, Password = "wr0ng-pass" }, token),
            Does.Contain("passphrase").And.Not.Contain("wr0ng-pass"));
        Assert.That(await FailsAsync(Options() with { IdentityFile = garbage }, token), Does.Contain("no private key"));
        Assert.That(await FailsAsync(Options() with { IdentityFile = hardware }, token),
            Does.Contain("hardware key").And.Contain("'openssh'"));
        Assert.That(await FailsAsync(Options() with { IdentityFile = _sshd.UserKey + ".pub" }, token),
            Does.Contain("public key").And.Contain("agent").And.Contain("'openssh'"));
    }

    [Test]
    public async Task A_server_that_is_not_reached_may_be_an_alias_or_behind_a_jump_which_is_named(CancellationToken token)
    {
        Assert.That(await FailsAsync(Options() with { Host = "no-such-host.invalid", Reconnects = 0 }, token),
            Does.Contain("name is not known").And.Contain("neither aliases nor ProxyJump").And.Contain("'openssh'"));
    }

    [TestCase(1, 1, "s3cret")]
    [TestCase(1, 2, null)]
    [TestCase(2, 1, null)]
    public void The_password_answers_one_question_and_no_second_one(int prompts, int rounds, string? answer)
    {
        var login = SshNetLogin.For(Options() with { Password = "s3cret" });
        var questions = Enumerable.Range(0, prompts).Select(i => new AuthenticationPrompt(i, isEchoed: false, "Password: ")).ToArray();
        // A server may say something first, and ask nothing.
        login.Answer(this, new AuthenticationPromptEventArgs("user", "welcome", "", []));

        Action asking = () =>
        {
            for (int i = 0; i < rounds; i++) login.Answer(this, new AuthenticationPromptEventArgs("user", "", "", questions));
        };

        if (answer is null) Assert.Throws<SshAuthenticationException>(asking);
        else asking();
        Assert.That(questions[0].Response, Is.EqualTo(prompts == 1 ? "s3cret" : null));
    }

    [Test]
    public void What_it_cannot_do_is_named_when_it_is_asked_for()
    {
        Assert.That(() => new SftpSource(Options() with { SshConfigFile = "config" }),
            Throws.ArgumentException.With.Message.Contains("SshConfigFile"));
        Assert.That(() => new SftpSource(Options() with { SshConfigFile = "config", SshProgram = "ssh" }),
            Throws.ArgumentException.With.Message.Contains("SshConfigFile is set").And.Message.Contains("SshProgram is set, and the")
                .And.Message.Contains("set Client to OpenSsh"));
        Assert.That(() => new SftpSource(Options() with { Client = (SshClientKind)7 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task Auto_takes_the_ssh_client_where_there_is_one_and_the_managed_one_where_there_is_none(CancellationToken token)
    {
        SftpSourceOptions auto = Options() with { Client = SshClientKind.Auto };
        await using var with = new SftpSource(auto with { SshConfigFile = _sshd.ConfigFile });
        await using var without = new SftpSource(auto with { SshProgram = "/no/such/ssh" });

        Assert.That((await with.DescribeAsync(token)).Client, Is.EqualTo(SshClientKind.OpenSsh));
        Assert.That((await without.DescribeAsync(token)).Client, Is.EqualTo(SshClientKind.Managed));
        Assert.That(await FailsAsync(auto with { SshProgram = "no-such-ssh", SshConfigFile = _sshd.ConfigFile }, token),
            Does.Contain("SshConfigFile is set"));
    }

    [Test]
    public async Task A_symbolic_link_is_read_where_files_are_kept_and_deferred_where_they_would_be_moved(
        [Values] AfterCommit after, CancellationToken token)
    {
        Put("real.txt", "12345");
        File.CreateSymbolicLink(_inbox["link.csv"], _inbox["real.txt"]);
        await using var source = new SftpSource(Options() with { AfterCommit = after, FollowLinks = true });

        SourceFile file = (await ListAsync(source, token)).Single();

        Assert.That(file.DeferReason, after == AfterCommit.Keep ? Is.Null : Does.Contain("symbolic link").And.Contain("ssh client"));
        if (after == AfterCommit.Keep) Assert.That(file, Is.EqualTo(new SourceFile("link.csv", 5, s_time)));
    }

    [Test]
    public async Task A_file_that_became_a_link_is_never_moved_or_deleted_with_what_it_leads_to(
        [Values(AfterCommit.Archive, AfterCommit.Delete)] AfterCommit after, CancellationToken token)
    {
        Put("a.csv", "12345");
        Put("precious.txt", "54321");
        await using var source = new SftpSource(Options() with { AfterCommit = after });
        SourceFile file = (await ListAsync(source, token)).Single();
        File.Delete(_inbox["a.csv"]);
        File.CreateSymbolicLink(_inbox["a.csv"], _inbox["precious.txt"]);

        var error = Assert.ThrowsAsync<SourceException>(async () => await source.CompleteAsync([new CompletedFile(file, null)], token));

        Assert.That(error!.Message, Does.Contain("symbolic link"));
        Assert.That(_inbox.Files(), Is.EquivalentTo(new[] { "a.csv", "precious.txt" }));
    }

    [Test]
    public async Task A_link_in_the_archive_is_not_written_through(CancellationToken token)
    {
        Put("a.csv", "12345");
        Put("precious.txt", "54321");
        Directory.CreateDirectory(_inbox["archive"]);
        File.CreateSymbolicLink(_inbox["archive/a.csv"], _inbox["precious.txt"]);
        await using var source = new SftpSource(Options() with { AfterCommit = AfterCommit.Archive, ArchiveFolder = "archive" });
        SourceFile file = (await ListAsync(source, token)).Single();

        await source.CompleteAsync([new CompletedFile(file, null)], token);

        Assert.That(await File.ReadAllTextAsync(_inbox["precious.txt"], token), Is.EqualTo("54321"));
        Assert.That(Directory.GetFiles(_inbox["archive"]), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task Names_that_are_no_utf8_keep_their_bytes(CancellationToken token)
    {
        await External.RunAsync("sh", "-c",
            $"cd '{_inbox.Path}' && printf 12345 > \"$(printf 'gr\\374n.csv')\" && touch -d 2026-01-01T12:00:00Z *");
        await using var utf8 = new SftpSource(Options());
        await using var latin1 = new SftpSource(Options() with
        {
            NameEncoding = Encoding.Latin1, AfterCommit = AfterCommit.Archive, ArchiveFolder = "archive",
        });

        Assert.That((await ListAsync(utf8, token)).Single().DeferReason, Does.Contain("utf-8"));
        SourceFile file = (await ListAsync(latin1, token)).Single();
        Assert.That(file, Is.EqualTo(new SourceFile("gr\u00fcn.csv", 5, s_time)));
        using (FileContent content = await latin1.OpenAsync(file, 100, token)) Assert.That(content.Bytes.Length, Is.EqualTo(5));
        await latin1.CompleteAsync([new CompletedFile(file, null)], token);
        Assert.That(Directory.GetFiles(_inbox["archive"]), Has.Length.EqualTo(1));
        // .NET has no text for the name, and so cannot delete it.
        await External.RunAsync("rm", "-rf", _inbox["archive"]);
    }

    [Test]
    public async Task A_silent_server_ends_every_operation_at_the_deadline(CancellationToken token)
    {
        Put("a.csv", "12345");
        await using var proxy = new DelayProxy(_sshd.Port);
        Know(_sshd.HostKey, proxy.Port);
        SftpSourceOptions options = _sshd.Options(_inbox.Path, proxy.Port, SshClientKind.Managed) with
        {
            Reconnects = 0,
            Deadline = TimeSpan.FromSeconds(1),
            AfterCommit = AfterCommit.Archive,
        };
        foreach (string operation in (string[])["open", "stream", "list", "archive"])
        {
            proxy.IsSilent = false;
            await using var source = new SftpSource(options);
            SourceFile file = (await ListAsync(source, token)).Single();
            proxy.IsSilent = true;

            var error = Assert.ThrowsAsync<SourceException>(() => operation switch
            {
                "open" => source.OpenAsync(file, 100, token).AsTask(),
                "stream" => source.OpenAsync(file, 1, token).AsTask(),
                "list" => ListAsync(source, token),
                _ => source.CompleteAsync([new CompletedFile(file, null)], token).AsTask(),
            });

            Assert.That(error!.Message, Does.Contain("unanswered for 1 s"), operation);
        }
    }

    [Test]
    public async Task Cancelling_ends_the_wait_and_leaves_the_connection_usable(CancellationToken token)
    {
        Put("a.csv", new string('x', 3_000_000));
        await using var source = new SftpSource(Options());
        SourceFile file = (await ListAsync(source, token)).Single();
        using FileContent content = await source.OpenAsync(file, 1, token);
        await content.Stream!.ReadExactlyAsync(new byte[1000], token);

        Assert.CatchAsync<OperationCanceledException>(async () => await source.OpenAsync(file, long.MaxValue,
            new CancellationToken(canceled: true)));
        var rest = new MemoryStream();
        Assert.CatchAsync<OperationCanceledException>(async () =>
        {
            var canceled = new CancellationToken(canceled: true);
            var buffer = new byte[100_000];
            while (true) rest.Write(buffer, 0, await content.Stream.ReadAsync(buffer, canceled));
        });
        // What was given up has arrived.
        while (source.Line.Pending > 0) await Task.Yield();
        await content.Stream.CopyToAsync(rest, token);

        Assert.That(rest.Length, Is.EqualTo(2_999_000));
    }

    private SftpSourceOptions Options() => _sshd.Options(_inbox.Path, client: SshClientKind.Managed);

    private void Know(string hostKey, int? port = null) =>
        File.WriteAllText(_sshd.KnownHosts, string.Create(null, $"[127.0.0.1]:{port ?? _sshd.Port} {Public(hostKey)}\n"));

    private static string Public(string key) => string.Join(' ', File.ReadAllText(key + ".pub").Split(' ')[..2]);

    private void Put(string name, string content)
    {
        File.WriteAllText(_inbox[name], content);
        File.SetLastWriteTimeUtc(_inbox[name], s_time);
    }

    private static async Task ConnectsAsync(SftpSourceOptions options, CancellationToken token)
    {
        await using var source = new SftpSource(options);
        Assert.That((await source.DescribeAsync(token)).Client, Is.EqualTo(SshClientKind.Managed));
    }

    private static async Task<string> FailsAsync(SftpSourceOptions options, CancellationToken token)
    {
        await using var source = new SftpSource(options);
        return Assert.ThrowsAsync<SourceException>(async () => await source.ConnectAsync(token))!.ToString();
    }

    private static async Task<List<SourceFile>> ListAsync(SftpSource source, CancellationToken token)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(token)) files.Add(file);
        return files;
    }

    /// <summary>A key of a FIDO device, as ssh-keygen would write it: there is no device to make one with.</summary>
    private static string HardwareKey()
    {
        byte[] type = ScriptedServer.Text("sk-ssh-ed25519@openssh.com");
        byte[] open = [.. type, .. ScriptedServer.String(new byte[32]), .. ScriptedServer.Text("ssh:")];
        byte[] secret = [.. ScriptedServer.U32(1), .. ScriptedServer.U32(1), .. open, 1, .. ScriptedServer.Text("handle"),
            .. ScriptedServer.Text(""), .. ScriptedServer.Text("")];
        for (byte pad = 1; secret.Length % 8 != 0; pad++) secret = [.. secret, pad];
        byte[] file =
        [
            .. "openssh-key-v1\0"u8, .. ScriptedServer.Text("none"), .. ScriptedServer.Text("none"), .. ScriptedServer.Text(""),
            .. ScriptedServer.U32(1),
            .. ScriptedServer.String(open), .. ScriptedServer.String(secret),
        ];
        return $"-----BEGIN OPENSSH PRIVATE KEY-----\n{Convert.ToBase64String(file, Base64FormattingOptions.InsertLineBreaks)}\n"
            + "-----END OPENSSH PRIVATE KEY-----\n";
    }
}
