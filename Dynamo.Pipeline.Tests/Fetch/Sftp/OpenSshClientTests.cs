namespace Dynamo.Pipeline.Tests;

/// <summary>What only the ssh client can do, against a real sshd.</summary>
[CancelAfter(60_000)]
public sealed class OpenSshClientTests
{
    private const int Files = 20;

    private ScratchFolder _scratch = null!, _inbox = null!;
    private Sshd _sshd = null!;

    [SetUp]
    public void StartServer()
    {
        Sshd.Require();
        _scratch = new ScratchFolder();
        _inbox = new ScratchFolder();
        for (int i = 0; i < Files; i++) File.WriteAllText(_inbox[$"{i}.csv"], "x");
        _sshd = new Sshd(_scratch.Path);
    }

    [TearDown]
    public void StopServer()
    {
        _sshd?.Dispose();
        _inbox?.Dispose();
        _scratch?.Dispose();
    }

    [Test]
    public async Task An_alias_behind_a_jump_host_is_reached_as_the_configuration_says(CancellationToken cancellationToken)
    {
        string proof = _scratch["jumped"];
        // A ProxyJump would take the test's own user's configuration for its hop: what it runs is written out.
        File.WriteAllText(_sshd.ConfigFile, $"""
            Host waterworks
              HostName 127.0.0.1
              Port {_sshd.Port}
              User {Environment.UserName}
              IdentityFile {_sshd.UserKey}
              UserKnownHostsFile {_sshd.KnownHosts}
              ProxyCommand sh -c 'touch {proof}; exec ssh -F {_sshd.ConfigFile} -W %h:%p hop'
            Host hop
              HostName 127.0.0.1
              Port {_sshd.Port}
              User {Environment.UserName}
              IdentityFile {_sshd.UserKey}
              UserKnownHostsFile {_sshd.KnownHosts}
            """);
        await using var source = new SftpSource(new SftpSourceOptions
        {
            Host = "waterworks",
            Path = _inbox.Path,
            SshConfigFile = _sshd.ConfigFile,
            SettleTime = TimeSpan.Zero,
        });

        Assert.That(await source.ListAsync(cancellationToken).CountAsync(cancellationToken), Is.EqualTo(Files));
        Assert.That(File.Exists(proof));
    }

    [Test]
    public async Task Hostkey_adds_the_name_that_ssh_looks_for(CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(_sshd.KnownHosts, "", cancellationToken);
        await File.WriteAllTextAsync(_sshd.ConfigFile, "HostKeyAlias waterworks\n", cancellationToken);
        string[] arguments = _sshd.Arguments(_inbox.Path);
        string[] hostKey = ["hostkey", $"127.0.0.1:{_sshd.Port}", "--config", arguments[1]];
        Task<DynamoResult> RunAsync(params string[] command) =>
            DynamoProcess.RunAsync(command, _scratch.Path, cancellationToken: cancellationToken);
        DynamoResult shown = await RunAsync(hostKey);
        string fingerprint = shown.StandardOutput.Split(' ', '\n').First(word => word.StartsWith("SHA256:", StringComparison.Ordinal));

        DynamoResult added = await RunAsync([.. hostKey, "--yes", fingerprint]), again = await RunAsync(hostKey),
            check = await RunAsync(["check", .. arguments, "--sink", "sqlite:readings.db"]);

        Assert.That((added.ExitCode, again.ExitCode), Is.EqualTo((0, 0)), added.StandardError);
        Assert.That(await File.ReadAllTextAsync(_sshd.KnownHosts, cancellationToken), Does.StartWith("waterworks ssh-ed25519 "));
        Assert.That(check.StandardOutput, Does.Contain("by the ssh client"), check.StandardError);
    }

    [Test]
    public async Task A_key_of_the_agent_is_used(CancellationToken cancellationToken)
    {
        string socket = _scratch["agent"];
        await External.RunAsync("sh", "-c",
            $"ssh-agent -a {socket} > {_scratch["agent.env"]}; SSH_AUTH_SOCK={socket} ssh-add -q {_sshd.UserKey}");
        try
        {
            File.WriteAllText(_sshd.ConfigFile, $"IdentityAgent {socket}\nIdentityFile none\n");
            await using var source = new SftpSource(_sshd.Options(_inbox.Path) with { IdentityFile = null });
            Assert.That(await source.ListAsync(cancellationToken).CountAsync(cancellationToken), Is.EqualTo(Files));
        }
        finally
        {
            await External.RunAsync("sh", "-c", $". {_scratch["agent.env"]} > {_scratch["nothing"]}; kill $SSH_AGENT_PID");
        }
    }
}
