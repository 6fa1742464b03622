namespace Dynamo.Pipeline;

/// <summary>The query for the newest time of a table.</summary>
internal static class SqliteNewest
{
    /// <summary>
    /// SQLite has no loose index scan of its own, so column by column of the key the next value is sought, and in each series the last time. (A comparison
    /// of row values would do it in one go, but SQLite seeks with its first column only.)
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
        string levels = string.Join(", ", series.Select((_, level) => Level(from, series, level)));
        return $"WITH RECURSIVE {levels} SELECT max((SELECT max({newest}) FROM {from} WHERE {Same(series, series.Length)})) FROM {Name(series.Length - 1)} AS s WHERE {Last(series, series.Length)}";
    }

    /// <summary>All values of the key's first columns, from those of one column fewer.</summary>
    private static string Level(string from, string[] series, int level)
    {
        string column = series[level], before = string.Concat(series.Take(level).Select(above => $"s.{above}, "));
        string and = level == 0 ? "" : " AND ";
        string first = level == 0
            ? $"SELECT (SELECT min({column}) FROM {from})"
            : $"SELECT {before}(SELECT min({column}) FROM {from} WHERE {Same(series, level)}) FROM {Name(level - 1)} AS s WHERE {Last(series, level)}";
        string next = $"SELECT {before}(SELECT min({column}) FROM {from} WHERE {Same(series, level)}{and}{column} > s.{column}) FROM {Name(level)} AS s WHERE {Last(series, level + 1)}";
        return $"{Name(level)}({string.Join(", ", series.Take(level + 1))}) AS ({first} UNION ALL {next})";
    }

    /// <summary>Behind the last value comes a null.</summary>
    private static string Last(string[] series, int columns) => $"s.{series[columns - 1]} IS NOT NULL";

    private static string Same(string[] series, int columns) => string.Join(" AND ", series.Take(columns).Select(column => $"{column} = s.{column}"));

    private static string Name(int level) => $"\"series {level + 1}\"";
}
