using System.Text.Json;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>The main job: files from a real sshd through the real process into SQL Server.</summary>
[TestFixture, Soak(ByHand = true), CancelAfter(400_000), Order(1)]
internal sealed class SqlServerImportTests
{
    private const int Loggers = 500, Steps = 54;

    [Test]
    public async Task All_27_000_files_of_a_server_are_loaded_once_and_again_none(CancellationToken token)
    {
        Sshd.Require();
        using var work = new ScratchFolder();
        using var sshd = new Sshd(work.Path);
        await using var database = new SqlServerTestDatabase();
        string inbox = work["inbox"];
        var files = new LoggerFiles(new GenerateOptions { To = inbox, Loggers = Loggers, Steps = Steps, Seed = 11, Bad = 0.005 });
        files.Write(cancellationToken: token);
        var oracle = new ImportOracle(files);
        string[] arguments = ["run", .. sshd.Arguments(inbox), "--sink", "sqlserver", "--writers", "2", "--json"];

        DynamoResult first = await DynamoProcess.RunAsync(
            arguments, work.Path, database.Variables,
            token), second = await DynamoProcess.RunAsync(arguments, work.Path, database.Variables, token);

        Assert.That((first.ExitCode, second.ExitCode), Is.EqualTo((1, 0)), first.StandardError + second.StandardError);
        JsonElement books = DynamoFolder.Json(first), again = DynamoFolder.Json(second);
        TestContext.Out.WriteLine(
            $"{books.GetProperty("elapsedSeconds")} s, and {again.GetProperty("elapsedSeconds")} s when nothing is new");
        Assert.Multiple(() =>
        {
            Assert.That(Count(books, "files", "listed"), Is.EqualTo(Loggers * Steps));
            Assert.That(Count(books, "files", "loaded") + Count(books, "files", "quarantined"), Is.EqualTo(Loggers * Steps));
            Assert.That(
                Count(books, "rows", "read"),
                Is.EqualTo(new[] { "inserted", "updated", "unchanged", "rejected" }.Sum(name => Count(books, "rows", name))));
            Assert.That(Count(again, "files", "alreadyLoaded"), Is.EqualTo(Loggers * Steps));
        });
        oracle.AssertLoaded(database.Readings(), database.Ledger(), "from sshd into SQL Server");
    }

    private static long Count(JsonElement books, string group, string name) => books.GetProperty(group).GetProperty(name).GetInt64();
}
