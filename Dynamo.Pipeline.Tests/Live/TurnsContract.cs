using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>Commands that need the source of a real <c>dynamo watch</c> for a moment, over either database.</summary>
[CancelAfter(600_000)]
internal abstract class TurnsContract : WatchedProcess
{
    protected abstract string[] Sink { get; }

    protected abstract IReadOnlyDictionary<string, string?> Variables { get; }

    protected abstract string Ledger { get; }

    protected abstract string Readings { get; }

    protected abstract long Number(string sql);

    [TestCase("archive")]
    [TestCase("keep")]
    public async Task Retry_gets_its_turn_and_the_watch_reads_the_file_again(string after, CancellationToken token)
    {
        using Process watch = Watch(after);
        Land(0, 3);
        File.WriteAllText(Path.Join(Inbox, "bad.csv"), "nothing of ours\n");
        await UntilAsync(() => Count() == 4, token);

        DynamoResult retry = await AskAsync(token, "retry");

        await UntilAsync(() => Number($"SELECT count(*) FROM {Ledger} WHERE RunId = 2 AND Outcome = 'quarantined'") == 1, token);
        Land(3, 2);
        await UntilAsync(() => Number($"SELECT count(*) FROM {Readings}") == 5, token);
        Assert.That((await StopAsync(watch, token), retry.ExitCode), Is.EqualTo((0, 0)), retry.StandardError);
        Assert.That(retry.StandardOutput, Is.EqualTo("The next run reads again:\n  bad.csv\n"));
    }

    [TestCase("archive")]
    [TestCase("keep")]
    public async Task Undo_gets_its_turn_and_imports_again_before_the_watch_goes_on(string after, CancellationToken token)
    {
        using Process watch = Watch(after);
        Land(0, 3);
        await UntilAsync(() => Count() == 3, token);

        DynamoResult plan = await AskAsync(token, "undo", "--run", "1", "--dry-run");
        long runs = Number($"SELECT max(RunId) FROM {Ledger}");
        DynamoResult undo = await AskAsync(token, "undo", "f0000001.csv", "--reimport");

        Land(3, 2);
        await UntilAsync(() => Number($"SELECT count(*) FROM {Readings}") == 5, token);
        Assert.That((await StopAsync(watch, token), plan.ExitCode, undo.ExitCode), Is.EqualTo((0, 0, 0)), plan.StandardError
            + undo.StandardError);
        Assert.Multiple(() =>
        {
            Assert.That((plan.StandardError, runs), Is.EqualTo(("", 1)), "whoever only asks holds nobody up");
            Assert.That(undo.StandardOutput, Does.Contain("Takes back 1 file").And.Contain("Imported again: "));
            Assert.That(Number($"SELECT RunId FROM {Ledger} WHERE Path LIKE '%f0000001.csv'"), Is.EqualTo(2), "by the command's own run");
            Assert.That(Number($"SELECT RunId FROM {Ledger} WHERE Path LIKE '%f0000003.csv'"), Is.EqualTo(3),
                "by the watch, which went on");
        });
    }

    protected long Count() => Number($"SELECT count(*) FROM {Ledger}");

    private Process Watch(string after) => DynamoProcess.Start(
        ["watch", "--source", Inbox, .. Sink, "--after", after, "--settle", "0"], Work.Path, Variables);

    private async Task<DynamoResult> AskAsync(CancellationToken token, params string[] arguments) =>
        await DynamoProcess.RunAsync([.. arguments, "--source", Inbox, .. Sink], Work.Path, Variables, token);

    private static async Task<int> StopAsync(Process watch, CancellationToken token)
    {
        DynamoProcess.Terminate(watch);
        await watch.WaitForExitAsync(token);
        return watch.ExitCode;
    }
}

internal sealed class SqliteTurnsTests : TurnsContract
{
    protected override string[] Sink => ["--sink", "sqlite:r.db"];

    protected override IReadOnlyDictionary<string, string?> Variables { get; } = new Dictionary<string, string?>();

    protected override string Ledger => "ImportedFile";

    protected override string Readings => "Reading";

    protected override long Number(string sql) => base.Count("ImportedFile") == 0 ? 0 : Scalar(sql);
}

internal sealed class SqlServerTurnsTests : TurnsContract
{
    private SqlServerTestDatabase _database = null!;

    protected override string[] Sink => ["--sink", "sqlserver"];

    protected override IReadOnlyDictionary<string, string?> Variables => _database.Variables;

    protected override string Ledger => _database.Options.LedgerTable;

    protected override string Readings => _database.Map.Name;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    protected override long Number(string sql) =>
        _database.HasTable(Ledger) && _database.HasTable(Readings) ? _database.Scalar<long?>(sql) ?? 0 : 0;
}
