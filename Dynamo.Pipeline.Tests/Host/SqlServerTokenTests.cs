using System.Text.Json;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo</c> logs in with a token of Entra that somebody else got: a command, or whoever writes a file.</summary>
[CancelAfter(120_000), Platform(Exclude = "Win", Reason = "The commands are scripts of a shell.")]
internal sealed class SqlServerTokenTests
{
    private static readonly string[] s_script = ["sh", "token.sh"];

    private DynamoFolder _folder = null!;
    private TdsEndpoint _endpoint = null!;

    [SetUp]
    public void Make()
    {
        (_folder, _endpoint) = (new DynamoFolder(), new TdsEndpoint());
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5");
    }

    [TearDown]
    public async Task Remove()
    {
        _folder.Dispose();
        await _endpoint.DisposeAsync();
    }

    [Test]
    public async Task A_command_yields_the_token_once_for_all_connections_and_hears_nothing_of_our_secrets(CancellationToken token)
    {
        WriteScript($$"""
            echo x >> asked
            env | grep -i ^dynamo > seen
            echo '{ "access_token": "{{TdsEndpoint.Token}}", "expires_in": 3599, "token_type": "Bearer" }'
            """);

        DynamoResult run = await RunAsync(token, new { connection = Connection(), accessTokenCommand = s_script }, "run");

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(_endpoint.Counts.BulkRows, Is.GreaterThan(0));
        Assert.That(await File.ReadAllTextAsync(_folder["asked"], token), Is.EqualTo("x\n"));
        Assert.That(await File.ReadAllTextAsync(_folder["seen"], token), Is.Empty);
    }

    [Test]
    public async Task A_file_yields_the_token_and_is_found_beside_the_configuration(CancellationToken token)
    {
        await File.WriteAllTextAsync(_folder["token"], TdsEndpoint.Token + "\n", token);

        DynamoResult run = await RunAsync(token, new { connection = Connection(), accessTokenFile = "token" }, "check");

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(_endpoint.Counts.Logins, Is.GreaterThan(0));
    }

    [Test]
    public async Task Status_and_retry_log_in_with_the_token_as_well(CancellationToken token)
    {
        await File.WriteAllTextAsync(_folder["token"], TdsEndpoint.Token, token);
        var sqlserver = new { connection = Connection(), accessTokenFile = "token" };
        DynamoResult run = await RunAsync(token, sqlserver, "run");

        DynamoResult status = await RunAsync(token, sqlserver, "status"), retry = await RunAsync(token, sqlserver, "retry");

        Assert.That((run.ExitCode, status.ExitCode, retry.ExitCode), Is.EqualTo((0, 0, 0)), status.StandardError + retry.StandardError);
        Assert.That(status.StandardOutput, Does.Contain("1 loaded"));
    }

    [Test]
    public async Task A_command_that_fails_is_named_with_its_last_words_and_not_what_it_printed(CancellationToken token)
    {
        WriteScript("""
            echo s3cret
            echo 'Traceback' >&2
            echo "ERROR: Please run 'az login' to set up an account." >&2
            exit 3
            """);

        string connection = Connection();

        DynamoResult run = await RunAsync(token, new { connection, accessTokenCommand = s_script }, "run", "--json", "--verbose");

        Assert.That(run.ExitCode, Is.EqualTo(4), run.StandardError);
        Assert.That(run.StandardError, Does.Contain("'sh' ended with 3: ERROR: Please run 'az login' to set up an account."));
        Assert.That(run.StandardError, Does.Not.Contain("Traceback"));
        Assert.That(run.StandardError + run.StandardOutput, Does.Not.Contain("s3cret"));
    }

    [TestCase("nobody", "'no-such-program' cannot be started")]
    [TestCase("text", "what 'sh' printed is no token")]
    [TestCase("empty", "what 'sh' printed is no token")]
    public async Task What_yields_no_token_is_named(string what, string said, CancellationToken token)
    {
        WriteScript(what == "text" ? "echo this is s3cret" : "true");

        string[] command = what == "nobody" ? ["no-such-program"] : s_script;

        DynamoResult run = await RunAsync(token, new { connection = Connection(), accessTokenCommand = command }, "run");

        Assert.That(run.ExitCode, Is.EqualTo(4), run.StandardError);
        Assert.That(run.StandardError, Does.Contain(said).And.Not.Contains("s3cret"));
        Assert.That(_endpoint.Counts.BulkRows, Is.Zero);
    }

    [TestCase("Active Directory Managed Identity"), TestCase("ActiveDirectoryDefault")]
    public async Task A_login_that_needs_Azures_libraries_is_refused_with_what_to_set_instead(string way, CancellationToken token)
    {
        DynamoResult run = await RunAsync(token, new { connection = $"Server=db1;Database=Water;Authentication={way};User ID=me" }, "run");

        Assert.That(run.ExitCode, Is.EqualTo(2), run.StandardError);
        Assert.That(run.StandardError, Does.Contain("sqlserver:accessTokenCommand").And.Contains("sqlserver:accessTokenFile"));
    }

    [Test]
    public async Task Two_ways_to_log_in_are_refused(CancellationToken token)
    {
        string connection = Connection();

        DynamoResult two = await RunAsync(token, new { connection, accessTokenCommand = s_script, accessTokenFile = "token" }, "run");
        DynamoResult password = await RunAsync(token, new { connection, accessTokenFile = "token", password = "hunter2" }, "run");
        connection += ";Integrated Security=true";
        DynamoResult kerberos = await RunAsync(token, new { connection, accessTokenFile = "token" }, "run");

        Assert.That((two.ExitCode, password.ExitCode, kerberos.ExitCode), Is.EqualTo((2, 2, 2)));
        Assert.That(two.StandardError, Does.Contain("Keep one of them"));
        Assert.That(password.StandardError, Does.Contain("Keep one of them").And.Not.Contains("hunter2"));
        Assert.That(kerberos.StandardError, Does.Contain("Integrated Security"));
    }

    private string Connection()
    {
        SqlConnectionStringBuilder connection = _endpoint.Connect();
        connection.Remove("User ID");
        connection.Remove("Password");
        connection.Encrypt = SqlConnectionEncryptOption.Mandatory;
        return connection.ConnectionString;
    }

    private void WriteScript(string text) => File.WriteAllText(_folder["token.sh"], text + "\n");

#pragma warning disable CA1068 // The program's arguments come last, as on a command line.
    private async Task<DynamoResult> RunAsync(CancellationToken token, object sqlserver, params string[] arguments)
#pragma warning restore CA1068
    {
        string json = JsonSerializer.Serialize(new { source = "inbox", sink = "sqlserver", sqlserver });
        await File.WriteAllTextAsync(_folder["dynamo.json"], json, token);
        var variables = new Dictionary<string, string?> { ["DYNAMO__SFTP__PASSWORD"] = "hunter3" };
        return await _folder.RunAsync(variables, token, [.. arguments, "--config", "dynamo.json"]);
    }
}
