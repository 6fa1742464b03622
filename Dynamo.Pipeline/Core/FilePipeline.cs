using System.Runtime.CompilerServices;
using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Run;

namespace Dynamo.Pipeline;

/// <summary>The door: <c>FilePipeline.From(source).Read(format).WriteTo(sink).RunAsync()</c>.</summary>
public static class FilePipeline
{
    /// <summary>Begins a pipeline at a source of files.</summary>
    /// <param name="source">The source. The caller disposes it after the last run.</param>
    /// <returns>The next step: <see cref="PipelineSource.Read{TRow}"/>.</returns>
    public static PipelineSource From(IFileSource source) => new(source ?? throw new ArgumentNullException(nameof(source)));
}

/// <summary>A pipeline that knows where files come from.</summary>
public sealed class PipelineSource
{
    private readonly IFileSource _source;

    internal PipelineSource(IFileSource source) => _source = source;

    /// <summary>Says how files become rows.</summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="format">The format.</param>
    /// <returns>The next step: <see cref="PipelineRows{TRow}.WriteTo"/>, or blocks of your own before it.</returns>
    public PipelineRows<TRow> Read<TRow>(IFileFormat<TRow> format) => new(_source, format ?? throw new ArgumentNullException(nameof(format)), []);
}

/// <summary>A pipeline that yields files of rows.</summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class PipelineRows<TRow>
{
    private readonly IFileSource _source;
    private readonly IFileFormat<TRow> _format;
    private readonly Func<ExecutionDataflowBlockOptions, IPropagatorBlock<FileRows<TRow>, FileRows<TRow>>>[] _through;

    internal PipelineRows(IFileSource source, IFileFormat<TRow> format, Func<ExecutionDataflowBlockOptions, IPropagatorBlock<FileRows<TRow>, FileRows<TRow>>>[] through) =>
        (_source, _format, _through) = (source, format, through);

    /// <summary>
    /// Sends every file through a block of your own. The block must pass on every file it gets, once; to refuse one, call
    /// <see cref="FileRows{TRow}.Quarantine"/> on it, to change or refuse rows <see cref="FileRows{TRow}.Transform"/>.
    /// </summary>
    /// <param name="block">Makes the block; called once for each run, with the options that bound it and carry the run's cancellation (raise the parallelism as you like).</param>
    /// <returns>The pipeline with the block.</returns>
    public PipelineRows<TRow> Through(Func<ExecutionDataflowBlockOptions, IPropagatorBlock<FileRows<TRow>, FileRows<TRow>>> block) =>
        new(_source, _format, [.. _through, block ?? throw new ArgumentNullException(nameof(block))]);

    /// <summary>
    /// Sends every row through a function of your own, which changes it in place or says why it is to be rejected. Works on files in memory and on streamed ones.
    /// An exception in it ends the run, with an error that names the file.
    /// </summary>
    /// <param name="transform">Gets each row that the reader accepted. One call at a time.</param>
    /// <returns>The pipeline with the function.</returns>
    public PipelineRows<TRow> Transform(RowTransform<TRow> transform)
    {
        ArgumentNullException.ThrowIfNull(transform);
        return Through(options => new TransformBlock<FileRows<TRow>, FileRows<TRow>>(
            file =>
            {
                file.Transform(transform);
                return file;
            },
            options));
    }

    /// <summary>Says where rows go.</summary>
    /// <param name="sink">The sink. The caller disposes it after the last run.</param>
    /// <param name="options">How to run; default <c>new PipelineOptions()</c>.</param>
    /// <returns>The finished pipeline.</returns>
    /// <exception cref="ArgumentException">Options that exclude each other, all of them in one message.</exception>
    public FilePipeline<TRow> WriteTo(IBatchSink<TRow> sink, PipelineOptions? options = null) =>
        new(_source, _format, _through, sink ?? throw new ArgumentNullException(nameof(sink)), options ?? new PipelineOptions(), []);
}

