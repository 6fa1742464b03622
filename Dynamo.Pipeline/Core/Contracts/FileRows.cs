using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>Changes a row in place, or says why it is to be rejected.</summary>
/// <typeparam name="TRow">The row.</typeparam>
/// <param name="row">The row, to be changed where needed.</param>
/// <returns><see langword="null"/> to keep the row, a defect to reject it (its line is filled in).</returns>
public delegate Defect? RowTransform<TRow>(ref TRow row);

/// <summary>
/// A whole file on its way from the readers to the sink: the message of the pipeline. A file is loaded whole, with its ledger entry, in one
/// transaction, or it is quarantined. Small files hold their rows; a file above the size threshold is <see cref="IsStreamed"/> and yields them
/// while the sink writes. Passed from block to block, used by one at a time.
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class FileRows<TRow>
{
    private readonly RowBatch<TRow> _batch;
    private readonly Func<CancellationToken, IAsyncEnumerable<RowBatch<TRow>>>? _stream;
    private List<RowTransform<TRow>>? _transforms;
    private List<Defect>? _flags;
    private int? _maxBadRows;

    /// <summary>A file that is in memory.</summary>
    /// <param name="file">The file.</param>
    /// <param name="rows">Its rows and rejects.</param>
    public FileRows(SourceFile file, RowBatch<TRow> rows)
    {
        (File, _batch) = (file, rows);
        Count(rows);
    }

    /// <summary>A file that is streamed.</summary>
    /// <param name="file">The file.</param>
    /// <param name="stream">Opens the file anew and yields its rows; called again when the sink tries again.</param>
    public FileRows(SourceFile file, Func<CancellationToken, IAsyncEnumerable<RowBatch<TRow>>> stream) : this(file, new RowBatch<TRow>(0)) =>
        _stream = stream ?? throw new ArgumentNullException(nameof(stream));

    /// <summary>The file.</summary>
    public SourceFile File { get; }

    /// <summary>Whether the rows come while the sink writes: <see cref="Batch"/> is empty then.</summary>
    public bool IsStreamed => _stream is not null;

    /// <summary>The rows of a file in memory, with lines and rejects.</summary>
    public RowBatch<TRow> Batch => _batch;

    /// <summary>Rows and rejects the reader found, before blocks and sink: one side of the books. Of a streamed file: those that came so far.</summary>
    public long RowsRead { get; private set; }

    /// <summary>Readings the reader found to have no value, which were left out and are not in <see cref="RowsRead"/>. Of a streamed file: those that came so far.</summary>
    public long RowsSkipped { get; private set; }

    /// <summary>Rows the reader found doubtful, which are loaded. Of a streamed file: those that came so far.</summary>
    public long RowsFlagged { get; private set; }

    /// <summary>Why the first ten of them are doubtful.</summary>
    public IReadOnlyList<Defect> Flags => _flags ?? (IReadOnlyList<Defect>)[];

    /// <summary>Why the whole file is to be quarantined, or <see langword="null"/> when it is to be loaded.</summary>
    public Defect? Defect { get; private set; }

    /// <summary>Condemns the whole file: none of its rows are loaded, and it goes into quarantine.</summary>
    /// <param name="defect">What is wrong with it.</param>
    public void Quarantine(Defect defect) => Defect ??= defect;

    /// <summary>Changes or rejects rows one by one, now or, for a streamed file, when they come. For use in a block of your own.</summary>
    /// <param name="transform">Gets each row; rows that were rejected before are left out.</param>
    public void Transform(RowTransform<TRow> transform)
    {
        if (IsStreamed)
            (_transforms ??= []).Add(transform);
        else
            Apply(transform, _batch);
    }

    /// <summary>All rows in portions, for a sink. In memory: one portion. Streamed: a portion is valid until the next one is asked for; a
    /// condemned file has none.</summary>
    /// <param name="cancellationToken">Gives up reading.</param>
    /// <returns>The portions.</returns>
    /// <exception cref="BadFileException">A streamed file turns out to be bad, or has too many bad rows: roll back and quarantine it.</exception>
    /// <exception cref="FileChangedException">A streamed file changed while it was read: roll back and defer it.</exception>
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
            first ??= rows.Rejects.Count > 0 ? rows.Rejects[0] : null;
            yield return rows;
            if (rejected > _maxBadRows) break;
        }
        if (_maxBadRows is { } most && BadRows.Verdict(good, rejected, most, first) is { } verdict) throw new BadFileException(verdict);
    }

    /// <summary>Quarantines a file with too many bad rows: one in memory at once, a streamed one when they come.</summary>
    internal void Judge(int maxBadRows)
    {
        _maxBadRows = maxBadRows;
        if (IsStreamed || _batch.Rejects.Count == 0) return;
        if (BadRows.Verdict(_batch.Rows.Count, _batch.Rejects.Count, maxBadRows, _batch.Rejects[0]) is { } verdict) Quarantine(verdict);
    }

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

    /// <summary>The path, the number of rows and the verdict.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{File.Path} ({(IsStreamed ? "streamed" : $"{_batch.Rows.Count} rows")}{(Defect is null ? "" : ", to quarantine")})";
}
