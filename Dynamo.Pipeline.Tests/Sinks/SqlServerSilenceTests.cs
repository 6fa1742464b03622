using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A server that falls silent on one connection and lives on: the batch ends, the server's locks are given back, and the next
/// attempt gets through.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Order(1)]
public sealed class SqlServerSilenceTests
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1), s_patience = TimeSpan.FromSeconds(30);

    private SqlServerTestDatabase _database = null!;

    private TdsEndpoint Endpoint => _database.Endpoint!;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase(endpointOnly: true);

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    private static FileRows<Reading> File(int rows = 200, string name = "flow")
    {
        var batch = new RowBatch<Reading>();
        for (int i = 0; i < rows; i++) batch.Add(new Reading(name, name, s_noon.AddSeconds(i), i), i + 2);
        return new FileRows<Reading>(new SourceFile("a.csv", 100, s_noon), batch);
    }

    private Task<SqlServerSink<Reading>> PreparedAsync(bool append, int maxBadRows = 100) => PreparedAsync(
        _database.ConnectionString,
        _database.Options with { Append = append, StallTimeout = s_second, CommandTimeout = s_second }, maxBadRows);

    private async Task<SqlServerSink<Reading>> PreparedAsync(string connection, SqlServerSinkOptions options, int maxBadRows = 100)
    {
        var sink = new SqlServerSink<Reading>(connection, _database.Map, options);
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", maxBadRows), default);
        return sink;
    }

    /// <summary>As the pipeline does: again after a transient error.</summary>
    private static async Task<FileResult[]> WriteAsync(SqlServerSink<Reading> sink, FileRows<Reading> file, TimeSpan? patience = null)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await sink.WriteAsync([file], default).AsTask().WaitAsync(patience ?? s_patience);
            }
            catch (SinkException error) when (error.IsTransient && attempt < 10)
            {
            }
        }
    }

    [Test, CancelAfter(60_000)]
    public async Task A_source_is_free_at_once_on_a_server_that_is_slow_to_notice_closed_connections(CancellationToken token)
    {
        var database = new SqlServerInspection<Reading>(_database.ConnectionString, _database.Map, _database.Options);
        Endpoint.Notices.Reset();
        for (int i = 0; i < 3; i++)
        {
            await using SqlServerSink<Reading> sink = await PreparedAsync(append: false);
            await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), token);
            await using IAsyncDisposable lease = await database.LeaseAsync("folder:/inbox", token);
            Assert.That(await database.IsLeasedAsync("folder:/inbox", token));
        }
        Assert.That(await database.IsLeasedAsync("folder:/inbox", token), Is.False);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_server_that_does_not_answer_keeps_nobody_from_giving_the_source_back(CancellationToken token)
    {
        var database = new SqlServerInspection<Reading>(_database.ConnectionString, _database.Map, _database.Options);
        IAsyncDisposable lease = await database.LeaseAsync("folder:/inbox", token);
        Endpoint.FailNext(TdsMoment.Request, TdsFault.NoAnswer, sql: "sp_releaseapplock");

        await lease.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10), token);

        await Endpoint.Faults.AllStruck.WaitAsync(token);
        _database.AwaitLease("folder:/inbox");
    }

    /// <param name="moment">When the server falls silent.</param>
    /// <param name="skip">How many such moments go well before: the second bulk copy is the ledger's.</param>
    /// <param name="append">Whether rows are copied into the table itself.</param>
    /// <param name="cancelled">Whether somebody cancels meanwhile.</param>
    /// <param name="token">The test's own end.</param>
    [Test, CancelAfter(120_000)]
    [TestCaseSource(nameof(Silences))]
    public async Task A_batch_that_stalls_or_is_cancelled_leaves_no_lock_behind(
        TdsMoment moment, int skip, bool append, bool cancelled, CancellationToken token)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync(append);
        Endpoint.FailNext(moment, TdsFault.NoAnswer, skip: skip);
        if (cancelled)
        {
            using var cancel = new CancellationTokenSource();
            Task<FileResult[]> writing = sink.WriteAsync([File()], cancel.Token).AsTask();
            await Endpoint.Faults.AllStruck.WaitAsync(token);
            await cancel.CancelAsync();
            Assert.That(async () => await writing.WaitAsync(s_patience), Throws.InstanceOf<OperationCanceledException>());
        }

        FileResult[] results = await WriteAsync(sink, File());

        List<Reading> stored = _database.Readings();
        Assert.That((stored.Count, stored.Distinct().Count(), Endpoint.Faults.Pending), Is.EqualTo((200, 200, 0)));
        Assert.That((results[0].Outcome, results[0].Inserted), Is.EqualTo((FileOutcome.Loaded, 200)));
    }

    private static IEnumerable<object[]> Silences() =>
        from silence in new[]
        {
            (TdsMoment.Request, 1), (TdsMoment.RequestDone, 1), (TdsMoment.BulkRows, 0), (TdsMoment.BulkEnd, 0), (TdsMoment.BulkEnd, 1),
            (TdsMoment.BeforeCommit, 0), (TdsMoment.AfterCommit, 0),
        }
        from append in new[] { false, true }
        from cancelled in new[] { false, true }
        select new object[] { silence.Item1, silence.Item2, append, cancelled };

    [Test, CancelAfter(120_000)]
    public async Task A_roll_back_that_is_not_answered_keeps_nobody_waiting()
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync(append: true, maxBadRows: 0);
        // Its file turns out to be bad when its rows are in the table: they are rolled back, and the batch is staged.
        FileRows<Reading> bad = File(name: "bad");
        bad.Batch.Add(new Reading("bad", new string('x', 300), s_noon, 1), 300);
        Endpoint.FailNext(TdsMoment.RollBack, TdsFault.NoAnswer);

        FileResult[] results = await WriteAsync(sink, bad);

        Assert.That((results[0].Outcome, Endpoint.Faults.Pending), Is.EqualTo((FileOutcome.Quarantined, 0)));
        Assert.That(_database.Readings(), Is.Empty);
    }

    /// <summary>
    /// The sink's time passes by itself only here, and no server is too slow in two minutes: nothing else ends an attempt.
    /// </summary>
    [Test, CancelAfter(300_000)]
    public async Task A_server_that_takes_no_more_rows_is_given_up_and_the_rows_are_written_when_its_connection_is_gone(
        CancellationToken token)
    {
        TimeSpan patient = TimeSpan.FromMinutes(2);
        var time = new WatchedTime(s_noon);
        await using var proxy = new CuttingProxy(Endpoint.Port);
        var through = new SqlConnectionStringBuilder(_database.ConnectionString) { DataSource = $"127.0.0.1,{proxy.Port}" };
        await using SqlServerSink<Reading> sink = await PreparedAsync(through.ConnectionString, _database.Options with
        {
            Append = true,
            StallTimeout = patient,
            CommandTimeout = patient,
            Retries = 0,
            TimeProvider = time,
        });
        // More than all buffers on the way hold, in one answer's worth of rows.
        FileRows<Reading> file = File(60_000, new string('n', 200));
        proxy.FreezeAfter(500_000);

        Task<FileResult[]> writing = sink.WriteAsync([file], default).AsTask();
        await proxy.HasFrozen.WaitAsync(token);
        time.Advance(10 * patient);
        SinkException error = Assert.ThrowsAsync<SinkException>(async () => await writing.WaitAsync(s_patience, token))!;
        Assert.That(error.IsTransient, Is.True, error.ToString());
        proxy.CutFrozen();
        FileResult[] results = await WriteAsync(sink, file, patient);

        Assert.That(
            (results[0].Outcome, results[0].Inserted, _database.Scalar<int>($"SELECT COUNT(*) FROM {_database.Map.Name}")),
            Is.EqualTo((FileOutcome.Loaded, 60_000L, 60_000)));
    }
}
