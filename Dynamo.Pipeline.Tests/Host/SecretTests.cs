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

    private static IEnumerable<string> Secrets => SettingCatalogue.All.Where(setting => setting.IsSecret).Select(setting => setting.Key);

    /// <summary>As systemd's LoadCredential hands a file over, which <c>--settings</c> names.</summary>
    [TestCaseSource(nameof(Secrets)), NonParallelizable]
    public void Every_secret_comes_from_a_file_of_its_own_or_the_environment_and_is_kept_out_of_what_is_recorded(string key)
    {
        string secret = key switch
        {
            "notify:url" => "https://hooks.example.org/T0/S3cret",
            "queue:url" => "amqp://dynamo:S3cret@mq.example.org/water",
            _ => "Server=x;Password=S3cret",
        };
        using var credentials = new ScratchFolder();
        string[] names = key.Split(':');
        File.WriteAllText(credentials["secrets.json"], $$"""{ "{{names[0]}}": { "{{names[1]}}": "{{secret}}" } }""");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(credentials["secrets.json"], UnixFileMode.UserRead);
        string variable = "DYNAMO__" + key.ToUpperInvariant().Replace(":", "__", StringComparison.Ordinal);
        Environment.SetEnvironmentVariable(variable, secret);
        SettingLayer environment;
        try
        {
            environment = SettingLayer.FromEnvironment();
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, null);
        }
        foreach (SettingLayer layer in (SettingLayer[])[SettingLayer.FromFile(credentials["secrets.json"], "--settings"), environment])
        {
            var problems = new List<SettingProblem>();
            HostSettings settings = layer.Apply(HostSettings.Default, problems);
            Assert.That(problems, Is.Empty);
            Assert.That(Value(settings), Is.EqualTo(secret));
            Assert.That(settings.Text, Is.EqualTo($"{key}: ***"));
        }

        string? Value(HostSettings settings) => key switch
        {
            "sftp:password" => settings.Sftp.Password,
            "sqlserver:connection" => settings.SqlServerConnection,
            "sqlserver:password" => settings.SqlServerPassword,
            "observe:token" => settings.Observe.Token,
            "notify:url" => settings.Observe.NotifyUrl?.ToString(),
            "notify:command" => string.Join(' ', settings.Observe.NotifyCommand),
            "queue:url" => settings.Queue.Urls.Single().OriginalString,
            _ => throw new AssertionException($"{key} is a new secret"),
        };
    }

    [Test]
    public void Keys_and_tokens_lie_beside_the_file_of_secrets_that_names_them()
    {
        using var credentials = new ScratchFolder();
        File.WriteAllText(
            credentials["secrets.json"], """{ "sftp": { "identityFile": "key" }, "sqlserver": { "accessTokenFile": "token" } }""");
        var problems = new List<SettingProblem>();
        HostSettings settings = SettingLayer.FromFile(credentials["secrets.json"], "--settings").Apply(HostSettings.Default, problems);
        Assert.That(problems, Is.Empty);
        Assert.That((settings.Sftp.IdentityFile, settings.AccessTokenFile), Is.EqualTo((credentials["key"], credentials["token"])));
    }
}
