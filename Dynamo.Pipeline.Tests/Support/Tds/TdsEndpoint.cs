using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A server on the loopback that the real SqlClient talks to: it speaks enough of [MS-TDS] and of T-SQL for a bulk-copy sink, keeps
/// its tables in a store of its own, and fails on command. It can play Babelfish: then it lacks what Babelfish lacks and a sink may
/// stumble over. Safe for concurrent use.
/// </summary>
internal sealed class TdsEndpoint : IAsyncDisposable
{
    private static readonly Lazy<X509Certificate2> SelfSigned = new(CreateCertificate);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<int, (TdsSession Session, Thread Thread)> _sessions = new();
    private readonly Task _accepting;
    private int _lastId = 50;

    public TdsEndpoint(bool babelfish = false)
    {
        Store = new TdsStore(babelfish);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    public string User { get; } = "importer";

    /// <summary>Logs in without user and password.</summary>
    public const string Token = "a.token";

    public string Password { get; } = "S3cret-Pässword";

    public TdsStore Store { get; }

    public TdsCounts Counts { get; } = new();

    public TdsFaultPlan Faults { get; } = new();

    public X509Certificate2? Certificate { get; } = SelfSigned.Value;

    /// <summary>How many clients are connected.</summary>
    public int Connections => _sessions.Count;

    /// <summary>While it is not set, sessions go on although their clients have closed their connections, as on a busy server.</summary>
    public ManualResetEventSlim Notices { get; } = new(true);

    /// <summary>Plain, with pooling; a test that wants something else builds on <see cref="Connect"/>.</summary>
    public string ConnectionString => Connect().ConnectionString;

    public SqlConnectionStringBuilder Connect() => new()
    {
        DataSource = $"127.0.0.1,{Port}",
        InitialCatalog = "test",
        UserID = User,
        Password = Password,
        Encrypt = SqlConnectionEncryptOption.Optional,
        TrustServerCertificate = true,
        ConnectTimeout = 10,
        ConnectRetryCount = 0,
    };

    /// <summary>Plans a fault.</summary>
    /// <param name="moment">When.</param>
    /// <param name="fault">What.</param>
    /// <param name="sql">Only requests that contain this text.</param>
    /// <param name="afterRows">For <see cref="TdsMoment.BulkRows"/>: after so many rows of one bulk load.</param>
    /// <param name="times">How often.</param>
    /// <param name="skip">How many fitting occasions pass first.</param>
    public void FailNext(TdsMoment moment, TdsFault fault, string? sql = null, long afterRows = 1, int times = 1, int skip = 0) =>
        Faults.Add(moment, fault, sql, moment == TdsMoment.BulkRows ? afterRows : 0, times, skip);

    /// <summary>Whether the server is away: it takes no connection, and those that there were are cut.</summary>
    public bool IsAway
    {
        get;
        set
        {
            field = value;
            if (value) CutAll();
        }
    }

    /// <summary>Cuts every connection there is.</summary>
    public void CutAll()
    {
        foreach ((TdsSession session, Thread _) in _sessions.Values) session.Cut(reset: true);
    }

    /// <summary>Closes the connections that SqlClient keeps open to it; those of other endpoints stay.</summary>
    public void ClearPool()
    {
        using var connection = new SqlConnection(ConnectionString);
        SqlConnection.ClearPool(connection);
    }

    public bool Accepts(LoginRequest login) =>
        login.Token is null ? login.User == User && login.Password == Password : login.Token == Token;

    public async ValueTask DisposeAsync()
    {
        ClearPool();
        _listener.Stop();
        await _accepting;
        CutAll();
        Notices.Set();
        foreach ((TdsSession _, Thread thread) in _sessions.Values) thread.Join(TimeSpan.FromSeconds(10));
        Notices.Dispose();
        Store.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) Serve(await _listener.AcceptSocketAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The listener has been stopped.
        }
    }

    private void Serve(Socket socket)
    {
        if (IsAway)
        {
            socket.Dispose();
            return;
        }
        socket.NoDelay = true;
        int id = Interlocked.Increment(ref _lastId);
        var session = new TdsSession(this, socket, id);
        var thread = new Thread(() =>
        {
            session.Run();
            Notices.Wait(TimeSpan.FromMinutes(1));
            session.Dispose();
            _sessions.TryRemove(id, out _);
        }) { IsBackground = true, Name = $"tds-{id}" };
        _sessions[id] = (session, thread);
        thread.Start();
    }

    private static X509Certificate2 CreateCertificate()
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        DateTimeOffset today = DateTimeOffset.UtcNow;
        using X509Certificate2 certificate = request.CreateSelfSigned(today.AddDays(-1), today.AddDays(30));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }
}

/// <summary>What the endpoint has been asked. Safe for concurrent use.</summary>
internal sealed class TdsCounts
{
    private readonly ConcurrentQueue<string> _statements = new();
    private long _logins;
    private long _bulkLoads;
    private long _bulkRows;
    private long _commits;
    private long _rollbacks;
    private long _errors;
    private long _attentions;

    public long Logins => Interlocked.Read(ref _logins);

    public long BulkLoads => Interlocked.Read(ref _bulkLoads);

    /// <summary>Rows decoded, whether or not they were kept.</summary>
    public long BulkRows => Interlocked.Read(ref _bulkRows);

    /// <summary>Commits asked for by transaction-manager requests and carried out.</summary>
    public long Commits => Interlocked.Read(ref _commits);

    public long Rollbacks => Interlocked.Read(ref _rollbacks);

    /// <summary>Requests that ended in an error.</summary>
    public long Errors => Interlocked.Read(ref _errors);

    public long Attentions => Interlocked.Read(ref _attentions);

    public LoginRequest? LastLogin { get; private set; }

    /// <summary>The texts of all batches and RPCs, in the order they came.</summary>
    public IReadOnlyCollection<string> Statements => _statements;

    public void AddLogin(LoginRequest login)
    {
        LastLogin = login;
        Interlocked.Increment(ref _logins);
    }

    public void AddBatch(string sql) => _statements.Enqueue(sql);

    public void AddRpc(string sql) => _statements.Enqueue(sql);

    public void AddBulkLoad() => Interlocked.Increment(ref _bulkLoads);

    public void AddBulkRow() => Interlocked.Increment(ref _bulkRows);

    public void AddCommit() => Interlocked.Increment(ref _commits);

    public void AddRollback() => Interlocked.Increment(ref _rollbacks);

    public void AddError() => Interlocked.Increment(ref _errors);

    public void AddAttention() => Interlocked.Increment(ref _attentions);
}
