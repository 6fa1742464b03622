using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// Collects files into batches by rows, files and time. A streamed file gets a batch of its own.
/// </summary>
/// <remarks>
/// A <see cref="BatchBlock{T}"/> counts messages and has no clock. So the block before it counts rows and triggers a batch
/// before the file that would overfill it. A timer triggers a batch when its first file has waited long enough and the writer
/// is free; while the writer is busy, waiting longer makes fewer, larger transactions.
/// <para>
/// A <see cref="BatchBlock{T}"/> with a bounded capacity triggers asynchronously, and its batch could contain the file
/// that it should exclude. So it is unbounded here, and a semaphore limits it to two batches of files:
/// the block before it takes, the writer gives back.
/// </para>
/// <para>
/// The batches of all lanes together hold about half of the byte budget at most. Otherwise the lister could wait for bytes
/// that wait for the timer.
/// </para>
/// </remarks>
internal sealed class RowBatcher<TRow> : IDisposable
{
    private readonly PipelineRun _run;
    private readonly Step _step;
    private readonly BatchBlock<FileRows<TRow>> _batch;
    private readonly ActionBlock<FileRows<TRow>> _gather;
#pragma warning disable CA2213 // See Dispose.
    private readonly SemaphoreSlim _room;
#pragma warning restore CA2213
    private readonly ITimer _timer;
    private readonly int _mostRows, _lanes;
    private readonly Lock _gate = new();

    /// <summary>How many files were sent since the last batch was triggered, about.</summary>
    private int _waiting;
    private long _rows;
    private long _weight;
    private int _files;
    private bool _streamed;
    private int _writing;

    /// <param name="run">The run that this is part of.</param>
    /// <param name="rows">The most rows of a batch.</param>
    /// <param name="lanes">How many batchers the run has. Each has its own writer.</param>
    /// <param name="step">The step that all batchers are together.</param>
    public RowBatcher(PipelineRun run, int rows, int lanes, Step step)
    {
        (_run, _mostRows, _lanes, _step) = (run, rows, lanes, step);
        int files = run.Options.BatchFiles;
        _room = new SemaphoreSlim((int)Math.Min(2L * files, int.MaxValue));
        _batch = new BatchBlock<FileRows<TRow>>(files, new GroupingDataflowBlockOptions { CancellationToken = run.Aborting });
        _gather = new ActionBlock<FileRows<TRow>>(
            run.Guard<FileRows<TRow>>(GatherAsync), run.Block(capacity: run.Options.FilesPerMessage));
        _gather.CompletesInto(_batch);
        _timer = run.Options.TimeProvider.CreateTimer(_ => TriggerWhenFree(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public ITargetBlock<FileRows<TRow>> Input => _gather;

    public ISourceBlock<FileRows<TRow>[]> Output => _batch;

    public IEnumerable<IDataflowBlock> Blocks => [_gather, _batch];

    /// <summary>The writer took a batch, so there is room for as many files.</summary>
    public void Took(int files)
    {
        Interlocked.Increment(ref _writing);
        _room.Release(files);
    }

    /// <summary>The writer is free again.</summary>
    public void Wrote() => Interlocked.Decrement(ref _writing);

    /// <summary>Stops the timer. A writer that was given up may still give room back.</summary>
    public void Dispose() => _timer.Dispose();

    /// <summary>How many files wait to be put into a batch.</summary>
    public int Waiting => _gather.InputCount;

    /// <summary>How many batches wait for the writer.</summary>
    public int Ready => _batch.OutputCount;

    /// <summary>Runs for one file at a time. A batch that it triggers contains exactly the files that it sent before.</summary>
    private async Task GatherAsync(FileRows<TRow> file)
    {
        int rows = file.Batch.Count;
        if (_files > 0 && (_streamed || file.IsStreamed || IsFull(rows))) Trigger();
        Task room = _room.WaitAsync(_run.Aborting);
        if (!room.IsCompletedSuccessfully) await ForRoomAsync(room).ConfigureAwait(false);
        await _run.SendAsync(_batch, file).ConfigureAwait(false);
        _rows += rows;
        _weight += ByteBudget.Weigh(file.File, _run.Options.StreamAbove);
        _streamed = file.IsStreamed;
        _files++;
        lock (_gate)
        {
            if (_waiting++ == 0) _timer.Change(_run.Options.BatchWait, _run.Options.BatchWait);
        }
    }

    /// <summary>Waits for the writer. As long as there is room, this step takes no time worth counting.</summary>
    private async Task ForRoomAsync(Task room)
    {
        using Step.Span working = _step.Work(), waiting = _step.Wait();
        await room.ConfigureAwait(false);
    }

    private bool IsFull(int more)
    {
        PipelineOptions options = _run.Options;
        return _files == options.BatchFiles || _rows + more > _mostRows || _weight > options.BytesInFlight / 2 / _lanes;
    }

    /// <summary>The timer looks until nothing waits. Then it rests, so that a watch costs nothing while nothing lands.</summary>
    private void TriggerWhenFree()
    {
        lock (_gate)
        {
            if (_waiting == 0)
            {
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                return;
            }
            if (_batch.OutputCount > 0 || Volatile.Read(ref _writing) > 0) return;
            _waiting = 0;
        }
        _batch.TriggerBatch();
    }

    private void Trigger()
    {
        lock (_gate) _waiting = 0;
        _batch.TriggerBatch();
        (_rows, _weight, _files) = (0, 0, 0);
    }
}
