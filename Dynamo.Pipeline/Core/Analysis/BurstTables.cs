using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dynamo.Pipeline.Analysis;

/// <summary>What SQLite and SQL Server say differently about the tables of events.</summary>
/// <param name="Open">Opens a connection.</param>
/// <param name="Create">Makes the two tables if they are missing.</param>
/// <param name="Table">A table, quoted, in its schema.</param>
/// <param name="Quote">Quotes the name of a column.</param>
/// <param name="Time">A time as a parameter.</param>
/// <param name="ToTime">A time of a column.</param>
/// <param name="Fault">What an exception of the database becomes.</param>
internal sealed record BurstDialect(
    Func<CancellationToken, Task<DbConnection>> Open, string Create, Func<string, string> Table, Func<string, string> Quote, Func<DateTime,
        object> Time,
    Func<object, DateTime> ToTime, Func<DbException, Exception> Fault);

/// <summary>
/// The tables <c>BurstEvent</c> and <c>BurstState</c> beside that of the readings, by plain SQL that both databases understand. Every
/// call has a connection of its own.
/// </summary>
internal sealed class BurstTables(BurstDialect dialect, RowMap<Reading> readings) : IBurstStore
{
    private const string Columns =
        "OnsetUtc, Size, Uncertainty, IsSudden, FlowConfidence, PressureConfidence, State, ChangedUtc, RepeatOfUtc, Details";

    private static readonly string[] s_columns = Columns.Split(", ");

    private string Table => dialect.Table(readings.Name);

    private string Events => dialect.Table("BurstEvent");

    private string States => dialect.Table("BurstState");

    private string Logger => dialect.Quote(readings.Columns[0].Name);

    private string Channel => dialect.Quote(readings.Columns[1].Name);

    private string At => dialect.Quote(readings.Columns[2].Name);

    private string Value => dialect.Quote(readings.Columns[3].Name);

    public Task PrepareAsync(CancellationToken cancellationToken) => UseAsync(async db =>
    {
        await RunAsync(db, null, dialect.Create, [], cancellationToken).ConfigureAwait(false);
        return 0;
    }, cancellationToken);

    public Task<IReadOnlyList<DateTime>> StatesAsync(string area, CancellationToken cancellationToken) =>
        UseAsync<IReadOnlyList<DateTime>>(async db =>
        {
            List<DateTime> times = [];
            await foreach (DbDataReader row in QueryAsync(
                db, $"SELECT UntilUtc FROM {States} WHERE Area = @a ORDER BY UntilUtc", [("@a", area)],
                    cancellationToken).ConfigureAwait(false))
                times.Add(dialect.ToTime(row.GetValue(0)));
            return times;
        }, cancellationToken);

    public Task<byte[]?> StateAsync(string area, DateTime untilUtc, CancellationToken cancellationToken) => UseAsync(async db =>
    {
        byte[]? state = null;
        await foreach (DbDataReader row in QueryAsync(
            db, $"SELECT State FROM {States} WHERE Area = @a AND UntilUtc = @u", [("@a", area), ("@u", dialect.Time(untilUtc))],
                cancellationToken)
            .ConfigureAwait(false))
            state = row.GetValue(0) as byte[];
        return state;
    }, cancellationToken);

    public Task<IReadOnlyList<AreaEvent>> EventsAsync(string? area, DateTime afterUtc, CancellationToken cancellationToken) =>
        UseAsync<IReadOnlyList<AreaEvent>>(async db =>
        {
            List<AreaEvent> events = [];
            string where = (area is null ? "" : " AND Area = @a") + (afterUtc == DateTime.MinValue ? "" : " AND DetectedUtc > @d");
            (string, object)[] values = [("@a", area ?? ""),
                ("@d", dialect.Time(afterUtc == DateTime.MinValue ? new DateTime(1900, 1, 1) : afterUtc))];
            await foreach (DbDataReader row in QueryAsync(
                db, $"SELECT Area, DetectedUtc, {Columns} FROM {Events} WHERE 1 = 1{where} ORDER BY DetectedUtc, Area", values,
                    cancellationToken)
                .ConfigureAwait(false))
                events.Add(EventOf(row));
            return events;
        }, cancellationToken);

