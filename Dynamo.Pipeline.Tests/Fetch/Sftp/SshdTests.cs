using System.Text;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>A real sshd that denies, changes its key, dies, falls silent or is cut off, reached by either client.</summary>
[TestFixture(SshClientKind.OpenSsh)]
[TestFixture(SshClientKind.Managed)]
[CancelAfter(180_000), Order(1)]
public sealed class SshdTests(SshClientKind client)
{
    private const int Files = 400;
    private ScratchFolder _scratch = null!, _inbox = null!;
    private Sshd _sshd = null!;

    [OneTimeSetUp]
    public void MakeInbox()
    {
        Sshd.Require();
        if (client == SshClientKind.Managed) SoakAttribute.Require();
        _inbox = new ScratchFolder();
        for (int i = 0; i < Files; i++)
        {
            File.WriteAllText(_inbox[$"{i}.csv"], $"content {i}");
            File.SetLastWriteTimeUtc(_inbox[$"{i}.csv"], DateTime.UnixEpoch.AddSeconds(1_700_000_000));
        }
    }

    [OneTimeTearDown]
    public void RemoveInbox() => _inbox?.Dispose();

    [SetUp]
    public void StartServer()
    {
        _scratch = new ScratchFolder();
        _sshd = new Sshd(_scratch.Path);
    }

    [TearDown]
    public void StopServer()
    {
        _sshd.Dispose();
        _scratch.Dispose();
    }

    [Test]
    public async Task An_unknown_host_key_is_refused_with_the_remedy(CancellationToken cancellationToken)
    {
        File.WriteAllText(_sshd.KnownHosts, "");
        SourceException error = await FailsAsync(Options(), cancellationToken);
        Assert.That(error.Message, Does.Contain("not known").And.Contain("dynamo hostkey"));
        Assert.That(error.Message, Does.Contain(IsManaged ? "SHA256:" : "Host key verification failed"));
        Assert.That(File.ReadAllText(_sshd.KnownHosts), Is.Empty);
    }

    [Test]
    public async Task An_unknown_host_key_is_accepted_and_remembered_only_when_asked(CancellationToken cancellationToken)
    {
        File.WriteAllText(_sshd.KnownHosts, "");
        await using var source = new SftpSource(Options() with { AcceptNewHostKeys = true });
        await source.ConnectAsync(cancellationToken);
        Assert.That(File.ReadAllText(_sshd.KnownHosts), Does.Contain("ssh-ed25519"));
    }

    [Test]
    public async Task A_certificate_beside_the_key_is_used(CancellationToken cancellationToken)
    {
        string authority = _scratch["authority"];
        Sshd.MakeKey(authority, "");
        await External.RunAsync("ssh-keygen", "-q", "-s", authority, "-I", "dynamo", "-n", Environment.UserName, _sshd.UserKey + ".pub");
        using var strict = new Sshd(_scratch["strict"], $"TrustedUserCAKeys {authority}.pub");
        await File.WriteAllTextAsync(Path.Combine(strict.Folder, "authorized_keys"), "", cancellationToken);

        await using var source = new SftpSource(strict.Options(_inbox.Path, client: client) with { IdentityFile = _sshd.UserKey });

        Assert.That(await source.ListAsync(cancellationToken).CountAsync(cancellationToken), Is.EqualTo(Files));
    }

    [Test]
    public async Task A_changed_host_key_is_refused_always([Values] bool acceptNew, CancellationToken cancellationToken)
    {
        string other = Path.Combine(_sshd.Folder, "other");
        Sshd.MakeKey(other, "");
        string[] key = (await File.ReadAllTextAsync(other + ".pub", cancellationToken)).Split(' ');
        File.WriteAllText(_sshd.KnownHosts, $"[127.0.0.1]:{_sshd.Port} {key[0]} {key[1]}\n");
        SourceException error = await FailsAsync(Options() with { AcceptNewHostKeys = acceptNew }, cancellationToken);
        Assert.That(error.Message, Does.Contain("host key has changed").And.Contain("ssh-keygen -R"));
    }

