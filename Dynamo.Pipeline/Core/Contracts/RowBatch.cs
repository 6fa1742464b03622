using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>Rows with the lines they come from, and the rows that were rejected. Filled by an <see cref="IRowReader{TRow}"/>. Not thread-safe.</summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class RowBatch<TRow>
{
    private readonly List<TRow> _rows;
    private readonly List<long> _lines;
    private const int KeptFlags = 10;

    private List<Defect>? _rejects;
    private List<Defect>? _flags;

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

    /// <summary>Readings without a value, which were left out: a null is neither a row nor a reject, and it is never stored as 0.</summary>
    public long Skipped { get; private set; }

    /// <summary>How many of the rows are doubtful: they are loaded, and somebody should look.</summary>
    public long Flagged { get; private set; }

    /// <summary>Why the first ten of the flagged rows are doubtful.</summary>
    public IReadOnlyList<Defect> Flags => _flags ?? (IReadOnlyList<Defect>)[];

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

    /// <summary>Counts readings that have no value.</summary>
    /// <param name="readings">How many.</param>
    public void Skip(int readings = 1) => Skipped += readings;

    /// <summary>Counts a row that is added and doubtful.</summary>
    /// <param name="defect">What is doubtful about it, and its line.</param>
    public void Flag(Defect defect)
    {
        Flagged++;
        _flags ??= [];
        if (_flags.Count < KeptFlags) _flags.Add(defect);
    }

    /// <summary>Empties the batch and keeps its room, so that a streamed file needs only one.</summary>
    public void Clear()
    {
        _rows.Clear();
        _lines.Clear();
        _rejects?.Clear();
        _flags?.Clear();
        (Skipped, Flagged) = (0, 0);
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
