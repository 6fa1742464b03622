namespace Dynamo.Pipeline;

/// <summary>The query for the newest time of a table.</summary>
internal static class SqliteNewest
{
    /// <summary>
    /// SQLite has no loose index scan of its own: from the first series, the next one is sought along the key, and in each the last time.
    /// </summary>
    /// <param name="table">The table.</param>
    /// <param name="key">Its primary key's columns in the key's order.</param>
    /// <param name="time">The column of the time.</param>
    public static string Query(string table, string[] key, string time)
    {
        string from = SqliteSchema.Quote(table), newest = SqliteSchema.Quote(time);
        string[] series = [.. key.TakeWhile(column => !column.Equals(time, StringComparison.OrdinalIgnoreCase)).Select(SqliteSchema.Quote)];
        // Without the time in the key there is nothing to seek along; with it in front, SQLite itself reads one row.
        if (series.Length == key.Length || series.Length == 0) return $"SELECT max({newest}) FROM {from}";

        string columns = string.Join(", ", series), previous = string.Join(", ", series.Select(column => "s." + column));
        string Next(string column) => $"(SELECT {column} FROM {from} WHERE ({columns}) > ({previous}) ORDER BY {columns} LIMIT 1)";
        string same = string.Join(" AND ", series.Select(column => $"{column} = s.{column}"));
        return $"WITH RECURSIVE s({columns}) AS (SELECT * FROM (SELECT {columns} FROM {from} ORDER BY {columns} LIMIT 1) "
            + $"UNION ALL SELECT {string.Join(", ", series.Select(Next))} FROM s WHERE s.{series[0]} IS NOT NULL) "
            + $"SELECT max((SELECT {newest} FROM {from} WHERE {same} ORDER BY {columns}, {newest} DESC LIMIT 1)) FROM s WHERE s.{series[0]} IS NOT NULL";
    }
}
