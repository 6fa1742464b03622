using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The endpoint is itself under test, by the real SqlClient: what a sink sees there must be what it would see from a server.
/// </summary>
public sealed class TdsEndpointTests
{
    private TdsEndpoint _endpoint = null!;

    [SetUp]
    public void Start() => _endpoint = new TdsEndpoint();

    [TearDown]
    public async Task Stop() => await _endpoint.DisposeAsync();

    private async Task<SqlConnection> OpenAsync(string? connectionString = null)
    {
        var connection = new SqlConnection(connectionString ?? _endpoint.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    [Test]
    public async Task SqlClient_logs_in_in_the_clear_and_under_TLS([Values] bool encrypt)
    {
        SqlConnectionStringBuilder builder = _endpoint.Connect();
        builder.Encrypt = encrypt ? SqlConnectionEncryptOption.Mandatory : SqlConnectionEncryptOption.Optional;
        await using SqlConnection connection = await OpenAsync(builder.ConnectionString);

        Assert.That(await connection.ExecuteScalarAsync<int>("SELECT 1"), Is.EqualTo(1));
        Assert.That(connection.ServerVersion, Is.EqualTo("16.00.1000"));
        Assert.That(_endpoint.Counts.Logins, Is.EqualTo(1));
    }

    [Test]
    public void A_wrong_password_is_refused()
    {
        SqlConnectionStringBuilder builder = _endpoint.Connect();
        builder.Password = "wrong";

        SqlException refused = Assert.ThrowsAsync<SqlException>(() => OpenAsync(builder.ConnectionString))!;
        Assert.That(refused.Number, Is.EqualTo(18456));
    }

    [Test]
    public async Task Parameters_of_every_type_come_back_as_they_went()
    {
        await using SqlConnection connection = await OpenAsync();
        var sent = new
        {
            I = 42, L = long.MinValue, D = -1.5e300, T = new DateTime(2024, 2, 29, 23, 59, 59)
                .AddTicks(1234567), S = "Grüße, 数据 🙂", B = true, M = 12345678901234.5678m,
            N = (string?)null, G = Guid.NewGuid(), X = new byte[] { 1, 2, 3 }, O = new DateTimeOffset(
                2024, 5, 6, 7, 8, 9, TimeSpan.FromHours(-3)),
        };
        var parameters = new DynamicParameters(sent);
        parameters.Add("T", sent.T, System.Data.DbType.DateTime2);
        parameters.Add("M", sent.M, System.Data.DbType.Decimal);

        IDictionary<string, object?> row = await connection.QuerySingleAsync<dynamic>(
            "SELECT @I AS I, @L AS L, @D AS D, @T AS T, @S AS S, @B AS B, @M AS M, @N AS N, @G AS G, @X AS X, @O AS O", parameters);

        Assert.Multiple(() =>
        {
            Assert.That(row["I"], Is.EqualTo(sent.I));
            Assert.That(row["L"], Is.EqualTo(sent.L));
            Assert.That(row["D"], Is.EqualTo(sent.D));
            Assert.That(row["T"], Is.EqualTo(sent.T));
            Assert.That(row["S"], Is.EqualTo(sent.S));
            Assert.That(row["B"], Is.EqualTo(sent.B));
            Assert.That(row["M"], Is.EqualTo(sent.M));
            Assert.That(row["N"], Is.Null);
            Assert.That(row["G"], Is.EqualTo(sent.G));
            Assert.That(row["X"], Is.EqualTo(sent.X));
            Assert.That(row["O"], Is.EqualTo(sent.O));
        });
    }
}
