using System.Globalization;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo</c> against a real sshd.</summary>
[CancelAfter(120_000), Order(1)]
internal sealed class SftpHostTests
{
    private const string Good = "L1,flow,2025-01-01T00:00:00Z,1.5";

    private DynamoFolder _folder = null!;
    private Sshd _sshd = null!;

    [SetUp]
    public void StartServer()
    {
        Sshd.Require();
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
                Does.Contain(
                    $"source    {Address}: 1 file like "
                        + "*.csv").And.Contains("ms away").And.Contains("posix-rename@openssh.com").And.Contains("files a second"));
            Assert.That(server.GetProperty("trialFiles").GetInt32(), Is.EqualTo(1));
            Assert.That(server.GetProperty("roundTripMilliseconds").GetDouble(), Is.GreaterThan(0));
            Assert.That(server.GetProperty("extensions").TryGetProperty("limits@openssh.com", out _));
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
            Assert.That(File.Exists(_folder["inbox/archive/b.csv"]), Is.EqualTo(after == "archive"));
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
            Assert.That(refused.StandardError, Does.Contain("Host key verification failed").And.Contains("dynamo hostkey"));
            Assert.That(wrong.StandardError, Does.Contain(fingerprint));
            Assert.That(untouched, Is.Empty);
            Assert.That(again.StandardOutput, Does.Contain("known already"));
        });
    }

    [Test]
    public async Task Hostkey_adds_the_name_that_ssh_looks_for(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", token);
        await File.WriteAllTextAsync(_sshd.ConfigFile, "HostKeyAlias waterworks\n", token);
        DynamoResult shown = await HostKeyAsync(token);
        string fingerprint = shown.StandardOutput.Split(' ', '\n').First(word => word.StartsWith("SHA256:", StringComparison.Ordinal));

        DynamoResult added = await HostKeyAsync(token, "--yes", fingerprint), again = await HostKeyAsync(token),
            run = await RunAsync(token, "run");

        Assert.That((added.ExitCode, again.ExitCode, run.ExitCode), Is.EqualTo((0, 0, 0)), added.StandardError + run.StandardError);
        Assert.That(await File.ReadAllTextAsync(_sshd.KnownHosts, token), Does.StartWith("waterworks ssh-ed25519 "));
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
            Assert.That(run.StandardError, Does.Contain("Another key of this kind is known").And.Contains("ssh-keygen -R"));
            Assert.That(File.ReadAllText(_sshd.KnownHosts), Is.EqualTo(before));
        });
    }

    [TestCase("-oProxyCommand=touch")]
    [TestCase("host;id")]
    [TestCase("me:hunter2@host")]
    public async Task Hostkey_takes_no_option_for_a_host(string host, CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, "hostkey", "--", host);

        Assert.That(run.ExitCode, Is.EqualTo(2), run.StandardError);
        Assert.That(run.StandardError, Does.Not.Contain("hunter2"));
    }

    [Test]
    public async Task An_unknown_host_is_trusted_only_when_asked_for(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", token);
        var environment = new Dictionary<string, string?> { ["DYNAMO__SFTP__ACCEPTNEWHOSTKEYS"] = "true" };

        DynamoResult run = await _folder.RunAsync(
            environment, token, ["run", .. _sshd.Arguments(_folder["inbox"]), "--sink", "sqlite:readings.db"]);

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

    [TestCase("sftp://me:hunter2@host/inbox", "with a password in it")]
    [TestCase("sftp://-oProxyCommand=id/inbox", "Host is '-oProxyCommand=id'")]
    [TestCase("sftp://host:99999/inbox", "not a server's address")]
    [TestCase("ftp://me:hunter2@host/inbox", "allowed is a folder or sftp://user@host:port/path")]
    public async Task A_wrong_address_is_refused_with_what_is_allowed(string address, string said, CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, "run", "--source", address);

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(2));
            Assert.That(run.StandardError, Does.Contain(said).And.Not.Contains("hunter2"));
        });
    }

    [Test]
    public async Task Wrong_settings_of_a_server_are_named_and_a_password_is_not_shown(CancellationToken token)
    {
        await File.WriteAllTextAsync(_folder["dynamo.json"], """
            { "sftp": { "password": "hunter2\n", "connections": 99, "deadline": "soon", "nameEncoding": "klingon",
              "acceptNewHostKeys": "yes", "pasword": "hunter2" } }
            """, token);

        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--source", "sftp://host/inbox");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(2));
            foreach (
                string key in (string[])[
                    "password: found ***", "connections: found '99', allowed is a whole number, 1 to 16", "deadline", "nameEncoding",
                    "acceptNewHostKeys", "Did you mean dynamo.json: sftp:password?"])
                Assert.That(run.StandardError, Does.Contain(key));
            Assert.That(run.StandardError, Does.Not.Contain("hunter2"));
        });
    }

    private string Address =>
        string.Create(CultureInfo.InvariantCulture, $"sftp://{Environment.UserName}@127.0.0.1:{_sshd.Port}{_folder["inbox"]}");

    private Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        _folder.RunAsync(token, [arguments[0], .. _sshd.Arguments(_folder["inbox"]), "--sink", "sqlite:readings.db", .. arguments[1..]]);

    private Task<DynamoResult> HostKeyAsync(CancellationToken token, params string[] more) =>
        _folder.RunAsync(
            token,
            ["hostkey", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_sshd.Port}"), "--config", _sshd.Arguments("/")[1],
                .. more]);
}
