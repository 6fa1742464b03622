using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>Verdicts on errors as SqlClient really raises them.</summary>
public sealed class SqlServerFaultTests
{
    [TestCase(1205, "Transient")]
    [TestCase(40501, "Transient")]
    [TestCase(40613, "Transient")]
    [TestCase(10928, "Transient")]
    [TestCase(2627, "RowRefused")]
    [TestCase(4815, "RowRefused")]
    [TestCase(547, "RowRefused")]
    [TestCase(50001, "Raised")]
    [TestCase(3609, "Raised")]
    [TestCase(229, "Permanent")]
    [TestCase(9002, "Permanent")]
    public async Task A_server_error_is_judged_by_its_number(int number, string verdict)
    {
        await using var endpoint = new TdsEndpoint();
        endpoint.FailNext(TdsMoment.Request, TdsFault.Error(number), sql: "SELECT 1");
        SqlException error = await FailAsync(endpoint);
        Assert.That(SqlServerFault.Judge(error).ToString(), Is.EqualTo(verdict));
        Assert.That(SqlServerFault.Of(error, "sqlserver:host/db", "copying rows").IsTransient, Is.EqualTo(verdict == "Transient"));
    }

    [TestCase("permission denied for table reading", "Permanent", "Grant this user the right")]
    [TestCase("column \"nosuch\" of relation \"measurement\" does not exist", "Permanent", "PostgreSQL's")]
    [TestCase("canceling statement due to lock timeout", "Transient", "a lock that another session holds")]
    [TestCase("terminating connection due to administrator command", "Transient", "can be written again")]
    public async Task An_error_without_a_number_of_sql_servers_is_no_row_and_judged_by_its_text(string text, string verdict, string said)
    {
        await using var endpoint = new TdsEndpoint();
        endpoint.FailNext(TdsMoment.Request, TdsFault.Error(new ServerError(Babelfish.NoNumber, text)), sql: "SELECT 1");
        SqlException error = await FailAsync(endpoint);
        Assert.That(SqlServerFault.Judge(error).ToString(), Is.EqualTo(verdict));
        Assert.That(SqlServerFault.Of(error, "sqlserver:host/db", "merging").Message, Does.Contain(said));
    }

    [Test]
    public async Task A_broken_connection_and_a_time_out_may_be_tried_again()
    {
        await using var endpoint = new TdsEndpoint();
        endpoint.FailNext(TdsMoment.Request, TdsFault.Drop, sql: "SELECT 1");
        Assert.That(SqlServerFault.Judge(await FailAsync(endpoint)), Is.EqualTo(SqlServerVerdict.Transient));
        endpoint.FailNext(TdsMoment.Request, TdsFault.NoAnswer, sql: "SELECT 1");
        Assert.That(SqlServerFault.Judge(await FailAsync(endpoint, seconds: 1)), Is.EqualTo(SqlServerVerdict.Transient));
    }

    [Test]
    public async Task A_wrong_password_is_no_reason_to_try_again_and_is_not_shown()
    {
        await using var endpoint = new TdsEndpoint();
        SqlConnectionStringBuilder wrong = endpoint.Connect();
        wrong.Password = "Hunter2";
        await using var connection = new SqlConnection(wrong.ConnectionString);
        SqlException error = Assert.ThrowsAsync<SqlException>(() => connection.OpenAsync())!;
        SinkException fault = SqlServerFault.Of(error, "sqlserver:host/db", "connecting");
        Assert.That((fault.IsTransient, fault.Message.Contains("Hunter2", StringComparison.Ordinal)), Is.EqualTo((false, false)));
        Assert.That(fault.Message, Does.Contain("Check the user"));
    }

    /// <param name="endpoint">The endpoint.</param>
    /// <param name="seconds">How long to wait for an answer: on a busy machine, one that comes may take a while.</param>
    private static async Task<SqlException> FailAsync(TdsEndpoint endpoint, int seconds = 60)
    {
        await using var connection = new SqlConnection(endpoint.ConnectionString);
        await connection.OpenAsync();
        return Assert.ThrowsAsync<SqlException>(() => connection.ExecuteAsync("SELECT 1", commandTimeout: seconds))!;
    }

    [TestCase("(NEXT VALUE FOR [ops].[Numbers])", "[ops].[Numbers]")]
    [TestCase("(N'A'+CONVERT([nvarchar],NEXT VALUE FOR [dbo].[A]]b]))", "[dbo].[A]]b]")]
    [TestCase("(NEXT VALUE FOR [A]+NEXT VALUE FOR [B])", "[A] [B]")]
    [TestCase("(getdate())", ""), TestCase("NEXT VALUE FOR ", ""), TestCase("NEXT VALUE FOR [open", "[open")]
    public void The_sequences_of_a_default_are_found(string definition, string sequences) =>
        Assert.That(string.Join(' ', SqlServerRights.SequencesIn(definition)), Is.EqualTo(sequences));
}
