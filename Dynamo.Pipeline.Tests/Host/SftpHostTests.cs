using System.Globalization;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo</c> against a real sshd, by either client.</summary>
[TestFixture(SshClientKind.OpenSsh)]
[TestFixture(SshClientKind.Managed)]
[CancelAfter(120_000), Order(1)]
internal sealed class SftpHostTests(SshClientKind client)
{
    private const string Good = "L1,flow,2025-01-01T00:00:00Z,1.5";

    private DynamoFolder _folder = null!;
    private Sshd _sshd = null!;

    [SetUp]
    public void StartServer()
    {
        Sshd.Require();
        // Each of its programs compiles the managed client anew.
        if (client == SshClientKind.Managed) SoakAttribute.Require();
        _folder = new DynamoFolder();
        _sshd = new Sshd(_folder.Path);
    }

    [TearDown]
    public void StopServer()
    {
        _sshd?.Dispose();
        _folder?.Dispose();
    }

    [Test]
    public async Task Check_shows_what_the_server_is_like_and_changes_nothing(CancellationToken token)
    {
        _folder.Put("a.csv", Good);

        DynamoResult text = await RunAsync(token, "check"), json = await RunAsync(token, "check", "--json");

        JsonElement server = DynamoFolder.Json(json).GetProperty("server");
        Assert.Multiple(() =>
        {
            Assert.That(text.ExitCode, Is.Zero, text.StandardError);
            Assert.That(
                text.StandardOutput,
                Does.Contain($"source    {Address}: 1 file like *.csv").And.Contains("ms away, by the").And.Contains("files a second"));
            Assert.That(text.StandardOutput, Does.Contain(IsManaged ? "by the managed client" : "by the ssh client"));
            Assert.That(server.GetProperty("client").GetString(), Is.EqualTo(IsManaged ? "managed" : "openssh"));
            Assert.That(server.GetProperty("trialFiles").GetInt32(), Is.EqualTo(1));
            Assert.That(server.GetProperty("roundTripMilliseconds").GetDouble(), Is.GreaterThan(0));
            Assert.That(server.GetProperty("extensions").TryGetProperty("limits@openssh.com", out _), Is.Not.EqualTo(IsManaged));
            Assert.That(File.Exists(_folder["readings.db"]), Is.False);
        });
    }

    [Test]
    public async Task A_bad_file_goes_into_quarantine_on_the_server_and_retry_brings_it_back(
        [Values("keep", "archive", "delete")] string after, CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        _folder.PutText("b.csv", "");
        DynamoResult first = await RunAsync(token, "run", "--after", after, "--json");
        Assert.That(first.ExitCode, Is.EqualTo(1), first.StandardError);
        Assert.That(DynamoFolder.Json(first).GetProperty("source").GetString(), Is.EqualTo(Address));
        string moved = _folder["inbox/quarantine/b.csv"];
        Assert.That(File.Exists(moved) && File.Exists(moved + ".reason.json"));

        string place = after == "keep" ? _folder["inbox/b.csv"] : moved;
        await File.WriteAllTextAsync(
            place, $"logger,channel,timestamp,value\n{Good.Replace("L1", "L2", StringComparison.Ordinal)}\n", token);
        DynamoResult retry = after == "keep" ? first : await RunAsync(token, "retry", "b.csv");
        File.SetLastWriteTimeUtc(_folder["inbox/b.csv"], new DateTime(2025, 1, 2, 0, 0, 0, DateTimeKind.Utc));
        DynamoResult second = await RunAsync(token, "run", "--after", after, "--json");

        Assert.Multiple(() =>
        {
            if (after != "keep")
                Assert.That(retry.StandardOutput, Does.Contain("The next run reads again:").And.Contains("b.csv"), retry.StandardError);
            Assert.That(second.ExitCode, Is.Zero, second.StandardError);
            Assert.That(Sql.Rows(_folder["readings.db"], "select Logger from Reading order by 1"), Is.EqualTo(new[] { "L1", "L2" }));
            Assert.That(ScratchFolder.Archived(_folder["inbox/archive"]).Contains("b.csv"), Is.EqualTo(after == "archive"));
        });
    }

