using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>A login with a token, as far as it can be tried without Azure: the token comes from the test instead of from Entra.</summary>
[NonParallelizable]
public sealed class SqlServerEntraTests
{
    private const SqlAuthenticationMethod Method = SqlAuthenticationMethod.ActiveDirectoryManagedIdentity;

    private SqlAuthenticationProvider? _before;

    [SetUp]
    public void Remember() => _before = SqlAuthenticationProvider.GetProvider(Method);

    [TearDown]
    public void Restore()
    {
        if (_before is not null) SqlAuthenticationProvider.SetProvider(Method, _before);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_token_logs_in(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        SqlAuthenticationProvider.SetProvider(Method, new Provider(() => TdsEndpoint.Token));

        SqlServerPlan? plan = await Inspection(endpoint).CheckAsync(token);

        Assert.That(plan, Is.Null, "there are no tables yet");
        Assert.That(endpoint.Counts.Logins, Is.EqualTo(1));
    }

    [Test, CancelAfter(60_000)]
    public async Task Without_a_token_it_says_what_to_look_at_and_tries_no_further(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        SqlAuthenticationProvider.SetProvider(Method, new Provider(() => throw new UnauthorizedAccessException("No managed identity endpoint found.\nDetails: s3cret")));

        SinkException error = Assert.ThrowsAsync<SinkException>(() => Inspection(endpoint).CheckAsync(token))!;

        Assert.That(error.Message, Does.Contain("No managed identity endpoint found.").And.Contains("identity").And.Not.Contains("s3cret"));
        Assert.That((error.IsTransient, endpoint.Counts.Logins), Is.EqualTo((false, 1)));
    }

    private static SqlServerInspection<Reading> Inspection(TdsEndpoint endpoint)
    {
        SqlConnectionStringBuilder connection = endpoint.Connect();
        connection.Remove("User ID");
        connection.Remove("Password");
        (connection.Encrypt, connection.Authentication) = (SqlConnectionEncryptOption.Mandatory, Method);
        return new SqlServerInspection<Reading>(connection.ConnectionString, ReadingTable.Default);
    }

    private sealed class Provider(Func<string> token) : SqlAuthenticationProvider
    {
        public override Task<SqlAuthenticationToken> AcquireTokenAsync(SqlAuthenticationParameters parameters) =>
            Task.FromResult(new SqlAuthenticationToken(token(), TimeProvider.System.GetUtcNow().AddHours(1)));

        public override bool IsSupported(SqlAuthenticationMethod authenticationMethod) => authenticationMethod == Method;
    }
}
