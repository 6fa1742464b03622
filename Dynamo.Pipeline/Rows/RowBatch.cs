using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>Rows with the lines they come from, and the rows that were rejected. Filled by an <see cref="IRowReader{TRow}"/>. Not thread-safe.</summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class RowBatch<TRow>
{
    private readonly List<TRow> _rows;
    private readonly List<long> _lines;
    private List<Defect>? _rejects;

    /// <summary>Creates an empty batch.</summary>
    /// <param name="capacity">How many rows it has room for before it grows.</param>
    public RowBatch(int capacity = 4)
    {
        _rows = new List<TRow>(capacity);
        _lines = new List<long>(capacity);
    }

    /// <summary>The rows, in the file's order.</summary>
    public IReadOnlyList<TRow> Rows => _rows;

    /// <summary>The 1-based line of each row, in step with <see cref="Rows"/>.</summary>
    public IReadOnlyList<long> Lines => _lines;

    /// <summary>The rows that could not be read, each with its line.</summary>
    public IReadOnlyList<Defect> Rejects => _rejects ?? (IReadOnlyList<Defect>)[];

    /// <summary>Rows and rejects together: what was read.</summary>
    public int Count => _rows.Count + (_rejects?.Count ?? 0);

    /// <summary>The rows for a tight loop; valid until the batch changes.</summary>
    internal ReadOnlySpan<TRow> RowSpan => CollectionsMarshal.AsSpan(_rows);

    internal ReadOnlySpan<long> LineSpan => CollectionsMarshal.AsSpan(_lines);

    /// <summary>Adds a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="line">The 1-based line it comes from.</param>
    public void Add(TRow row, long line)
    {
        _rows.Add(row);
        _lines.Add(line);
    }

    /// <summary>Adds a row that could not be read.</summary>
    /// <param name="defect">What is wrong with it, and its line.</param>
    public void Reject(Defect defect) => (_rejects ??= []).Add(defect);

    /// <summary>Empties the batch and keeps its room, so that a streamed file needs only one.</summary>
    public void Clear()
    {
        _rows.Clear();
        _lines.Clear();
        _rejects?.Clear();
    }

    /// <summary>Replaces each row, or rejects it.</summary>
    internal void Transform(RowTransform<TRow> transform)
    {
        int kept = 0;
        for (int i = 0; i < _rows.Count; i++)
        {
            TRow row = _rows[i];
            if (transform(ref row) is { } defect)
            {
                Reject(defect with { Line = defect.Line ?? _lines[i] });
                continue;
            }
            _rows[kept] = row;
            _lines[kept++] = _lines[i];
        }
        _rows.RemoveRange(kept, _rows.Count - kept);
        _lines.RemoveRange(kept, _lines.Count - kept);
    }
}
