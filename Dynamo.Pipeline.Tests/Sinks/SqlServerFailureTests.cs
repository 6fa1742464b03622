using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>The sink on an endpoint that fails on command.</summary>
public sealed class SqlServerFailureTests
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    private SqlServerTestDatabase _database = null!;

    private TdsEndpoint Endpoint => _database.Endpoint!;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase(endpointOnly: true);

    [TearDown]
    public async Task RemoveDatabase() => await _database.DisposeAsync();

    private static FileRows<Reading> File(string name, int rows = 50)
    {
        var batch = new RowBatch<Reading>();
        for (int i = 0; i < rows; i++) batch.Add(new Reading(name, "flow", s_noon.AddMinutes(i), i), i + 2);
        return new FileRows<Reading>(new SourceFile(name, 100, s_noon), batch);
    }

    private async Task<SqlServerSink<Reading>> PreparedAsync(string? connection = null, bool append = false)
    {
        var sink = new SqlServerSink<Reading>(
            connection ?? _database.ConnectionString, _database.Map, _database.Options with { Append = append });
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), default);
        return sink;
    }

    /// <summary>As the pipeline does: again after a transient error.</summary>
    private static async Task<FileResult[]> WriteAsync(SqlServerSink<Reading> sink, FileRows<Reading>[] files, int attempts = 10)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await sink.WriteAsync(files, default);
            }
            catch (SinkException error) when (error.IsTransient && attempt < attempts)
            {
            }
        }
    }

    [Test, CancelAfter(120_000)]
    public async Task A_commit_whose_answer_is_lost_is_resolved_by_the_ledger_and_counted_once(
        [Values(TdsMoment.BeforeCommit, TdsMoment.DuringCommit, TdsMoment.AfterCommit, TdsMoment.CommitAnswered)] TdsMoment moment,
        [Values] bool append)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync(append: append);
        Endpoint.FailNext(moment, TdsFault.Drop);
        FileResult[] results = await WriteAsync(sink, [File("a.csv"), File("b.csv")]);
        Assert.That(
            results.Select(r => (r.Outcome, r.Inserted)), Is.EqualTo(new[] { (FileOutcome.Loaded, 50L), (FileOutcome.Loaded, 50L) }));
        Assert.That(_database.Readings(), Has.Count.EqualTo(100));
        Assert.That(_database.Scalar<int>($"SELECT COUNT(*) FROM {_database.Options.LedgerTable}"), Is.EqualTo(2));
    }

    [TestCase(1205), TestCase(40501), TestCase(10928)]
    [CancelAfter(120_000)]
    public async Task A_transient_error_of_the_server_leaves_nothing_and_the_batch_can_be_written_again(int number)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync();
        foreach (string place in new[] { "INSERT INTO [dbo].[Reading", "insert bulk [dbo].[ImportedFile" })
        {
            Endpoint.FailNext(TdsMoment.Request, TdsFault.Error(number), place);
            FileRows<Reading> file = File(place);
            SinkException error = Assert.ThrowsAsync<SinkException>(async () => await sink.WriteAsync([file], default))!;
            Assert.That(error.IsTransient, Is.True, error.ToString());
            Assert.That(error.InnerException, Is.InstanceOf<SqlException>());
            Assert.That((await sink.WriteAsync([file], default))[0].Inserted, Is.EqualTo(50));
        }
        Assert.That(_database.Readings(), Has.Count.EqualTo(100));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_connection_that_drops_in_the_middle_of_the_rows_is_transient([Values] bool append)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync(append: append);
        Endpoint.FailNext(TdsMoment.BulkRows, TdsFault.Drop, afterRows: 20);
        FileRows<Reading> file = File("a.csv");
        SinkException error = Assert.ThrowsAsync<SinkException>(async () => await sink.WriteAsync([file], default))!;
        Assert.That(error.IsTransient, Is.True, error.ToString());
        Assert.That(error.Message, Does.Not.Contain(Endpoint.Password));
        Assert.That((await sink.WriteAsync([file], default))[0].Inserted, Is.EqualTo(50));
        Assert.That(_database.Readings(), Has.Count.EqualTo(50));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_server_that_does_not_go_on_ends_the_bulk_copy_after_the_stall_time()
    {
        await using var sink = new SqlServerSink<Reading>(
            _database.ConnectionString, _database.Map, _database.Options with { StallTimeout = TimeSpan.FromMilliseconds(300) });
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), default);
        Endpoint.FailNext(TdsMoment.BulkEnd, TdsFault.NoAnswer);
        SinkException error = Assert.ThrowsAsync<SinkException>(
            async () => await sink.WriteAsync([File("a.csv")], default).AsTask().WaitAsync(TimeSpan.FromSeconds(30)))!;
        Assert.That(error.IsTransient, Is.True, error.ToString());
        Endpoint.CutAll();
    }

    [Test, CancelAfter(120_000)]
    public async Task A_batch_that_is_cancelled_while_the_server_is_silent_ends_and_can_be_written_again_when_the_connections_are_cut(
        [Values] bool append, CancellationToken token)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync(append: append);
        using var cancel = new CancellationTokenSource();
        Endpoint.FailNext(TdsMoment.BulkEnd, TdsFault.NoAnswer);
        Task<FileResult[]> writing = sink.WriteAsync([File("a.csv")], cancel.Token).AsTask();
        await Endpoint.Faults.AllStruck.WaitAsync(token);

        await cancel.CancelAsync();
        Assert.That(async () => await writing.WaitAsync(token), Throws.InstanceOf<OperationCanceledException>());
        Endpoint.CutAll();
        FileResult[] again = await WriteAsync(sink, [File("a.csv")]).WaitAsync(token);

        Assert.That((again[0].Outcome, again[0].Inserted, _database.Readings().Count), Is.EqualTo((FileOutcome.Loaded, 50L, 50)));
    }

    [Test, CancelAfter(60_000)]
    public async Task An_error_of_closing_a_streamed_file_is_the_sources_and_not_the_servers([Values] bool append)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync(append: append);
        var file = new FileRows<Reading>(new SourceFile("a.csv", 100, s_noon), _ => Stream());
        Assert.That(
            async () => await sink.WriteAsync([file], default),
            Throws.InstanceOf<IOException>().With.Message.EqualTo("the handle is gone"));
        Assert.That(_database.Readings(), Is.Empty);

        static async IAsyncEnumerable<RowBatch<Reading>> Stream()
        {
            try
            {
                await Task.Yield();
                yield return File("a.csv").Batch;
            }
            finally
            {
                Close();
            }
        }

        static void Close() => throw new IOException("the handle is gone");
    }

    [Test, CancelAfter(60_000)]
    public async Task Missing_rights_and_a_wrong_password_are_no_data_and_no_reason_to_try_again()
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync();
        Endpoint.FailNext(TdsMoment.Request, TdsFault.Error(229), "INSERT INTO [dbo].[Reading");
        SinkException denied = Assert.ThrowsAsync<SinkException>(async () => await sink.WriteAsync([File("a.csv")], default))!;
        Assert.That(
            (denied.IsTransient, denied.Message.Contains("Grant", StringComparison.Ordinal)), Is.EqualTo((false, true)), denied.ToString());
        var wrong = new SqlConnectionStringBuilder(_database.ConnectionString) { Password = "wr0ng-secret" };
        SinkException login = Assert.ThrowsAsync<SinkException>(() => PreparedAsync(wrong.ConnectionString))!;
        Assert.That(
            (login.IsTransient, login.ToString().Contains("wr0ng", StringComparison.Ordinal)), Is.EqualTo((false, false)),
            login.ToString());
    }

    [Test, CancelAfter(60_000)]
    public async Task A_table_that_may_not_be_read_ends_the_batch_at_once([Values] bool append, CancellationToken token)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync(append: append);
        Endpoint.FailNext(TdsMoment.Request, TdsFault.Error(229), $"OBJECT_ID('[dbo].[{_database.Options.LedgerTable}]')", times: 100);

        SinkException error = Assert.ThrowsAsync<SinkException>(
            async () => await sink.WriteAsync([File("a.csv"), File("b.csv")], token).AsTask().WaitAsync(token))!;

        Assert.That((error.IsTransient, _database.Ledger()), Is.EqualTo((false, Array.Empty<(string, string)>())), error.ToString());
        Assert.That(error.Message, Does.Contain("Grant this user the right").And.Not.Contain("broke"));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_missing_right_on_a_server_that_has_no_number_for_it_ends_the_run_and_refuses_no_row(
        [Values] bool append, CancellationToken token)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync(append: append);
        var denied = new ServerError(Babelfish.NoNumber, "permission denied for table reading");
        Endpoint.FailNext(
            TdsMoment.Request, TdsFault.Error(denied), append ? "insert bulk [dbo].[Reading" : "INSERT INTO [dbo].[Reading", times: 1000);

        SinkException error = Assert.ThrowsAsync<SinkException>(async () => await sink.WriteAsync([File("a.csv"), File("b.csv")], token))!;

        Assert.That((error.IsTransient, _database.Ledger()), Is.EqualTo((false, Array.Empty<(string, string)>())), error.ToString());
        Assert.That(error.Message, Does.Contain("permission denied").And.Contains("Grant this user the right"));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_table_that_another_run_creates_meanwhile_is_taken_whatever_number_the_error_has(
        [Values(2714, Babelfish.NoNumber)] int number, CancellationToken token)
    {
        string[] created = ["TABLE [dbo].[ImportedFile", "TABLE [dbo].[Reading", "INDEX [IX_ImportedFile", "INDEX [IX_Rejected"];
        foreach (string what in created)
            Endpoint.FailNext(TdsMoment.RequestDone, TdsFault.Error(new ServerError(number, "it already exists")), "CREATE " + what);

        await using SqlServerSink<Reading> sink = await PreparedAsync();
        FileResult[] results = await sink.WriteAsync([File("a.csv")], token);

        Assert.That((results[0].Inserted, Endpoint.Faults.Pending), Is.EqualTo((50L, 0)));
    }

    [Test, CancelAfter(60_000)]
    public void A_database_that_does_not_exist_is_said_at_once_in_words_of_its_own()
    {
        Endpoint.FailNext(
            TdsMoment.Login, TdsFault.Error(new ServerError(4060, "Cannot open database \"x\" requested by the login.", 11)), times: 100);

        SinkException error = Assert.ThrowsAsync<SinkException>(() => PreparedAsync())!;

        Assert.That(error.IsTransient, Is.False, error.ToString());
        Assert.That(error.Message, Does.Contain("There is no such database").And.Contains("Database="));
        Assert.That(Endpoint.Faults.Pending, Is.GreaterThan(95), "it is not asked again and again");
    }

    [TestCase("nosuchhost.invalid", "is not known: check its name")]
    [TestCase("127.0.0.1,1", "Nothing takes connections at sqlserver:127.0.0.1,1/test")]
    [CancelAfter(60_000)]
    public void A_server_that_cannot_be_reached_is_told_by_what_is_wrong(string server, string said)
    {
        var connection = new SqlConnectionStringBuilder(_database.ConnectionString) { DataSource = server };
        var ledger = new SqlServerLedger(connection.ConnectionString, _database.Options with { Retries = 0 });

        SinkException error = Assert.ThrowsAsync<SinkException>(() => ledger.RunsAsync(1))!;

        Assert.That(error.Message, Does.Contain(said).And.Not.Contains("internal exception"));
        Assert.That(error.IsTransient, Is.True);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_lock_that_is_waited_for_too_long_says_who_holds_it(CancellationToken token)
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync();
        int table = _database.Scalar<int>($"SELECT OBJECT_ID('dbo.{_database.Map.Name}')");
        _database.Execute($"""
            CREATE TABLE sys.dm_tran_locks (resource_type nvarchar(60), request_status nvarchar(60), resource_database_id int,
              resource_associated_entity_id bigint, request_session_id int);
            CREATE TABLE sys.dm_exec_sessions (session_id int, host_name nvarchar(128), program_name nvarchar(128),
              login_name nvarchar(128), host_process_id int);
            INSERT INTO sys.dm_tran_locks VALUES ('OBJECT', 'GRANT', 5, {table}, 77);
            INSERT INTO sys.dm_exec_sessions VALUES (77, 'pc12', 'Excel', 'anna', 1)
            """);
        var error = new ServerError(1222, "Lock request time out period exceeded.");
        Endpoint.FailNext(TdsMoment.Request, TdsFault.Error(error), "INSERT INTO [dbo].[Reading");

        SinkException fault = Assert.ThrowsAsync<SinkException>(async () => await sink.WriteAsync([File("a.csv")], token))!;

        Assert.That(fault.IsTransient, Is.True, fault.ToString());
        Assert.That(fault.Message, Does.Contain("It waited for a lock that session 77 (Excel on pc12, user anna) holds"));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_statement_that_waits_longer_than_the_stall_time_is_no_stall_and_the_run_says_that_it_tries_again(
        CancellationToken token)
    {
        await using var sink = new SqlServerSink<Reading>(
            _database.ConnectionString, _database.Map, _database.Options with { CommandTimeout = TimeSpan.FromSeconds(4) });
        Endpoint.FailNext(TdsMoment.Request, TdsFault.NoAnswer, "INSERT INTO [dbo].[Reading");
        var options = new PipelineOptions { StallTimeout = TimeSpan.FromSeconds(1) };
        const string text = "logger,channel,timestamp,value\nL1,flow,2026-01-01T00:00:00Z,1\n";
        var said = new System.Collections.Concurrent.ConcurrentQueue<PipelineProgress>();

        PipelineResult result = await FilePipeline
            .From(new MemorySource(new Dictionary<string, string> { ["a.csv"] = text }))
            .Read(new CsvFormat<Reading>(ReadingFormat.Default))
            .WriteTo(sink, options)
            .RunAsync(new Told(said), token);

        Assert.That((result.Books.Loaded, Endpoint.Faults.Pending), Is.EqualTo((1L, 0)));
        Assert.That(result.Retries, Is.EqualTo(1));
        Assert.That(result.LastRetry, Does.Contain("a batch is written again").And.Contains("a lock that another session holds"));
        Assert.That(said.Last().Retries, Is.EqualTo(1));
    }

    private sealed class Told(System.Collections.Concurrent.ConcurrentQueue<PipelineProgress> said) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value) => said.Enqueue(value);
    }

    [Test, CancelAfter(120_000)]
    public Task A_connection_cut_at_any_byte_loses_nothing_and_doubles_nothing([Values] bool append) => CutAtAnyByteAsync(append, cuts: 20);

    [Test, Soak, CancelAfter(560_000)]
    public Task A_connection_cut_again_and_again_loses_nothing_and_doubles_nothing([Values] bool append) =>
        CutAtAnyByteAsync(append, SoakAttribute.Rounds(0, 100, 300));

    private async Task CutAtAnyByteAsync(bool append, int cuts)
    {
        // DYNAMO_TEST_CUTS=10 makes ten times as many.
        cuts *= int.Parse(Environment.GetEnvironmentVariable("DYNAMO_TEST_CUTS") ?? "1", System.Globalization.CultureInfo.InvariantCulture);
        await using var proxy = new CuttingProxy(Endpoint.Port);
        var through = new SqlConnectionStringBuilder(_database.ConnectionString) { DataSource = $"127.0.0.1,{proxy.Port}" };
        await using SqlServerSink<Reading> sink = await PreparedAsync(through.ConnectionString, append);
        await WriteAsync(sink, [File("warm", 20)]);
        long before = proxy.Passed;
        await WriteAsync(sink, [File("whole", 20), File("whole2", 20)]);
        long whole = proxy.Passed - before;
        int seed = Random.Shared.Next();
        TestContext.Out.WriteLine($"seed {seed}, {cuts} cuts within {whole} bytes");
        var random = new Random(seed);
        for (int round = 0; round < cuts; round++)
        {
            proxy.CutAfter(random.NextInt64(1, whole + 1));
            FileResult[] results = await WriteAsync(sink, [File($"{round}-a", 20), File($"{round}-b", 20)]);
            Assert.That(
                results.Select(r => (r.Outcome, r.Inserted)), Is.All.EqualTo((FileOutcome.Loaded, 20L)), $"seed {seed}, round {round}");
        }
        List<Reading> stored = _database.Readings();
        Assert.That((stored.Count, stored.Distinct().Count()), Is.EqualTo(((cuts * 40) + 60, (cuts * 40) + 60)), $"seed {seed}");
        Assert.That(
            _database.Scalar<int>($"SELECT COUNT(*) FROM {_database.Options.LedgerTable}"), Is.EqualTo((cuts * 2) + 3), $"seed {seed}");
        Assert.That(Endpoint.Counts.Logins, Is.GreaterThan(cuts / 2), "the proxy did cut");
    }

    [Test, CancelAfter(300_000)]
    public async Task Four_writers_with_the_same_keys_never_deadlock()
    {
        await using SqlServerSink<Reading> sink = await PreparedAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        Task writers = Task.WhenAll(Enumerable.Range(0, 4).Select(w => Task.Run(async () =>
        {
            for (int i = 0; i < 25; i++)
                await sink.WriteAsync([new FileRows<Reading>(new SourceFile($"{w}-{i}", i, s_noon), File("same").Batch)], patience.Token);
        })));
        if (await Task.WhenAny(writers, Task.Delay(TimeSpan.FromSeconds(50))) != writers)
            Assert.Fail(
                "stuck after: " + string.Join("\n", Endpoint.Counts.Statements.TakeLast(12).Select(t => t[..Math.Min(t.Length, 150)])));
        await writers;
        Assert.That(_database.Readings(), Has.Count.EqualTo(50));
        Assert.That(_database.Scalar<long>($"SELECT SUM(Inserted) FROM {_database.Options.LedgerTable}"), Is.EqualTo(50));
    }
}
