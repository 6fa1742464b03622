namespace Dynamo.Pipeline.Tests;

/// <summary>The contract on proftpd, logged in with a password: another implementation, with other handles, listings and words.</summary>
[TestFixture(SshClientKind.OpenSsh)]
[TestFixture(SshClientKind.Managed)]
[Soak, Order(1)]
public sealed class ProftpdContractTests(SshClientKind client) : FileSourceContract
{
    private ScratchFolder _scratch = null!;
    private Proftpd _server = null!;

    [OneTimeSetUp]
    public void StartServer()
    {
        _scratch = new ScratchFolder();
        _server = new Proftpd(_scratch.Path);
    }

    [OneTimeTearDown]
    public void StopServer()
    {
        _server?.Dispose();
        _scratch?.Dispose();
    }

    protected override IFileSource Create(SourceSetup setup) => new SftpSource(_server.Options(Inbox.Path, client) with
    {
        Pattern = setup.Pattern,
        Recursive = setup.Recursive,
        DoneMarker = setup.DoneMarker,
        AfterCommit = setup.AfterCommit,
    });

    [Test]
    public void A_wrong_password_is_denied_at_once_and_shown_nowhere()
    {
        var source = new SftpSource(_server.Options(Inbox.Path, client) with { Password = "wr0ng-pass" });
        var error = Assert.ThrowsAsync<SourceException>(async () =>
        {
            await using (source) await source.ConnectAsync();
        });
        Assert.That(error!.ToString(), Does.Contain("denied the login").And.Contain("Permission denied").And.Not.Contain("wr0ng-pass"));
    }
}
