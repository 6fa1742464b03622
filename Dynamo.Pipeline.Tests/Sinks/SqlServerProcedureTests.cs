namespace Dynamo.Pipeline.Tests;

/// <summary>A stored procedure takes the staged rows into tables of its own.</summary>
public sealed class SqlServerProcedureTests
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    private SqlServerTestDatabase _database = null!;

    private string Procedure => "Take" + _database.Map.Name;

    private string Table => "Measured" + _database.Map.Name;

    [SetUp]
    public void MakeDatabase()
    {
        _database = new SqlServerTestDatabase();
        _database.Execute(
            $"CREATE TABLE {Table} (Sensor nvarchar(100) NOT NULL, At datetime2(7) NOT NULL, Value float NOT NULL CHECK (Value >= 0))");
    }

    [TearDown]
    public async Task RemoveDatabase()
    {
        if (_database.Endpoint is null)
            _database.Execute($"DROP TABLE {Table}; IF OBJECT_ID('{Procedure}') IS NOT NULL DROP PROCEDURE {Procedure}");
        await _database.DisposeAsync();
    }

    [Test, CancelAfter(120_000)]
    public async Task It_gets_every_row_once_and_a_row_it_refuses_is_named()
    {
        Create("SELECT StagedFile, COUNT(*) AS Inserted, 0 AS Updated, 0 AS Unchanged FROM #StagedRow GROUP BY StagedFile");
        await using SqlServerSink<Reading> sink = await PreparedAsync();

        FileResult[] results = await sink.WriteAsync([File("a", 50), File("b", 50, bad: 17)], default);
        FileResult[] again = await sink.WriteAsync([File("a", 50)], default);

        Assert.Multiple(() =>
        {
            Assert.That(results.Select(r => (r.Inserted, r.Rejected)), Is.EqualTo(new[] { (50L, 0L), (49L, 1L) }));
            Assert.That(results[1].Rejects.Single().Line, Is.EqualTo(19));
            Assert.That(again.Single().Outcome, Is.EqualTo(FileOutcome.AlreadyLoaded));
            Assert.That(_database.Scalar<int>($"SELECT COUNT(*) FROM {Table}"), Is.EqualTo(99));
            Assert.That(_database.HasTable(_database.Map.Name), Is.False);
        });
    }

    [TestCase("SELECT StagedFile, COUNT(*) - 1 AS Inserted, 0 AS Updated, 0 AS Unchanged FROM #StagedRow GROUP BY StagedFile",
        "account for each staged row")]
    [TestCase("SELECT COUNT(*) AS Rows FROM #StagedRow", "must return one result with the columns StagedFile")]
    [CancelAfter(120_000)]
    public async Task Counts_that_do_not_balance_commit_nothing(string result, string said)
    {
        Create(result);
        await using SqlServerSink<Reading> sink = await PreparedAsync();

        SinkException error = Assert.ThrowsAsync<SinkException>(async () => await sink.WriteAsync([File("a", 50)], default))!;

        Assert.That(error.IsTransient, Is.False, error.ToString());
        Assert.That(error.Message, Does.Contain(said));
        Assert.That(_database.Scalar<int>($"SELECT COUNT(*) FROM {Table}"), Is.Zero);
    }

    [Test, CancelAfter(120_000)]
    public async Task A_procedure_that_throws_whatever_it_gets_is_no_bad_row_and_is_not_asked_for_each()
    {
        Create("THROW 50001, 'the sensors are being moved', 1");
        await using SqlServerSink<Reading> sink = await PreparedAsync();

        SinkException error = Assert.ThrowsAsync<SinkException>(
            async () => await sink.WriteAsync([File("a", 500), File("b", 500)], default))!;

        Assert.That((error.IsTransient, _database.Ledger()), Is.EqualTo((false, Array.Empty<(string, string)>())), error.ToString());
        Assert.That(error.Message, Does.Contain("the sensors are being moved").And.Contains("the rows are not the reason"));
        if (_database.Endpoint is { } endpoint)
            Assert.That(endpoint.Counts.Statements.Count(s => s.Contains("EXEC [dbo].[Take", StringComparison.Ordinal)), Is.LessThan(50));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_file_of_which_it_takes_no_row_is_quarantined_once_others_went_in()
    {
        _database.Execute(
            $"CREATE PROCEDURE dbo.{Procedure} AS IF EXISTS (SELECT 1 FROM #StagedRow WHERE Value < 0) THROW 50001, 'negative', 1; "
            + "SELECT StagedFile, COUNT(*) AS Inserted, 0 AS Updated, 0 AS Unchanged FROM #StagedRow GROUP BY StagedFile");
        await using SqlServerSink<Reading> sink = await PreparedAsync();

        await sink.WriteAsync([File("a", 5)], default);
        FileResult[] results = await sink.WriteAsync([File("b", 1, bad: 0)], default);

        Assert.That((results[0].Outcome, results[0].Rejected), Is.EqualTo((FileOutcome.Quarantined, 1L)));
    }

    [Test, CancelAfter(120_000)]
    public void A_procedure_that_is_missing_is_said_before_the_first_row()
    {
        SinkException error = Assert.ThrowsAsync<SinkException>(PreparedAsync)!;

        Assert.That(error.Message, Does.Contain(Procedure).And.Contains("is missing"));
        Assert.That(() => _database.NewSink(change: o => o with { Procedure = Procedure, Append = true }), Throws.ArgumentException);
    }

    private void Create(string result) =>
        _database.Execute(
            $"CREATE PROCEDURE dbo.{Procedure} AS INSERT INTO dbo.{Table} (Sensor, At, Value) SELECT Logger + '/' + Channel, "
                + $"TimestampUtc, Value FROM #StagedRow; {result}");

    private async Task<SqlServerSink<Reading>> PreparedAsync()
    {
        SqlServerSink<Reading> sink = _database.NewSink(change: o => o with { Procedure = Procedure });
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), default);
        return sink;
    }

    private static FileRows<Reading> File(string name, int rows, int bad = -1)
    {
        var batch = new RowBatch<Reading>();
        for (int i = 0; i < rows; i++) batch.Add(new Reading(name, "flow", s_noon.AddMinutes(i), i == bad ? -1 : i), i + 2);
        return new FileRows<Reading>(new SourceFile(name, 100, s_noon), batch);
    }
}
