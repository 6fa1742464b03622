using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary>What the processes that ssh starts get to know: a jump host's login, a ProxyCommand.</summary>
[CancelAfter(120_000)]
internal sealed class SshChildrenTests
{
    private const string Password = "targets-s3cret", Connection = "Server=db;Password=databases-s3cret";

    private DynamoFolder _folder = null!;
    private Sshd _target = null!, _hop = null!;

    [SetUp]
    public void StartServers()
    {
        Sshd.RequirePam();
        _folder = new DynamoFolder();
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5");
        Directory.CreateDirectory(_folder["hop"]);
        _target = new Sshd(_folder.Path, password: Password);
    }

    [TearDown]
    public void StopServers()
    {
        _target?.Dispose();
        _hop?.Dispose();
        _folder?.Dispose();
    }

    [Test]
    public async Task A_proxy_command_inherits_nothing_of_ours(CancellationToken token)
    {
        _hop = new Sshd(_folder["hop"]);
        await File.WriteAllTextAsync(_target.ConfigFile, $"""
            Host hop
              {Hop()}
              IdentityFile {_hop.UserKey}
            Host 127.0.0.1
              ProxyCommand sh -c 'env > {_folder["environment"]}; exec ssh -F {_target.ConfigFile} -W %h:%p hop'

            """, token);

        DynamoResult run = await RunAsync(token);

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        string environment = await File.ReadAllTextAsync(_folder["environment"], token);
        string[] names = [.. environment.Split('\n').Select(line => line.Split('=')[0])];
        Assert.That(names, Does.Contain("PATH").And.Contains("HOME"));
        Assert.That(names, Has.None.StartsWith("DYNAMO").And.None.EqualTo("UNRELATED"));
        Assert.That(environment.Contains("s3cret", StringComparison.Ordinal), Is.False);
    }

    [Test]
    public async Task A_jump_host_is_never_offered_the_target_s_password(CancellationToken token)
    {
        _hop = new Sshd(_folder["hop"], password: "hops-password");
        string compare = $"tr -d '\\000' >> '{_folder["offered"]}'; echo . >> '{_folder["offered"]}'; exit 1\n";
        await File.WriteAllTextAsync(Path.Combine(_hop.Folder, "compare"), compare, token);
        await File.WriteAllTextAsync(_target.ConfigFile, $"""
            Host hop
              {Hop()}
              NumberOfPasswordPrompts 1
            Host 127.0.0.1
              ProxyJump hop

            """, token);

        DynamoResult run = await RunAsync(token);

        Assert.That(run.ExitCode, Is.EqualTo(3), run.StandardError);
        Assert.That(File.Exists(_folder["offered"]), "the jump host asked");
        Assert.That(await File.ReadAllTextAsync(_folder["offered"], token), Does.Not.Contain(Password));
    }

    private string Hop() => string.Create(CultureInfo.InvariantCulture, $"""
        HostName localhost
          HostKeyAlias [127.0.0.1]:{_hop.Port}
          Port {_hop.Port}
          User {Environment.UserName}
          UserKnownHostsFile {_hop.KnownHosts}
          ProxyJump none
          ProxyCommand none
        """);

    private Task<DynamoResult> RunAsync(CancellationToken token) => _folder.RunAsync(
        new Dictionary<string, string?>
        {
            ["DYNAMO__SFTP__PASSWORD"] = Password,
            ["DYNAMO__SFTP__RECONNECTS"] = "0",
            ["DYNAMO__SFTP__IDENTITYFILE"] = "/dev/null",
            ["DYNAMO_SINK"] = Connection,
            ["UNRELATED"] = "s3cret of somebody else",
        },
        token, ["run", .. _target.Arguments(_folder["inbox"]), "--sink", "sqlite:readings.db", "--json"]);
}