    [Test]
    public async Task Undo_brings_files_back_from_the_archive_on_the_server(
        [Values("--restore", "--reimport")] string how, CancellationToken token)
    {
        _folder.Put("good.csv", "L1,flow,2026-01-01T00:00Z,1", "L1,flow,2026-01-01T00:15Z,2");
        await RunAsync(token, "run", "--after", "archive");
        _folder.Put("wrong.csv", "L1,flow,2026-01-01T00:15Z,99", "L1,flow,2026-01-01T00:30Z,99");
        File.SetLastWriteTimeUtc(_folder["inbox/wrong.csv"], new DateTime(2025, 6, 1, 0, 0, 0, DateTimeKind.Utc));
        await RunAsync(token, "run", "--after", "archive");

        DynamoResult undo = await RunAsync(token, "undo", "wrong.csv", how, "--after", "archive");

        Assert.Multiple(() =>
        {
            Assert.That(undo.ExitCode, Is.Zero, undo.StandardError + undo.StandardOutput);
            Assert.That(
                Sql.Rows(_folder["readings.db"], "select cast(Value as integer) || ' ' || Path "
                    + "from Reading join ImportedFile using (FileId) order by TimestampUtc"),
                Is.EqualTo(how == "--restore" ? new[] { "1 good.csv", "2 good.csv" } : ["1 good.csv", "99 wrong.csv", "99 wrong.csv"]));
            Assert.That(
                Directory.GetFiles(_folder["inbox/archive"], "*", SearchOption.AllDirectories).Select(path => Path.GetFileName(path)),
                Is.EquivalentTo(new[] { "good.csv", "wrong.csv" }));
            Assert.That(Directory.GetFiles(_folder["inbox"]), Is.Empty);
        });
    }

    [Test]
    public async Task A_kept_bad_file_is_offered_again_by_retry_without_a_change(CancellationToken token)
    {
        _folder.PutText("b.csv", "");
        await RunAsync(token, "run");
        DynamoResult again = await RunAsync(token, "run", "--json"), retry = await RunAsync(token, "retry"),
            third = await RunAsync(token, "run", "--json");

        Assert.Multiple(() =>
        {
            Assert.That(again.ExitCode, Is.Zero);
            Assert.That(retry.ExitCode, Is.Zero, retry.StandardError);
            Assert.That(third.ExitCode, Is.EqualTo(1));
        });
    }

    [Test]
    public async Task A_dry_run_changes_neither_server_nor_database(CancellationToken token)
    {
        _folder.Put("a.csv", Good);

        DynamoResult run = await RunAsync(token, "run", "--after", "delete", "--dry-run", "--json");

        Assert.That(DynamoFolder.Json(run).GetProperty("files").GetProperty("loaded").GetInt64(), Is.EqualTo(1), run.StandardError);
        Assert.That(File.Exists(_folder["inbox/a.csv"]) && !File.Exists(_folder["readings.db"]));
    }

    [Test]
    public async Task Hostkey_adds_the_key_only_with_its_fingerprint_and_then_a_run_trusts_it(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", token);
        DynamoResult refused = await RunAsync(token, "run"), shown = await HostKeyAsync(token);
        string fingerprint = shown.StandardOutput.Split(' ', '\n').First(word => word.StartsWith("SHA256:", StringComparison.Ordinal));
        DynamoResult wrong = await HostKeyAsync(token, "--yes", "SHA256:" + new string('A', 43));
        string untouched = await File.ReadAllTextAsync(_sshd.KnownHosts, token);
        DynamoResult added = await HostKeyAsync(token, "--yes", fingerprint), again = await HostKeyAsync(token),
            run = await RunAsync(token, "run");

        Assert.Multiple(() =>
        {
            Assert.That(
                (refused.ExitCode, shown.ExitCode, wrong.ExitCode, added.ExitCode, again.ExitCode, run.ExitCode),
                Is.EqualTo((3, 1, 3, 0, 0, 0)), added.StandardError + run.StandardError);
            Assert.That(refused.StandardError, Does.Contain("host key is not known").And.Contains("dynamo hostkey"));
            Assert.That(wrong.StandardError, Does.Contain(fingerprint));
            Assert.That(untouched, Is.Empty);
            Assert.That(again.StandardOutput, Does.Contain("known already"));
        });
    }

    [Test]
    public async Task What_a_run_says_of_an_unknown_key_can_be_pasted_until_the_run_trusts_the_server(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", token);
        DynamoResult refused = await RunAsync(token, "run");
        string show = Named(refused.StandardError, "add it with '", "'");
        DynamoResult shown = await DynamoProcess.PasteAsync(show, _folder.Path, token);
        string add = Named(shown.StandardOutput, "is verified: ", "\n");
        DynamoResult added = await DynamoProcess.PasteAsync(add, _folder.Path, token), run = await RunAsync(token, "run");

        Assert.That((refused.ExitCode, shown.ExitCode, added.ExitCode, run.ExitCode), Is.EqualTo((3, 1, 0, 0)), added.StandardError);

        static string Named(string text, string before, string after) =>
            text.Split(before).ElementAtOrDefault(1)?.Split(after)[0] ?? throw new AssertionException(text);
    }

