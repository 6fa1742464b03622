using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Looks at a database as a run would, and changes nothing in it: do its tables take the rows, how would they be written, and which
/// files does its ledger have? Safe for concurrent use.
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
internal sealed class SqlServerInspection<TRow>
{
    private readonly SqlServerDb _db;
    private readonly RowMap<TRow> _map;

    /// <summary>Names the database. Nothing is opened yet.</summary>
    /// <param name="connectionString">The connection string, as for <see cref="SqlServerSink{TRow}"/>.</param>
    /// <param name="map">The table and its columns.</param>
    /// <param name="options">As the run will have them; the defaults when null.</param>
    /// <exception cref="ArgumentException">
    /// The connection string cannot be read, or says how to log in although there is an
    /// <see cref="SqlServerSinkOptions.AccessTokenCallback"/>, or two tables have the same name.
    /// </exception>
    public SqlServerInspection(string connectionString, RowMap<TRow> map, SqlServerSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        ArgumentNullException.ThrowIfNull(map);
        _map = map;
        SqlServerSinkOptions all = options ?? new SqlServerSinkOptions();
        SqlServerDdl.RefuseConflicts(map, all);
        _db = SqlServerConnectionText.Read(connectionString, all);
    }

    /// <summary>The server and the database, such as <c>sqlserver:db1/Water</c>: no user, no password.</summary>
    public string Name => _db.Name;

    /// <summary>Connects, and compares the tables with the row map.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The row table, and how it would be written; <see langword="null"/> if the first run will create it.</returns>
    /// <exception cref="SinkException">A run would fail: no connection, no login, or a table that does not fit.</exception>
    public Task<SqlServerTarget<TRow>?> CheckAsync(CancellationToken cancellationToken) => _db.RetryAsync(
        "checking its tables",
        (connection, token) => new SqlServerSchemaCheck<TRow>(_db, _map).CheckAsync(connection, token),
        cancellationToken);

    /// <summary>Asks the ledger which of these files are done. Without a ledger, none is.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>.</param>
    /// <param name="files">The files.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>For each of <paramref name="files"/>, in the same order, its entry or <see langword="null"/>.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public Task<LedgerEntry?[]> LookUpAsync(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(files);
        return _db.RetryAsync(
            "reading the ledger", (connection, token) => LookUpAsync(connection, source, files, token), cancellationToken);
    }

    /// <summary>For maintenance: no run of this source can begin until the result is disposed.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The lease.</returns>
    /// <exception cref="AlreadyRunningException">A run has the lease of this source and database.</exception>
    /// <exception cref="SinkException">The database cannot be reached.</exception>
    public async Task<IAsyncDisposable> LeaseAsync(string source, CancellationToken cancellationToken) =>
        await _db.GuardAsync(
            "claiming the source", () => SqlServerLease.TakeAsync(_db, source, cancellationToken), cancellationToken).ConfigureAwait(false);

    /// <summary>Whether somebody has such a lease. It takes none itself.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Whether somebody has it.</returns>
    /// <exception cref="SinkException">The database cannot be reached.</exception>
    public Task<bool> IsLeasedAsync(string source, CancellationToken cancellationToken) => _db.RetryAsync(
        "asking who has the source", (connection, token) => SqlServerLease.IsTakenAsync(_db, connection, source, token), cancellationToken);

    private async Task<LedgerEntry?[]> LookUpAsync(
        SqlConnection connection, string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        var entries = new LedgerEntry?[files.Count];
        string table = SqlServerText.Quote(_db.Options.Schema, _db.Options.LedgerTable);
        if (!await _db.HasAsync(connection, table, cancellationToken).ConfigureAwait(false)) return entries;
        var ledger = new SqlServerLedgerTable(_db.Options, source, runId: 0);
        Dictionary<int, LedgerEntry> found =
            await ledger.FindAsync(_db, connection, null, files, cancellationToken).ConfigureAwait(false);
        foreach ((int at, LedgerEntry entry) in found) entries[at] = entry;
        return entries;
    }
}

