using System.Runtime.CompilerServices;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>How a <see cref="SqlServerSink{TRow}"/> writes. Immutable. A value out of range is refused by name when it is set.</summary>
public sealed record SqlServerSinkOptions
{
    private const int MostWriters = 16;

    /// <summary>What happens to a row whose key the table already has. Default: <see cref="DuplicatePolicy.LastWins"/>.</summary>
    public DuplicatePolicy Duplicates
    {
        get;
        init =>
            field = Enum.IsDefined(value)
                ? value
                : throw new ArgumentOutOfRangeException(nameof(Duplicates), value, "Duplicates must be LastWins, FirstWins or Reject.");
    }

    /// <summary>
    /// Whether rows are expected to be new. Then they are copied directly into the table, without a staging table. If the table already
    /// has a key of the batch, the batch is staged in a second attempt, under <see cref="Duplicates"/>. Default: false. A map without a
    /// key needs true; then every row is new.
    /// </summary>
    public bool Append { get; init; }

    /// <summary>
    /// Whether missing tables are created. Default: true, which needs the right to create tables. If false, a missing table is an error
    /// that shows the statement to create it.
    /// </summary>
    public bool CreateTables { get; init; } = true;

    /// <summary>The schema of all tables. Default: <c>dbo</c>. It is never created.</summary>
    public string Schema { get; init => field = SqlName.Checked(value); } = "dbo";

    /// <summary>
    /// Columns of an existing table that the row map does not fill, with the value that each new row gets there, as text that the
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
    /// A stored procedure in <see cref="Schema"/> that takes the staged rows instead of the sink's own statements, for tables that a map
    /// cannot describe. Default: none. The rows are in <c>#StagedRow</c>: the map's columns, <c>StagedFile</c> (a number),
    /// <c>StagedLine</c> and <c>StagedSequence</c> (their order). The procedure runs inside the batch's transaction and must neither
    /// commit it nor roll it back. It decides about duplicates itself, and raises an error for a row that it refuses. It returns one
    /// result with a row for each file: <c>StagedFile, Inserted, Updated, Unchanged</c>. The three counts of a file must add up to its
    /// rows. Not together with <see cref="Append"/>.
    /// </summary>
    public string? Procedure { get; init => field = value is null ? null : SqlName.Checked(value); }

    /// <summary>
    /// How many batches may be written at the same time. Default: 4. Each writer gets keys of its own, so that two never meet in a key.
    /// With triggers, another unique index or a columnstore, fewer are used; <c>dynamo check</c> says why.
    /// </summary>
    public int Writers { get; init => field = value is >= 1 and <= MostWriters ? value : throw new ArgumentOutOfRangeException(
        nameof(Writers), value, $"Writers must be between 1 and {MostWriters}."); } = 4;

    /// <summary>
    /// Returns the token of Entra for the login, if the connection string has neither <c>Authentication</c> nor <c>Integrated
    /// Security</c>. Default: none. It gets what the server asks for (the resource, such as <c>https://database.windows.net/</c>, and
    /// the authority, the tenant's login page), and the user and password of the connection string, if it has them. With
    /// Azure.Identity:
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
    /// Called when a connection logs in, not when one comes from the pool. SqlClient keeps the token for the pool. It may ask again
    /// when the token expires in less than 45 minutes, and asks for every login when it expires in less than 10. A run has one
    /// connection outside the pool, which asks for itself. Several threads may call at the same time. Each call may take as long as the
    /// <c>Connect Timeout</c> of the connection string (15 s). Then it is cancelled and given up. An exception ends the run with its
    /// message; but a <see cref="TimeoutException"/>, <see cref="IOException"/>, <see cref="HttpRequestException"/> or a cancellation of
    /// its own is tried again first, like an error of the network. All tokens must be for one user, because the pool shares
    /// connections.
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

