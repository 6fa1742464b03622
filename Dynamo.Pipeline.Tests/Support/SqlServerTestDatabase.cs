using System.Globalization;
using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Tables of their own on the server that DYNAMO_TEST_SQLSERVER names by a connection string, or else on an endpoint of the test's.
/// Tables have names that no other test has, and
/// are dropped afterwards.
/// </summary>
internal sealed class SqlServerTestDatabase : IAsyncDisposable
{
    private static int s_last;

    private readonly string _suffix = string.Create(
        CultureInfo.InvariantCulture, $"_{Environment.ProcessId}_{Interlocked.Increment(ref s_last)}");

    /// <param name="endpointOnly">Whether a real server does not count.</param>
    /// <param name="babelfish">Whether the endpoint plays Babelfish; then a real server does not count either.</param>
    public SqlServerTestDatabase(bool endpointOnly = false, bool babelfish = false)
    {
        string? server = Environment.GetEnvironmentVariable("DYNAMO_TEST_SQLSERVER");
        if (!endpointOnly && !babelfish && server is { Length: > 0 }) ConnectionString = server;
        else ConnectionString = (Endpoint = new TdsEndpoint(babelfish)).ConnectionString;
        Options = new SqlServerSinkOptions
        {
            LedgerTable = "ImportedFile"
                + _suffix, RunTable = "ImportRun"
                + _suffix, RejectTable = "RejectedRow"
                + _suffix, OverlapTable = "FileOverlap"
                + _suffix, SchemaTable = "ImportSchema"
                + _suffix, RetryDelay = TimeSpan.FromMilliseconds(5),
        };
        Map = ReadingTable.Named("Reading" + _suffix);
    }

    /// <summary>The endpoint, or null on a real server.</summary>
    public TdsEndpoint? Endpoint { get; }

    public string ConnectionString { get; }

    public SqlServerSinkOptions Options { get; }

    public RowMap<Reading> Map { get; }

    /// <summary>What makes <c>dynamo --sink sqlserver</c> write here.</summary>
    public Dictionary<string, string?> Variables => new()
    {
        ["DYNAMO_SINK"] = ConnectionString,
        ["DYNAMO__TABLE__NAME"] = Map.Name,
        ["DYNAMO__TABLE__LEDGER"] = Options.LedgerTable,
        ["DYNAMO__TABLE__RUNS"] = Options.RunTable,
        ["DYNAMO__TABLE__REJECTS"] = Options.RejectTable,
        ["DYNAMO__TABLE__OVERLAPS"] = Options.OverlapTable,
        ["DYNAMO__TABLE__SCHEMA"] = Options.SchemaTable,
    };

    public SqlServerSink<Reading> NewSink(
        DuplicatePolicy policy = DuplicatePolicy.LastWins, Func<SqlServerSinkOptions, SqlServerSinkOptions>? change = null) =>
        new(ConnectionString, Map, (change ?? (o => o))(Options with { Duplicates = policy }));

    public SqlConnection Open()
    {
        var connection = new SqlConnection(ConnectionString);
        connection.Open();
        return connection;
    }

    public int Execute(string sql, object? values = null)
    {
        using SqlConnection connection = Open();
        return connection.Execute(sql, values);
    }

    public T? Scalar<T>(string sql, object? values = null)
    {
        using SqlConnection connection = Open();
        return connection.ExecuteScalar<T>(sql, values);
    }

    public List<T> Query<T>(string sql, object? values = null)
    {
        using SqlConnection connection = Open();
        return connection.Query<T>(sql, values).AsList();
    }

    /// <summary>Whether the server takes a statement: servers that speak TDS do not all know the same.</summary>
    public bool Takes(string sql)
    {
        try
        {
            Execute(sql);
            return true;
        }
        catch (SqlException)
        {
            return false;
        }
    }

    /// <summary>The shortest time that <c>datetime2(7)</c> tells apart: some servers keep microseconds.</summary>
    public TimeSpan Finest =>
        TimeSpan.FromTicks(
            Scalar<string>(
                "SELECT CONVERT(nvarchar(40), CAST('2026-01-01T00:00:00.0000001' AS "
                    + "datetime2(7)))")!.EndsWith('1') ? 1 : TimeSpan.TicksPerMicrosecond);

    public List<Reading> Readings() =>
        [.. Query<(string Logger, string Channel, DateTime At,
            double Value)>($"SELECT Logger, Channel, TimestampUtc, Value FROM {Map.Name}")
            .Select(r => new Reading(r.Logger, r.Channel, DateTime.SpecifyKind(r.At, DateTimeKind.Utc), r.Value))];

    public List<(string Path, string Outcome)> Ledger() => Query<(string, string)>($"SELECT Path, Outcome FROM {Options.LedgerTable}");

    public bool HasTable(string name) => Scalar<int?>($"SELECT OBJECT_ID('dbo.{name}')") is not null;

    /// <summary>
    /// Waits until the server has noticed that the last run of a source is gone: on a busy machine that takes longer than a run waits.
    /// </summary>
    public void AwaitLease(string source) => Execute(
        """
        EXEC sp_getapplock @Resource = @lease, @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 60000;
        EXEC sp_releaseapplock @Resource = @lease, @LockOwner = N'Session'
        """,
        new { lease = SqlServerText.LockName("run", $"{SqlServerText.Quote(Options.Schema, Options.LedgerTable)}\0{source}") });

    public long Rejects(string path) => Scalar<int>($"SELECT COUNT(*) FROM {Options.RejectTable} WHERE Path = @path", new { path });

    public void RefuseValue(double value) =>
        Execute(string.Create(CultureInfo.InvariantCulture,
            $"ALTER TABLE {Map.Name} ADD CONSTRAINT CK_{Map.Name} CHECK (Value <> {value})"));

    /// <summary>After a failure, what the endpoint was asked last.</summary>
    public void ShowWhenFailed()
    {
        if (Endpoint is null || TestContext.CurrentContext.Result.Outcome.Status != NUnit.Framework.Interfaces.TestStatus.Failed) return;
        foreach (string statement in Endpoint.Counts.Statements.TakeLast(15))
            TestContext.Out.WriteLine(statement[..Math.Min(statement.Length, 200)]);
    }

    public async ValueTask DisposeAsync()
    {
        if (Endpoint is not null)
        {
            await Endpoint.DisposeAsync();
            return;
        }
        foreach (string table in new[]
            { Map.Name, Options.LedgerTable, Options.RunTable, Options.RejectTable, Options.OverlapTable, Options.SchemaTable })
            Execute($"IF OBJECT_ID('{table}') IS NOT NULL DROP TABLE {table}");
    }
}
