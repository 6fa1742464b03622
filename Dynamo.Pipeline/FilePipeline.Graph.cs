using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline;

public sealed partial class FilePipeline<TRow>
{
    /// <summary>
    /// The whole pipeline: list → chunk → read_file ×N → [your blocks] → batch → write ×M → settle → [your blocks after commit].
    /// The only place where blocks are made and linked. Every block is bounded and carries the run's one abort token; a fault in any
    /// of them aborts all.
    /// </summary>
    private Graph Build(PipelineRun run)
    {
        int writers = Math.Min(_options.Writers, _sink.MaxWriters);
        var budget = new ByteBudget(_options.BytesInFlight);
        var gate = _options.Readers is null ? ReaderGate.For(_source, _options) : null;
        (int readers, int chunks) = _options.Readers is { } count ? (count, (int)Math.Min(2L * count, int.MaxValue)) : (ReaderGate.MostOf(_source), ReaderGate.MostOf(_source));
        var reader = new FileReader<TRow>(_source, _format, run, budget, gate);

        var read = new TransformManyBlock<SourceFile[], FileRows<TRow>>(
            run.Guard<SourceFile[], IEnumerable<FileRows<TRow>>>(reader.ReadAsync), run.Block(parallel: readers, capacity: chunks));
        var through = _through.Select(make => make(run.Block(capacity: _options.FilesPerMessage))).ToArray();
        var batch = new RowBatcher<TRow>(run, writers);
        var afterCommit = _afterCommit.Select(make => make(run.Block(capacity: 1))).ToArray();
        var settle = new ActionBlock<CommittedBatch<TRow>>(
            run.Guard<CommittedBatch<TRow>>(new Settler<TRow>(_source, run, budget, afterCommit).SettleAsync), run.Block(capacity: 2));
        var write = new ActionBlock<FileRows<TRow>[]>(
            run.Guard<FileRows<TRow>[]>(new BatchWriter<TRow>(_sink, run, batch, settle).WriteAsync), run.Block(parallel: writers, capacity: writers));

        var complete = new DataflowLinkOptions { PropagateCompletion = true };
        ISourceBlock<FileRows<TRow>> rows = read;
        foreach (IPropagatorBlock<FileRows<TRow>, FileRows<TRow>> block in through)
        {
            rows.LinkTo(block, complete);
            rows = block;
        }
        rows.LinkTo(batch.Input, complete);
        batch.Output.LinkTo(write, complete);
        write.CompletesInto(settle);
        foreach (ITargetBlock<CommittedBatch<TRow>> block in afterCommit)
            settle.CompletesInto(block);

        var lister = new FileLister<TRow>(_sink, run, budget, settle);
        return new Graph(lister, batch, read, run.Watch([read, .. through, batch.Input, batch.Output, write, settle, .. afterCommit]), () =>
            $"{budget}; waiting: {read.InputCount} chunks to read, {read.OutputCount} files read, {batch}, {write.InputCount} batches to write, {settle.InputCount} to settle");
    }

    private sealed record Graph(
        FileLister<TRow> Lister, RowBatcher<TRow> Batcher, ITargetBlock<SourceFile[]> Read, IReadOnlyList<IDataflowBlock> Blocks, Func<string> Depths) : IDisposable
    {
        public void Dispose() => Batcher.Dispose();
    }
}
