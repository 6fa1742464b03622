using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

public sealed class SshCommandTests
{
    [Test]
    public void The_host_comes_last_behind_two_dashes()
    {
        string[] arguments = [.. SshCommand.For(SftpSourceOptions.Parse("sftp://ann@example.org:2222/out")).ArgumentList];
        Assert.That(arguments[^4..], Is.EqualTo(new[] { "-s", "--", "example.org", "sftp" }));
        Assert.That(arguments,
            Does.Contain("-lann").And.Contain("-p2222").And.Contain("-oStrictHostKeyChecking=yes").And.Contain("-oBatchMode=yes"));
    }

    [Test]
    public void A_password_is_in_no_argument_and_in_no_text()
    {
        var options = new SftpSourceOptions { Host = "h", Password = "s3cret" };
        ProcessStartInfo start = SshCommand.For(options);
        Assert.That(start.ArgumentList, Has.None.Contains("s3cret"));
        Assert.That(start.ArgumentList, Does.Contain("-oBatchMode=no").And.Contain("-oNumberOfPasswordPrompts=1"));
        Assert.That($"{options} {new SftpSource(options)} {new SftpSource(options).Name}", Does.Not.Contain("s3cret"));
    }

    [Test]
    public void The_askpass_script_holds_no_secret_and_is_gone_afterwards()
    {
        var start = new ProcessStartInfo("ssh");
        string script;
        using (var askPass = new SshAskPass())
        {
            askPass.Prepare(start, "s3cret");
            script = start.Environment["SSH_ASKPASS"]!;
            Assert.That(File.ReadAllText(script), Does.Not.Contain("s3cret"));
            Assert.That(start.Environment["SSH_ASKPASS_REQUIRE"], Is.EqualTo("force"));
        }
        Assert.That(File.Exists(script), Is.False);
    }

    [TestCase("plain")]
    [TestCase("with space ' \" $HOME `id` \\n %s ; & | ü")]
    [TestCase("-n")]
    public void The_askpass_script_answers_any_password_as_it_is(string password)
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("the Unix script");
        using var askPass = new SshAskPass();
        var prepared = new ProcessStartInfo();
        askPass.Prepare(prepared, password);
        var start = new ProcessStartInfo(prepared.Environment["SSH_ASKPASS"]!) { RedirectStandardOutput = true };
        foreach (var (name, value) in prepared.Environment) start.Environment[name] = value;
        start.ArgumentList.Add("ann@example.org's password: ");
        using Process process = Process.Start(start)!;
        Assert.That(process.StandardOutput.ReadToEnd(), Is.EqualTo(password + "\n"));
    }

    [TestCase("Host key verification failed.", "not known", false)]
    [TestCase("@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "has changed", false)]
    [TestCase("ann@h: Permission denied (publickey,password).", "denied the login", false)]
    [TestCase("ssh: connect to host h port 22: Connection refused", "does not accept", true)]
    [TestCase("ssh: Could not resolve hostname h: Name or service not known", "name is not known", true)]
    [TestCase("subsystem request failed on channel 0", "no SFTP", false)]
    [TestCase("kex_exchange_identification: Connection closed by remote host", "code 255", true)]
    public void Ssh_s_words_become_an_error_with_its_remedy(string words, string meaning, bool mayRecover)
    {
        SftpConnectionException error = SshDiagnosis.Explain(words, 255, null);
        Assert.That(error.Message, Does.Contain(meaning));
        Assert.That(error.MayRecover, Is.EqualTo(mayRecover));
        Assert.That(error.Message, Does.Contain(words.Split('\n')[^1].TrimEnd('.')));
    }

    [Test]
    public void A_password_in_ssh_s_words_is_hidden() =>
        Assert.That(SshDiagnosis.Explain("odd: s3cret", 1, "s3cret").Message, Does.Not.Contain("s3cret"));

    [Test]
    public void A_missing_client_says_how_to_get_one() =>
        Assert.That(() => SshProcess.Start(new SftpSourceOptions { Host = "h", SshProgram = "no-such-ssh-client" }, null),
            Throws.TypeOf<SftpConnectionException>().With.Message.Contains("openssh-client"));
}
