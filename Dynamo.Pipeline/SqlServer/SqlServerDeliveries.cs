using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Goes back along the key from one logger to the next, in each from one series to the next, and in the series with the newest time back
/// from that. The server goes along the key by itself, many loggers in one batch of statements, each of which is a seek: a round trip for
/// each of them would take minutes. What comes over the network is a row for each delivery. Asked again after an error, it goes on
/// behind the last logger. Used by one thread.
/// </summary>
internal sealed class SqlServerDeliveries(SqlServerDb db, int most, DateTime nowUtc, DeliveriesFound found)
{
    /// <summary>
    /// Short enough for the time-out of a command, and long enough that round trips do not count.
    /// </summary>
    private const int LoggersOfBatch = 1_000;

    private string? _last;

    public async Task<bool> ReadAsync<TRow>(RowMap<TRow> map, SqlConnection connection, CancellationToken cancellationToken)
    {
        string[] key = [.. map.Columns.Where(column => column.IsKey).Select(column => column.Name)];
        string? time = map.Columns.FirstOrDefault(column => column is { IsKey: true, Kind: ColumnKind.DateTimeUtc })?.Name;
        if (time is null || key[0] == time || db.Options.Procedure is not null) return true;
        List<SqlServerTableColumn> columns =
            await SqlServerTable.ColumnsAsync(db, connection, new RunObjects(map.Name, db.Options).Rows, cancellationToken)
                .ConfigureAwait(false);
        bool hasFiles = SqlServerTarget<TRow>.FileColumnOf(map, new SqlServerTable(columns, [], 0), db.Options) is not null;
        var walk = new Walk(
            SqlServerText.Quote(db.Options.Schema, map.Name), [.. key.TakeWhile(name => name != time).Select(Column)], Column(time),
            hasFiles ? SqlServerText.Quote(db.Options.FileColumn) : null,
            SqlServerText.Quote(db.Options.Schema, db.Options.LedgerTable));
        while (await BatchAsync(walk, connection, cancellationToken).ConfigureAwait(false) == LoggersOfBatch)
        {
        }
        return true;

        // Variables of the columns' own types, so that comparing them needs no conversion, which would read the whole table.
        (string, string) Column(string name) => (SqlServerText.Quote(name), columns.FirstOrDefault(
            column => column.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Declared ?? "nvarchar(4000)");
    }

    /// <returns>How many loggers there were.</returns>
    private async Task<int> BatchAsync(Walk walk, SqlConnection connection, CancellationToken cancellationToken)
    {
        int loggers = 0;
        SqlCommand command = db.Command(connection, null, walk.Sql(isFirst: _last is null, most));
        await using (command.ConfigureAwait(false))
        {
            if (_last is not null) command.Parameters.Add("@last", System.Data.SqlDbType.NVarChar, SqlServerText.Longest).Value = _last;
            command.Parameters.Add("@now", System.Data.SqlDbType.DateTime2).Value = nowUtc;
            command.Parameters.AddWithValue("@most", LoggersOfBatch);
            SqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                do
                {
                    if (await LoggerAsync(reader, cancellationToken).ConfigureAwait(false)) loggers++;
                }
                while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false));
            }
        }
        return loggers;
    }

    /// <summary>The deliveries of a logger are a result of their own.</summary>
    private async Task<bool> LoggerAsync(SqlDataReader reader, CancellationToken cancellationToken)
    {
        var last = new LastDeliveries(most);
        string? logger = null, source = null;
        DateTime? imported = null;
        // What is not needed any more is read all the same: a cancelled query would end the session.
        for (bool more = true; await reader.ReadAsync(cancellationToken).ConfigureAwait(false);)
        {
            if (!more) continue;
            logger ??= reader.GetString(0);
            long? file = reader.IsDBNull(2) ? null
                : Convert.ToInt64(reader.GetValue(2), System.Globalization.CultureInfo.InvariantCulture);
            more = last.Take(DateTime.SpecifyKind(reader.GetDateTime(1), DateTimeKind.Utc), file);
            if (!reader.IsDBNull(3) && LedgerTime.Utc(reader.GetDateTime(3)) is var at && !(at <= imported)) imported = at;
            if (!reader.IsDBNull(4)) source ??= reader.GetString(4);
        }
        if (logger is null) return false;
        _last = logger;
        found(new LoggerDeliveries(logger, last.Newest, imported, source));
        return true;
    }

    /// <summary>The batch of statements.</summary>
    private sealed class Walk(
        string table, (string Name, string Type)[] series, (string Name, string Type) time, string? file, string ledger)
    {
        public string Sql(bool isFirst, int most)
        {
            string variables = string.Join(", ", series.Select((column, i) => $"@k{i} {column.Type}, @b{i} {column.Type}"));
            string after = isFirst ? "" : $"DECLARE @after {series[0].Type}; SET @after = @last;";
            string others = string.Concat(Enumerable.Range(1, series.Length - 1).Reverse().Select(level =>
                $"IF @got = 0 {Next(level, $"WHERE {Same("@k", level)} AND {series[level].Name} < @k{level}")};\n"));
            // Of two with one time, the first by its name.
            return $"""
                DECLARE @got int, @loggers int, {variables}, @at {time.Type}, @newest {time.Type}; {after}
                SET @loggers = 0; SET @got = 0; {Next(0, isFirst ? "" : $"WHERE {series[0].Name} < @after")};
                WHILE @got = 1 AND @loggers < @most
                BEGIN
                  {Best};
                  WHILE @got = 1
                  BEGIN
                    SET @got = 0;
                    {others}
                    IF @got = 1 AND @at >= @newest {Best};
                  END;
                  {Deliveries(most)};
                  SET @loggers = @loggers + 1;
                  {Next(0, $"WHERE {series[0].Name} < @k0")};
                END
                """;
        }

        /// <summary>The next series before the current one, and its newest time: one seek.</summary>
        private string Next(int level, string where) =>
            $"SELECT TOP (1) @got = 1, {string.Join(", ", series.Skip(level).Select((one, i) => $"@k{level + i} = {one.Name}"))}, "
            + $"@at = {time.Name} FROM {table} {where} "
            + $"ORDER BY {string.Join(", ", series.Skip(level).Append(time).Select(one => $"{one.Name} DESC"))}";

        /// <summary>The current series is the one with the newest time until now.</summary>
        private string Best => $"SELECT {string.Join(", ", series.Select((_, i) => $"@b{i} = @k{i}"))}, @newest = @at";

        private string Same(string variable, int count) =>
            string.Join(" AND ", series.Take(count).Select((column, i) => $"{column.Name} = {variable}{i}"));

        /// <summary>
        /// Two files of one time are one delivery, so some more are asked for. Rows that do not know their file are a delivery each.
        /// </summary>
        private string Deliveries(int most)
        {
            string of = $"FROM {ledger} AS l WHERE l.{SqlServerSchema.LedgerFileColumn} = q.FileNumber";
            string known = file is null ? "NULL AS Imported, NULL AS Source"
                : $"CASE WHEN @newest > @now THEN (SELECT MAX(l.ImportedUtc) {of}) END AS Imported, "
                    + $"CASE WHEN q.Newest = @newest THEN (SELECT MAX(l.Source) {of}) END AS Source";
            return $"""
                SELECT @b0 AS Logger, q.Newest, q.FileNumber, {known}
                FROM (SELECT TOP ({2 * most}) MAX(r.At) AS Newest, r.FileNumber
                  FROM (SELECT TOP ({IDeliveries.MostRows}) {time.Name} AS At, {file ?? "NULL"} AS FileNumber FROM {table}
                    WHERE {Same("@b", series.Length)} ORDER BY {time.Name} DESC) AS r
                  GROUP BY r.FileNumber, CASE WHEN r.FileNumber IS NULL THEN r.At END ORDER BY MAX(r.At) DESC) AS q
                ORDER BY q.Newest DESC
                """;
        }
    }
}
