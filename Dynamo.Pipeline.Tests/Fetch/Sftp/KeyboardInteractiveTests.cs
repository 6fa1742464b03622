namespace Dynamo.Pipeline.Tests;

/// <summary>A real sshd that lets nobody in but by keyboard-interactive, by way of PAM: it greets, and asks one question.</summary>
[TestFixture(SshClientKind.OpenSsh)]
[TestFixture(SshClientKind.Managed)]
[CancelAfter(180_000)]
internal sealed class KeyboardInteractiveTests(SshClientKind client)
{
    private const string Password = "s3cret \"p\u00e4$$ %x%!";

    private DynamoFolder _folder = null!;
    private Sshd _sshd = null!;

    [OneTimeSetUp]
    public void StartServer()
    {
        Sshd.RequirePam();
        _folder = new DynamoFolder();
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5");
        _sshd = new Sshd(_folder.Path, password: Password);
    }

    [OneTimeTearDown]
    public void StopServer()
    {
        _sshd?.Dispose();
        _folder?.Dispose();
    }

    [Test]
    public async Task The_password_is_the_answer(CancellationToken token)
    {
        await using var source = new SftpSource(Options(Password));

        Assert.That(await source.ListAsync(token).CountAsync(token), Is.EqualTo(1));
        Assert.That((await source.DescribeAsync(token)).Client, Is.EqualTo(client));
    }

    [Test]
    public async Task A_wrong_password_is_denied_at_once_and_shown_nowhere(CancellationToken token)
    {
        await using var source = new SftpSource(Options("wr0ng-pass"));

        var error = Assert.ThrowsAsync<SourceException>(async () => await source.ConnectAsync(token));

        Assert.That(error!.ToString(), Does.Contain("denied the login").And.Contain("Permission denied").And.Not.Contain("wr0ng-pass"));
    }

    [Test]
    public async Task An_import_answers_with_the_secret_setting(CancellationToken token)
    {
        DynamoResult run = await RunAsync(Password, token), wrong = await RunAsync("wr0ng-pass", token);

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.Zero, run.StandardError);
            Assert.That(DynamoFolder.Json(run).GetProperty("files").GetProperty("loaded").GetInt64(), Is.EqualTo(1));
            Assert.That(wrong.ExitCode, Is.EqualTo(3));
            Assert.That(wrong.StandardError, Does.Contain("denied the login"));
            Assert.That(wrong.StandardError + wrong.StandardOutput, Does.Not.Contain("wr0ng-pass"));
        });
    }

    private SftpSourceOptions Options(string password) =>
        _sshd.Options(_folder["inbox"], client: client) with { Password = password, IdentityFile = null, Reconnects = 0 };

    private Task<DynamoResult> RunAsync(string password, CancellationToken token) => _folder.RunAsync(
        new Dictionary<string, string?> { ["DYNAMO__SFTP__PASSWORD"] = password }, token,
        ["run", .. _sshd.Arguments(_folder["inbox"], client), "--sink", "sqlite:readings.db", "--json"]);
}
