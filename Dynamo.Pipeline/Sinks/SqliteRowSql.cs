namespace Dynamo.Pipeline;

/// <summary>
/// The statements of the row path. All number their parameters by the map's columns. <c>OR ABORT</c> and <c>OR FAIL</c> stand
/// above whatever conflict clause a table of the user's has: nothing is replaced or ignored behind our back.
/// </summary>
internal sealed class SqliteRowSql<TRow>
{
    private readonly RowMap<TRow> _map;
    private readonly string _table, _columns, _sameKey;

    public SqliteRowSql(RowMap<TRow> map)
    {
        _map = map;
        _table = SqliteSchema.Quote(map.Name);
        _columns = string.Join(", ", map.Columns.Select(c => SqliteSchema.Quote(c.Name)));
        _sameKey = Compare(" AND ", "=", isKey: true);
    }

    public bool HasValues => _map.Columns.Any(c => !c.IsKey);

    /// <summary>Stops at the first row that is there already; those before stay, and are its changes.</summary>
    public string InsertBlock(int rows) =>
        $"INSERT OR FAIL INTO {_table} ({_columns}) VALUES {string.Join(',', Enumerable.Repeat($"({string.Join(',', Enumerable.Repeat('?', _map.Columns.Count))})", rows))}";

    public string InsertNew => $"INSERT OR ABORT INTO {_table} ({_columns}) VALUES ({string.Join(", ", _map.Columns.Select((_, i) => $"?{i + 1}"))}) "
        + $"ON CONFLICT ({string.Join(", ", _map.Columns.Where(c => c.IsKey).Select(c => SqliteSchema.Quote(c.Name)))}) DO NOTHING";

    /// <summary>Touches the row only when a value differs, so that its count of changes tells updated from unchanged.</summary>
    public string UpdateOther => $"UPDATE OR ABORT {_table} SET {Compare(", ", "=", isKey: false)} WHERE {_sameKey} AND ({Compare(" OR ", " IS NOT ", isKey: false)})";

    public string FindKey => $"SELECT 1 FROM {_table} WHERE {_sameKey}";

    public string FindSame => HasValues ? $"{FindKey} AND {Compare(" AND ", " IS ", isKey: false)}" : FindKey;

    /// <summary>How many triggers stand between a statement and what it seems to do.</summary>
    public string CountTriggers => $"SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = {SqliteSchema.Literal(_map.Name)} COLLATE NOCASE";

    private string Compare(string between, string comparison, bool isKey) => string.Join(between, _map.Columns
        .Select((c, i) => (c.IsKey, Text: $"{SqliteSchema.Quote(c.Name)}{comparison}?{i + 1}"))
        .Where(c => c.IsKey == isKey).Select(c => c.Text));
}