    [Test]
    public async Task Init_writes_nothing_when_the_server_does_not_let_it_look_and_names_the_command_that_adds_its_key(
        CancellationToken token)
    {
        if (client == SshClientKind.Managed) Assert.Ignore("one client is enough: it is about the words of init");
        _folder.Put("a.csv", Good, "L1,flow,2025-01-01T00:15:00Z,2.5");
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", token);
        string address = _sshd.Arguments(_folder["inbox"])[3];
        var login = new Dictionary<string, string?>
        {
            ["DYNAMO__SFTP__IDENTITYFILE"] = _sshd.UserKey,
            ["DYNAMO__SFTP__KNOWNHOSTSFILE"] = _sshd.KnownHosts,
        };

        DynamoResult refused = await _folder.RunAsync(login, token, "init", "--source", address);
        _sshd.Trust(_sshd.Port);
        DynamoResult written = await _folder.RunAsync(login, token, "init", "--source", address);

        Assert.That(refused.ExitCode, Is.EqualTo(3));
        Assert.That(refused.StandardError, Does.Contain($"add it with 'dynamo hostkey 127.0.0.1:{_sshd.Port}'"));
        Assert.That(written.ExitCode, Is.Zero, written.StandardError);
        Assert.That(written.StandardOutput, Does.Contain("All 2 readings of 1 file would be imported"));
    }

    [Test]
    public async Task Hostkey_needs_no_program(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        string fingerprint = await FingerprintAsync(token);
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", token);
        string[] host = ["hostkey", $"127.0.0.1:{_sshd.Port}", "--known-hosts", _sshd.KnownHosts];
        var nothing = new Dictionary<string, string?> { ["PATH"] = "" };

        DynamoResult shown = await _folder.RunAsync(nothing, token, host),
            added = await _folder.RunAsync(nothing, token, [.. host, "--yes", fingerprint]),
            again = await _folder.RunAsync(nothing, token, host), run = await RunAsync(token, "run");

        Assert.That((shown.ExitCode, added.ExitCode, again.ExitCode, run.ExitCode), Is.EqualTo((1, 0, 0, 0)), added.StandardError);
        Assert.That(shown.StandardOutput, Does.Contain($"ssh-ed25519 {fingerprint}").And.Contain("Nothing was added"));
        Assert.That(again.StandardOutput, Does.Contain($"known already, in {Path.GetRelativePath(_folder.Path, _sshd.KnownHosts)}:1"));
    }

    [Test]
    public async Task Hostkey_finds_a_hashed_name(CancellationToken token)
    {
        await External.RunAsync("ssh-keygen", "-q", "-H", "-f", _sshd.KnownHosts);

        DynamoResult run = await HostKeyAsync(token);

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(run.StandardOutput, Does.Contain("known already"));
    }

    [Test]
    public async Task Hostkey_adds_no_revoked_key_and_takes_no_authority_for_a_key(CancellationToken token)
    {
        string fingerprint = await FingerprintAsync(token), key = string.Join(' ', (await File.ReadAllTextAsync(
            _sshd.HostKey + ".pub", token)).Split(' ')[..2]);
        await File.WriteAllTextAsync(_sshd.KnownHosts, $"@cert-authority * {key}\n", token);
        DynamoResult authority = await HostKeyAsync(token);
        await File.WriteAllTextAsync(_sshd.KnownHosts, $"@revoked * {key}\n", token);

        DynamoResult revoked = await HostKeyAsync(token, "--yes", fingerprint);

        Assert.That((authority.ExitCode, revoked.ExitCode), Is.EqualTo((1, 3)), authority.StandardError);
        Assert.That(revoked.StandardError, Does.Contain("revoked").And.Contain(_sshd.KnownHosts + ":1"));
        Assert.That(await File.ReadAllTextAsync(_sshd.KnownHosts, token), Is.EqualTo($"@revoked * {key}\n"));
    }

    [Test]
    public async Task Hostkey_of_a_server_that_is_not_there_exits_3(CancellationToken token)
    {
        _sshd.Kill();

        DynamoResult run = await HostKeyAsync(token);

        Assert.That(run.ExitCode, Is.EqualTo(3));
        Assert.That(run.StandardError, Does.Contain("shows no host key").And.Contain("Connection refused"));
    }

