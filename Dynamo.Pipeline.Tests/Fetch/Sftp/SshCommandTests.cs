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
        ProcessStartInfo start = SshCommand.For(new SftpSourceOptions { Host = "h" });
        string script;
        using (var askPass = new SshAskPass("s3cret"))
        {
            askPass.Prepare(start);
            script = start.Environment["SSH_ASKPASS"]!;
            Assert.That(File.ReadAllText(script), Does.Not.Contain("s3cret"));
            Assert.That(start.Environment["SSH_ASKPASS_REQUIRE"], Is.EqualTo("force"));
            if (!OperatingSystem.IsWindows()) Assert.That(start.Environment.Values, Has.None.Contains("s3cret"));
        }
        Assert.That(Directory.Exists(Path.GetDirectoryName(script)), Is.False);
    }

    [TestCase("plain")]
    [TestCase("with space ' \" $HOME `id` \\n %s ; & | ü")]
    [TestCase("-n")]
    public void The_askpass_script_answers_any_password_as_it_is_and_once(string password)
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("the Unix script");
        using var askPass = new SshAskPass(password);
        askPass.AnswerOnly(Environment.ProcessId);

        Assert.That(Ask(askPass, "ann@example.org's password: "), Is.EqualTo(password + "\n"));
        Assert.That(Ask(askPass, "ann@example.org's password: "), Is.Empty);
        Assert.That(Ask(askPass, "Enter passphrase for key '/home/ann/.ssh/id': "), Is.EqualTo(password + "\n"));
    }

    [TestCase("Are you sure you want to continue connecting (yes/no/[fingerprint])? ")]
    [TestCase("ann@example.org's new password: ")]
    [TestCase("Enter PIN for 'token': ")]
    public void The_askpass_script_answers_no_other_question(string question)
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("the Unix script");
        using var askPass = new SshAskPass("s3cret");
        askPass.AnswerOnly(Environment.ProcessId);

        Assert.That(Ask(askPass, question), Is.Empty);
    }

    [Test]
    public void The_askpass_script_answers_no_other_process()
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("the Unix script");
        using var askPass = new SshAskPass("s3cret");
        askPass.AnswerOnly(1);

        Assert.That(Ask(askPass, "ann@example.org's password: "), Is.Empty);
    }

    private static string Ask(SshAskPass askPass, string question)
    {
        var prepared = new ProcessStartInfo();
        askPass.Prepare(prepared);
        var start = new ProcessStartInfo(prepared.Environment["SSH_ASKPASS"]!, [question]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        return process.StandardOutput.ReadToEnd();
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
        Assert.That(() => SshProcess.Start(new SftpSourceOptions { Host = "h", SshProgram = "no-such-ssh-client" }),
            Throws.TypeOf<SftpConnectionException>().With.Message.Contains("openssh-client"));
}
