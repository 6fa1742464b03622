namespace Dynamo.Pipeline.Tests;

/// <summary>What becomes of an undo when the server, the network or another writer comes in between.</summary>
[CancelAfter(60_000)]
public sealed class SqlServerUndoTests
{
    private const string Source = "folder:/inbox";

    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly UndoneFiles s_wrong = new(Source) { Paths = ["wrong.csv"] };

    private SqlServerTestDatabase _database = null!;

    private TdsEndpoint Endpoint => _database.Endpoint!;

    [SetUp]
    public async Task ImportTwoFiles()
    {
        _database = new SqlServerTestDatabase(endpointOnly: true);
        await using SqlServerSink<Reading> sink = _database.NewSink();
        await sink.PrepareAsync(new RunStart(Source, s_noon, "host", "1.0", 100), default);
        await sink.WriteAsync([File("good.csv", 0, 1), File("wrong.csv", 1, 9)], default);
        await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), default);
    }

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task It_happens_once_and_is_told_whatever_becomes_of_the_answer_to_its_commit(
        [Values(TdsMoment.BeforeCommit, TdsMoment.DuringCommit, TdsMoment.AfterCommit)] TdsMoment moment, CancellationToken token)
    {
        SqlServerLedger ledger = NewLedger(_database.Options);
        long good = (await ledger.PlanUndoAsync(_database.Map, s_wrong, token)).Others.Single().FileId;
        Endpoint.FailNext(moment, TdsFault.Drop);

        Undone undone = await ledger.UndoAsync(_database.Map, s_wrong, [good], token);

        Assert.Multiple(() =>
        {
            Assert.That((undone.Files.Count, undone.Rows, undone.Others.Count), Is.EqualTo((1, 1, 1)));
            Assert.That(_database.Ledger(), Is.EqualTo(new[] { ("good.csv", "requeued") }));
            Assert.That(_database.Readings(), Is.Empty);
            Assert.That(Endpoint.Faults.Pending, Is.Zero);
        });
    }

    [Test]
    public void An_error_of_any_step_leaves_all_as_it_was(
        [Values("CREATE TABLE #Past", "INSERT INTO #Past", "DELETE FROM [dbo].[RejectedRow", "SET Outcome = N'requeued'")] string step,
        CancellationToken token)
    {
        long overlaps = _database.Scalar<int>($"SELECT COUNT(*) FROM {_database.Options.OverlapTable}");
        Endpoint.FailNext(TdsMoment.RequestDone, TdsFault.Error(229), step);

        Assert.ThrowsAsync<SinkException>(
            () => NewLedger(_database.Options).UndoAsync(_database.Map, s_wrong, [1], token));

        Assert.Multiple(() =>
        {
            Assert.That(Endpoint.Faults.Pending, Is.Zero);
            Assert.That(_database.Readings().Select(r => r.Value), Is.EqualTo(new[] { 9 }));
            Assert.That(_database.Ledger(), Is.EquivalentTo(new[] { ("good.csv", "loaded"), ("wrong.csv", "loaded") }));
            Assert.That(
                (overlaps, _database.Scalar<int>($"SELECT COUNT(*) FROM {_database.Options.OverlapTable}")), Is.EqualTo((1L, 1)));
        });
    }

    /// <summary>A batch that has met a row of the file is written first: it counts on that row.</summary>
    [Test]
    public async Task It_waits_for_a_batch_that_is_being_written(CancellationToken token)
    {
        using (Microsoft.Data.SqlClient.SqlConnection writer = _database.Open())
        {
            using Microsoft.Data.SqlClient.SqlTransaction batch = writer.BeginTransaction();
            using Microsoft.Data.SqlClient.SqlCommand held = writer.CreateCommand();
            held.Transaction = batch;
            string table = SqlServerText.Quote(_database.Options.Schema, _database.Map.Name);
            held.CommandText = "EXEC sp_getapplock "
                + $"@Resource = N'{SqlServerText.LockName("write", table)}', @LockMode = N'IntentExclusive', @LockOwner = N'Transaction'";
            held.ExecuteNonQuery();
            SqlServerLedger hasty = NewLedger(_database.Options with { CommandTimeout = TimeSpan.FromSeconds(1), Retries = 0 });

            SinkException error = Assert.ThrowsAsync<SinkException>(() => hasty.UndoAsync(_database.Map, s_wrong, [], token))!;
            Undone plan = await hasty.PlanUndoAsync(_database.Map, s_wrong, token);

            Assert.That(error.IsTransient, error.Message);
            Assert.That((plan.Files.Count, plan.Rows), Is.EqualTo((1, 1)), "a plan waits for nobody");
            batch.Rollback();
        }
        Assert.That((await NewLedger(_database.Options).UndoAsync(_database.Map, s_wrong, [], token)).Rows, Is.EqualTo(1));
    }

    [Test]
    public void Rows_that_a_procedure_takes_are_not_traced(CancellationToken token)
    {
        SqlServerLedger ledger = NewLedger(_database.Options with { Procedure = "TakeRows" });

        SinkException error = Assert.ThrowsAsync<SinkException>(() => ledger.PlanUndoAsync(_database.Map, s_wrong, token))!;

        Assert.That(error.Message, Does.Contain("The procedure TakeRows").And.Contains("do not say of which file they are"));
    }

    private SqlServerLedger NewLedger(SqlServerSinkOptions options) => new(_database.ConnectionString, options);

    private static FileRows<Reading> File(string path, int day, double value)
    {
        var rows = new RowBatch<Reading>();
        rows.Add(new Reading("L0", "flow", s_noon, value), 2);
        return new FileRows<Reading>(new SourceFile(path, 100, s_noon.AddDays(day)), rows);
    }
}