    /// <summary>
    /// <see cref="AccessTokenCallback"/> for SqlClient. All connections must share one delegate, because each delegate has a pool of its
    /// own.
    /// </summary>
    internal Func<SqlAuthenticationParameters, CancellationToken, Task<SqlAuthenticationToken>>? BoundedCallback { get; private init; }

    /// <summary>
    /// How long one statement may take on the server. Default: 5 min. A merge of a very large streamed file is one statement.
    /// </summary>
    public TimeSpan CommandTimeout { get; init => field = Bounded(value); } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long the server may take for each 10,000 rows of a bulk copy, or for each 102,400 rows if the table is a columnstore.
    /// Default: 2 min. The whole copy may take any time. Waiting for rows of the source does not count.
    /// </summary>
    public TimeSpan StallTimeout { get; init => field = Bounded(value); } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// How often opening a run, looking files up and closing the run are tried again after a transient error. Default: 5. The pipeline
    /// itself tries batches again.
    /// </summary>
    public int Retries { get; init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(
        nameof(Retries), value, "Retries must not be negative."); } = 5;

    /// <summary>The first pause before another attempt; each further one is twice as long, with jitter. Default: 200 ms.</summary>
    public TimeSpan RetryDelay { get; init => field = Bounded(value); } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// The run of a dispatcher that this sink writes for, as one of several workers: its <see cref="SqlServerSink{TRow}.RunId"/>. Then the
    /// sink does not claim the source, which the dispatcher holds, and its row in the run table names that run. Default: none.
    /// </summary>
    public long? PartOfRun { get; init => field = value is null or > 0 ? value : throw new ArgumentOutOfRangeException(
        nameof(PartOfRun), value, "PartOfRun must be the number of a run."); }

    /// <summary>
    /// How long the claim of a source outlives its holder, for a dispatcher. The claim is renewed three times in this time. When it is not,
    /// because the process is stopped or cut off, another may take the source, and this sink's
    /// <see cref="SqlServerSink{TRow}.LeaseLost"/> tells. Default: none; the claim lasts as long as the session, which a process that hangs
    /// keeps.
    /// </summary>
    public TimeSpan? LeaseFor { get; init => field = value is null ? null : Bounded(value.Value); }

    /// <summary>The table of imported files, the ledger. Default: <c>ImportedFile</c>.</summary>
    public string LedgerTable { get; init => field = SqlName.Checked(value); } = "ImportedFile";

    /// <summary>The table with a row for each run. Default: <c>ImportRun</c>.</summary>
    public string RunTable { get; init => field = SqlName.Checked(value); } = "ImportRun";

    /// <summary>The table of rejected rows. Default: <c>RejectedRow</c>.</summary>
    public string RejectTable { get; init => field = SqlName.Checked(value); } = "RejectedRow";

    /// <summary>
    /// The table of pairs of files that brought the same key, the newer and the older one: with it a file can be taken back. Default:
    /// <c>FileOverlap</c>.
    /// </summary>
    public string OverlapTable { get; init => field = SqlName.Checked(value); } = "FileOverlap";

    /// <summary>
    /// The column of the row table that has the number of each row's file in the ledger. Default: <c>FileId</c>. A table that the sink
    /// creates has it. In a table that lacks it, of two rows with the same key the one that is written later wins, whichever file is newer,
    /// and no row can be traced to its file or taken back with it. It is an <c>int</c> or a <c>bigint</c>. A <see cref="Procedure"/> does
    /// not get it.
    /// </summary>
    public string FileColumn { get; init => field = SqlName.Checked(value); } = "FileId";

    /// <summary>
    /// The table with one row: the version of the other tables, the last number that was given to a file, and the first number of which
    /// <see cref="OverlapTable"/> knows. Default: <c>ImportSchema</c>.
    /// </summary>
    public string SchemaTable { get; init => field = SqlName.Checked(value); } = "ImportSchema";

    /// <summary>The clock for the times in the ledger and for waiting. Default: the system's clock.</summary>
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