    [Test]
    public async Task Hostkey_does_not_replace_a_key(CancellationToken token)
    {
        string other = Path.Combine(_sshd.Folder, "other");
        Sshd.MakeKey(other, "");
        string[] key = (await File.ReadAllTextAsync(other + ".pub", token)).Split(' ');
        string before = string.Create(CultureInfo.InvariantCulture, $"[127.0.0.1]:{_sshd.Port} {key[0]} {key[1]}\n");
        await File.WriteAllTextAsync(_sshd.KnownHosts, before, token);
        DynamoResult shown = await HostKeyAsync(token, "--yes", "SHA256:x");

        DynamoResult run = await HostKeyAsync(token);

        Assert.Multiple(() =>
        {
            Assert.That((shown.ExitCode, run.ExitCode), Is.EqualTo((3, 3)));
            Assert.That(run.StandardError, Does.Contain("Another key of this kind is known").And.Contains("ssh-keygen -R")
                .And.Contains(_sshd.KnownHosts + ":1"));
            Assert.That(File.ReadAllText(_sshd.KnownHosts), Is.EqualTo(before));
        });
    }

    [Test]
    public async Task An_unknown_host_is_trusted_only_when_asked_for(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", token);
        var environment = new Dictionary<string, string?> { ["DYNAMO__SFTP__ACCEPTNEWHOSTKEYS"] = "true" };

        DynamoResult run = await _folder.RunAsync(
            environment, token, ["run", .. _sshd.Arguments(_folder["inbox"], client), "--sink", "sqlite:readings.db"]);

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(await File.ReadAllTextAsync(_sshd.KnownHosts, token), Does.Contain("ssh-ed25519"));
    }

    [Test]
    public async Task A_server_that_is_not_there_exits_3(CancellationToken token)
    {
        _sshd.Kill();

        DynamoResult run = await RunAsync(token, "run", "--json");

        Assert.That(run.ExitCode, Is.EqualTo(3));
        Assert.That(run.StandardError, Does.Contain("Connection refused").And.Contains("Check host and port"));
    }

    [Test]
    public async Task A_run_whose_connections_are_cut_loads_and_archives_everything_once(CancellationToken token)
    {
        const int Files = 300;
        for (int i = 0; i < Files; i++) _folder.Put($"{i}.csv", Good.Replace("L1", $"L{i}", StringComparison.Ordinal));
        await using var proxy = new DelayProxy(_sshd.Port) { CutAfter = nth => nth < 3 ? 30_000 + (7_000 * nth) : null };
        _sshd.Trust(proxy.Port);

        DynamoResult run = await _folder.RunAsync(
            token, ["run", .. _sshd.Arguments(_folder["inbox"], client, proxy.Port), "--sink", "sqlite:readings.db", "--after", "archive",
                "--json"]);

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(proxy.Connections, Is.GreaterThan(3));
        Assert.That(Sql.Rows(_folder["readings.db"], "select count(*) || ' ' || count(distinct Logger) from Reading"),
            Is.EqualTo(new[] { $"{Files} {Files}" }));
        Assert.That(ScratchFolder.Archived(_folder["inbox/archive"]), Has.Length.EqualTo(Files));
        Assert.That(Directory.GetFiles(_folder["inbox"]), Is.Empty);
    }

    private bool IsManaged => client == SshClientKind.Managed;

    private string Address =>
        string.Create(CultureInfo.InvariantCulture, $"sftp://{Environment.UserName}@127.0.0.1:{_sshd.Port}{_folder["inbox"]}");

    private Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) => _folder.RunAsync(
        token, [arguments[0], .. _sshd.Arguments(_folder["inbox"], client), "--sink", "sqlite:readings.db", .. arguments[1..]]);

    private Task<DynamoResult> HostKeyAsync(CancellationToken token, params string[] more) =>
        _folder.RunAsync(
            token,
            ["hostkey", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_sshd.Port}"), "--config", _sshd.Arguments("/", client)[1],
                .. more]);

    /// <summary>As <c>ssh-keygen -l</c> tells it.</summary>
    private async Task<string> FingerprintAsync(CancellationToken token)
    {
        string key = (await File.ReadAllTextAsync(_sshd.HostKey + ".pub", token)).Split(' ')[1];
        return KnownHostKey.From(Convert.FromBase64String(key))!.Fingerprint;
    }
}
