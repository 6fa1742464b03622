namespace Dynamo.Pipeline;

/// <summary>The rank of each row's text among the different texts of one column: loggers and channels are few, so that rows compare by two numbers.</summary>
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