    [Test]
    public async Task A_wrong_password_is_denied_at_once_and_shown_nowhere(CancellationToken cancellationToken)
    {
        string stranger = Path.Combine(_sshd.Folder, "stranger");
        Sshd.MakeKey(stranger, "");
        // Without a configuration of its own the client would try this machine's keys as well.
        File.WriteAllText(_sshd.ConfigFile, "IdentitiesOnly yes\n");
        SourceException error = await FailsAsync(Options() with { IdentityFile = stranger, Password = "wr0ng-pass" }, cancellationToken);
        Assert.That(error.Message, Does.Contain("denied the login").And.Contain("Permission denied"));
        Assert.That(error.ToString(), Does.Not.Contain("wr0ng-pass"));
    }

    [Test]
    public async Task The_passphrase_opens_the_key(CancellationToken cancellationToken)
    {
        string key = Path.Combine(_sshd.Folder, "locked");
        Sshd.MakeKey(key, "the $ecret \"phrase\"");
        File.Copy(key + ".pub", Path.Combine(_sshd.Folder, "authorized_keys"), overwrite: true);
        File.WriteAllText(_sshd.ConfigFile, "IdentitiesOnly yes\n");
        await using var source = new SftpSource(Options() with { IdentityFile = key, Password = "the $ecret \"phrase\"" });
        Assert.That((await source.DescribeAsync(cancellationToken)).Client, Is.EqualTo(client));
        await using var without = new SftpSource(Options() with { IdentityFile = key });
        Assert.That(async () => await without.ConnectAsync(cancellationToken), Throws.TypeOf<SourceException>());
        await using var wrong = new SftpSource(Options() with { IdentityFile = key, Password = "wr0ng-pass" });
        var error = Assert.ThrowsAsync<SourceException>(async () => await wrong.ConnectAsync(cancellationToken));
        Assert.That(error!.ToString(), Does.Not.Contain("wr0ng-pass"));
    }

    [Test]
    public async Task A_server_that_is_not_there_is_unreachable(CancellationToken cancellationToken)
    {
        _sshd.Kill();
        SourceException error = await FailsAsync(Options() with { Reconnects = 0 }, cancellationToken);
        Assert.That(error.Message, Does.Contain("Connection refused").And.Contain("Check host and port"));
    }

    [Test]
    public async Task An_account_without_sftp_is_told_so(CancellationToken cancellationToken)
    {
        using var plain = new Sshd(_scratch[""] + "plain", "Subsystem nothing /bin/false");
        SourceException error = await FailsAsync(plain.Options(_inbox.Path, client: client), cancellationToken);
        Assert.That(error.Message, Does.Contain("no SFTP"));
    }

    [Test]
    public async Task A_missing_folder_is_named(CancellationToken cancellationToken)
    {
        await using var source = new SftpSource(_sshd.Options("/no/such/folder", client: client));
        Assert.That(async () => await FetchAllAsync(source, cancellationToken),
            Throws.TypeOf<SourceException>().With.Message.Contains("/no/such/folder"));
    }

    [Test]
    public async Task Killed_and_restarted_in_the_middle_it_gives_every_file_once(CancellationToken cancellationToken)
    {
        await using var source = new SftpSource(Options());
        int fetched = 0;
        Dictionary<string, string> files = await FetchAllAsync(source, cancellationToken, () =>
        {
            if (Interlocked.Increment(ref fetched) != Files / 2) return;
            _sshd.Kill();
            _sshd.Start();
        });
        AssertAll(files);
    }

    [Test]
    public Task Cut_at_random_bytes_it_gives_every_file_once([Values(1)] int seed, CancellationToken cancellationToken) =>
        CutAsync(seed, cancellationToken);

    [Test, Soak]
    public Task Cut_at_many_random_bytes_it_gives_every_file_once([Range(2, 6)] int seed, CancellationToken cancellationToken) =>
        CutAsync(seed, cancellationToken);

    private async Task CutAsync(int seed, CancellationToken cancellationToken)
    {
        var random = new Random(seed);
        await using var proxy = new DelayProxy(_sshd.Port) { CutAfter = connection => connection < 4 ? random.Next(500, 60_000) : null };
        _sshd.Trust(proxy.Port);
        await using var source = new SftpSource(Options(proxy.Port) with { Reconnects = 8, Connections = 1 + seed % 2 });
        AssertAll(await FetchAllAsync(source, cancellationToken));
    }

