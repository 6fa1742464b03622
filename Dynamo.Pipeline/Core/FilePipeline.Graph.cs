using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Run;

namespace Dynamo.Pipeline;

public sealed partial class FilePipeline<TRow>
{
    /// <summary>
    /// The whole pipeline: list → chunk → read_file ×N → [your blocks] → (batch → write) ×M → settle → [your blocks after commit].
    /// The only place where blocks are made and linked. Every block is bounded and carries the run's one abort token; a fault in any
    /// of them aborts all.
    /// </summary>
    private Graph Build(PipelineRun run)
    {
        int writers = Math.Min(_options.Writers ?? int.MaxValue, _sink.MaxWriters);
        var budget = new ByteBudget(_options.BytesInFlight);
        var gate = _options.Readers is null ? ReaderGate.For(_source, _options) : null;
        (int readers, int chunks) = _options.Readers is { } count ? (count, (int)Math.Min(2L * count, int.MaxValue)) : (ReaderGate.MostOf(_source), ReaderGate.MostOf(_source));
        var reader = new FileReader<TRow>(_source, _format, run, budget, gate);

        var read = new TransformManyBlock<SourceFile[], FileRows<TRow>>(
            run.Guard<SourceFile[], IEnumerable<FileRows<TRow>>>(reader.ReadAsync), run.Block(parallel: readers, capacity: chunks));
        var through = _through.Select(make => make(run.Block(capacity: _options.FilesPerMessage))).ToArray();
        RowBatcher<TRow>[] batches = [.. Enumerable.Range(0, writers).Select(_ => new RowBatcher<TRow>(run, _options.BatchRows ?? _sink.BatchRows, writers))];
        var afterCommit = _afterCommit.Select(make => make(run.Block(capacity: 1))).ToArray();
        var settle = new ActionBlock<CommittedBatch<TRow>>(
            run.Guard<CommittedBatch<TRow>>(new Completion<TRow>(_source, run, budget, afterCommit).CompleteAsync), run.Block(capacity: 2));
        ActionBlock<FileRows<TRow>[]>[] writes = [.. batches.Select(batch => new ActionBlock<FileRows<TRow>[]>(
            run.Guard<FileRows<TRow>[]>(new BatchWriter<TRow>(_sink, run, batch, settle).WriteAsync), run.Block(capacity: 1)))];

        var complete = new DataflowLinkOptions { PropagateCompletion = true };
        ISourceBlock<FileRows<TRow>> rows = read;
        foreach (IPropagatorBlock<FileRows<TRow>, FileRows<TRow>> block in through)
        {
            rows.LinkTo(block, complete);
            rows = block;
        }
        for (int i = 0; i < writers; i++)
        {
            int lane = i;
            if (writers == 1) rows.LinkTo(batches[lane].Input, complete);
            else rows.LinkTo(batches[lane].Input, complete, file => _sink.LaneOf(file, writers) == lane);
            batches[lane].Output.LinkTo(writes[lane], complete);
        }
        writes.CompleteInto(settle);
        foreach (ITargetBlock<CommittedBatch<TRow>> block in afterCommit)
            settle.CompletesInto(block);

        var lister = new FileLister<TRow>(_sink, run, budget, settle);
        return new Graph(lister, batches, read, run.Watch([read, .. through, .. batches.SelectMany(batch => batch.Blocks), .. writes, settle, .. afterCommit]), () =>
            $"{budget}; waiting: {read.InputCount} chunks to read, {read.OutputCount} files read, {string.Join(", ", batches)}, {writes.Sum(write => write.InputCount)} batches to write, {settle.InputCount} to settle");
    }

    private sealed record Graph(
        FileLister<TRow> Lister, RowBatcher<TRow>[] Batchers, ITargetBlock<SourceFile[]> Read, IReadOnlyList<IDataflowBlock> Blocks, Func<string> Depths) : IDisposable
    {
        public void Dispose() => Array.ForEach(Batchers, batcher => batcher.Dispose());
    }
}
