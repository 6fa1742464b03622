using System.Data.Common;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Keeps bursts in the database of a <see cref="SqlServerSink{TRow}"/>: the tables <c>BurstEvent</c> and <c>BurstState</c> in the sink's
/// schema, beside that of the readings. Every call opens a connection. Safe for concurrent use.
/// </summary>
public sealed class SqlServerBurstStore : IBurstStore
{
    private readonly BurstTables _tables;

    /// <summary>Names the database. Nothing is opened yet.</summary>
    /// <param name="connectionString">The connection string, as for <see cref="SqlServerSink{TRow}"/>.</param>
    /// <param name="readings">The table of readings; the default one when null.</param>
    /// <param name="options">The sink's options.</param>
    /// <exception cref="ArgumentException">The connection string cannot be read.</exception>
    public SqlServerBurstStore(string connectionString, RowMap<Reading>? readings = null, SqlServerSinkOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        SqlServerDb db = SqlServerConnectionText.Read(connectionString, options ?? new SqlServerSinkOptions());
        _tables = new BurstTables(new Dialect(db), readings ?? ReadingTable.Default);
    }

    /// <summary>The statements that make the tables.</summary>
    internal static string Schema(SqlServerSinkOptions options)
    {
        string events = SqlServerText.Quote(options.Schema, "BurstEvent"), states = SqlServerText.Quote(options.Schema, "BurstState");
        return $"""
            IF OBJECT_ID(N'{events.Replace("'", "''", StringComparison.Ordinal)}') IS NULL
            CREATE TABLE {events} (
              Area nvarchar(200) COLLATE {SqlServerText.Exact} NOT NULL,
              DetectedUtc datetime2 NOT NULL,
              OnsetUtc datetime2 NOT NULL,
              Size float NOT NULL,
              Uncertainty float NOT NULL,
              IsSudden bit NOT NULL,
              FlowConfidence float NOT NULL,
              PressureConfidence float NOT NULL,
              State varchar(20) NOT NULL,
              ChangedUtc datetime2 NOT NULL,
              RepeatOfUtc datetime2 NULL,
              Told varchar(20) NULL,
              Details nvarchar(max) NULL,
              PRIMARY KEY (Area, DetectedUtc)
            );
            IF OBJECT_ID(N'{states.Replace("'", "''", StringComparison.Ordinal)}') IS NULL
            CREATE TABLE {states} (
              Area nvarchar(200) COLLATE {SqlServerText.Exact} NOT NULL,
              UntilUtc datetime2 NOT NULL,
              State varbinary(max) NOT NULL,
              PRIMARY KEY (Area, UntilUtc)
            )
            """;
    }

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

    private sealed class Dialect(SqlServerDb db) : BurstDialect
    {
        public override string Create => Schema(db.Options);

        public override string Exists => $"SELECT OBJECT_ID({SqlServerText.Literal(Table("BurstEvent"))})";

        public override async Task<DbConnection> Open(CancellationToken cancellationToken) =>
            await db.OpenAsync(lasting: false, cancellationToken).ConfigureAwait(false);

        public override string Table(string name) => SqlServerText.Quote(db.Options.Schema, name);

        public override string Quote(string name) => SqlServerText.Quote(name);

        public override object Time(DateTime time) => time;

        public override DateTime ToTime(object value) => DateTime.SpecifyKind((DateTime)value, DateTimeKind.Utc);

        public override Exception Fault(DbException error) => db.Translated(error, "keeping bursts", CancellationToken.None) ?? error;
    }
}
