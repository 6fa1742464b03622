using System.Data;
using System.Data.Common;
using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>SqlBulkCopy and transactions against the endpoint.</summary>
public sealed class TdsBulkTests
{
    private const string Create = """
        CREATE TABLE dbo.Sample (
            Id int NOT NULL CONSTRAINT PK_Sample PRIMARY KEY CLUSTERED, Big bigint NULL, Number float NULL, At datetime2(7) NULL,
            Wide nvarchar(20) NULL, Narrow varchar(10) NULL, Flag bit NULL,
            Exact decimal(18, 4) NULL CONSTRAINT CK_Sample CHECK (Exact >= 0))
        """;

    private TdsEndpoint _endpoint = null!;

    [SetUp]
    public void Start() => _endpoint = new TdsEndpoint();

    [TearDown]
    public async Task Stop() => await _endpoint.DisposeAsync();

    private async Task<SqlConnection> OpenAsync()
    {
        var connection = new SqlConnection(_endpoint.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    internal static DataTable Rows(int count, int from = 1)
    {
        var table = new DataTable();
        foreach (
            (string name, Type type) in new[]
            {
                ("Id", typeof(int)),
                ("Big", typeof(long)),
                ("Number", typeof(double)),
                ("At", typeof(DateTime)),
                ("Wide", typeof(string)),
                ("Narrow", typeof(string)),
                ("Flag", typeof(bool)),
                ("Exact", typeof(decimal)),
            })
            table.Columns.Add(name, type);
        for (int i = from; i < from + count; i++)
            table.Rows.Add(
                i, i * 10_000_000_000L, i / 3.0, new DateTime(2024, 1, 1).AddTicks(i * 12_345_678L), $"Zeile {i} é", $"ä{i}", i % 2 == 0,
                i * 1.0001m);
        return table;
    }

    internal static SqlBulkCopy Copy(
        SqlConnection connection, string table, SqlTransaction? transaction,
        SqlBulkCopyOptions options = SqlBulkCopyOptions.CheckConstraints)
    {
        var copy = new SqlBulkCopy(connection, options, transaction) { DestinationTableName = table, EnableStreaming = true };
        foreach (DataColumn column in Rows(0).Columns) copy.ColumnMappings.Add(column.ColumnName, column.ColumnName);
        return copy;
    }

    [Test]
    public async Task Rows_of_every_type_arrive_as_sent([Values] bool asynchronous, [Values("dbo.Sample", "#Sample")] string table)
    {
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(Create.Replace("dbo.Sample", table, StringComparison.Ordinal));
        await using var transaction = (SqlTransaction)await connection.BeginTransactionAsync();
        using SqlBulkCopy copy = Copy(connection, table, transaction);
        await using DbDataReader source = Rows(1000).CreateDataReader();
        if (asynchronous) await copy.WriteToServerAsync(source);
        else copy.WriteToServer(source);
        await transaction.CommitAsync();

        var stored = new DataTable();
        await using (
            DbDataReader reader = await connection.ExecuteReaderAsync(
                $"SELECT Id, Big, Number, At, Wide, Narrow, Flag, Exact FROM {table} ORDER BY Id"))
            stored.Load(reader);
        Assert.That(
            stored.Rows.Cast<DataRow>().Select(r => r.ItemArray), Is.EqualTo(Rows(1000).Rows.Cast<DataRow>().Select(r => r.ItemArray)));
        Assert.That(_endpoint.Counts.BulkRows, Is.EqualTo(1000));
    }

    [Test]
    public async Task Nulls_arrive_as_nulls()
    {
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(Create);
        DataTable rows = Rows(0);
        rows.Rows.Add(1, null, null, null, null, null, null, null);
        await Copy(connection, "dbo.Sample", null).WriteToServerAsync(rows);

        dynamic stored = await connection.QuerySingleAsync("SELECT * FROM dbo.Sample");
        Assert.That(((IDictionary<string, object?>)stored).Values.Skip(1), Is.All.Null);
    }

    [Test]
    public async Task What_one_session_writes_another_sees_after_commit_only()
    {
        await using SqlConnection writer = await OpenAsync();
        await using SqlConnection reader = await OpenAsync();
        await writer.ExecuteAsync(Create);
        await using (var transaction = (SqlTransaction)await writer.BeginTransactionAsync())
        {
            await Copy(writer, "dbo.Sample", transaction).WriteToServerAsync(Rows(10));
            Assert.That(await reader.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM dbo.Sample"), Is.Zero);
            await transaction.CommitAsync();
        }
        Assert.That(await reader.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM dbo.Sample"), Is.EqualTo(10));
        Assert.That(_endpoint.Counts.Commits, Is.EqualTo(1));
    }

    [Test]
    public async Task A_rollback_undoes_and_the_connection_stays_usable()
    {
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(Create);
        await using (var transaction = (SqlTransaction)await connection.BeginTransactionAsync())
        {
            await Copy(connection, "dbo.Sample", transaction).WriteToServerAsync(Rows(10));
            await connection.ExecuteAsync("INSERT INTO dbo.Sample (Id) VALUES (99)", transaction: transaction);
            await transaction.RollbackAsync();
        }
        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM dbo.Sample"), Is.Zero);
    }

    [Test]
    public async Task A_temporary_table_is_its_sessions_own_and_gone_when_the_connection_is_handed_out_again()
    {
        await using (SqlConnection first = await OpenAsync())
        {
            await first.ExecuteAsync("CREATE TABLE #Stage (Id int NOT NULL)");
            await using SqlConnection second = await OpenAsync();
            SqlException unknown = Assert.ThrowsAsync<SqlException>(() => second.ExecuteAsync("INSERT INTO #Stage VALUES (1)"))!;
            Assert.That(unknown.Number, Is.EqualTo(208));
        }
        await using SqlConnection again = await OpenAsync();
        Assert.That(await again.ExecuteScalarAsync<int?>("SELECT OBJECT_ID('tempdb..#Stage')"), Is.Null);
    }

    [Test]
    public async Task A_duplicate_key_costs_the_whole_bulk_load_and_is_named()
    {
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(Create);
        await connection.ExecuteAsync("INSERT INTO dbo.Sample (Id) VALUES (500)");

        SqlException refused = Assert.ThrowsAsync<SqlException>(() => Copy(connection, "dbo.Sample", null).WriteToServerAsync(Rows(1000)))!;
        Assert.That(refused.Number, Is.EqualTo(2627));
        Assert.That(refused.Message, Does.Contain("PK_Sample"));
        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM dbo.Sample"), Is.EqualTo(1));
    }

    [Test]
    public async Task Check_constraints_hold_in_a_bulk_load_on_request_only([Values] bool check)
    {
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(Create);
        DataTable rows = Rows(3);
        rows.Rows[1]["Exact"] = -1m;
        Task WriteAsync() =>
            Copy(connection, "dbo.Sample", null, check ? SqlBulkCopyOptions.CheckConstraints : SqlBulkCopyOptions.Default)
                .WriteToServerAsync(rows);

        if (check) Assert.That(Assert.ThrowsAsync<SqlException>(WriteAsync)!.Number, Is.EqualTo(547));
        else await WriteAsync();
        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM dbo.Sample"), Is.EqualTo(check ? 0 : 3));
    }

    [Test]
    public async Task A_trigger_that_throws_is_heard_when_triggers_fire()
    {
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(Create);
        await connection.ExecuteAsync(
            "CREATE TRIGGER dbo.NoThirteen ON dbo.Sample AFTER INSERT, UPDATE AS IF EXISTS (SELECT 1 FROM inserted WHERE Id = 13) "
                + "THROW 50001, 'Not thirteen', 1;");

        SqlException refused = Assert.ThrowsAsync<SqlException>(
            () => Copy(connection, "dbo.Sample", null, SqlBulkCopyOptions.FireTriggers).WriteToServerAsync(Rows(20)))!;
        Assert.That(refused.Number, Is.EqualTo(50001));
        Assert.That(refused.Message, Does.Contain("Not thirteen"));
        await Copy(connection, "dbo.Sample", null).WriteToServerAsync(Rows(20));
    }

    [Test]
    public async Task Not_a_number_is_refused()
    {
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(Create);
        DataTable rows = Rows(2);
        rows.Rows[1]["Number"] = double.NaN;

        Assert.That(
            Assert.ThrowsAsync<SqlException>(() => Copy(connection, "dbo.Sample", null).WriteToServerAsync(rows))!.Number,
            Is.EqualTo(7339));
        Assert.That(
            Assert.ThrowsAsync<SqlException>(() => connection.ExecuteScalarAsync("SELECT @X", new { X = double.PositiveInfinity }))!.Number,
            Is.EqualTo(8023));
    }

    [Test, Explicit("shows how fast the endpoint takes rows")]
    public async Task Throughput()
    {
        await using SqlConnection connection = await OpenAsync();
        await connection.ExecuteAsync(Create);
        using DataTable rows = Rows(200_000);
        foreach (string table in new[] { "#Sample", "dbo.Sample" })
        {
            if (table[0] == '#') await connection.ExecuteAsync(Create.Replace("dbo.Sample", table, StringComparison.Ordinal));
            var clock = System.Diagnostics.Stopwatch.StartNew();
            await Copy(connection, table, null).WriteToServerAsync(rows.CreateDataReader());
            await TestContext.Out.WriteLineAsync($"{table}: {rows.Rows.Count / clock.Elapsed.TotalSeconds:N0} rows/s");
        }
        var upsert = System.Diagnostics.Stopwatch.StartNew();
        int updated = await connection.ExecuteAsync("UPDATE t SET t.Number = s.Number + 1 FROM dbo.Sample t JOIN #Sample s ON s.Id = t.Id");
        await TestContext.Out.WriteLineAsync($"joined update: {updated / upsert.Elapsed.TotalSeconds:N0} rows/s");
    }
}