/// <summary>A finished pipeline: run it as often as you like, one run at a time.</summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed partial class FilePipeline<TRow>
{
    private readonly IFileSource _source;
    private readonly IFileFormat<TRow> _format;
    private readonly Func<ExecutionDataflowBlockOptions, IPropagatorBlock<FileRows<TRow>, FileRows<TRow>>>[] _through;
    private readonly IBatchSink<TRow> _sink;
    private readonly PipelineOptions _options;
    private readonly Func<ExecutionDataflowBlockOptions, ITargetBlock<CommittedBatch<TRow>>>[] _afterCommit;

    internal FilePipeline(
        IFileSource source,
        IFileFormat<TRow> format,
        Func<ExecutionDataflowBlockOptions, IPropagatorBlock<FileRows<TRow>, FileRows<TRow>>>[] through,
        IBatchSink<TRow> sink,
        PipelineOptions options,
        Func<ExecutionDataflowBlockOptions, ITargetBlock<CommittedBatch<TRow>>>[] afterCommit)
    {
        (_source, _format, _through, _sink, _options, _afterCommit) = (source, format, through, sink, options, afterCommit);
        if (options.StreamAbove > options.BytesInFlight)
            throw new ArgumentException($"StreamAbove ({options.StreamAbove:N0}) must not exceed BytesInFlight ({options.BytesInFlight:N0}): such a file would never fit.", nameof(options));
    }

    /// <summary>
    /// Links a block after commit: that is where analysis hangs. Every linked block gets every batch that this run commits, and the run waits for all of them.
    /// Best effort: after a crash, a block may not have seen the batches that were committed last; what must see every reading reads the database.
    /// </summary>
    /// <param name="block">Makes the block; called once for each run, with the options that bound it and carry the run's cancellation.</param>
    /// <returns>The pipeline with the block.</returns>
    public FilePipeline<TRow> AfterCommit(Func<ExecutionDataflowBlockOptions, ITargetBlock<CommittedBatch<TRow>>> block) =>
        new(_source, _format, _through, _sink, _options, [.. _afterCommit, block ?? throw new ArgumentNullException(nameof(block))]);

    /// <summary>
    /// Calls a function after each commit, one batch at a time. Best effort, as with <see cref="AfterCommit(Func{ExecutionDataflowBlockOptions, ITargetBlock{CommittedBatch{TRow}}})"/>.
    /// An exception in it ends the run; what is committed stays.
    /// </summary>
    /// <param name="action">Gets each batch.</param>
    /// <returns>The pipeline with the function.</returns>
    public FilePipeline<TRow> AfterCommit(Action<CommittedBatch<TRow>> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        return AfterCommit(options => new ActionBlock<CommittedBatch<TRow>>(action, options));
    }

    /// <inheritdoc cref="AfterCommit(Action{CommittedBatch{TRow}})"/>
    public FilePipeline<TRow> AfterCommit(Func<CommittedBatch<TRow>, Task> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        return AfterCommit(options => new ActionBlock<CommittedBatch<TRow>>(action, options));
    }

    /// <summary>
    /// Imports what the source lists, once, and returns when everything is committed and settled. Cancelling stops the listing, writes what was read, and
    /// returns within <see cref="PipelineOptions.StopDeadline"/> with <see cref="PipelineResult.WasCancelled"/>.
    /// </summary>
    /// <param name="progress">Gets reports from a timer, and a last one at the end.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>The result, its books balanced.</returns>
    /// <exception cref="AlreadyRunningException">Another run holds this source and sink.</exception>
    /// <exception cref="SourceException">The source failed.</exception>
    /// <exception cref="SinkException">The sink failed, after its retries.</exception>
    /// <exception cref="PipelineStalledException">Nothing moved for <see cref="PipelineOptions.StallTimeout"/>.</exception>
    /// <exception cref="BooksDoNotBalanceException">A file or row was lost or counted twice.</exception>
    /// <exception cref="PipelineException">Something else failed: the first original error is inside. <see cref="PipelineException.Result"/> holds the books up to there.</exception>
    public async Task<PipelineResult> RunAsync(IProgress<PipelineProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var run = new PipelineRun(_options, cancellationToken);
        var listing = new StartedListing(_source, run);
        await using ConfiguredAsyncDisposable ending = listing.ConfigureAwait(false);
        try
        {
            await _sink.PrepareAsync(run.Describe(_source.Name), cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return run.Result();
        }
        return await run.RecordAsync(_sink, () => ImportAsync(run, listing, progress)).ConfigureAwait(false);
    }

    private async Task ImportAsync(PipelineRun run, StartedListing listing, IProgress<PipelineProgress>? progress)
    {
        using Graph graph = Build(run);
        using var watchdog = new StallWatchdog(run, graph.Depths);
        using var reporter = new ProgressReporter(run, progress);
        Task list = run.GuardAsync(() => graph.Lister.ListAsync(listing, graph.Read));
        await run.CompletedAsync([list, .. run.Blocks.Select(block => block.Completion)]).ConfigureAwait(false);
    }
}
