using Microsoft.Data.SqlClient;
using Asked = Microsoft.Data.SqlClient.SqlAuthenticationParameters;

namespace Dynamo.Pipeline.Tests;

/// <summary>A login with a token, as far as it can be tried without Azure: the token comes from the test instead of from Entra.</summary>
[Order(1)]
public sealed class SqlServerEntraTests
{
    private const SqlAuthenticationMethod Method = SqlAuthenticationMethod.ActiveDirectoryManagedIdentity;

    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    private SqlAuthenticationProvider? _before;

    [SetUp]
    public void Remember() => _before = SqlAuthenticationProvider.GetProvider(Method);

    [TearDown]
    public void Restore()
    {
        if (_before is not null) SqlAuthenticationProvider.SetProvider(Method, _before);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_token_of_the_callback_logs_in_and_the_callback_hears_what_it_is_for(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        Asked? heard = null;

        SqlServerTarget<Reading>? target = await Inspection(endpoint, (asked, _) =>
        {
            heard = asked;
            return Task.FromResult(Fresh(TdsEndpoint.Token));
        }).CheckAsync(token);

        Assert.That(target, Is.Null, "there are no tables yet");
        Assert.That(endpoint.Counts.Logins, Is.EqualTo(1));
        Assert.That((heard?.Resource, heard?.Authority), Is.EqualTo(("https://database.invalid/", "https://login.invalid/tenant")));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_run_asks_once_for_its_pool_and_once_for_the_connection_that_holds_its_claim(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        int asked = 0;
        await using var sink = new SqlServerSink<Reading>(ConnectionString(endpoint), ReadingTable.Default, With((_, _) =>
        {
            Interlocked.Increment(ref asked);
            return Task.FromResult(Fresh(TdsEndpoint.Token));
        }));
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), token);

        IEnumerable<FileRows<Reading>> files = Enumerable.Range(0, 8).Select(i => File($"{i}.csv"));
        FileResult[][] results = await Task.WhenAll(files.Select(f => sink.WriteAsync([f], token).AsTask()));
        await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), token);

        Assert.That(results.Select(r => r[0].Inserted), Is.All.EqualTo(1));
        Assert.That(asked, Is.EqualTo(2));
        Assert.That(endpoint.Counts.Logins, Is.GreaterThan(2));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_token_that_is_about_to_expire_is_asked_for_again(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        int asked = 0;
        SqlServerSinkOptions options = With((_, _) =>
        {
            Interlocked.Increment(ref asked);
            return Task.FromResult(new SqlAuthenticationToken(TdsEndpoint.Token, TimeProvider.System.GetUtcNow().AddMinutes(5)));
        });
        await using var sink = new SqlServerSink<Reading>(ConnectionString(endpoint), ReadingTable.Default, options);
        await sink.PrepareAsync(new RunStart("folder:/inbox", s_noon, "host", "1.0", 100), token);
        int before = asked;
        endpoint.CutAll();

        FileResult[] results = await WriteAsync(sink, File("a.csv"), token);

        Assert.That((results[0].Inserted, asked), Is.EqualTo((1, before + 1)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_token_of_a_registered_provider_logs_in(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        SqlAuthenticationProvider.SetProvider(Method, new Provider(() => TdsEndpoint.Token));

        SqlServerTarget<Reading>? target = await Inspection(endpoint).CheckAsync(token);

        Assert.That((target, endpoint.Counts.Logins), Is.EqualTo(((SqlServerTarget<Reading>?)null, 1)));
    }

    [Test, CancelAfter(60_000)]
    public async Task Without_a_token_it_says_what_to_look_at_and_tries_no_further([Values] bool callback, CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        int asked = 0;
        string Refuse()
        {
            Interlocked.Increment(ref asked);
            throw new UnauthorizedAccessException("No managed identity endpoint found.\nDetails: s3cret");
        }
        SqlAuthenticationProvider.SetProvider(Method, new Provider(Refuse));

        SqlServerInspection<Reading> inspection = Inspection(endpoint, callback ? (_, _) => Task.FromResult(Fresh(Refuse())) : null);

        SinkException error = Assert.ThrowsAsync<SinkException>(() => inspection.CheckAsync(token))!;

        Assert.That(error.Message, Does.Contain("No managed identity endpoint found.").And.Contains("identity").And.Not.Contains("s3cret"));
        Assert.That((error.IsTransient, asked), Is.EqualTo((false, 1)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_network_that_fails_on_the_way_to_a_token_is_tried_again(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        int asked = 0;

        await Inspection(endpoint, (_, _) =>
            Interlocked.Increment(ref asked) < 3 ? throw new HttpRequestException("no route") : Task.FromResult(Fresh(TdsEndpoint.Token)))
            .CheckAsync(token);

        Assert.That(asked, Is.EqualTo(3));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_callback_that_never_ends_is_given_up_with_the_connection([Values] bool blocks, CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        var ended = new TaskCompletionSource<SqlAuthenticationToken>();
        Task<SqlAuthenticationToken> Wait(Asked asked, CancellationToken cancellation)
        {
            if (blocks) Task.WaitAny([ended.Task], CancellationToken.None);
            return ended.Task;
        }

        SinkException error = Assert.ThrowsAsync<SinkException>(() => Inspection(endpoint, Wait, seconds: 1).CheckAsync(token))!;
        ended.SetResult(Fresh(TdsEndpoint.Token));

        Assert.That(error.Message, Does.Contain("longer than Connect Timeout"));
        Assert.That(error.IsTransient, Is.True);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_callback_that_yields_null_is_named(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();

        SqlServerInspection<Reading> inspection = Inspection(endpoint, (_, _) => Task.FromResult<SqlAuthenticationToken>(null!));

        SinkException error = Assert.ThrowsAsync<SinkException>(() => inspection.CheckAsync(token))!;

        Assert.That(error.Message, Does.Contain("The AccessTokenCallback yielded null."));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_server_that_refuses_the_token_is_no_reason_to_try_again(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();

        SqlServerInspection<Reading> inspection = Inspection(endpoint, (_, _) => Task.FromResult(Fresh("an0ther")));

        SinkException error = Assert.ThrowsAsync<SinkException>(() => inspection.CheckAsync(token))!;

        Assert.That((error.IsTransient, endpoint.Counts.Logins), Is.EqualTo((false, 1)));
        Assert.That(error.ToString(), Does.Not.Contain("an0ther"));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_server_that_is_not_there_is_not_mistaken_for_a_missing_token(CancellationToken token)
    {
        var endpoint = new TdsEndpoint();
        await endpoint.DisposeAsync();
        SqlServerInspection<Reading> inspection = Inspection(endpoint, (_, _) => Task.FromResult(Fresh(TdsEndpoint.Token)), seconds: 1);

        SinkException error = Assert.ThrowsAsync<SinkException>(() => inspection.CheckAsync(token))!;

        Assert.That(error.Message, Does.Not.Contain("token"));
        Assert.That(error.IsTransient, Is.True);
    }

    [Test, CancelAfter(60_000)]
    public async Task Authentication_that_nobody_provides_for_says_what_to_set(CancellationToken token)
    {
        await using var endpoint = new TdsEndpoint();
        SqlConnectionStringBuilder connection = Connect(endpoint);
        connection.Authentication = SqlAuthenticationMethod.ActiveDirectoryDefault;
        var inspection = new SqlServerInspection<Reading>(connection.ConnectionString, ReadingTable.Default, With(null));

        SinkException error = Assert.ThrowsAsync<SinkException>(() => inspection.CheckAsync(token))!;

        Assert.That(error.Message, Does.Contain("AccessTokenCallback"));
        Assert.That(error.IsTransient, Is.False);
    }

    [TestCase("Authentication=ActiveDirectoryManagedIdentity"), TestCase("Integrated Security=true")]
    public void A_callback_beside_another_way_to_log_in_is_refused_before_anything_is_opened(string other)
    {
        SqlServerSinkOptions options = With((_, _) => Task.FromResult(Fresh(TdsEndpoint.Token)));

        Assert.That(() => new SqlServerSink<Reading>($"Server=db1;Database=Water;{other}", ReadingTable.Default, options),
            Throws.ArgumentException.With.Message.Contains("take Authentication and Integrated Security out"));
    }

    private static SqlAuthenticationToken Fresh(string token) => new(token, TimeProvider.System.GetUtcNow().AddHours(1));

    private static FileRows<Reading> File(string name)
    {
        var batch = new RowBatch<Reading>();
        batch.Add(new Reading(name, "flow", s_noon, 1), 2);
        return new FileRows<Reading>(new SourceFile(name, 100, s_noon), batch);
    }

    /// <summary>As the pipeline does: again after a transient error.</summary>
    private static async Task<FileResult[]> WriteAsync(SqlServerSink<Reading> sink, FileRows<Reading> file, CancellationToken token)
    {
        while (true)
        {
            try
            {
                return await sink.WriteAsync([file], token);
            }
            catch (SinkException error) when (error.IsTransient)
            {
            }
        }
    }

    private static SqlServerSinkOptions With(Func<Asked, CancellationToken, Task<SqlAuthenticationToken>>? callback) =>
        new() { AccessTokenCallback = callback, Retries = 2, RetryDelay = TimeSpan.FromMilliseconds(5) };

    private static SqlConnectionStringBuilder Connect(TdsEndpoint endpoint)
    {
        SqlConnectionStringBuilder connection = endpoint.Connect();
        connection.Remove("User ID");
        connection.Remove("Password");
        connection.Encrypt = SqlConnectionEncryptOption.Mandatory;
        return connection;
    }

    private static string ConnectionString(TdsEndpoint endpoint) => Connect(endpoint).ConnectionString;

    /// <summary>With a callback, or else with a provider.</summary>
    private static SqlServerInspection<Reading> Inspection(
        TdsEndpoint endpoint, Func<Asked, CancellationToken, Task<SqlAuthenticationToken>>? callback = null, int seconds = 15)
    {
        SqlConnectionStringBuilder connection = Connect(endpoint);
        connection.ConnectTimeout = seconds;
        if (callback is null) connection.Authentication = Method;
        return new SqlServerInspection<Reading>(connection.ConnectionString, ReadingTable.Default, With(callback));
    }

    private sealed class Provider(Func<string> token) : SqlAuthenticationProvider
    {
        public override Task<SqlAuthenticationToken> AcquireTokenAsync(Asked parameters) => Task.FromResult(Fresh(token()));

        public override bool IsSupported(SqlAuthenticationMethod authenticationMethod) => authenticationMethod == Method;
    }
}
