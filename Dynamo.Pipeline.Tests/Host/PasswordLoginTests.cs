using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo</c> logs in with a password: on proftpd, to a virtual user.</summary>
[CancelAfter(120_000)]
internal sealed class PasswordLoginTests
{
    private DynamoFolder _folder = null!;
    private Proftpd _server = null!;

    [SetUp]
    public void StartServer()
    {
        Proftpd.Require();
        _folder = new DynamoFolder();
        _server = new Proftpd(_folder.Path);
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5");
    }

    [TearDown]
    public void StopServer()
    {
        _server?.Dispose();
        _folder?.Dispose();
    }

    [Test]
    public async Task The_password_comes_from_the_configuration_or_the_environment([Values] bool fromEnvironment, CancellationToken token)
    {
        DynamoResult run = await RunAsync(fromEnvironment ? null : Proftpd.Password, fromEnvironment ? Proftpd.Password : null, token);

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(File.Exists(ScratchFolder.Archived(_folder["inbox/archive"], "a.csv")));
    }

    [Test]
    public async Task A_wrong_password_exits_3_with_ssh_s_words_and_is_shown_nowhere(CancellationToken token)
    {
        DynamoResult run = await RunAsync(null, "wr0ng-pass", token);

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(3));
            Assert.That(run.StandardError, Does.Contain("denied the login").And.Contains("Permission denied"));
            Assert.That(run.StandardError + run.StandardOutput, Does.Not.Contain("wr0ng-pass"));
        });
    }

    private async Task<DynamoResult> RunAsync(string? configured, string? environment, CancellationToken token)
    {
        string password = configured is null ? "" : $", \"password\": {System.Text.Json.JsonSerializer.Serialize(configured)}";
        await File.WriteAllTextAsync(_folder["dynamo.json"], $$"""
            {
              "source": "sftp://{{Proftpd.User}}@127.0.0.1:{{_server.Port.ToString(CultureInfo.InvariantCulture)}}{{_folder["inbox"]}}",
              "sink": "sqlite:readings.db",
              "after": "archive",
              "sftp": { "knownHostsFile": "proftpd/known_hosts", "sshConfigFile": "proftpd/ssh_config"{{password}} }
            }
            """, token);
        var variables = new Dictionary<string, string?>();
        if (environment is not null) variables["DYNAMO__SFTP__PASSWORD"] = environment;
        return await _folder.RunAsync(variables, token, "run", "--config", "dynamo.json", "--json", "--verbose");
    }
}
