using System.Buffers.Binary;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Puts rows into the order of their key, and rows with the same key into the order in which they came. A batch mixes the readings of many
/// loggers and channels. Written as they come, each one lands on another page of the table. In order, the rows of a page come together, and
/// a reading that was delivered twice follows itself. The result of an import does not depend on the order, so it is approximate where that
/// is cheaper: text is compared as UTF-16, and of the key columns that are not text only one counts: a GUID, or else the last.
/// </summary>
internal sealed class SqliteRowOrder<TRow>
{
    private readonly SqliteTextRank<TRow>[] _texts;
    private readonly Func<TRow, long> _number;
    private Place[] _places = [], _grouped = [];
    private int[] _ends = [];

    public SqliteRowOrder(RowMap<TRow> map)
    {
        RowColumn<TRow>[] keys = [.. map.Columns.Where(c => c.IsKey)];
        _texts = [.. keys.OfType<RowColumn<TRow, string?>>().Select(c => new SqliteTextRank<TRow>(c.Get))];
        _number = Number(keys.FirstOrDefault(c => c.Kind == ColumnKind.Guid) ?? keys[^1]);
    }

    /// <summary>The rows in the order of their key; valid until the next call.</summary>
    public ReadOnlySpan<Place> ByKey(ReadOnlySpan<PendingRow<TRow>> rows)
    {
        Span<Place> places = Room(ref _places, rows.Length);
        long groups = 1;
        foreach (SqliteTextRank<TRow> text in _texts)
        {
            text.Rank(rows);
            groups = unchecked(groups * text.Distinct);
        }
        bool sorted = true;
        for (int i = 0; i < places.Length; i++)
        {
            long group = 0;
            foreach (SqliteTextRank<TRow> text in _texts)
                group = unchecked((group * text.Distinct) + text[i]);
            places[i] = new Place(group, _number(rows[i].Row), i);
            sorted &= i == 0 || places[i - 1].CompareTo(places[i]) < 0;
        }
        if (sorted) return places;
        if (groups > 0 && groups <= 4L * rows.Length) return ByGroup(places, (int)groups);
        places.Sort();
        return places;
    }

    /// <summary>
    /// With few loggers and channels, each row goes straight to its group. Within a group, rows are nearly always in the order of time.
    /// </summary>
    private ReadOnlySpan<Place> ByGroup(ReadOnlySpan<Place> places, int groups)
    {
        Span<Place> grouped = Room(ref _grouped, places.Length);
        Span<int> ends = Room(ref _ends, groups);
        ends.Clear();
        foreach (ref readonly Place place in places)
            ends[(int)place.Group]++;
        int start = 0;
        foreach (ref int end in ends)
            (end, start) = (start, start + end);
        foreach (ref readonly Place place in places)
            grouped[ends[(int)place.Group]++] = place;
        start = 0;
        foreach (int end in ends)
        {
            Span<Place> group = grouped[start..end];
            for (int i = 1; i < group.Length; i++)
            {
                if (group[i].CompareTo(group[i - 1]) > 0) continue;
                group.Sort();
                break;
            }
            start = end;
        }
        return grouped;
    }

    /// <summary>The rows as they came; valid until the next call.</summary>
    public ReadOnlySpan<Place> AsTheyCame(int rows)
    {
        Span<Place> places = Room(ref _places, rows);
        for (int i = 0; i < places.Length; i++)
            places[i] = new Place(0, 0, i);
        return places;
    }

    private static Span<T> Room<T>(ref T[] array, int length)
    {
        if (array.Length < length) array = new T[Math.Max(length, array.Length * 2)];
        return array.AsSpan(0, length);
    }

    private static Func<TRow, long> Number(RowColumn<TRow> column) => column switch
    {
        RowColumn<TRow, long> number => number.Get,
        RowColumn<TRow, DateTime> time => row => time.Get(row).Ticks,
        RowColumn<TRow, Guid> id => row => First(id.Get(row)),
        RowColumn<TRow, decimal> number => row => (long)Math.Clamp(number.Get(row), long.MinValue, long.MaxValue),
        _ => static _ => 0,
    };

    /// <summary>The first digits, in the order of their text.</summary>
    private static long First(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = id.TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadInt64BigEndian(bytes) ^ long.MinValue;
    }

    /// <summary>Where a row belongs.</summary>
    /// <param name="Group">The ranks of its text columns together.</param>
    /// <param name="Moment">A GUID of the key, or else its last column; 0 if that is text.</param>
    /// <param name="Index">Its number among the rows: of equal ones, the first goes first.</param>
    internal readonly record struct Place(long Group, long Moment, int Index) : IComparable<Place>
    {
        public int CompareTo(Place other)
        {
            if (Group != other.Group) return Group.CompareTo(other.Group);
            return Moment != other.Moment ? Moment.CompareTo(other.Moment) : Index.CompareTo(other.Index);
        }
    }
}

/// <summary>
/// The rank of each row's text among the different texts of one column. Loggers and channels are few, so ranking them is cheap, and rows
/// are then compared by numbers.
/// </summary>
internal sealed class SqliteTextRank<TRow>(Func<TRow, string?> get)
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];
    private int[] _ranks = [];
    private int[] _rows = [];

    /// <summary>How many different texts there are.</summary>
    public int Distinct => _names.Count;

    /// <summary>The rank of the text of a row.</summary>
    public int this[int row] => _ranks[_rows[row]];

    public void Rank(ReadOnlySpan<PendingRow<TRow>> rows)
    {
        _numbers.Clear();
        _names.Clear();
        if (_rows.Length < rows.Length) _rows = new int[Math.Max(rows.Length, _rows.Length * 2)];
        string? last = null;
        int number = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            string text = get(rows[i].Row) ?? "";
            if (!ReferenceEquals(text, last)) number = NumberOf(last = text);
            _rows[i] = number;
        }
        int[] order = [.. Enumerable.Range(0, _names.Count)];
        Array.Sort(order, (a, b) => string.CompareOrdinal(_names[a], _names[b]));
        if (_ranks.Length < order.Length) _ranks = new int[order.Length];
        for (int rank = 0; rank < order.Length; rank++)
            _ranks[order[rank]] = rank;
    }

    private int NumberOf(string text)
    {
        if (_numbers.TryGetValue(text, out int number)) return number;
        _numbers.Add(text, number = _names.Count);
        _names.Add(text);
        return number;
    }
}
