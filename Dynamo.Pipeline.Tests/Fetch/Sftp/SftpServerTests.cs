namespace Dynamo.Pipeline.Tests;

/// <summary>The contract on Debian's sftp-server, with the packet layer on a pipe to it.</summary>
public sealed class SftpServerTests : FileSourceContract
{
    protected override IFileSource Create(SourceSetup setup)
    {
        Sshd.Require();
        return new SftpSource(new SftpSourceOptions
        {
            Host = "pipe",
            Path = Inbox.Path,
            Pattern = setup.Pattern,
            Recursive = setup.Recursive,
            DoneMarker = setup.DoneMarker,
            AfterCommit = setup.AfterCommit,
            SettleTime = TimeSpan.Zero,
        }, () => new SftpServerTransport());
    }
}
