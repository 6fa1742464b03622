using System.Diagnostics;
using System.Runtime.Versioning;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Commands that only read a database, by another user than the importer's. SQLite makes files beside the database for whoever opens it;
/// those of another user stop the importer.
/// </summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(60_000)]
internal sealed class SqliteReadersTests
{
    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder()
    {
        Stranger.Require();
        _folder = new DynamoFolder();
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5");
        File.SetUnixFileMode(_folder.Path, (UnixFileMode)0x1FF);
    }

    [TearDown]
    public void RemoveFolder() => _folder?.Dispose();

    [TestCase("status")]
    [TestCase("check")]
    [TestCase("lineage", "L1")]
    [TestCase("run", "--dry-run")]
    public async Task A_command_that_only_reads_leaves_nothing_beside_the_database(params string[] command)
    {
        await ImportAsync();
        string[] before = Beside();

        (int code, string output) = await RunAsync(command);

        Assert.That(Beside(), Is.EqualTo(before), output);
        Assert.That(code, Is.EqualTo(command[0] == "check" ? 4 : 0), output);
        if (command[0] == "check") Assert.That(output, Does.Contain("written"));
    }

    [Test]
    public async Task Status_reads_what_a_killed_run_left_and_leaves_it_so()
    {
        await ImportAsync();
        // A second connection keeps the log from being removed; the copy is what a kill leaves.
        Directory.CreateDirectory(_folder["copy"]);
        using (var open = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_folder["readings.db"]};Pooling=False"))
        {
            open.Open();
            using var command = open.CreateCommand();
            command.CommandText = "update ImportRun set Host = 'from the log'";
            command.ExecuteNonQuery();
            foreach (string file in (string[])[_folder["readings.db"], _folder["readings.db-wal"], _folder["readings.db-shm"]])
                File.Copy(file, _folder["copy/" + Path.GetFileName(file)]);
        }
        File.SetUnixFileMode(_folder["copy"], (UnixFileMode)0x1FF);
        string[] before = Beside("copy");

        (int code, string output) = await AsNobody.RunAsync(
            ["status", "--sink", $"sqlite:{_folder["copy/readings.db"]}", "--json"], CancellationToken.None);

        Assert.That(code, Is.Zero, output);
        Assert.That(output, Does.Contain("from the log"));
        Assert.That(before, Has.Length.EqualTo(3));
        Assert.That(Beside("copy"), Is.EqualTo(before));
    }

    [Test]
    public async Task The_administrator_s_status_of_another_user_s_database_leaves_nothing()
    {
        await ImportAsync();
        await Stranger.OwnAsync(_folder["readings.db"]);
        string[] before = Beside();

        DynamoResult status = await _folder.RunAsync(CancellationToken.None, "status", "--sink", "sqlite:readings.db");

        Assert.That(status.ExitCode, Is.Zero, status.StandardError);
        Assert.That(Beside(), Is.EqualTo(before));
    }

    private async Task ImportAsync()
    {
        DynamoResult run = await _folder.RunAsync(CancellationToken.None, "run", "--source", "inbox", "--sink", "sqlite:readings.db");
        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
    }

    private Task<(int ExitCode, string Output)> RunAsync(string[] command) => AsNobody.RunAsync(
        [command[0], .. command[0] == "status" ? Array.Empty<string>() : ["--source", _folder["inbox"]],
            "--sink", $"sqlite:{_folder["readings.db"]}", .. command[1..]], CancellationToken.None);

    /// <summary>The files beside the database, with owner, rights and size.</summary>
    private string[] Beside(string folder = "")
    {
        var start = new ProcessStartInfo("find", [_folder[folder], "-maxdepth", "1", "-name", "*.db*", "-printf", "%f %u %m %s\\n"])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        return [.. process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
    }
}
