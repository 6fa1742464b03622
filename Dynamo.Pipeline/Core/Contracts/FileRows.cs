using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>Changes a row in place, or returns why to reject it.</summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
/// <param name="row">The row, which the function may change.</param>
/// <returns><see langword="null"/> to keep the row; a defect to reject it. A defect without a line gets that of the row.</returns>
public delegate Defect? RowTransform<TRow>(ref TRow row);

/// <summary>
/// A file with its rows: the message that goes from the readers through the blocks to the sink. A file is either loaded as a whole,
/// with its ledger entry in the same transaction, or quarantined. The rows of a small file are in memory. A larger file is
/// <see cref="IsStreamed"/>: its rows come while the sink writes. Not thread-safe: one block uses it at a time.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public sealed class FileRows<TRow>
{
    private readonly RowBatch<TRow> _batch;
    private readonly Func<CancellationToken, IAsyncEnumerable<RowBatch<TRow>>>? _stream;
    private List<RowTransform<TRow>>? _transforms;
    private List<Defect>? _flags;
    private int? _maxBadRows;

    /// <summary>Creates a file that is in memory.</summary>
    /// <param name="file">The file.</param>
    /// <param name="rows">The rows and rejects of the file.</param>
    public FileRows(SourceFile file, RowBatch<TRow> rows)
    {
        (File, _batch) = (file, rows);
        Count(rows);
    }

    /// <summary>Creates a file that is streamed.</summary>
    /// <param name="file">The file.</param>
    /// <param name="stream">Opens the file and returns its rows. It is called again if the sink tries again.</param>
    /// <exception cref="ArgumentNullException">There is no <paramref name="stream"/>.</exception>
    public FileRows(SourceFile file, Func<CancellationToken, IAsyncEnumerable<RowBatch<TRow>>> stream)
        : this(file, new RowBatch<TRow>(0)) => _stream = stream ?? throw new ArgumentNullException(nameof(stream));

    /// <summary>The file.</summary>
    public SourceFile File { get; }

    /// <summary>Whether the rows come while the sink writes. If so, <see cref="Batch"/> is empty.</summary>
    public bool IsStreamed => _stream is not null;

    /// <summary>The rows of a file in memory, with their lines and the rejects. Empty for a streamed file.</summary>
    public RowBatch<TRow> Batch => _batch;

    /// <summary>
    /// How many rows and rejects the reader found, before blocks and sink changed anything. This is the left side of the books.
    /// For a streamed file, the number so far.
    /// </summary>
    public long RowsRead { get; private set; }

    /// <summary>
    /// How many readings have no value. They are not loaded and not part of <see cref="RowsRead"/>. For a streamed file, the number so far.
    /// </summary>
    public long RowsSkipped { get; private set; }

    /// <summary>How many rows the reader flagged as possibly wrong. They are loaded. For a streamed file, the number so far.</summary>
    public long RowsFlagged { get; private set; }

    /// <summary>Why rows were flagged, for the first ten of them.</summary>
    public IReadOnlyList<Defect> Flags => _flags is null ? [] : HidesText ? [.. _flags.Select(Shown)] : _flags;

    /// <summary>Why the whole file goes into quarantine, or <see langword="null"/> if it is to be loaded.</summary>
    public Defect? Defect { get; private set; }

    /// <summary>
    /// A hash of the file's bytes (XXH64, seed 0), for the ledger to keep: see <see cref="LedgerEntry.ContentHash"/>. Of a streamed file it
    /// is known when its last portion was read; <see langword="null"/> before, and if the format did not read to the end.
    /// </summary>
    public long? ContentHash { get; internal set; }

    /// <summary>
    /// Whether the ledger has an entry of this path, size and time, but of other content. A sink that keeps content hashes replaces that
    /// entry, in the transaction of the rows. Default false.
    /// </summary>
    public bool HasNewContent { get; internal init; }

    /// <summary>The writer that the sink has chosen.</summary>
    internal int? Lane { get; set; }

    /// <summary>The trace of its reading, if somebody traces.</summary>
    internal System.Diagnostics.Activity? Trace { get; init; }

    /// <summary>
    /// Quarantines the whole file: none of its rows are loaded. If it is called again, the first defect stays.
    /// </summary>
    /// <param name="defect">What is wrong with the file.</param>
    public void Quarantine(Defect defect) => Defect ??= Shown(defect);

    /// <summary>
    /// Changes or rejects rows one by one: at once for a file in memory, later for a streamed file, when its rows come.
    /// For use in a block of your own.
    /// </summary>
    /// <param name="transform">Gets each row that was not rejected before.</param>
    /// <exception cref="PipelineException">The function failed on a row in memory. For a streamed file, the run fails later.</exception>
    public void Transform(RowTransform<TRow> transform)
    {
        if (IsStreamed)
            (_transforms ??= []).Add(transform);
        else
            Apply(transform, _batch);
    }

    /// <summary>
    /// Reads all rows in portions, for a sink. A file in memory is one portion. A portion of a streamed file is valid until the next
    /// one is requested. A streamed file with a <see cref="Defect"/> has no portions.
    /// </summary>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <returns>The portions.</returns>
    /// <exception cref="BadFileException">A streamed file is bad or has too many bad rows: roll back and quarantine it.</exception>
    /// <exception cref="FileChangedException">A streamed file changed while it was read: roll back and defer it.</exception>
    /// <exception cref="PipelineException">A function given to <see cref="Transform"/> failed.</exception>
    public async IAsyncEnumerable<RowBatch<TRow>> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_stream is null)
        {
            yield return _batch;
            yield break;
        }
        if (Defect is not null) yield break;
        RowsRead = RowsSkipped = RowsFlagged = 0;
        _flags = null;
        long good = 0, rejected = 0;
        Defect? first = null;
        await foreach (RowBatch<TRow> rows in _stream(cancellationToken).ConfigureAwait(false))
        {
            Count(rows);
            foreach (RowTransform<TRow> transform in _transforms ?? [])
                Apply(transform, rows);
            (good, rejected) = (good + rows.Rows.Count, rejected + rows.Rejects.Count);
            first ??= rows.Rejects.Count > 0 ? Shown(rows.Rejects[0]) : null;
            yield return rows;
            if (rejected > _maxBadRows) break;
        }
        if (_maxBadRows is { } most && BadRows.Verdict(good, rejected, most, first) is { } verdict)
            throw new BadFileException(verdict);
    }

    /// <summary>
    /// Sets the limit of bad rows. A file in memory with too many is quarantined at once. Reading a streamed file fails
    /// when it has too many.
    /// </summary>
    internal void Judge(int maxBadRows)
    {
        _maxBadRows = maxBadRows;
        if (IsStreamed || _batch.Rejects.Count == 0) return;
        if (BadRows.Verdict(_batch.Rows.Count, _batch.Rejects.Count, maxBadRows, Shown(_batch.Rejects[0])) is { } verdict)
            Quarantine(verdict);
    }

    /// <summary>Whether nothing of the file's text is kept with its defects.</summary>
    internal bool HidesText { get; init; }

    /// <summary>A defect of the file as it may be kept.</summary>
    internal Defect Shown(Defect defect) => HidesText ? defect.WithoutText() : defect;

    private void Apply(RowTransform<TRow> transform, RowBatch<TRow> rows)
    {
        try
        {
            rows.Transform(transform);
        }
        catch (Exception error) when (error is not (PipelineException or OperationCanceledException))
        {
            throw new PipelineException($"A transform of rows failed in {File.Path}: {error.Message}", error);
        }
    }

    private void Count(RowBatch<TRow> rows)
    {
        RowsRead += rows.Count;
        RowsSkipped += rows.Skipped;
        RowsFlagged += rows.Flagged;
        if (rows.Flagged > 0 && _flags is null) _flags = [.. rows.Flags];
    }

    /// <summary>The path, the number of rows, and whether the file goes into quarantine.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        string rows = IsStreamed ? "streamed" : $"{_batch.Rows.Count} rows";
        return $"{File.Path} ({rows}{(Defect is null ? "" : ", to quarantine")})";
    }
}
