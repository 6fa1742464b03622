namespace Dynamo.Pipeline.Tests;

/// <summary>The crash contract on a real sshd, by either client, with archive and quarantine on the server.</summary>
[TestFixture(SshClientKind.OpenSsh)]
[TestFixture(SshClientKind.Managed)]
[Soak, Order(1)]
internal sealed class SftpCrashTests(SshClientKind client)
    : CrashContract(
        rounds: client == SshClientKind.Managed ? 2 : SoakAttribute.Rounds(0, 4, 8),
        landed: client == SshClientKind.Managed ? SoakAttribute.Rounds(0, 3, 8) : SoakAttribute.Rounds(0, 6, 20))
{
    private ScratchFolder _scratch = null!;
    private Sshd _sshd = null!;

    [OneTimeSetUp]
    public void StartServer()
    {
        if (client == SshClientKind.Managed) SoakAttribute.Require(byHand: true);
        _scratch = new ScratchFolder();
        _sshd = new Sshd(_scratch.Path);
    }

    [OneTimeTearDown]
    public void StopServer()
    {
        _sshd?.Dispose();
        _scratch?.Dispose();
    }

    protected override string[] Source(string inbox) => _sshd.Arguments(inbox, client);
}
