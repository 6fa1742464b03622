namespace Dynamo.Pipeline;

/// <summary>
/// Rows in the order of their key, rows with the same key in the order they came. A batch holds the readings of many loggers and channels in turns: written as they come,
/// each lands on another page of the table; in order, those of a page come together, and a reading that was delivered twice follows itself. The result of an import does not
/// depend on the order, so it is approximate where that is cheaper: text as UTF-16, and of several key columns that are no text the first or last only.
/// </summary>
internal sealed class SqliteRowOrder<TRow>
{
    private readonly SqliteTextRank<TRow>[] _texts;
    private readonly Func<TRow, long> _first, _last;
    private Place[] _places = [];

    public SqliteRowOrder(RowMap<TRow> map)
    {
        RowColumn<TRow>[] keys = [.. map.Columns.Where(c => c.IsKey)];
        _texts = [.. keys.OfType<RowColumn<TRow, string?>>().Select(c => new SqliteTextRank<TRow>(c.Get))];
        _first = _texts.Length == 0 ? Number(keys[0]) : static _ => 0;
        _last = Number(keys[^1]);
    }

    /// <summary>The rows in the order of their key; valid until the next call.</summary>
    public ReadOnlySpan<Place> ByKey(ReadOnlySpan<PendingRow<TRow>> rows)
    {
        Span<Place> places = Room(rows.Length);
        foreach (SqliteTextRank<TRow> text in _texts)
            text.Rank(rows);
        bool sorted = true;
        for (int i = 0; i < places.Length; i++)
        {
            long group = _first(rows[i].Row);
            foreach (SqliteTextRank<TRow> text in _texts)
                group = unchecked((group * text.Distinct) + text[i]);
            places[i] = new Place(group, _last(rows[i].Row), i);
            sorted &= i == 0 || places[i - 1].CompareTo(places[i]) < 0;
        }
        if (!sorted) places.Sort();
        return places;
    }

    /// <summary>The rows as they came; valid until the next call.</summary>
    public ReadOnlySpan<Place> AsTheyCame(int rows)
    {
        Span<Place> places = Room(rows);
        for (int i = 0; i < places.Length; i++)
            places[i] = new Place(0, 0, i);
        return places;
    }

    private Span<Place> Room(int rows)
    {
        if (_places.Length < rows) _places = new Place[Math.Max(rows, _places.Length * 2)];
        return _places.AsSpan(0, rows);
    }

    private static Func<TRow, long> Number(RowColumn<TRow> column) => column switch
    {
        RowColumn<TRow, long> number => number.Get,
        RowColumn<TRow, DateTime> time => row => time.Get(row).Ticks,
        _ => static _ => 0,
    };

    /// <summary>Where a row belongs.</summary>
    /// <param name="Group">The rank of its text columns together.</param>
    /// <param name="Moment">Its last key column.</param>
    /// <param name="Index">Which row it is: those that came first go first.</param>
    internal readonly record struct Place(long Group, long Moment, int Index) : IComparable<Place>
    {
        public int CompareTo(Place other) =>
            Group != other.Group ? Group.CompareTo(other.Group) : Moment != other.Moment ? Moment.CompareTo(other.Moment) : Index.CompareTo(other.Index);
    }
}
