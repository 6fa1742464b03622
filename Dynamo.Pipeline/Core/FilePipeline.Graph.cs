using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Run;
using Dynamo.Pipeline.Telemetry;

namespace Dynamo.Pipeline;

public sealed partial class FilePipeline<TRow>
{
    /// <summary>
    /// The whole pipeline: list → chunk → read_file ×N → [your blocks] → (batch → write) ×M → complete → [your blocks after commit].
    /// A dispatcher has hand_out in place of read_file, and what goes on from there is only what no worker can import.
    /// Blocks are created and linked only here. Every block is bounded and gets a token of the run; a fault in one block aborts all
    /// before the commit. Those after it finish what is committed.
    /// </summary>
    private Graph Build(PipelineRun run)
    {
        int writers = Math.Min(_options.Writers ?? int.MaxValue, Faults.Checked(_sink).MaxWriters);
        int readers = Workers?.ChunksInFlight ?? _options.Readers ?? ReaderGate.MostOf(_source);
        int chunks = Workers is not null || _options.Readers is null ? readers : (int)Math.Min(2L * readers, int.MaxValue);
        var budget = new ByteBudget(_options.BytesInFlight);
        ReaderGate? gate = Workers is null && _options.Readers is null ? ReaderGate.For(_source, _options) : null;
        Step reading = run.AddStep(Workers is null ? "read_file" : "hand_out", () => gate?.Limit ?? readers);
        Func<SourceFile[], Task<IEnumerable<FileRows<TRow>>>> reader = Workers is null
            ? new FileReader<TRow>(_source, _format, run, budget, gate, reading).ReadAsync
            : new FileHandOut<TRow>(Workers, _sink, run, budget, Told, reading).ImportAsync;

        var read = new TransformManyBlock<SourceFile[], FileRows<TRow>>(
            run.Guard(reader), run.Block(parallel: readers, capacity: chunks));
        var through = _through
            .Select((make, i) => Faults.Made(() => make(run.Block(capacity: _options.FilesPerMessage)), "Through", i)).ToArray();
        run.AddSteps(through, "through");
        Step batching = run.AddStep("batch", () => writers), writing = run.AddStep("write", () => writers);
        RowBatcher<TRow>[] batches = [.. Enumerable.Range(0, writers)
            .Select(_ => new RowBatcher<TRow>(run, _options.BatchRows ?? _sink.BatchRows, writers, batching))];
        var afterCommit = _afterCommit.Select((make, i) => Faults.Made(() => make(run.BlockAfterCommit(1)), "AfterCommit", i)).ToArray();
        Step completing = run.AddStep("complete");
        run.AddSteps(afterCommit, "after commit");
        var complete = new ActionBlock<CommittedBatch<TRow>>(
            run.Guard<CommittedBatch<TRow>>(new Completion<TRow>(_source, run, budget, afterCommit, Told, completing).CompleteAsync),
            run.BlockAfterCommit(2));
        ActionBlock<FileRows<TRow>[]>[] writes = [.. batches.Select(batch => new ActionBlock<FileRows<TRow>[]>(
            run.Guard<FileRows<TRow>[]>(new BatchWriter<TRow>(_sink, run, batch, complete, writing).WriteAsync), run.Block(capacity: 1)))];

        var propagate = new DataflowLinkOptions { PropagateCompletion = true };
        ISourceBlock<FileRows<TRow>> rows = read;
        foreach (IPropagatorBlock<FileRows<TRow>, FileRows<TRow>> block in through)
        {
            rows.LinkTo(block, propagate);
            rows = block;
        }
        for (int i = 0; i < writers; i++)
        {
            int lane = i;
            if (writers == 1) rows.LinkTo(batches[lane].Input, propagate);
            else rows.LinkTo(batches[lane].Input, propagate, file => run.LaneOf(_sink, file, writers) == lane);
            batches[lane].Output.LinkTo(writes[lane], propagate);
        }
        writes.EndInto(complete);
        foreach (ITargetBlock<CommittedBatch<TRow>> block in afterCommit)
            complete.EndsInto(block);

        reading.Waiting = () => read.InputCount;
        batching.Waiting = () => read.OutputCount + batches.Sum(batch => batch.Waiting);
        writing.Waiting = () => batches.Sum(batch => batch.Ready) + writes.Sum(write => write.InputCount);
        completing.Waiting = () => complete.InputCount;
        run.Watch(ours: [read, .. batches.SelectMany(batch => batch.Blocks), .. writes, complete], through, afterCommit);
        var dispatch = new FileDispatch<TRow>(_source, _sink, run, budget, read, complete, reading);
        return new Graph(dispatch, batches, () => $"{budget}; waiting: {run.Queues()}");
    }

    private sealed class Graph(FileDispatch<TRow> dispatch, RowBatcher<TRow>[] batchers, Func<string> depths) : IDisposable
    {
        public FileDispatch<TRow> Dispatch => dispatch;

        public Func<string> Depths => depths;

        public void Dispose() => Array.ForEach(batchers, batcher => batcher.Dispose());
    }
}