/// <summary>How a table is written. The catalogue decides. Immutable.</summary>
/// <param name="Writers">How many batches are written at once.</param>
/// <param name="MergesSideBySide">Whether batches with different keys are merged at the same time. Otherwise merges take turns.</param>
/// <param name="LocksTable">Whether appended rows take a lock of the whole table.</param>
/// <param name="BatchRows">How many rows a batch should have, if they come that fast.</param>
/// <param name="Reasons">The reasons, and what else helps to tune the import. One sentence each.</param>
internal sealed record SqlServerPlan(int Writers, bool MergesSideBySide, bool LocksTable, int BatchRows, IReadOnlyList<string> Reasons)
{
    /// <summary>Fewer rows at once go to the row store of a columnstore first, and are compressed later.</summary>
    public const int CompressedRows = 102_400;

    /// <summary>After how many rows of a bulk copy the server answers.</summary>
    public int RowsAtOnce { get; private init; }

    /// <param name="table">What the catalogue says.</param>
    /// <param name="key">The map's key columns.</param>
    /// <param name="divided">The column that divides the keys among writers, or null.</param>
    /// <param name="options">The options of the sink.</param>
    public static SqlServerPlan For(SqlServerTable table, IReadOnlyCollection<string> key, string? divided, SqlServerSinkOptions options)
    {
        bool columnstore = table.Indexes.Any(i => i.IsColumnstore), clustered = table.Indexes.Any(i => i.IsClustered && !i.IsColumnstore);
        int rows = columnstore ? CompressedRows : 10_000;
        bool locks = options.Append && table.Indexes.Count == 0 && table.Triggers == 0;
        string? turns = options.Append ? null : WhyInTurns(table, key, divided, options);
        int writers = Math.Min(options.Writers, turns is null ? int.MaxValue : columnstore ? 1 : 2);
        string many = writers == 1 ? "1 writer" : $"{writers} writers";
        var reasons = new List<string>
        {
            locks ? $"{many}: the table is a heap without indexes, appended to under bulk update locks of the table, which writers share"
            : options.Append ? $"{many}, appending under row locks: a lock of the table would make them take turns, "
                + $"since it {What(columnstore, clustered, table)}"
            : turns is null ? $"{many}: each merges keys of its own, told apart by {divided}, so that two never meet in a key"
            : writers == 1 ? $"{many}: merges take turns, since {turns}"
            : $"{many}: one stages its batch while the other merges; merges take turns, since {turns}",
            columnstore
                ? $"batches of {CompressedRows:N0} rows: from there on a columnstore compresses them at once; "
                    + $"with small files that takes a larger {OptionName.Of(nameof(PipelineOptions.BytesInFlight))}"
                : $"batches of up to {CompressedRows:N0} rows: each costs some ten round trips, whatever it holds",
        };
        if (table.Triggers > 0)
            reasons.Add(
                $"{(table.Triggers == 1 ? "a trigger" : $"{table.Triggers} triggers")} will fire, "
                + $"{(options.Append ? $"once for up to {rows:N0} rows" : "once a batch")} and not once a row");
        if (!options.Append && options.Procedure is null && !clustered && !columnstore)
            reasons.Add("the table has no clustered index: updates look rows up in the heap");
        int others = table.Indexes.Count(i => !i.IsClustered && !i.IsColumnstore && !i.IsUnique);
        if (others > 0) reasons.Add($"{(others == 1 ? "one more index is" : $"{others} more indexes are")} maintained with every batch");
        return new SqlServerPlan(writers, turns is null && !options.Append, locks, CompressedRows, reasons) { RowsAtOnce = rows };
    }

    /// <summary>Why two merges could wait for each other although their keys differ. Null if they cannot.</summary>
    private static string? WhyInTurns(SqlServerTable table, IReadOnlyCollection<string> key, string? divided, SqlServerSinkOptions options)
    {
        if (options.Procedure is { } procedure) return $"the procedure {procedure} may touch any row";
        if (table.Triggers > 0) return "a trigger may touch any row";
        if (table.Indexes.Any(i => i.IsColumnstore)) return "a columnstore locks many rows at once";
        var keys = key.ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (table.Indexes.FirstOrDefault(i => i.IsUnique && !keys.SetEquals(i.Columns)) is { } other)
            return $"rows of different keys may meet in the unique index {other.Name}";
        return divided is null ? "its collation may take different texts for the same key" : null;
    }

    private static string What(bool columnstore, bool clustered, SqlServerTable table) =>
        columnstore ? "is a columnstore" : clustered ? "has a clustered key" : table.Indexes.Count > 0 ? "has indexes" : "has triggers";
}