    [Test]
    public async Task Cut_again_and_again_it_ends_in_an_error(CancellationToken cancellationToken)
    {
        await using var proxy = new DelayProxy(_sshd.Port) { CutAfter = _ => 4000 };
        _sshd.Trust(proxy.Port);
        await using var source = new SftpSource(Options(proxy.Port) with { Reconnects = 2 });
        Assert.That(async () => await FetchAllAsync(source, cancellationToken), Throws.TypeOf<SourceException>());
        Assert.That(proxy.Connections, Is.InRange(2, 3));
    }

    [Test]
    public async Task A_server_that_stops_answering_ends_in_an_error_within_the_deadline(CancellationToken cancellationToken)
    {
        await using var proxy = new DelayProxy(_sshd.Port);
        _sshd.Trust(proxy.Port);
        var clock = new FakeTimeProvider();
        await using var source = new SftpSource(
            Options(proxy.Port) with { Reconnects = 0, Deadline = TimeSpan.FromSeconds(1), TimeProvider = clock });
        await source.ConnectAsync(cancellationToken);
        proxy.IsSilent = true;
        Task fetching = FetchAllAsync(source, cancellationToken);
        // Nothing is answered any more, however fast the clock goes.
        while (!fetching.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(fetching, Task.Delay(10, cancellationToken));
        }
        Assert.That(async () => await fetching, Throws.TypeOf<SourceException>().With.Message.Contains("unanswered for 1 s"));
    }

    [Test]
    public async Task A_large_file_goes_on_where_its_connection_was_cut(CancellationToken cancellationToken)
    {
        using var folder = new ScratchFolder();
        byte[] content = new byte[8 << 20];
        new Random(1).NextBytes(content);
        File.WriteAllBytes(folder["large.csv"], content);
        await using var proxy = new DelayProxy(_sshd.Port) { CutAfter = connection => connection < 3 ? 3 << 20 : null };
        _sshd.Trust(proxy.Port);
        await using var source = new SftpSource(_sshd.Options(folder.Path, proxy.Port, client));
        var bytes = new MemoryStream();
        await foreach (SourceFile file in source.ListAsync(cancellationToken))
        {
            using FileContent opened = await source.OpenAsync(file, 1000, cancellationToken);
            await opened.Stream!.CopyToAsync(bytes, cancellationToken);
        }
        Assert.That(proxy.Connections, Is.GreaterThan(2));
        Assert.That(bytes.ToArray().AsSpan().SequenceEqual(content), Is.True);
    }

    private bool IsManaged => client == SshClientKind.Managed;

    private SftpSourceOptions Options(int? port = null) => _sshd.Options(_inbox.Path, port, client);

    private static async Task<SourceException> FailsAsync(SftpSourceOptions options, CancellationToken cancellationToken)
    {
        await using var source = new SftpSource(options);
        return Assert.ThrowsAsync<SourceException>(async () => await source.ConnectAsync(cancellationToken))!;
    }

    private static async Task<Dictionary<string, string>> FetchAllAsync(
        SftpSource source, CancellationToken cancellationToken, Action? fetched = null)
    {
        var files = new Dictionary<string, string>();
        var opening = new List<Task<(string, string)>>();
        await foreach (SourceFile file in source.ListAsync(cancellationToken)) opening.Add(OpenAsync(file));
        foreach (Task<(string Path, string Text)> open in opening)
        {
            (string path, string text) = await open;
            files.Add(path, text);
        }
        return files;

        async Task<(string, string)> OpenAsync(SourceFile file)
        {
            using FileContent content = await source.OpenAsync(file, 1000, cancellationToken);
            fetched?.Invoke();
            return (file.Path, Encoding.ASCII.GetString(content.Bytes.Span));
        }
    }

    private static void AssertAll(Dictionary<string, string> files) =>
        Assert.That(files, Is.EquivalentTo(Enumerable.Range(0, Files).ToDictionary(i => $"{i}.csv", i => $"content {i}")));
}
