namespace Dynamo.Pipeline.Tests;

/// <summary>The contract on a real sshd, through the ssh client and through the managed one.</summary>
[TestFixture(SshClientKind.OpenSsh)]
[TestFixture(SshClientKind.Managed)]
[Order(1)]
public sealed class SftpOverSshContractTests(SshClientKind client) : FileSourceContract
{
    private ScratchFolder _scratch = null!;
    private Sshd _sshd = null!;

    [OneTimeSetUp]
    public void StartServer()
    {
        if (client == SshClientKind.Managed) SoakAttribute.Require();
        _scratch = new ScratchFolder();
        _sshd = new Sshd(_scratch.Path);
    }

    [OneTimeTearDown]
    public void StopServer()
    {
        _sshd?.Dispose();
        _scratch?.Dispose();
    }

    protected override IFileSource Create(SourceSetup setup) => new SftpSource(_sshd.Options(Inbox.Path, client: client) with
    {
        Pattern = setup.Pattern,
        Recursive = setup.Recursive,
        DoneMarker = setup.DoneMarker,
        AfterCommit = setup.AfterCommit,
    });
}
