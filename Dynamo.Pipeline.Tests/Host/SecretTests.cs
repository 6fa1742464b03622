using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>What somebody else's error may bring into a message of ours.</summary>
[TestFixture]
internal sealed class SecretTests
{
    [TestCase("cannot open sftp://me:S3cret@host/out", "cannot open sftp://***@host/out")]
    [TestCase("cannot open sftp://me:S3:cr@et@host/out", "cannot open sftp://***@host/out")]
    [TestCase("sftp://me@host/out: denied", "sftp://me@host/out: denied")]
    [TestCase("Server=x;Password=S3cret;Encrypt=true", "Server=x;Password=***;Encrypt=true")]
    [TestCase("Server=x;PWD = 'S3;cret';Encrypt=true", "Server=x;PWD=***;Encrypt=true")]
    [TestCase("ssh says \"Permission denied (publickey,password).\"", "ssh says \"Permission denied (publickey,password).\"")]
    public void A_message_is_freed_of_passwords_and_keeps_its_words(string message, string expected) =>
        Assert.That(Secret.Free(message), Is.EqualTo(expected));
}
