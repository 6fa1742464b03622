using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>Thousands of files from a real sshd through the real process into SQLite, by either client.</summary>
[TestFixture(SshClientKind.OpenSsh, 500)]
[TestFixture(SshClientKind.Managed, 100)]
[Soak, CancelAfter(300_000)]
internal sealed class SftpImportTests(SshClientKind client, int loggers)
{
    private const int Steps = 54;

    private ScratchFolder _work = null!;
    private Sshd _sshd = null!;
    private ImportOracle _oracle = null!;
    private string _inbox = null!;

    [OneTimeSetUp]
    public void Generate()
    {
        Sshd.Require();
        if (client == SshClientKind.Managed) SoakAttribute.Require(byHand: true);
        _work = new ScratchFolder();
        _sshd = new Sshd(_work.Path);
        _inbox = _work["inbox"];
        var files = new LoggerFiles(new GenerateOptions { To = _inbox, Loggers = loggers, Steps = Steps, Seed = 11, Bad = 0.005 });
        files.Write();
        _oracle = new ImportOracle(files);
    }

    [OneTimeTearDown]
    public void Remove()
    {
        _sshd?.Dispose();
        _work?.Dispose();
    }

    [Test, Order(1)]
    public async Task All_of_them_are_loaded_once_and_again_none(CancellationToken token)
    {
        DynamoResult first = await DynamoProcess.RunAsync(
            Arguments("kept.db", "keep"), _work.Path, null,
            token), second = await DynamoProcess.RunAsync(Arguments("kept.db", "keep"), _work.Path, null, token);

        Assert.Multiple(() =>
        {
            Assert.That(first.ExitCode, Is.EqualTo(1), first.StandardError);
            Assert.That(second.ExitCode, Is.Zero, second.StandardError);
            Assert.That(
                DynamoFolder.Json(second).GetProperty("files").GetProperty("alreadyLoaded").GetInt64(), Is.EqualTo(loggers * Steps));
        });
        _oracle.AssertLoaded(_work["kept.db"], "kept");
    }

    [Test, Order(2)]
    public async Task With_the_server_killed_and_restarted_in_the_middle_everything_is_there_once_and_archived(CancellationToken token)
    {
        int restarts = 0;
        DynamoResult run = await DynamoProcess.RunAsync(Arguments("moved.db", "archive"), async process =>
        {
            foreach (int archived in (int[])[1, loggers * Steps / 3])
            {
                while (!process.HasExited && Archived() < archived) await Task.Delay(100, token);
                if (process.HasExited) return;
                _sshd.Kill();
                _sshd.Start();
                restarts++;
            }
        }, _work.Path, token);

        Assert.That(run.ExitCode, Is.EqualTo(1), run.StandardError);
        Assert.That(restarts, Is.EqualTo(2), "the run outlived every restart");
        _oracle.AssertComplete(_work["moved.db"], _inbox, "restarted");
    }

    private int Archived() => ScratchFolder.Archived(Path.Combine(_inbox, "archive")).Length;

    private string[] Arguments(string database, string after) =>
        ["run", .. _sshd.Arguments(_inbox, client), "--sink", $"sqlite:{database}", "--after", after, "--json"];
}
