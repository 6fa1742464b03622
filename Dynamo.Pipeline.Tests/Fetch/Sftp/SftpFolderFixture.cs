namespace Dynamo.Pipeline.Tests;

/// <summary>A folder that Debian's sftp-server has, on a pipe or through the managed client.</summary>
public abstract class SftpFolderFixture(SshClientKind client)
{
    private ScratchFolder _inbox = null!, _scratch = null!;
    private Sshd? _sshd;
    private SftpSource? _source;

    private protected ScratchFolder Inbox => _inbox;

    [OneTimeSetUp]
    public void StartServer()
    {
        if (client == SshClientKind.Managed) SoakAttribute.Require();
        _scratch = new ScratchFolder();
        if (client == SshClientKind.Managed) _sshd = new Sshd(_scratch.Path);
    }

    [OneTimeTearDown]
    public void StopServer()
    {
        _sshd?.Dispose();
        _scratch?.Dispose();
    }

    [SetUp]
    public void MakeInbox()
    {
        Sshd.Require();
        _inbox = new ScratchFolder();
    }

    [TearDown]
    public async Task RemoveInbox()
    {
        if (_source is not null) await _source.DisposeAsync();
        _inbox.Dispose();
    }

    private protected SftpSource Source(AfterCommit after, string? marker = null)
    {
        SftpSourceOptions server = _sshd?.Options(_inbox.Path, client: client)
            ?? new SftpSourceOptions { Host = "pipe", Path = _inbox.Path };
        SftpSourceOptions options = server with
        {
            Recursive = true,
            DoneMarker = marker,
            AfterCommit = after,
            SettleTime = TimeSpan.Zero,
        };
        return _source = _sshd is null ? new SftpSource(options, () => new SftpServerTransport()) : new SftpSource(options);
    }
}
