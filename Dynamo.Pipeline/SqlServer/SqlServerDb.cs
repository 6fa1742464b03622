using System.Data;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dynamo.Pipeline.Telemetry;
using Microsoft.Data.SqlClient;
using Polly;
using Polly.Retry;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>Opens connections, and turns SqlClient's exceptions into errors that say what to do. Safe for concurrent use.</summary>
internal sealed class SqlServerDb
{
    /// <summary>
    /// Twice SqlClient's default, because a packet costs the client as much as about forty rows. An encrypted connection takes 16,383
    /// at most.
    /// </summary>
    private const int PacketSize = 16_000;

    /// <summary>How long SqlClient may take beyond its time-out, to connect or to tell the server to stop.</summary>
    private static readonly TimeSpan s_attention = TimeSpan.FromSeconds(30);

    private static readonly ResiliencePropertyKey<long> s_began = new("dynamo.began");

    private readonly string _connection, _alone;
    private readonly bool _takesToken;
    private readonly ResiliencePipeline _retry;
    private volatile bool _wasOpen;

    public SqlServerDb(string connectionString, SqlServerSinkOptions options)
    {
        Options = options;
        var builder = new SqlConnectionStringBuilder(connectionString)
        {
            // A connection that reconnects by itself loses its temporary tables and locks without anybody noticing.
            ConnectRetryCount = 0,
            Enlist = false,
            PersistSecurityInfo = false,
        };
        if (!builder.ShouldSerialize("Packet Size")) builder.PacketSize = PacketSize;
        // Otherwise the pool repeats the last error for five seconds, and an attempt in that time asks no server.
        if (!builder.ShouldSerialize("Pool Blocking Period")) builder.PoolBlockingPeriod = PoolBlockingPeriod.NeverBlock;
        if (!builder.ShouldSerialize("Application Name")) builder.ApplicationName = "dynamo";
        SaysHow = builder.IntegratedSecurity || builder.Authentication != SqlAuthenticationMethod.NotSpecified;
        _takesToken = options.AccessTokenCallback is not null
            || builder.Authentication is not (SqlAuthenticationMethod.NotSpecified or SqlAuthenticationMethod.SqlPassword);
        _connection = builder.ConnectionString;
        builder.Pooling = false;
        _alone = builder.ConnectionString;
        Name = $"sqlserver:{builder.DataSource}/{builder.InitialCatalog}";
        _retry = options.Retries == 0 ? ResiliencePipeline.Empty : new ResiliencePipelineBuilder { TimeProvider = options.TimeProvider }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = attempt => ValueTask.FromResult(
                    attempt.Outcome.Exception is SinkException { IsTransient: true } && MayRetry(attempt.AttemptNumber, attempt.Context)),
                MaxRetryAttempts = int.MaxValue,
                Delay = options.RetryDelay,
                MaxDelay = TimeSpan.FromSeconds(30),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                OnRetry = retry =>
                {
                    Run?.Waits($"{Name} is asked again: {retry.Outcome.Exception?.Message}", retry.RetryDelay);
                    return default;
                },
            })
            .Build();
    }

    public SqlServerSinkOptions Options { get; }

    /// <summary>The server and the database, without user or password.</summary>
    public string Name { get; }

    /// <summary>Whether the connection string says how to log in.</summary>
    public bool SaysHow { get; }

    /// <summary>The run that is told what is waited for, as its calls are silent for long. Set when a run begins.</summary>
    public RunStart? Run { get; set; }

    /// <summary>The tables that a run writes, once it is known which.</summary>
    public RunObjects? Objects { get; set; }

    /// <summary>Somebody begins to wait for the server.</summary>
    public void Waits(TimeSpan longest) => Run?.Waits($"the answer of {Name}", longest + s_attention);

    /// <summary>Before the database was open, a wrong name is more likely than an outage that ends.</summary>
    private bool MayRetry(int attempt, ResilienceContext context)
    {
        if (attempt < Options.Retries) return true;
        if (!_wasOpen || Run is not { } run) return false;
        return run.RetryFor == Timeout.InfiniteTimeSpan
            || Options.TimeProvider.GetElapsedTime(context.Properties.GetValue(s_began, 0)) < run.RetryFor;
    }

    public int CommandSeconds => SqlServerText.Seconds(Options.CommandTimeout);

    /// <summary>Opens a connection. A lasting one is not pooled, so that its session ends when it is closed.</summary>
    public async Task<SqlConnection> OpenAsync(bool lasting, CancellationToken cancellationToken)
    {
        var connection = new SqlConnection(lasting ? _alone : _connection) { AccessTokenCallback = Options.BoundedCallback };
        connection.StateChange += static (_, change) =>
        {
            if (change.CurrentState == ConnectionState.Open) PipelineMeter.Connection("sqlserver", 1);
            else if (change.OriginalState == ConnectionState.Open) PipelineMeter.Connection("sqlserver", -1);
        };
        try
        {
            Waits(TimeSpan.FromSeconds(connection.ConnectionTimeout));
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            _wasOpen = true;
            return connection;
        }
        catch (Exception error)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            if (_takesToken && SqlServerLogin.Fault(error, Name) is { } fault) throw fault;
            throw;
        }
    }

    /// <summary>
    /// Closes a connection. If somebody still uses it, it is closed after that, because SqlClient cannot close a connection while it
    /// waits for an answer.
    /// </summary>
    public static ValueTask CloseAsync(SqlConnection connection, Task? abandoned)
    {
        if (abandoned is null) return connection.DisposeAsync();
        _ = abandoned.ContinueWith(late =>
        {
            _ = late.Exception;
            connection.Dispose();
        }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        return ValueTask.CompletedTask;
    }

    /// <summary>Runs an idempotent step on a connection of its own, and again after a transient error.</summary>
    public async Task<T> RetryAsync<T>(
        string doing, Func<SqlConnection, CancellationToken, Task<T>> step, CancellationToken cancellationToken)
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(s_began, Options.TimeProvider.GetTimestamp());
        try
        {
            return await _retry.ExecuteAsync(
                async attempt => await GuardAsync(
                    doing, () => OnceAsync(step, attempt.CancellationToken), attempt.CancellationToken).ConfigureAwait(false),
                context).ConfigureAwait(false);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private async Task<T> OnceAsync<T>(Func<SqlConnection, CancellationToken, Task<T>> step, CancellationToken cancellationToken)
    {
        SqlConnection connection = await OpenAsync(lasting: false, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            // Dapper returns to the caller's context after each answer. On the thread pool there is none, so a caller may block its own.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            Waits(Options.CommandTimeout);
            return await step(connection, cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task<T> GuardAsync<T>(string doing, Func<Task<T>> step, CancellationToken cancellationToken)
    {
        try
        {
            return await step().ConfigureAwait(false);
        }
        catch (SqlException error) when (SqlServerFault.IsLockWait(error) && !cancellationToken.IsCancellationRequested)
        {
            throw SqlServerFault.Of(error, Name, doing, await SqlServerHolder.AskAsync(this, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception error) when (Translated(error, doing, cancellationToken) is { } known)
        {
            throw known;
        }
    }

    /// <summary>What an exception of SqlClient means, or null if it is not SqlClient's.</summary>
    public Exception? Translated(Exception error, string doing, CancellationToken cancellationToken) => error switch
    {
        // SqlClient reports our own cancellation as an error of the server.
        SqlException or OperationCanceledException or InvalidOperationException or TimeoutException
            when cancellationToken.IsCancellationRequested =>
            new OperationCanceledException(error.Message, error, cancellationToken),
        SqlException sql => SqlServerFault.Of(sql, Name, doing, wasOpen: _wasOpen),
        // SqlBulkCopy hides the server's error behind "Cannot access destination table".
        InvalidOperationException { InnerException: SqlException sql } => SqlServerFault.Of(sql, Name, doing, wasOpen: _wasOpen),
        OperationCanceledException or TimeoutException =>
            new SinkException($"{Name} made no progress while {doing}. The same batch can be written again.", error) { IsTransient = true },
        // A closed connection, an exhausted pool, or, sometimes when a connection broke, a null reference inside SqlClient.
        InvalidOperationException or IOException or ObjectDisposedException or NullReferenceException =>
            new SinkException($"The connection to {Name} broke while {doing}: {error.Message}", error) { IsTransient = true },
        _ => null,
    };

    public SqlCommand Command(SqlConnection connection, SqlTransaction? transaction, string sql)
    {
        Waits(Options.CommandTimeout);
        return SqlServerQueries.Command(connection, transaction, sql, CommandSeconds);
    }
}

/// <summary>Short queries and commands of the row path. All others go through Dapper.</summary>
internal static class SqlServerQueries
{
    /// <summary>All rows of a query.</summary>
    public static async Task<List<T>> QueryAsync<T>(
        this SqlServerDb db, SqlConnection connection, SqlTransaction? transaction, string sql, Func<SqlDataReader, T> row,
        CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        var rows = new List<T>();
        db.Waits(db.Options.CommandTimeout);
        SqlCommand command = Command(connection, transaction, sql, db.CommandSeconds, parameters);
        await using (command.ConfigureAwait(false))
        {
            SqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    rows.Add(row(reader));
        }
        return rows;
    }

    public static async Task<int> ExecuteAsync(
        this SqlServerDb db, SqlConnection connection, SqlTransaction? transaction, string sql, CancellationToken cancellationToken,
        params (string Name, object? Value)[] parameters)
    {
        db.Waits(db.Options.CommandTimeout);
        SqlCommand command = Command(connection, transaction, sql, db.CommandSeconds, parameters);
        await using (command.ConfigureAwait(false))
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    public static SqlCommand Command(
        SqlConnection connection, SqlTransaction? transaction, string sql, int seconds,
        params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        SqlCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.CommandTimeout = seconds;
        command.Transaction = transaction;
        foreach ((string name, object? value) in parameters) command.Parameters.Add(Parameter(name, value));
        return command;
    }

    /// <summary>Without its type, a time would be sent as <c>datetime</c> and lose digits.</summary>
    private static SqlParameter Parameter(string name, object? value) =>
        value is DateTime time
            ? new SqlParameter(name, SqlDbType.DateTime2) { Value = time }
            : new SqlParameter(name, value ?? DBNull.Value);
}

/// <summary>Writes names, literals and numbers for T-SQL and SqlClient.</summary>
internal static class SqlServerText
{
    /// <summary>A binary collation: texts that differ are different keys, as in the files.</summary>
    public const string Exact = "Latin1_General_100_BIN2";

    /// <summary>The longest text that our tables hold.</summary>
    public const int Longest = 4000;

    /// <summary>The beginning of a text, as long as it fits.</summary>
    public static string? Cut(string? text, int longest = Longest) => text?.Length > longest ? text[..longest] : text;

    public static string Quote(string name) => $"[{name.Replace("]", "]]", StringComparison.Ordinal)}]";

    public static string Quote(string schema, string table) => $"{Quote(schema)}.{Quote(table)}";

    public static string Literal(string text) => $"N'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>SqlClient takes whole seconds, and 0 means no limit.</summary>
    public static int Seconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));

    /// <summary>The key of a file in the ledger. It is a hash, because a path may be longer than an index key.</summary>
    public static byte[] FileKey(string source, SourceFile file)
    {
        string all = string.Create(CultureInfo.InvariantCulture, $"{source}\0{file.Path}\0{file.Size}\0{file.ModifiedUtc.Ticks}");
        return SHA256.HashData(Encoding.UTF8.GetBytes(all));
    }

    /// <summary>
    /// The file with this key in the ledger. A database may keep a time with fewer digits than a file has, Babelfish for one. The key was
    /// made with all of them, so it tells which of the times around the kept one is the file's.
    /// </summary>
    public static SourceFile ExactFile(string source, SourceFile kept, byte[] key)
    {
        // Half of what datetime, the least exact of the types that have a second, tells apart.
        const int MostTicks = 17_000;
        for (int away = 0; away <= MostTicks; away++)
            foreach (int ticks in away == 0 ? [0] : (ReadOnlySpan<int>)[away, -away])
            {
                SourceFile file = kept with { ModifiedUtc = kept.ModifiedUtc.AddTicks(ticks) };
                if (FileKey(source, file).AsSpan().SequenceEqual(key)) return file;
            }
        return kept;
    }

    /// <summary>The name of a lock. It is a hash, because a path may be too long and have any characters.</summary>
    public static string LockName(string kind, string what) =>
        $"dynamo:{kind}:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(what)))}";
}
