using System.Data.Common;
using System.Globalization;
using Dynamo.Pipeline.Analysis;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Keeps bursts in the database of a <see cref="SqliteSink{TRow}"/>: the tables <c>BurstEvent</c> and <c>BurstState</c>, beside that of the
/// readings. Every call opens the database, and closes it again. Safe for concurrent use.
/// </summary>
public sealed class SqliteBurstStore : IBurstStore
{
    private const string Times = "yyyy-MM-dd HH:mm:ss.FFFFFFF";

    private readonly BurstTables _tables;

    /// <summary>Names the database. Nothing is opened yet.</summary>
    /// <param name="path">The database file, in which the sink has made the table of readings.</param>
    /// <param name="readings">The table of readings; the default one when null.</param>
    /// <param name="options">The sink's options.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    public SqliteBurstStore(string path, RowMap<Reading>? readings = null, SqliteSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var dialect = new Dialect(Path.GetFullPath(path), options ?? new SqliteSinkOptions());
        _tables = new BurstTables(dialect, readings ?? ReadingTable.Default);
    }

    /// <summary>The statements that make the tables.</summary>
    internal const string Schema = """
        CREATE TABLE IF NOT EXISTS BurstEvent (
          Area TEXT NOT NULL,
          DetectedUtc TEXT NOT NULL,
          OnsetUtc TEXT NOT NULL,
          Size REAL NOT NULL,
          Uncertainty REAL NOT NULL,
          IsSudden INTEGER NOT NULL,
          FlowConfidence REAL NOT NULL,
          PressureConfidence REAL NOT NULL,
          State TEXT NOT NULL,
          ChangedUtc TEXT NOT NULL,
          RepeatOfUtc TEXT,
          Told TEXT,
          Details TEXT,
          PRIMARY KEY (Area, DetectedUtc)
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS BurstState (
          Area TEXT NOT NULL,
          UntilUtc TEXT NOT NULL,
          State BLOB NOT NULL,
          PRIMARY KEY (Area, UntilUtc)
        ) WITHOUT ROWID
        """;

    /// <inheritdoc/>
    public Task PrepareAsync(CancellationToken cancellationToken) => _tables.PrepareAsync(cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DateTime>> StatesAsync(string area, CancellationToken cancellationToken) =>
        _tables.StatesAsync(area, cancellationToken);

    /// <inheritdoc/>
    public Task<byte[]?> StateAsync(string area, DateTime untilUtc, CancellationToken cancellationToken) =>
        _tables.StateAsync(area, untilUtc, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<AreaEvent>> EventsAsync(string? area, DateTime afterUtc, CancellationToken cancellationToken) =>
        _tables.EventsAsync(area, afterUtc, cancellationToken);

    /// <inheritdoc/>
    public Task ReadAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, Action<int, DateTime, double> found,
        CancellationToken cancellationToken) => _tables.ReadAsync(series, fromUtc, beforeUtc, found, cancellationToken);

    /// <inheritdoc/>
    public Task<long> CountAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, CancellationToken cancellationToken) =>
        _tables.CountAsync(series, fromUtc, beforeUtc, cancellationToken);

    /// <inheritdoc/>
    public Task<(DateTime Oldest, DateTime Newest)?> SpanAsync(
        IReadOnlyList<(string Logger, string Channel)> series, CancellationToken cancellationToken) =>
            _tables.SpanAsync(series, cancellationToken);

    /// <inheritdoc/>
    public Task SaveAsync(AreaChange change, CancellationToken cancellationToken) => _tables.SaveAsync(change, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<AreaEvent>> UntoldAsync(string area, CancellationToken cancellationToken) =>
        _tables.UntoldAsync(area, cancellationToken);

    /// <inheritdoc/>
    public Task ToldAsync(IReadOnlyList<AreaEvent> events, CancellationToken cancellationToken) =>
        _tables.ToldAsync(events, cancellationToken);

    private sealed class Dialect(string path, SqliteSinkOptions options) : BurstDialect
    {
        private readonly string _connection = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWrite,
            DefaultTimeout = Math.Max(1, (int)options.BusyTimeout.TotalSeconds),
        }.ToString();

        public override string Create => Schema;

        public override string Exists => "SELECT name FROM sqlite_master WHERE name = 'BurstEvent'";

        public override async Task<DbConnection> Open(CancellationToken cancellationToken)
        {
            var db = new SqliteConnection(_connection);
            await db.OpenAsync(cancellationToken).ConfigureAwait(false);
            return db;
        }

        public override string Table(string name) => SqliteSchema.Quote(name);

        public override string Quote(string name) => SqliteSchema.Quote(name);

        public override object Time(DateTime time) => time.ToString(Times, CultureInfo.InvariantCulture);

        public override DateTime ToTime(object value) => DateTime.Parse(
            (string)value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);

        public override Exception Fault(DbException error) => error is SqliteException { SqliteExtendedErrorCode: var code }
            ? SqliteFault.Of(code, error.Message, path, "keeping bursts") : error;
    }
}
