using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Goes along the key from one logger to the next, in each from one series to the next, and in each series back from its newest row: some
/// short queries for each series, and none that reads the whole table. The server puts the rows of a file together: what comes over the
/// network is a row for each delivery.
/// </summary>
internal sealed class SqlServerDeliveries(SqlServerDb db, SqlConnection connection, CancellationToken cancellation)
{
    public async Task ReadAsync<TRow>(RowMap<TRow> map, int most, DateTime nowUtc, DeliveriesFound found)
    {
        string[] key = [.. map.Columns.Where(column => column.IsKey).Select(column => column.Name)];
        string? time = map.Columns.FirstOrDefault(column => column is { IsKey: true, Kind: ColumnKind.DateTimeUtc })?.Name;
        if (time is null || key[0] == time || db.Options.Procedure is not null) return;
        string table = $"{SqlServerText.Quote(db.Options.Schema)}.{SqlServerText.Quote(map.Name)}", at = SqlServerText.Quote(time);
        List<SqlServerTableColumn> columns =
            await SqlServerTable.ColumnsAsync(db, connection, RunObjects.Of(map.Name, db.Options).Rows, cancellation).ConfigureAwait(false);
        bool hasFiles = SqlServerTarget<TRow>.FileColumnOf(map, new SqlServerTable(columns, [], 0), db.Options) is not null;
        string[] series = [.. key.TakeWhile(name => name != time).Select(SqlServerText.Quote)];
        string file = hasFiles ? SqlServerText.Quote(db.Options.FileColumn) : "NULL";
        // Two files of one time are one delivery, so some more are asked for. Rows that do not know their file are a delivery each.
        string rows = $"SELECT TOP ({2 * most}) MAX(r.At) AS Newest, r.FileNumber FROM (SELECT TOP ({IDeliveries.MostRows}) "
            + $"{at} AS At, {file} AS FileNumber FROM {table} "
            + $"WHERE {string.Join(" AND ", series.Select((column, i) => $"{column} = @k{i}"))} ORDER BY {at} DESC) AS r "
            + "GROUP BY r.FileNumber, CASE WHEN r.FileNumber IS NULL THEN r.At END ORDER BY MAX(r.At) DESC";
        string[] values = [.. series.Select(_ => "")];
        while (await NextAsync(table, series, values, 0).ConfigureAwait(false))
        {
            LastDeliveries? last = null;
            await foreach (LastDeliveries one in SeriesAsync(table, series, rows, values, 1, most).ConfigureAwait(false))
                if (one.Newest.Count > 0 && (last is null || one.Newest[0] > last.Newest[0])) last = one;
            if (last is null) continue;
            found(values[0], last.Newest, last.Newest[0] > nowUtc ? await ImportedAsync(last.Files).ConfigureAwait(false) : null);
        }
    }

    private async IAsyncEnumerable<LastDeliveries> SeriesAsync(
        string table, string[] series, string rows, string[] values, int level, int most)
    {
        if (level == values.Length)
        {
            yield return await LastAsync(rows, values, most).ConfigureAwait(false);
            yield break;
        }
        values[level] = "";
        while (await NextAsync(table, series, values, level).ConfigureAwait(false))
        {
            await foreach (LastDeliveries one in SeriesAsync(table, series, rows, values, level + 1, most).ConfigureAwait(false))
                yield return one;
        }
    }

    private async Task<bool> NextAsync(string table, string[] series, string[] values, int level)
    {
        string same = string.Concat(series.Take(level).Select((column, i) => $"{column} = @k{i} AND "));
        List<string> found = await db.QueryAsync(
            connection, null,
            $"SELECT TOP (1) {series[level]} FROM {table} WHERE {same}{series[level]} > @k{level} ORDER BY {series[level]}",
            row => row.GetString(0), cancellation, Parameters(values, level + 1)).ConfigureAwait(false);
        if (found.Count > 0) values[level] = found[0];
        return found.Count > 0;
    }

    private async Task<LastDeliveries> LastAsync(string rows, string[] values, int most)
    {
        var last = new LastDeliveries(most);
        bool more = true;
        // What is not needed any more is read all the same: a cancelled query would end the session.
        await db.QueryAsync(connection, null, rows, row =>
        {
            more = more && last.Take(
                DateTime.SpecifyKind(row.GetDateTime(0), DateTimeKind.Utc),
                row.IsDBNull(1) ? null : Convert.ToInt64(row.GetValue(1), System.Globalization.CultureInfo.InvariantCulture));
            return more;
        }, cancellation, Parameters(values, values.Length)).ConfigureAwait(false);
        return last;
    }

    private async Task<DateTime?> ImportedAsync(IReadOnlyCollection<long> files)
    {
        if (files.Count == 0) return null;
        List<DateTime?> found = await db.QueryAsync<DateTime?>(
            connection, null,
            $"SELECT MAX(ImportedUtc) FROM {SqlServerText.Quote(db.Options.Schema, db.Options.LedgerTable)} "
            + $"WHERE {SqlServerSchema.LedgerFileColumn} IN ({string.Join(", ", files)})",
            row => row.IsDBNull(0) ? null : LedgerTime.Utc(row.GetDateTime(0)), cancellation).ConfigureAwait(false);
        return found[0];
    }

    private static (string, object?)[] Parameters(string[] values, int count) =>
        [.. values.Take(count).Select((value, i) => ($"@k{i}", (object?)value))];
}
