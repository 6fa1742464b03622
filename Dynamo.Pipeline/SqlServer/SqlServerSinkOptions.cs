using System.Runtime.CompilerServices;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>How a <see cref="SqlServerSink{TRow}"/> writes. Immutable; a value out of range is refused by name when it is set.</summary>
public sealed record SqlServerSinkOptions
{
    private const int MostWriters = 16;

    /// <summary>What happens to a row whose key is there already. Default: <see cref="DuplicatePolicy.LastWins"/>.</summary>
    public DuplicatePolicy Duplicates
    {
        get;
        init =>
            field = Enum.IsDefined(value)
                ? value
                : throw new ArgumentOutOfRangeException(nameof(Duplicates), value, "Duplicates must be LastWins, FirstWins or Reject.");
    }

    /// <summary>
    /// Whether rows are expected to be new: they are copied straight into the table, without a staging table, and a row that meets
    /// another costs its batch a second,
    /// staged attempt under <see cref="Duplicates"/>. Default: false. A map without a key needs true; then every row is new.
    /// </summary>
    public bool Append { get; init; }

    /// <summary>
    /// Whether missing tables are created. Default: true, which needs the right to create tables. When false, a missing table is
    /// refused with the statement that creates it.
    /// </summary>
    public bool CreateTables { get; init; } = true;

    /// <summary>The schema of all tables. Default: <c>dbo</c>. It is never created.</summary>
    public string Schema { get; init => field = SqlName.Checked(value); } = "dbo";

    /// <summary>
    /// Columns of an existing table that the row map does not fill, and the value that each new row gets there, as text that the
    /// server converts. Default: none.
    /// </summary>
    public IReadOnlyDictionary<string, string> Constants
    {
        get;
        init =>
            field = (value ?? throw new ArgumentNullException(nameof(Constants))).ToDictionary(
                c => SqlName.Checked(c.Key), c => c.Value, StringComparer.OrdinalIgnoreCase);
    } = new Dictionary<string, string>();

    /// <summary>
    /// A stored procedure in <see cref="Schema"/> that takes the staged rows in the place of the sink's own statements, for tables
    /// that a map cannot describe. Default: none. It finds
    /// them in <c>#StagedRow</c>: the map's columns, and <c>StagedFile</c> (a number), <c>StagedLine</c> and <c>StagedSequence</c>
    /// (their order). It runs inside the batch's
    /// transaction, which it neither commits nor rolls back, decides about duplicates itself, raises an error for a row it refuses,
    /// and returns one result with a row for each file:
    /// <c>StagedFile, Inserted, Updated, Unchanged</c>, which together are the file's rows. Not together with <see cref="Append"/>.
    /// </summary>
    public string? Procedure { get; init => field = value is null ? null : SqlName.Checked(value); }

    /// <summary>
    /// Batches that may be written at once. Default: 4. Each writer gets keys of its own, so that two never meet in a key. A table
    /// with triggers, with another unique index or with a
    /// columnstore takes fewer; <c>dynamo check</c> says why.
    /// </summary>
    public int Writers { get; init => field = value is >= 1 and <= MostWriters ? value : throw new ArgumentOutOfRangeException(
        nameof(Writers), value, $"Writers must be between 1 and {MostWriters}."); } = 4;

    /// <summary>
    /// Yields the token of Entra that logs in, where the connection string says neither <c>Authentication</c> nor <c>Integrated
    /// Security</c>.
    /// Default: none. It is handed what the server asks for (the resource, such as <c>https://database.windows.net/</c>, and the
    /// authority, the
    /// tenant's login page), and the user and password of the connection string, if there are any. With Azure.Identity:
    /// <code>
    /// var credential = new ManagedIdentityCredential(ManagedIdentityId.SystemAssigned);
    /// var options = new SqlServerSinkOptions
    /// {
    ///     AccessTokenCallback = async (asked, cancellation) =>
    ///     {
    ///         var wanted = new TokenRequestContext([$"{asked.Resource.TrimEnd('/')}/.default"]);
    ///         AccessToken token = await credential.GetTokenAsync(wanted, cancellation);
    ///         return new SqlAuthenticationToken(token.Token, token.ExpiresOn);
    ///     },
    /// };
    /// </code>
    /// </summary>
    /// <remarks>
    /// Called when a connection logs in, not when one comes out of the pool. SqlClient keeps the token for the pool, asks again
    /// from 45 minutes before
    /// it expires on, and for every login from 10 minutes before. A run holds one connection outside the pool, which asks for
    /// itself. Calls may come
    /// from several threads at once. Each is waited for as long as the connection string's <c>Connect Timeout</c> (15 s), then
    /// cancelled and given up.
    /// What it throws ends the run with its message; a <see cref="TimeoutException"/>, <see cref="IOException"/>,
    /// <see cref="HttpRequestException"/>
    /// or cancellation of its own is tried again before, as errors of the network are. It must yield tokens of one user: the pool
    /// shares connections.
    /// </remarks>
    public Func<SqlAuthenticationParameters, CancellationToken, Task<SqlAuthenticationToken>>? AccessTokenCallback
    {
        get;
        init
        {
            field = value;
            BoundedCallback = value is null ? null : SqlServerLogin.Bounded(value);
        }
    }

    /// <summary><see cref="AccessTokenCallback"/> for SqlClient. One delegate for all connections: each has a pool of its own.</summary>
    internal Func<SqlAuthenticationParameters, CancellationToken, Task<SqlAuthenticationToken>>? BoundedCallback { get; private init; }

    /// <summary>
    /// How long one statement may take on the server. Default: 5 min. A merge of a very large streamed file is one statement.
    /// </summary>
    public TimeSpan CommandTimeout { get; init => field = Bounded(value); } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long the server may take over each 10,000 rows of a bulk copy, 102,400 where the table is a columnstore. Default: 2 min.
    /// As a whole it may take any time; the time it waits
    /// for rows of a source does not count.
    /// </summary>
    public TimeSpan StallTimeout { get; init => field = Bounded(value); } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// How often opening, looking up and closing a run are tried again after a transient error. Default: 5. Batches are tried again
    /// by the pipeline.
    /// </summary>
    public int Retries { get; init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(
        nameof(Retries), value, "Retries must not be negative."); } = 5;

    /// <summary>The first pause before another attempt; each further one is twice as long, with jitter. Default: 200 ms.</summary>
    public TimeSpan RetryDelay { get; init => field = Bounded(value); } = TimeSpan.FromMilliseconds(200);

    /// <summary>The table of imported files, the ledger. Default: <c>ImportedFile</c>.</summary>
    public string LedgerTable { get; init => field = SqlName.Checked(value); } = "ImportedFile";

    /// <summary>The table with a row a run. Default: <c>ImportRun</c>.</summary>
    public string RunTable { get; init => field = SqlName.Checked(value); } = "ImportRun";

    /// <summary>The table of rejected rows. Default: <c>RejectedRow</c>.</summary>
    public string RejectTable { get; init => field = SqlName.Checked(value); } = "RejectedRow";

    /// <summary>Where the time comes from, for the ledger and the waiting. Default: the system's clock.</summary>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    private static TimeSpan Bounded(TimeSpan value, [CallerMemberName] string name = "") =>
        value > TimeSpan.Zero && value <= TimeSpan.FromDays(1)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be more than zero and at most one day.");
}
