using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dynamo.Pipeline.Analysis;

/// <summary>What SQLite and SQL Server say differently about the tables of events.</summary>
internal abstract class BurstDialect
{
    /// <summary>The statements that make the two tables if they are missing.</summary>
    public abstract string Create { get; }

    /// <summary>Asks whether the tables are there: one row with a value if they are.</summary>
    public abstract string Exists { get; }

    /// <summary>Opens a connection.</summary>
    public abstract Task<DbConnection> Open(CancellationToken cancellationToken);

    /// <summary>A table, quoted, in its schema.</summary>
    public abstract string Table(string name);

    /// <summary>Quotes the name of a column.</summary>
    public abstract string Quote(string name);

    /// <summary>A time as a parameter.</summary>
    public abstract object Time(DateTime time);

    /// <summary>A time of a column.</summary>
    public abstract DateTime ToTime(object value);

    /// <summary>What an exception of the database becomes.</summary>
    public abstract Exception Fault(DbException error);
}

/// <summary>
/// The tables <c>BurstEvent</c> and <c>BurstState</c> beside that of the readings, by plain SQL that both databases understand. Every
/// call has a connection of its own.
/// </summary>
internal sealed class BurstTables(BurstDialect dialect, RowMap<Reading> readings) : IBurstStore
{
    private const string Columns =
        "OnsetUtc, Size, Uncertainty, IsSudden, FlowConfidence, PressureConfidence, State, ChangedUtc, RepeatOfUtc, Details";

    private static readonly string[] s_columns = Columns.Split(", ");

