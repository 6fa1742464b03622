using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>
/// Rows with their line numbers, and the rows that were rejected. An <see cref="IRowReader{TRow}"/> fills it. Not thread-safe.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public sealed class RowBatch<TRow>
{
    private readonly List<TRow> _rows;
    private readonly List<long> _lines;
    private const int KeptFlags = 10;

    private List<Defect>? _rejects;
    private List<Defect>? _flags;

    /// <summary>Creates an empty batch.</summary>
    /// <param name="capacity">How many rows fit before the batch must grow. Default 4.</param>
    public RowBatch(int capacity = 4)
    {
        _rows = new List<TRow>(capacity);
        _lines = new List<long>(capacity);
    }

    /// <summary>The rows in the order of the file.</summary>
    public IReadOnlyList<TRow> Rows => _rows;

    /// <summary>The 1-based line of each row, in the same order as <see cref="Rows"/>.</summary>
    public IReadOnlyList<long> Lines => _lines;

    /// <summary>The rows that were rejected, each with its line.</summary>
    public IReadOnlyList<Defect> Rejects => _rejects ?? (IReadOnlyList<Defect>)[];

    /// <summary>How many rows were read: rows and rejects together.</summary>
    public int Count => _rows.Count + (_rejects?.Count ?? 0);

    /// <summary>The rows, for fast loops. Valid until the batch changes.</summary>
    internal ReadOnlySpan<TRow> RowSpan => CollectionsMarshal.AsSpan(_rows);

    internal ReadOnlySpan<long> LineSpan => CollectionsMarshal.AsSpan(_lines);

    /// <summary>
    /// How many readings had no value. They are not in the batch: a missing value is
    /// neither a row nor a reject, and it is never stored as 0.
    /// </summary>
    public long Skipped { get; private set; }

    /// <summary>How many of the rows may be wrong. They are loaded, and somebody should check them.</summary>
    public long Flagged { get; private set; }

    /// <summary>Why rows were flagged, for the first ten of them.</summary>
    public IReadOnlyList<Defect> Flags => _flags ?? (IReadOnlyList<Defect>)[];

    /// <summary>The entry of an archive that rows and rejects are read from now, for messages; <see langword="null"/>: none.</summary>
    internal string? Entry { get; set; }

    /// <summary>Adds a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="line">The 1-based line of the row.</param>
    public void Add(TRow row, long line)
    {
        _rows.Add(row);
        _lines.Add(line);
    }

    /// <summary>Adds a row that is rejected.</summary>
    /// <param name="defect">What is wrong with the row, and its line.</param>
    public void Reject(Defect defect) => (_rejects ??= []).Add(Entry is null ? defect : defect.Of(Entry));

    /// <summary>Counts readings that have no value.</summary>
    /// <param name="readings">How many readings. Default 1.</param>
    public void Skip(int readings = 1) => Skipped += readings;

    /// <summary>Counts a row that may be wrong. Add the row itself as well.</summary>
    /// <param name="defect">What may be wrong with the row, and its line.</param>
    public void Flag(Defect defect)
    {
        Flagged++;
        _flags ??= [];
        if (_flags.Count < KeptFlags) _flags.Add(Entry is null ? defect : defect.Of(Entry));
    }

    /// <summary>Empties the batch and keeps its memory, so that a streamed file needs only one batch.</summary>
    public void Clear()
    {
        _rows.Clear();
        _lines.Clear();
        _rejects?.Clear();
        _flags?.Clear();
        (Skipped, Flagged) = (0, 0);
    }

    /// <summary>Calls the function for each row, which changes or rejects it.</summary>
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