    public Task ReadAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, Action<int, DateTime, double> found,
        CancellationToken cancellationToken) => UseAsync(async db =>
    {
        string sql = $"SELECT {At}, {Value} FROM {Table} WHERE {Logger} = @l AND {Channel} = @c AND {At} >= @f AND {At} < @b ORDER BY {At}";
        for (int i = 0; i < series.Count; i++)
        {
            (string, object)[] values =
                [("@l", series[i].Logger), ("@c", series[i].Channel), ("@f", dialect.Time(fromUtc)), ("@b", dialect.Time(beforeUtc))];
            await foreach (DbDataReader row in QueryAsync(db, sql, values, cancellationToken).ConfigureAwait(false))
                if (!row.IsDBNull(1)) found(i, dialect.ToTime(row.GetValue(0)), row.GetDouble(1));
        }
        return 0;
    }, cancellationToken);

    public Task<long> CountAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, CancellationToken cancellationToken) =>
        UseAsync(async db =>
        {
            long count = 0;
            string sql = $"SELECT count(*) FROM {Table} WHERE {Logger} = @l AND {Channel} = @c AND {At} >= @f AND {At} < @b";
            foreach ((string logger, string channel) in series)
            {
                (string, object)[] values = [("@l", logger), ("@c", channel), ("@f", dialect.Time(fromUtc)),
                    ("@b", dialect.Time(beforeUtc))];
                await foreach (DbDataReader row in QueryAsync(db, sql, values, cancellationToken).ConfigureAwait(false))
                    count += Convert.ToInt64(row.GetValue(0), System.Globalization.CultureInfo.InvariantCulture);
            }
            return count;
        }, cancellationToken);

    public Task<(DateTime Oldest, DateTime Newest)?> SpanAsync(
        IReadOnlyList<(string Logger, string Channel)> series, CancellationToken cancellationToken) => UseAsync(async db =>
    {
        (DateTime Oldest, DateTime Newest)? span = null;
        // Each of the two is one look along the key.
        string of = $"FROM {Table} WHERE {Logger} = @l AND {Channel} = @c";
        foreach ((string logger, string channel) in series)
        {
            await foreach (DbDataReader row in QueryAsync(
                db, $"SELECT (SELECT min({At}) {of}), (SELECT max({At}) {of})", [("@l", logger), ("@c", channel)],
                    cancellationToken).ConfigureAwait(false))
            {
                if (row.IsDBNull(0)) continue;
                (DateTime oldest, DateTime newest) = (dialect.ToTime(row.GetValue(0)), dialect.ToTime(row.GetValue(1)));
                span = span is not { } known ? (oldest, newest)
                    : (oldest < known.Oldest ? oldest : known.Oldest, newest > known.Newest ? newest : known.Newest);
            }
        }
        return span;
    }, cancellationToken);

    public Task<IReadOnlyList<AreaEvent>> SaveAsync(AreaChange change, CancellationToken cancellationToken) =>
        UseAsync<IReadOnlyList<AreaEvent>>(async db =>
        {
            List<AreaEvent> created = [];
            DbTransaction transaction = await db.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                foreach (DateTime gone in change.Gone)
                    await RunAsync(db, transaction, $"DELETE FROM {Events} WHERE Area = @a AND DetectedUtc = @d", Key(change.Area, gone),
                        cancellationToken)
                        .ConfigureAwait(false);
                foreach (AreaEvent told in change.Events)
                    if (await SaveAsync(db, transaction, told, cancellationToken).ConfigureAwait(false)) created.Add(told);
                foreach (DateTime outdated in change.Outdated.Concat(change.States.Select(state => state.UntilUtc)))
                    await RunAsync(db, transaction, $"DELETE FROM {States} WHERE Area = @a AND UntilUtc = @d", Key(change.Area, outdated),
                        cancellationToken)
                        .ConfigureAwait(false);
                foreach ((DateTime untilUtc, byte[] state) in change.States)
                    await RunAsync(
                        db, transaction, $"INSERT INTO {States} (Area, UntilUtc, State) VALUES (@a, @d, @s)",
                        [.. Key(change.Area, untilUtc), ("@s", state)], cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
            return created;
        }, cancellationToken);

    /// <returns>Whether it is new.</returns>
    private async Task<bool> SaveAsync(DbConnection db, DbTransaction transaction, AreaEvent told, CancellationToken cancellationToken)
    {
        BurstEvent it = told.Event;
        object[] values =
        [
            dialect.Time(it.Onset), it.Size, it.Uncertainty, it.IsSudden ? 1
                : 0, it.FlowConfidence, it.PressureConfidence, it.State.ToString(),
            dialect.Time(it.Changed), it.RepeatOf is { } first ? dialect.Time(first) : DBNull.Value, Details(told),
        ];
        (string, object)[] parameters = [.. Key(told.Area, it.Detected), .. values.Select((value, i) => ($"@v{i}", value))];
        string set = string.Join(", ", s_columns.Select((name, i) => $"{name} = @v{i}"));
        if (await RunAsync(db, transaction, $"UPDATE {Events} SET {set} WHERE Area = @a AND DetectedUtc = @d", parameters,
            cancellationToken)
            .ConfigureAwait(false) > 0) return false;
        string names = string.Join(", ", s_columns.Select((_, i) => $"@v{i}"));
        await RunAsync(
            db, transaction, $"INSERT INTO {Events} (Area, DetectedUtc, {Columns}) VALUES (@a, @d, {names})", parameters,
                cancellationToken)
            .ConfigureAwait(false);
        return true;
    }

    private (string, object)[] Key(string area, DateTime time) => [("@a", area), ("@d", dialect.Time(time))];

    private AreaEvent EventOf(DbDataReader row)
    {
        DateTime Time(int column) => dialect.ToTime(row.GetValue(column));
        JsonNode? details = row.IsDBNull(11) ? null : JsonNode.Parse(row.GetString(11));
        BurstEvent it = new(Time(1), Time(2), row.GetDouble(3))
        {
            Uncertainty = row.GetDouble(4),
            IsSudden = Convert.ToInt32(row.GetValue(5), System.Globalization.CultureInfo.InvariantCulture) != 0,
            FlowConfidence = row.GetDouble(6),
            PressureConfidence = row.GetDouble(7),
            State = Enum.TryParse(row.GetString(8), out BurstState state) ? state : BurstState.Suspected,
            Changed = Time(9),
            RepeatOf = row.IsDBNull(10) ? null : Time(10),
            Drops = Numbers(details?["drops"]),
            Sensitivities = Numbers(details?["sensitivities"]),
        };
        RankedPlace[] places = [.. (details?["places"] as JsonArray ?? []).OfType<JsonObject>().Select(place => new RankedPlace(
            new Place((string?)place["name"] ?? "", Number(place["x"]), Number(place["y"])), Number(place["length"]),
                Number(place["probability"])))];
        return new AreaEvent(row.GetString(0), it, places);
    }

    private static double Number(JsonNode? node) => node is null ? double.NaN : (double)node;

    private static double[] Numbers(JsonNode? node) => [.. (node as JsonArray ?? []).Select(Number)];

    /// <summary>A number that is not known is null.</summary>
    private static string Details(AreaEvent told)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            Write("drops", told.Event.Drops);
            Write("sensitivities", told.Event.Sensitivities);
            json.WriteStartArray("places");
            foreach (RankedPlace place in told.Places)
            {
                json.WriteStartObject();
                json.WriteString("name", place.Place.Name);
                json.WriteNumber("x", place.Place.X);
                json.WriteNumber("y", place.Place.Y);
                json.WriteNumber("length", place.Length);
                json.WriteNumber("probability", place.Probability);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();

            void Write(string name, IReadOnlyList<double> values)
            {
                json.WriteStartArray(name);
                foreach (double value in values)
                {
                    if (double.IsFinite(value)) json.WriteNumberValue(value);
                    else json.WriteNullValue();
                }
                json.WriteEndArray();
            }
        }
        return System.Text.Encoding.UTF8.GetString(text.ToArray());
    }

    private async Task<T> UseAsync<T>(Func<DbConnection, Task<T>> use, CancellationToken cancellationToken)
    {
        try
        {
            DbConnection db = await dialect.Open(cancellationToken).ConfigureAwait(false);
            await using (db.ConfigureAwait(false)) return await use(db).ConfigureAwait(false);
        }
        catch (DbException error)
        {
            throw dialect.Fault(error);
        }
    }

    private static async Task<int> RunAsync(
        DbConnection db, DbTransaction? transaction, string sql, (string Name, object Value)[] values, CancellationToken cancellationToken)
    {
        DbCommand command = Command(db, sql, values);
        await using (command.ConfigureAwait(false))
        {
            command.Transaction = transaction;
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static async IAsyncEnumerable<DbDataReader> QueryAsync(
        DbConnection db, string sql, (string Name, object Value)[] values,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        DbCommand command = Command(db, sql, values);
        await using (command.ConfigureAwait(false))
        {
            DbDataReader rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
                while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false)) yield return rows;
        }
    }

    private static DbCommand Command(DbConnection db, string sql, (string Name, object Value)[] values)
    {
        DbCommand command = db.CreateCommand();
#pragma warning disable CA2100 // Names are the options', quoted; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((string name, object value) in values)
        {
            // SQL Server refuses parameters that the statement does not have.
            if (!sql.Contains(name, StringComparison.Ordinal)) continue;
            DbParameter parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            if (value is DateTime) parameter.DbType = System.Data.DbType.DateTime2;
            command.Parameters.Add(parameter);
        }
        return command;
    }
}