    private static readonly DateTime s_earliest = new(1900, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private string Table => dialect.Table(readings.Name);

    private string Events => dialect.Table("BurstEvent");

    private string States => dialect.Table("BurstState");

    private string OfSeries => $"FROM {Table} WHERE {Logger} = @l AND {Channel} = @c";

    private string Logger => dialect.Quote(readings.Columns[0].Name);

    private string Channel => dialect.Quote(readings.Columns[1].Name);

    private string At => dialect.Quote(readings.Columns[2].Name);

    private string Value => dialect.Quote(readings.Columns[3].Name);

    public Task PrepareAsync(CancellationToken cancellationToken) => ChangeAsync([new Change(dialect.Create, [])], cancellationToken);

    public async Task<IReadOnlyList<DateTime>> StatesAsync(string area, CancellationToken cancellationToken) =>
        await QueryAsync(
            $"SELECT UntilUtc FROM {States} WHERE Area = @a ORDER BY UntilUtc", [("@a", area)], row => dialect.ToTime(row.GetValue(0)),
            cancellationToken).ConfigureAwait(false);

    public async Task<byte[]?> StateAsync(string area, DateTime untilUtc, CancellationToken cancellationToken)
    {
        List<byte[]?> states = await QueryAsync(
            $"SELECT State FROM {States} WHERE Area = @a AND UntilUtc = @d", Key(area, untilUtc), row => row.GetValue(0) as byte[],
            cancellationToken).ConfigureAwait(false);
        return states.Count == 0 ? null : states[0];
    }

    public async Task<IReadOnlyList<AreaEvent>> EventsAsync(string? area, DateTime afterUtc, CancellationToken cancellationToken)
    {
        List<bool> exists = await QueryAsync(dialect.Exists, [], row => !row.IsDBNull(0), cancellationToken).ConfigureAwait(false);
        return exists is not [true] ? [] : await EventsAsync(
            (area is null ? "" : "Area = @a AND ") + "DetectedUtc > @d", area, afterUtc < s_earliest ? s_earliest : afterUtc,
            cancellationToken).ConfigureAwait(false);
    }

    public Task<IReadOnlyList<AreaEvent>> UntoldAsync(string area, CancellationToken cancellationToken) =>
        EventsAsync("Area = @a AND (Told IS NULL OR Told <> State)", area, s_earliest, cancellationToken);

    public Task ToldAsync(IReadOnlyList<AreaEvent> events, CancellationToken cancellationToken) => ChangeAsync([.. events.Select(told =>
        new Change(
            $"UPDATE {Events} SET Told = @s WHERE Area = @a AND DetectedUtc = @d",
            [.. Key(told.Area, told.Event.Detected), ("@s", told.Event.State.ToString())]))], cancellationToken);

    private async Task<IReadOnlyList<AreaEvent>> EventsAsync(
        string where, string? area, DateTime time, CancellationToken cancellationToken) =>
        await QueryAsync(
            $"SELECT Area, DetectedUtc, {Columns} FROM {Events} WHERE {where} ORDER BY DetectedUtc, Area", Key(area ?? "", time), EventOf,
            cancellationToken).ConfigureAwait(false);

    public async Task ReadAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, Action<int, DateTime, double> found,
        CancellationToken cancellationToken)
    {
        string sql = $"SELECT {At}, {Value} {OfSeries} AND {At} >= @f AND {At} < @b ORDER BY {At}";
        for (int i = 0; i < series.Count; i++)
        {
            int one = i;
            await QueryAsync(sql, Between(series[i], fromUtc, beforeUtc), row =>
            {
                if (!row.IsDBNull(1)) found(one, dialect.ToTime(row.GetValue(0)), row.GetDouble(1));
                return false;
            }, cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task<long> CountAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, CancellationToken cancellationToken)
    {
        long count = 0;
        foreach ((string, string) one in series)
        {
            count += (await QueryAsync(
                $"SELECT count(*) {OfSeries} AND {At} >= @f AND {At} < @b", Between(one, fromUtc, beforeUtc),
                row => Convert.ToInt64(row.GetValue(0), CultureInfo.InvariantCulture), cancellationToken).ConfigureAwait(false))[0];
        }
        return count;
    }

    public async Task<(DateTime Oldest, DateTime Newest)?> SpanAsync(
        IReadOnlyList<(string Logger, string Channel)> series, CancellationToken cancellationToken)
    {
        List<DateTime> ends = [];
        foreach ((string, string) one in series)
        {
            // Each of the two is one look along the key.
            await QueryAsync(
                $"SELECT (SELECT min({At}) {OfSeries}), (SELECT max({At}) {OfSeries})", Between(one, default, default), row =>
                {
                    if (!row.IsDBNull(0)) ends.AddRange([dialect.ToTime(row.GetValue(0)), dialect.ToTime(row.GetValue(1))]);
                    return false;
                }, cancellationToken).ConfigureAwait(false);
        }
        return ends.Count == 0 ? null : (ends.Min(), ends.Max());
    }

    public Task SaveAsync(AreaChange change, CancellationToken cancellationToken) => ChangeAsync(
        [
            .. change.Gone.Select(gone => new Change($"DELETE FROM {Events} WHERE Area = @a AND DetectedUtc = @d", Key(change.Area, gone))),
            .. change.Events.SelectMany(Save),
            .. change.Outdated.Concat(change.States.Select(state => state.UntilUtc)).Select(
                time => new Change($"DELETE FROM {States} WHERE Area = @a AND UntilUtc = @d", Key(change.Area, time))),
            .. change.States.Select(state => new Change(
                $"INSERT INTO {States} (Area, UntilUtc, State) VALUES (@a, @d, @s)",
                [.. Key(change.Area, state.UntilUtc), ("@s", state.State)])),
        ], cancellationToken);

    private Change[] Save(AreaEvent told)
    {
        BurstEvent it = told.Event;
        object[] values =
        [
            dialect.Time(it.Onset), it.Size, it.Uncertainty, it.IsSudden ? 1 : 0, it.FlowConfidence, it.PressureConfidence,
            it.State.ToString(), dialect.Time(it.Changed), it.RepeatOf is { } first ? dialect.Time(first) : DBNull.Value, Details(told),
        ];
        (string, object)[] parameters = [.. Key(told.Area, it.Detected), .. values.Select((value, i) => ($"@v{i}", value))];
        string set = string.Join(", ", s_columns.Select((name, i) => $"{name} = @v{i}"));
        string all = string.Join(", ", s_columns.Select((_, i) => $"@v{i}"));
        const string It = "WHERE Area = @a AND DetectedUtc = @d";
        return
        [
            new Change($"UPDATE {Events} SET {set} {It}", parameters),
            new Change(
                $"INSERT INTO {Events} (Area, DetectedUtc, {Columns}) SELECT @a, @d, {all} WHERE NOT EXISTS (SELECT 1 FROM {Events} {It})",
                parameters),
        ];
    }

    private (string, object)[] Key(string area, DateTime time) => [("@a", area), ("@d", dialect.Time(time))];

    private (string, object)[] Between((string Logger, string Channel) series, DateTime fromUtc, DateTime beforeUtc) =>
        [("@l", series.Logger), ("@c", series.Channel), ("@f", dialect.Time(fromUtc)), ("@b", dialect.Time(beforeUtc))];

    private AreaEvent EventOf(DbDataReader row)
    {
        DateTime Time(int column) => dialect.ToTime(row.GetValue(column));
        JsonNode? details = row.IsDBNull(11) ? null : JsonNode.Parse(row.GetString(11));
        BurstEvent it = new(Time(1), Time(2), row.GetDouble(3))
        {
            Uncertainty = row.GetDouble(4),
            IsSudden = Convert.ToInt32(row.GetValue(5), CultureInfo.InvariantCulture) != 0,
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

    /// <summary>Carries out statements, all or none.</summary>
    private async Task ChangeAsync(Change[] changes, CancellationToken cancellationToken)
    {
        try
        {
            DbConnection db = await dialect.Open(cancellationToken).ConfigureAwait(false);
            await using (db.ConfigureAwait(false))
            {
                DbTransaction transaction = await db.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
                await using (transaction.ConfigureAwait(false))
                {
                    foreach (Change change in changes)
                    {
                        using DbCommand command = Command(db, change.Sql, change.Values);
                        command.Transaction = transaction;
                        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                    }
                    await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (DbException error)
        {
            throw dialect.Fault(error);
        }
    }

    private async Task<List<T>> QueryAsync<T>(
        string sql, (string, object)[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        try
        {
            List<T> found = [];
            DbConnection db = await dialect.Open(cancellationToken).ConfigureAwait(false);
            await using (db.ConfigureAwait(false))
            {
                using DbCommand command = Command(db, sql, values);
                using DbDataReader rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false)) found.Add(read(rows));
            }
            return found;
        }
        catch (DbException error)
        {
            throw dialect.Fault(error);
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

    private sealed class Change(string sql, (string, object)[] values)
    {
        public string Sql => sql;

        public (string Name, object Value)[] Values => values;
    }
}
