using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>The configuration of docs/coming-from.md does the job that the page speaks of: from an sshd into SQL Server.</summary>
[TestFixture, CancelAfter(120_000), Order(1)]
internal sealed class ComingFromTests
{
    private static readonly string s_configuration =
        Repository.Blocks("docs/coming-from.md").Single(block => block.Language == "json").Text;

    [Test]
    public async Task Its_configuration_imports_from_a_server_exactly_once_and_puts_bad_files_aside(CancellationToken token)
    {
        Sshd.Require();
        using var folder = new DynamoFolder();
        using var sshd = new Sshd(folder.Path);
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        folder.PutText("L7.csv", "time;flow;pressure\n31.01.2026 12:00;6,5;4,25\n");
        folder.PutText("bad.csv", "Messstelle\nL8\n");
        Dictionary<string, string?> variables = database.Variables;
        variables.Remove("DYNAMO_SINK");
        variables["DYNAMO__SQLSERVER__PASSWORD"] = await WriteAsync(folder, sshd, database, token);
        string[] run = ["run", "--config", "dynamo.json", "--json"];

        DynamoResult first = await folder.RunAsync(variables, token, run), second = await folder.RunAsync(variables, token, run);

        Assert.That(first.ExitCode, Is.EqualTo(1), first.StandardError);
        Assert.That(database.Readings(), Is.EquivalentTo(new[]
        {
            new Reading("L7", "flow", new DateTime(2026, 1, 31, 11, 0, 0, DateTimeKind.Utc), 6.5),
            new Reading("L7", "pressure", new DateTime(2026, 1, 31, 11, 0, 0, DateTimeKind.Utc), 4.25),
        }));
        Assert.That(Directory.GetFiles(folder["inbox/quarantine"]).Select(Path.GetFileName), Has.Some.StartsWith("bad"));
        Assert.That(Directory.GetFiles(folder["inbox"]), Is.Empty, "the good one is archived");
        Assert.That(second.ExitCode, Is.Zero, second.StandardError);
    }

    /// <summary>The page's configuration with the addresses of the test, and nothing else in the place of anything.</summary>
    /// <returns>The database's password.</returns>
    private static async Task<string> WriteAsync(DynamoFolder folder, Sshd sshd, SqlServerTestDatabase database, CancellationToken token)
    {
        var connection = new SqlConnectionStringBuilder(database.ConnectionString);
        string password = connection.Password;
        connection.Remove("Password");
        JsonNode settings = JsonNode.Parse(s_configuration)!;
        settings["source"] = string.Create(
            CultureInfo.InvariantCulture, $"sftp://{Environment.UserName}@127.0.0.1:{sshd.Port}{folder["inbox"]}");
        settings["sqlserver"]!["connection"] = connection.ConnectionString;
        settings["sftp"] = new JsonObject
        {
            ["identityFile"] = sshd.UserKey, ["knownHostsFile"] = sshd.KnownHosts, ["sshConfigFile"] = Path.Join(sshd.Folder, "ssh_config"),
        };
        await File.WriteAllTextAsync(folder["dynamo.json"], settings.ToJsonString(), token);
        return password;
    }
}
