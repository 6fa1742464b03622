using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Goes along the key from one logger to the next, in each from one series to the next, and in each series back from its newest row: some
/// short queries for each series, and none that reads the whole table.
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
        string rows = $"SELECT TOP ({IDeliveries.MostRows}) {at}, {file} FROM {table} "
            + $"WHERE {string.Join(" AND ", series.Select((column, i) => $"{column} = @k{i}"))} ORDER BY {at} DESC";
        string[] values = [.. series.Select(_ => "")];
        while (await NextAsync(table, series, values, 0).ConfigureAwait(false))
        {
            IReadOnlyList<DateTime> newest = [];
            await foreach (IReadOnlyList<DateTime> one in SeriesAsync(table, series, rows, values, 1, most).ConfigureAwait(false))
                if (newest.Count == 0 || (one.Count > 0 && one[0] > newest[0])) newest = one;
            if (newest.Count > 0) found(values[0], newest, null);
        }
    }

    private async IAsyncEnumerable<IReadOnlyList<DateTime>> SeriesAsync(
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
            await foreach (IReadOnlyList<DateTime> one in SeriesAsync(table, series, rows, values, level + 1, most).ConfigureAwait(false))
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

    private async Task<IReadOnlyList<DateTime>> LastAsync(string rows, string[] values, int most)
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
        return last.Newest;
    }

    private static (string, object?)[] Parameters(string[] values, int count) =>
        [.. values.Take(count).Select((value, i) => ($"@k{i}", (object?)value))];
}
