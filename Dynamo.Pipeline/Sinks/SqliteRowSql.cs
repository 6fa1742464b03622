namespace Dynamo.Pipeline;

/// <summary>
/// The statements of the row path. All number their parameters by the map's columns. <c>OR ABORT</c> and <c>OR FAIL</c> stand
/// above whatever conflict clause a table of the user's has: nothing is replaced or ignored behind our back.
/// </summary>
internal sealed class SqliteRowSql<TRow>
{
    private readonly RowMap<TRow> _map;
    private readonly string _table, _columns;

    public SqliteRowSql(RowMap<TRow> map)
    {
        _map = map;
        _table = SqliteSchema.Quote(map.Name);
        _columns = List(", ", _map.Columns, name => name);
    }

    /// <summary>Stops at the first row that is there already; those before stay, and are its changes.</summary>
    public string InsertBlock(int rows) =>
        $"INSERT OR FAIL INTO {_table} ({_columns}) VALUES {string.Join(',', Enumerable.Repeat($"({string.Join(',', Enumerable.Repeat('?', _map.Columns.Count))})", rows))}";

    /// <summary>Inserts one row, or meets the one with its key (see <see cref="SqliteMeeting"/>) and replaces its values when the policy says so and they differ.</summary>
    public string Upsert(DuplicatePolicy policy)
    {
        RowColumn<TRow>[] keys = [.. _map.Columns.Where(c => c.IsKey)], values = [.. _map.Columns.Where(c => !c.IsKey)];
        bool replaces = policy == DuplicatePolicy.LastWins && values.Length > 0;
        string set = List(", ", replaces ? values : keys, name => $"{name} = excluded.{name}");
        string differs = replaces ? List(" OR ", values, name => $"{_table}.{name} IS NOT excluded.{name}") : "0";
        return $"INSERT OR ABORT INTO {_table} ({_columns}) VALUES ({string.Join(", ", _map.Columns.Select((_, i) => $"?{i + 1}"))}) "
            + $"ON CONFLICT ({List(", ", keys, name => name)}) DO UPDATE SET {set} WHERE {SqliteMeeting.Function}({differs})";
    }

    /// <summary>How many triggers stand between a statement and what it seems to do.</summary>
    public string CountTriggers => $"SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = {SqliteSchema.Literal(_map.Name)} COLLATE NOCASE";

    /// <summary>How many columns of the table's unique keys take different texts for the same one: rows that are put in order might then pass their equals.</summary>
    public string CountCollations => "SELECT count(*) FROM pragma_index_list(" + SqliteSchema.Literal(_map.Name)
        + ") l, pragma_index_xinfo(l.name) c WHERE l.\"unique\" AND c.key AND c.coll <> 'BINARY'";

    private static string List(string between, IEnumerable<RowColumn<TRow>> columns, Func<string, string> write) =>
        string.Join(between, columns.Select(c => write(SqliteSchema.Quote(c.Name))));
}
