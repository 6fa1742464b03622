namespace Dynamo.Pipeline.Tests;

/// <summary>What is sent to SQL Server, and what only a server gets that says it is Babelfish.</summary>
public sealed class SqlServerDialectTests
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    /// <summary>Texts of statements that only Babelfish needs: rows as parameters, joins by the hour.</summary>
    private static readonly string[] s_onlyBabelfish = ["VALUES (@v0", "DATEDIFF"];

    /// <param name="append">Whether rows are copied directly into the table.</param>
    /// <param name="most">A whole run with one batch: lease, check of the tables, run row, ledger, batch, end of the run, end of the
    /// lease.</param>
    /// <param name="token">The test's own end.</param>
    [TestCase(false, 21)]
    [TestCase(true, 20)]
    [CancelAfter(60_000)]
    public async Task A_run_on_SQL_Server_sends_nothing_that_only_another_server_needs(bool append, int most, CancellationToken token)
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        await RunAsync(database, append, "first.csv", token);

        string[] sent = await RunAsync(database, append, "second.csv", token);

        Assert.That(sent, Has.Length.EqualTo(most), string.Join("\n", sent));
        Assert.That(sent.Count(sql => sql.Contains("Babelfish", StringComparison.Ordinal)), Is.EqualTo(1), "the question, once a run");
        Assert.That(sent.Where(sql => s_onlyBabelfish.Any(text => sql.Contains(text, StringComparison.Ordinal))), Is.Empty);
        Assert.That(database.Endpoint!.Counts.Errors, Is.EqualTo(1), "the first run asks who holds the source before there is a table");
    }

    /// <param name="path">A newer file, or an older one: the files have one time.</param>
    /// <param name="most">As above, and the question which file is newer; of an older file, also the answer.</param>
    /// <param name="token">The test's own end.</param>
    [TestCase("z.csv", 22)]
    [TestCase("a.csv", 23)]
    [CancelAfter(60_000)]
    public async Task A_batch_that_meets_rows_of_other_files_sends_a_statement_or_two_more(string path, int most, CancellationToken token)
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        await RunAsync(database, append: false, "L1", token, path: "m.csv");

        string[] sent = await RunAsync(database, append: false, "L1", token, path);

        Assert.That(sent, Has.Length.EqualTo(most), string.Join("\n", sent));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_run_on_Babelfish_sends_what_it_needs(CancellationToken token)
    {
        await using var database = new SqlServerTestDatabase(babelfish: true);
        await RunAsync(database, append: false, "first.csv", token);

        string[] sent = await RunAsync(database, append: false, "second.csv", token);

        Assert.Multiple(() =>
        {
            foreach (string text in s_onlyBabelfish)
                Assert.That(sent.Any(sql => sql.Contains(text, StringComparison.Ordinal)), Is.True, text);
            Assert.That(database.Readings(), Has.Count.EqualTo(20));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task After_a_refused_bulk_copy_SQL_Server_keeps_its_connections_and_Babelfish_gets_new_ones(
        [Values] bool babelfish, CancellationToken token)
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true, babelfish);
        await RunAsync(database, append: true, "first.csv", token);
        long before = database.Endpoint!.Counts.Logins;

        // The same keys again: the server refuses to append them, and the batch is staged.
        await RunAsync(database, append: true, "first.csv", token, path: "again.csv");

        // The lease has a connection of its own, which is not pooled.
        Assert.That(database.Endpoint.Counts.Logins - before, Is.EqualTo(babelfish ? 2 : 1));
        Assert.That((database.Readings().Count, database.Ledger().Count), Is.EqualTo((10, 2)));
    }

    [Test, CancelAfter(60_000)]
    public async Task Only_an_error_that_may_mean_a_missing_table_makes_the_ledger_ask_for_it()
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        var ledger = new SqlServerLedger(database.ConnectionString, database.Options);

        SinkException denied = Fail(TdsFault.Error(229)), missing = Fail(TdsFault.Error(208));
        SinkException onBabelfish = Fail(TdsFault.Error(new ServerError(33557097, "relation \"importrun\" does not exist")));

        Assert.That(denied.Message, Does.Contain("Grant"));
        Assert.That(new[] { missing.Message, onBabelfish.Message }, Is.All.Contains("has no tables of an import"));
        string[] asked = [.. database.Endpoint!.Counts.Statements.Where(sql => sql.Contains("OBJECT_ID", StringComparison.Ordinal))];
        Assert.That(asked, Has.Length.EqualTo(2));

        SinkException Fail(TdsFault fault)
        {
            database.Endpoint!.FailNext(TdsMoment.Request, fault, database.Options.RunTable);
            return Assert.ThrowsAsync<SinkException>(() => ledger.RunsAsync(10))!;
        }
    }

    private static async Task<string[]> RunAsync(
        SqlServerTestDatabase database, bool append, string logger, CancellationToken token, string? path = null)
    {
        int before = database.Endpoint!.Counts.Statements.Count;
        await using SqlServerSink<Reading> sink = database.NewSink(change: o => o with { Append = append });
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), token);
        FileResult[] results = await sink.WriteAsync([File(logger, path ?? logger)], token);
        await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), token);
        Assert.That(results.Single().Outcome, Is.EqualTo(FileOutcome.Loaded));
        return [.. database.Endpoint.Counts.Statements.Skip(before)];
    }

    private static FileRows<Reading> File(string logger, string path)
    {
        var rows = new RowBatch<Reading>();
        for (int i = 0; i < 10; i++) rows.Add(new Reading(logger, "flow", s_noon.AddMinutes(i), i), i + 2);
        return new FileRows<Reading>(new SourceFile(path, 100, s_noon), rows);
    }
}

/// <summary>The contract on an endpoint that plays Babelfish.</summary>
[Soak]
[TestFixture(false)]
[TestFixture(true)]
public sealed class SqlServerBabelfishTests(bool append) : BatchSinkContract
{
    private SqlServerTestDatabase _database = null!;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase(babelfish: true);

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    protected override IBatchSink<Reading> NewSink(DuplicatePolicy policy = DuplicatePolicy.LastWins) =>
        _database.NewSink(policy, o => o with { Append = append });

    protected override IReadOnlyList<Reading> StoredReadings() => _database.Readings();

    protected override long StoredRejects(string path) => _database.Rejects(path);

    protected override void RefuseValue(double value) => _database.RefuseValue(value);
}
