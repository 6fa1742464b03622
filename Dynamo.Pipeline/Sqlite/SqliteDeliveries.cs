using System.Globalization;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Goes along the primary key from one logger to the next, in each from one series to the next, and in each series back from its newest
/// row. On a connection of its own; used by one thread.
/// </summary>
internal sealed class SqliteDeliveries(SqliteDb db, SqliteSinkOptions options)
{
    public void Read<TRow>(
        RowMap<TRow> map, int most, DateTime nowUtc, DeliveriesFound found, CancellationToken cancellationToken)
    {
        string[] key = [.. map.Columns.Where(column => column.IsKey).Select(column => column.Name)];
        string? time = map.Columns.FirstOrDefault(column => column is { IsKey: true, Kind: ColumnKind.DateTimeUtc })?.Name;
        if (time is null || key[0] == time) return;
        string table = SqliteSchema.Quote(map.Name), at = SqliteSchema.Quote(time);
        string[] series = [.. key.TakeWhile(name => name != time).Select(SqliteSchema.Quote)];
        bool hasFiles = db.Number(
            "SELECT count(*) FROM pragma_table_info(?) WHERE lower(name) = lower(?)", map.Name, options.FileColumn) > 0;
        string file = hasFiles ? SqliteSchema.Quote(options.FileColumn) : "NULL";
        SqliteStatement[] next = [.. series.Select((column, level) => db.Prepare(
            $"SELECT min({column}) FROM {table} "
            + $"WHERE {string.Concat(series.Take(level).Select(above => $"{above} = ? AND "))}{column} > ?"))];
        using SqliteStatement rows = db.Prepare(
            $"SELECT {at}, {file} FROM {table} WHERE {string.Join(" AND ", series.Select(column => $"{column} = ?"))} ORDER BY {at} DESC");
        using SqliteStatement? entry = hasFiles
            ? db.Prepare($"SELECT ImportedUtc, Source FROM {SqliteSchema.Quote(options.LedgerTable)} WHERE FileId = ?") : null;
        try
        {
            string[] values = [.. series.Select(_ => "")];
            while (Next(next, values, 0))
            {
                cancellationToken.ThrowIfCancellationRequested();
                LastDeliveries? last = null;
                foreach (LastDeliveries one in Series(next, rows, values, 1, most))
                    if (one.Newest.Count > 0 && (last is null || one.Newest[0] > last.Newest[0])) last = one;
                if (last is not null) found(Of(values[0], last, entry, nowUtc));
            }
        }
        finally
        {
            foreach (SqliteStatement statement in next) statement.Dispose();
        }
    }

    private static IEnumerable<LastDeliveries> Series(
        SqliteStatement[] next, SqliteStatement rows, string[] values, int level, int most)
    {
        if (level == values.Length)
        {
            yield return Last(rows, values, most);
            yield break;
        }
        values[level] = "";
        while (Next(next, values, level))
            foreach (LastDeliveries one in Series(next, rows, values, level + 1, most)) yield return one;
    }

    private static bool Next(SqliteStatement[] next, string[] values, int level)
    {
        for (int i = 0; i <= level; i++) next[level].Text(i + 1, values[i]);
        string? found = next[level].Next() ? next[level].Text(0) : null;
        next[level].Reset();
        if (found is not null) values[level] = found;
        return found is not null;
    }

    private static LoggerDeliveries Of(string logger, LastDeliveries last, SqliteStatement? entry, DateTime nowUtc)
    {
        DateTime? imported = null;
        string? source = null;
        if (entry is not null)
        {
            foreach (long file in last.Newest[0] > nowUtc ? last.Files : last.Files.Take(1))
            {
                entry.Int64(1, file);
                if (entry.Next())
                {
                    source ??= entry.Text(1);
                    if (Time(entry) is var time && !(time <= imported)) imported = time;
                }
                entry.Reset();
            }
        }
        return new LoggerDeliveries(logger, last.Newest, last.Newest[0] > nowUtc ? imported : null, source);
    }

    private static LastDeliveries Last(SqliteStatement rows, string[] values, int most)
    {
        var last = new LastDeliveries(most);
        for (int i = 0; i < values.Length; i++) rows.Text(i + 1, values[i]);
        while (rows.Next())
        {
            DateTime time = Time(rows);
            long file = rows.Int64(1);
            if (!last.Take(time, file > 0 ? file : null)) break;
        }
        rows.Reset();
        return last;
    }

    private static DateTime Time(SqliteStatement row) => DateTime.Parse(
        row.Text(0) ?? "", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
}
