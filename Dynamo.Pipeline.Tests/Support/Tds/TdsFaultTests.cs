using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>Every fault on command is seen by SqlClient as it would be with a real server.</summary>
[Order(1)]
public sealed class TdsFaultTests
{
    private TdsEndpoint _endpoint = null!;

    [SetUp]
    public async Task Start()
    {
        _endpoint = new TdsEndpoint();
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(
            "CREATE TABLE dbo.Sample (Id int NOT NULL PRIMARY KEY, Big bigint NULL, Number float NULL, At datetime2 NULL, Wide "
                + "nvarchar(20) NULL, Narrow varchar(10) NULL, Flag bit NULL, Exact decimal(18, 4) NULL)");
    }

    [TearDown]
    public async Task Stop() => await _endpoint.DisposeAsync();

    private async Task<SqlConnection> OpenAsync()
    {
        var connection = new SqlConnection(_endpoint.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private async Task<int> CountAsync()
    {
        _endpoint.ClearPool();
        await using SqlConnection connection = await OpenAsync();
        return await connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM dbo.Sample");
    }

    /// <summary>Loads 5000 rows in a transaction of its own.</summary>
    private async Task LoadAsync(TimeSpan? timeout = null)
    {
        await using SqlConnection connection = await OpenAsync();
        // Not disposed: on a broken connection SqlTransaction.Dispose can throw a NullReferenceException of its own, which would
        // hide the first error.
        var transaction = (SqlTransaction)await connection.BeginTransactionAsync();
        SqlBulkCopy copy = TdsBulkTests.Copy(connection, "dbo.Sample", transaction);
        copy.BulkCopyTimeout = (int)(timeout ?? TimeSpan.FromSeconds(30)).TotalSeconds;
        await copy.WriteToServerAsync(TdsBulkTests.Rows(5000).CreateDataReader());
        await transaction.CommitAsync();
    }

    private static bool IsBroken(Exception error) => error is SqlException { Class: >= 20 } or InvalidOperationException or IOException;

    [TestCase(TdsMoment.BulkRows, false)]
    [TestCase(TdsMoment.BulkEnd, false)]
    [TestCase(TdsMoment.BeforeCommit, false)]
    [TestCase(TdsMoment.DuringCommit, true)]
    [TestCase(TdsMoment.AfterCommit, true)]
    public async Task A_dropped_connection_breaks_and_only_what_was_committed_stays(TdsMoment moment, bool stays)
    {
        _endpoint.FailNext(moment, TdsFault.Drop, afterRows: 2500);
        Exception broken = Assert.CatchAsync(() => LoadAsync())!;
        Assert.That(IsBroken(broken), Is.True, broken.ToString());
        Assert.That(() => CountAsync().GetAwaiter().GetResult(), Is.EqualTo(stays ? 5000 : 0).After(60_000, 20));
        Assert.That(_endpoint.Faults.Pending, Is.Zero);
    }

    [Test]
    public async Task A_connection_dropped_behind_the_answer_to_a_commit_is_no_error()
    {
        _endpoint.FailNext(TdsMoment.CommitAnswered, TdsFault.Drop);
        await LoadAsync();
        Assert.That(await CountAsync(), Is.EqualTo(5000));
    }

    [TestCase(1205)]
    [TestCase(2627)]
    [TestCase(4815)]
    [TestCase(10928)]
    [TestCase(40501)]
    public async Task An_error_on_command_is_seen_by_its_number_and_nothing_stays(int number)
    {
        _endpoint.FailNext(TdsMoment.BulkRows, TdsFault.Error(number), afterRows: 100);
        SqlException refused = Assert.ThrowsAsync<SqlException>(() => LoadAsync())!;
        Assert.That(refused.Number, Is.EqualTo(number));
        Assert.That(await CountAsync(), Is.Zero);
        await LoadAsync();
        Assert.That(await CountAsync(), Is.EqualTo(5000));
    }

    [Test]
    public async Task A_deadlock_victim_has_lost_its_transaction()
    {
        await using SqlConnection connection = await OpenAsync();
        await using var transaction = (SqlTransaction)await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("INSERT INTO Sample (Id) VALUES (1)", transaction: transaction);
        _endpoint.FailNext(TdsMoment.Request, TdsFault.Error(1205), sql: "UPDATE");
        SqlException victim = Assert.ThrowsAsync<SqlException>(
            () => connection.ExecuteAsync("UPDATE Sample SET Flag = 1", transaction: transaction))!;

        Assert.That(victim.Number, Is.EqualTo(1205));
        Assert.ThrowsAsync<InvalidOperationException>(() => transaction.CommitAsync());
        Assert.That(connection.State, Is.EqualTo(System.Data.ConnectionState.Open));
        Assert.That(await CountAsync(), Is.Zero);
    }

    [TestCase(10928)]
    [TestCase(40613)]
    public void An_error_at_login_is_seen_by_its_number(int number)
    {
        _endpoint.ClearPool();
        _endpoint.FailNext(TdsMoment.Login, TdsFault.Error(number));
        Assert.That(Assert.ThrowsAsync<SqlException>(OpenAsync)!.Number, Is.EqualTo(number));
    }

    [Test]
    public async Task No_answer_ends_in_a_timeout_and_the_connection_lives_on()
    {
        await using SqlConnection connection = await OpenAsync();
        _endpoint.FailNext(TdsMoment.Request, TdsFault.NoAnswer, sql: "Sample");
        SqlException late = Assert.ThrowsAsync<SqlException>(
            () => connection.ExecuteScalarAsync<int>(new CommandDefinition("SELECT COUNT(*) FROM Sample", commandTimeout: 1)))!;

        Assert.That(late.Number, Is.EqualTo(-2));
        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM Sample"), Is.Zero);
        Assert.That(_endpoint.Counts.Attentions, Is.EqualTo(1));
    }

    [Test]
    public async Task No_answer_in_a_bulk_load_ends_in_a_timeout([Values(TdsMoment.BulkRows, TdsMoment.BulkEnd)] TdsMoment moment)
    {
        _endpoint.FailNext(moment, TdsFault.NoAnswer, afterRows: 10);
        SqlException late = Assert.ThrowsAsync<SqlException>(() => LoadAsync(TimeSpan.FromSeconds(1)))!;
        Assert.That(late.Number, Is.EqualTo(-2));
        Assert.That(await CountAsync(), Is.Zero);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_cancelled_command_is_taken_back(CancellationToken token)
    {
        await using SqlConnection connection = await OpenAsync();
        _endpoint.FailNext(TdsMoment.Request, TdsFault.NoAnswer, sql: "Sample");
        using var cancelling = new CancellationTokenSource();
        Task<int> running = connection.ExecuteScalarAsync<int>(
            new CommandDefinition("SELECT COUNT(*) FROM Sample", cancellationToken: cancelling.Token))!;
        await _endpoint.Faults.AllStruck.WaitAsync(token);
        await cancelling.CancelAsync();
        Exception cancelled = Assert.CatchAsync(() => running)!;
        Assert.That(cancelled, Is.InstanceOf<OperationCanceledException>().Or.InstanceOf<SqlException>());
        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM Sample"), Is.Zero);
    }

    [Test]
    public async Task A_slow_answer_is_an_answer()
    {
        _endpoint.FailNext(TdsMoment.AfterCommit, TdsFault.Slow(TimeSpan.FromMilliseconds(300)));
        await LoadAsync();
        Assert.That(await CountAsync(), Is.EqualTo(5000));
    }

    [Test]
    public void Garbage_breaks_the_connection(
        [Range(1, 10)] int seed, [Values(TdsMoment.Request, TdsMoment.BulkEnd, TdsMoment.AfterCommit)] TdsMoment moment)
    {
        _endpoint.FailNext(moment, TdsFault.Garbage(seed));
        Exception broken = Assert.CatchAsync(() => LoadAsync())!;
        Assert.That(IsBroken(broken), Is.True, broken.ToString());
    }

    [Test]
    public async Task A_client_that_leaves_in_the_middle_of_its_transaction_leaves_nothing_behind()
    {
        SqlConnection connection = await OpenAsync();
        var transaction = (SqlTransaction)await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("INSERT INTO Sample (Id) VALUES (1)", transaction: transaction);
        _endpoint.CutAll();
        Assert.That(() => CountAsync().GetAwaiter().GetResult(), Is.Zero.After(60_000, 20));
        Assert.CatchAsync(() => transaction.CommitAsync());
        await connection.DisposeAsync();
    }

    [Test]
    public async Task A_writer_waits_for_the_one_before_it_and_gives_up_when_cancelled()
    {
        await using SqlConnection first = await OpenAsync();
        await using SqlConnection second = await OpenAsync();
        await using var transaction = (SqlTransaction)await first.BeginTransactionAsync();
        await first.ExecuteAsync("INSERT INTO Sample (Id) VALUES (1)", transaction: transaction);
        Assert.That(
            Assert.ThrowsAsync<SqlException>(() => second.ExecuteAsync("INSERT INTO Sample (Id) VALUES (2)", commandTimeout: 1))!.Number,
            Is.EqualTo(-2));
        Task<int> waiting = second.ExecuteAsync("INSERT INTO Sample (Id) VALUES (3)");
        await transaction.CommitAsync();
        Assert.That(await waiting, Is.EqualTo(1));
        Assert.That(await CountAsync(), Is.EqualTo(2));
    }

    [Test]
    public async Task A_connection_cut_at_any_byte_leaves_all_rows_or_none()
    {
        await using var proxy = new CuttingProxy(_endpoint.Port);
        SqlConnectionStringBuilder through = _endpoint.Connect();
        through.DataSource = $"127.0.0.1,{proxy.Port}";
        through.Pooling = false;
        await LoadThroughAsync(through.ConnectionString, 1);
        long whole = proxy.Passed;
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        int broken = 0;
        for (int round = 2; round < 60; round++)
        {
            proxy.CutAfter(random.NextInt64(1, whole + 1));
            try
            {
                await LoadThroughAsync(through.ConnectionString, round);
            }
            catch (Exception error) when (IsBroken(error))
            {
                broken++;
            }
            int from = round * 200;
            Assert.That(
                () => CountBetweenAsync(from, from + 199).GetAwaiter().GetResult(), Is.EqualTo(0).Or.EqualTo(200),
                $"seed {seed}, round {round}");
        }
        Assert.That(broken, Is.GreaterThan(40), $"seed {seed}");
    }

    private static async Task LoadThroughAsync(string connectionString, int round)
    {
        await using var connection = new SqlConnection(connectionString);
        await connection.OpenAsync();
        // Not disposed, as above.
        var transaction = (SqlTransaction)await connection.BeginTransactionAsync();
        await TdsBulkTests.Copy(connection, "dbo.Sample", transaction).WriteToServerAsync(
            TdsBulkTests.Rows(200, round * 200).CreateDataReader());
        await transaction.CommitAsync();
    }

    private async Task<int> CountBetweenAsync(int first, int last)
    {
        await using SqlConnection connection = await OpenAsync();
        return await connection.ExecuteScalarAsync<int>(
            "SELECT COUNT(*) FROM dbo.Sample WHERE Id BETWEEN @first AND @last", new { first, last });
    }
}
