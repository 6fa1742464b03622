using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// Collects files into batches by rows, files and time. A <see cref="BatchBlock{T}"/> counts messages and has no clock, so the block before it counts rows
/// and triggers a batch before the file that would overfill it, and a timer triggers one when its first file has waited long enough and a writer is free: while it is
/// busy, waiting longer makes fewer, larger transactions. A streamed file gets a batch of its own.
/// A <see cref="BatchBlock{T}"/> with a capacity of its own triggers asynchronously, so that a batch might take in the file it was to exclude: here a semaphore bounds it
/// to two batches of files, taken by the block before it and given back by the writer. The batches of all lanes together hold about half of the byte budget at most, so that the lister never waits for bytes that wait for the timer.
/// </summary>
internal sealed class RowBatcher<TRow> : IDisposable
{
    private readonly PipelineRun _run;
    private readonly BatchBlock<FileRows<TRow>> _batch;
    private readonly ActionBlock<FileRows<TRow>> _gather;
    private readonly SemaphoreSlim _room;
    private readonly ITimer _timer;
    private readonly int _mostRows, _lanes;
    private long _rows;
    private long _weight;
    private int _files;
    private bool _streamed;
    private int _writing;

    /// <param name="run">The run.</param>
    /// <param name="rows">Rows a batch collects at most.</param>
    /// <param name="lanes">How many of these there are, each with a writer of its own.</param>
    public RowBatcher(PipelineRun run, int rows, int lanes)
    {
        (_run, _mostRows, _lanes) = (run, rows, lanes);
        int files = run.Options.BatchFiles;
        _room = new SemaphoreSlim((int)Math.Min(2L * files, int.MaxValue));
        _batch = new BatchBlock<FileRows<TRow>>(files, new GroupingDataflowBlockOptions { CancellationToken = run.Aborting });
        _gather = new ActionBlock<FileRows<TRow>>(run.Guard<FileRows<TRow>>(GatherAsync), run.Block(capacity: run.Options.FilesPerMessage));
        _gather.CompletesInto(_batch);
        _timer = run.Options.TimeProvider.CreateTimer(_ => TriggerWhenFree(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public ITargetBlock<FileRows<TRow>> Input => _gather;

    public ISourceBlock<FileRows<TRow>[]> Output => _batch;

    public IEnumerable<IDataflowBlock> Blocks => [_gather, _batch];

    /// <summary>The writer took a batch: there is room for as many files.</summary>
    public void Took(int files)
    {
        Interlocked.Increment(ref _writing);
        _room.Release(files);
    }

    /// <summary>The writer is free again.</summary>
    public void Wrote() => Interlocked.Decrement(ref _writing);

    public void Dispose()
    {
        _timer.Dispose();
        _room.Dispose();
    }

    public override string ToString() => $"{_gather.InputCount} files to batch, {_batch.OutputCount} batches ready";

    /// <summary>Runs for one file at a time; what it triggers holds exactly the files it sent before.</summary>
    private async Task GatherAsync(FileRows<TRow> file)
    {
        int rows = file.Batch.Count;
        if (_files > 0 && (_streamed || file.IsStreamed || IsFull(rows))) Trigger();
        await _room.WaitAsync(_run.Aborting).ConfigureAwait(false);
        await _run.SendAsync(_batch, file).ConfigureAwait(false);
        _rows += rows;
        _weight += ByteBudget.Weigh(file.File, _run.Options.StreamAbove);
        _streamed = file.IsStreamed;
        if (_files++ == 0) _timer.Change(_run.Options.BatchWait, _run.Options.BatchWait);
    }

    private bool IsFull(int more)
    {
        PipelineOptions options = _run.Options;
        return _files == options.BatchFiles || _rows + more > _mostRows || _weight > options.BytesInFlight / 2 / _lanes;
    }

    private void TriggerWhenFree()
    {
        if (_batch.OutputCount == 0 && Volatile.Read(ref _writing) == 0) _batch.TriggerBatch();
    }

    private void Trigger()
    {
        _batch.TriggerBatch();
        (_rows, _weight, _files) = (0, 0, 0);
    }
}
