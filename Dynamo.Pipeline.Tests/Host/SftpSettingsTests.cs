namespace Dynamo.Pipeline.Tests;

/// <summary>What <c>dynamo</c> says to wrong addresses and settings of a server. None is ever asked.</summary>
[CancelAfter(120_000)]
internal sealed class SftpSettingsTests
{
    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase("-oProxyCommand=touch")]
    [TestCase("host;id")]
    [TestCase("me:hunter2@host")]
    public async Task Hostkey_takes_no_option_for_a_host(string host, CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, "hostkey", "--", host);

        Assert.That(run.ExitCode, Is.EqualTo(2), run.StandardError);
        Assert.That(run.StandardError, Does.Not.Contain("hunter2"));
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

    [TestCase("managed")]
    [TestCase("auto")]
    public async Task What_the_managed_client_cannot_do_is_named_by_its_setting(string client, CancellationToken token)
    {
        await File.WriteAllTextAsync(_folder["dynamo.json"], $$"""
            { "sftp": { "client": "{{client}}", "sshConfigFile": "ssh_config", "sshProgram": "no-such-ssh" } }
            """, token);

        foreach (string[] command in (string[][])[["run", "--source", "sftp://host/inbox"], ["hostkey", "host"]])
        {
            DynamoResult run = await _folder.RunAsync(token, [.. command, "--config", "dynamo.json"]);

            Assert.That(run.ExitCode, Is.EqualTo(2), run.StandardError);
            Assert.That(run.StandardError, Does.Contain("sftp:sshConfigFile: the managed client reads no ssh configuration")
                .And.Contain("set sftp:client to 'openssh'"));
            Assert.That(run.StandardError, client == "managed" ? Does.Contain("sftp:sshProgram") : Does.Not.Contain("sftp:sshProgram"));
        }
    }
}
