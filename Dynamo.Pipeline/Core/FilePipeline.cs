using System.Runtime.CompilerServices;
using System.Threading.Tasks.Dataflow;
using Dynamo.Pipeline.Live;
using Dynamo.Pipeline.Run;

namespace Dynamo.Pipeline;

/// <summary>
/// The door of the library: every pipeline begins here, with <c>FilePipeline.From(source).Read(format).WriteTo(sink).RunAsync()</c>.
/// Thread-safe.
/// </summary>
public static class FilePipeline
{
    /// <summary>Begins a pipeline with a source of files.</summary>
    /// <param name="source">The source. The caller disposes it after the last run.</param>
    /// <returns>The next step: <see cref="PipelineSource.Read{TRow}"/>.</returns>
    /// <exception cref="ArgumentNullException">There is no source.</exception>
    public static PipelineSource From(IFileSource source) => new(source ?? throw new ArgumentNullException(nameof(source)));
}

/// <summary>A pipeline that has a source. Immutable.</summary>
public sealed class PipelineSource
{
    private readonly IFileSource _source;

    internal PipelineSource(IFileSource source) => _source = source;

    /// <summary>Sets the format, which turns files into rows.</summary>
    /// <typeparam name="TRow">The type of a row.</typeparam>
    /// <param name="format">The format. It is shared by all readers and must be thread-safe.</param>
    /// <returns>The next step: <see cref="PipelineRows{TRow}.WriteTo"/>, or your own blocks before it.</returns>
    /// <exception cref="ArgumentNullException">There is no format.</exception>
    public PipelineRows<TRow> Read<TRow>(IFileFormat<TRow> format) =>
        new(_source, format ?? throw new ArgumentNullException(nameof(format)), []);

    /// <summary>
    /// Hands files out instead of reading them: the pipeline lists the source, asks the ledger which files are new, gives these to workers
    /// in chunks of <see cref="PipelineOptions.FilesPerMessage"/>, and counts what they report. It reads a file only to compare it, and
    /// completes at the source only what workers left. A file that no worker can import is entered in the ledger as bad.
    /// </summary>
    /// <typeparam name="TRow">The type of a row, which the workers write.</typeparam>
    /// <param name="workers">Those who import: each of them calls <see cref="FilePipeline{TRow}.WorkAsync"/>.</param>
    /// <param name="ledger">The sink into whose ledger the workers write. It writes no rows here.</param>
    /// <param name="options">How to run. Default <c>new PipelineOptions()</c>.</param>
    /// <returns>The finished pipeline.</returns>
    /// <exception cref="ArgumentNullException">There are no workers, or there is no ledger.</exception>
    /// <exception cref="ArgumentException">Two options exclude each other.</exception>
    public FilePipeline<TRow> HandOut<TRow>(IFileWorkers workers, IBatchSink<TRow> ledger, PipelineOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(workers);
        ArgumentNullException.ThrowIfNull(ledger);
        return new FilePipeline<TRow>(
            _source, new NoFormat<TRow>(), [], ledger, options ?? new PipelineOptions(), []) { Workers = workers };
    }

    /// <summary>What a pipeline has that reads no file.</summary>
    private sealed class NoFormat<TRow> : IFileFormat<TRow>
    {
        public IRowReader<TRow> Open(SourceFile file, FileContent content) => throw new NotSupportedException();
    }
}

/// <summary>A pipeline that has a source and a format. Immutable: each step returns a new pipeline.</summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public sealed class PipelineRows<TRow>
{
    private readonly IFileSource _source;
    private readonly IFileFormat<TRow> _format;
    private readonly Func<ExecutionDataflowBlockOptions, IPropagatorBlock<FileRows<TRow>, FileRows<TRow>>>[] _through;

    internal PipelineRows(
        IFileSource source,
        IFileFormat<TRow> format,
        Func<ExecutionDataflowBlockOptions, IPropagatorBlock<FileRows<TRow>, FileRows<TRow>>>[] through) =>
        (_source, _format, _through) = (source, format, through);

    /// <summary>
    /// Sends every file through your own block. The block must pass on every file exactly once. To refuse a file, call its
    /// <see cref="FileRows{TRow}.Quarantine"/>; to change or reject rows, call its <see cref="FileRows{TRow}.Transform"/>.
    /// </summary>
    /// <param name="block">
    /// Creates the block. It is called once per run. Give the options to the block, because they limit its queue and have the run's
    /// cancellation; you may raise the parallelism in them.
    /// </param>
    /// <returns>The pipeline with the block.</returns>
    /// <exception cref="ArgumentNullException">There is no <paramref name="block"/>.</exception>
    public PipelineRows<TRow> Through(Func<ExecutionDataflowBlockOptions, IPropagatorBlock<FileRows<TRow>, FileRows<TRow>>> block) =>
        new(_source, _format, [.. _through, block ?? throw new ArgumentNullException(nameof(block))]);

    /// <summary>
    /// Calls your own function for every row. It changes the row in place, or returns why to reject it. It works for files in memory
    /// and for streamed files. An exception in it ends the run, with an error that names the file.
    /// </summary>
    /// <param name="transform">
    /// Gets each row that was not rejected before. For files in memory there is one call at a time. For streamed files the writers
    /// call it, so that several calls are possible at once.
    /// </param>
    /// <returns>The pipeline with the function.</returns>
    /// <exception cref="ArgumentNullException">There is no function.</exception>
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

    /// <summary>Sets the sink, which stores the rows.</summary>
    /// <param name="sink">The sink. The caller disposes it after the last run.</param>
    /// <param name="options">How to run. Default <c>new PipelineOptions()</c>.</param>
    /// <returns>The finished pipeline.</returns>
    /// <exception cref="ArgumentNullException">There is no sink.</exception>
    /// <exception cref="ArgumentException">Two options exclude each other.</exception>
    public FilePipeline<TRow> WriteTo(IBatchSink<TRow> sink, PipelineOptions? options = null) =>
        new(_source, _format, _through, sink ?? throw new ArgumentNullException(nameof(sink)), options ?? new PipelineOptions(), []);
}

/// <summary>A finished pipeline. Run it as often as you like, but only one run at a time. Immutable.</summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
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
        {
            throw new ArgumentException(
                $"{OptionName.Of(nameof(PipelineOptions.StreamAbove))} ({options.StreamAbove:N0}) must not exceed "
                + $"{OptionName.Of(nameof(PipelineOptions.BytesInFlight))} ({options.BytesInFlight:N0}): "
                + "such a file would never fit.",
                nameof(options));
        }
    }

    /// <summary>
    /// Links your own block after the commit, such as an analysis. Every linked block gets every batch that this run commits,
    /// and the run waits for all blocks. That holds also for a run that fails or is stopped, as long as the blocks keep up: it waits for
    /// them until <see cref="PipelineOptions.StopDeadline"/>. A block that fails gets no more batches.
    /// </summary>
    /// <param name="block">
    /// Creates the block. It is called once per run. Give the options to the block, because they limit its queue and have the run's
    /// cancellation.
    /// </param>
    /// <param name="delivery">What a crash leaves out.</param>
    /// <returns>The pipeline with the block.</returns>
    /// <exception cref="ArgumentNullException">There is no <paramref name="block"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The <paramref name="delivery"/> is none of the enumeration.</exception>
    public FilePipeline<TRow> AfterCommit(
        Func<ExecutionDataflowBlockOptions, ITargetBlock<CommittedBatch<TRow>>> block, Delivery delivery = Delivery.BestEffort)
    {
        ArgumentNullException.ThrowIfNull(block);
        ArgumentOutOfRangeException.ThrowIfNotEqual(delivery, Delivery.BestEffort);
        return new(_source, _format, _through, _sink, _options, [.. _afterCommit, block]) { Told = Told, Workers = Workers };
    }

    /// <summary>
    /// Gets each batch in the step that completes it, which waits for it: for something quick that never fails. A block would hold the rows
    /// until a thread is free, and the garbage collector would copy them meanwhile.
    /// </summary>
    internal Action<CommittedBatch<TRow>>? Told { get; init; }

    /// <summary>Who imports the files; <see langword="null"/>: this pipeline does.</summary>
    internal IFileWorkers? Workers { get; init; }

    /// <summary>The pipeline, which tells of its batches.</summary>
    internal FilePipeline<TRow> Telling(Action<CommittedBatch<TRow>> told) =>
        new(_source, _format, _through, _sink, _options, _afterCommit) { Told = told, Workers = Workers };

    /// <summary>
    /// Calls your own function after each commit, for one batch at a time. An exception in it ends the run; what is committed stays.
    /// </summary>
    /// <param name="action">Gets each batch.</param>
    /// <param name="delivery">What a crash leaves out.</param>
    /// <returns>The pipeline with the function.</returns>
    /// <exception cref="ArgumentNullException">There is no function.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The <paramref name="delivery"/> is none of the enumeration.</exception>
    public FilePipeline<TRow> AfterCommit(Action<CommittedBatch<TRow>> action, Delivery delivery = Delivery.BestEffort)
    {
        ArgumentNullException.ThrowIfNull(action);
        return AfterCommit(options => new ActionBlock<CommittedBatch<TRow>>(action, options), delivery);
    }

    /// <inheritdoc cref="AfterCommit(Action{CommittedBatch{TRow}}, Delivery)"/>
    public FilePipeline<TRow> AfterCommit(Func<CommittedBatch<TRow>, Task> action, Delivery delivery = Delivery.BestEffort)
    {
        ArgumentNullException.ThrowIfNull(action);
        return AfterCommit(options => new ActionBlock<CommittedBatch<TRow>>(action, options), delivery);
    }

    /// <summary>
    /// Imports the files that the source lists, once. It returns when all rows are committed and all files are completed at the source.
    /// If it is cancelled, it stops listing, writes what was read, and returns within <see cref="PipelineOptions.StopDeadline"/>
    /// with <see cref="PipelineResult.WasCancelled"/>. After an error it throws within that time. That holds also if the source, the
    /// sink, a block or the progress ignores its cancellation: it is left alone.
    /// </summary>
    /// <param name="progress">
    /// Gets reports from a timer, and a last one at the end, on threads of the pool. Default: no reports. A report that throws, or
    /// that does not return at the end, ends the run with an error.
    /// </param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>The result. Its books balance, unless the run was cancelled.</returns>
    /// <exception cref="AlreadyRunningException">Another run holds this source and sink.</exception>
    /// <exception cref="SourceException">The source failed.</exception>
    /// <exception cref="SinkException">The sink failed, also when it was tried again.</exception>
    /// <exception cref="PipelineStalledException">Nothing moved for <see cref="PipelineOptions.StallTimeout"/>.</exception>
    /// <exception cref="BooksDoNotBalanceException">A file or row was lost or counted twice.</exception>
    /// <exception cref="PipelineException">
    /// Something else failed. The inner exception is the first original error, and <see cref="PipelineException.Result"/> has
    /// the books up to that moment.
    /// </exception>
    public async Task<PipelineResult> RunAsync(IProgress<PipelineProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var run = new PipelineRun(_options, cancellationToken);
        using var watchdog = new StallWatchdog(run, _source.LongestWait);
        var listing = new StartedListing(_source, run);
        await using ConfiguredAsyncDisposable ending = listing.ConfigureAwait(false);
        if (!await run.PrepareAsync(_sink, _source).ConfigureAwait(false)) return run.Result();
        return await run.RecordAsync(_sink, _source.Name, () => ImportAsync(run, listing, progress)).ConfigureAwait(false);
    }

    /// <summary>
    /// Imports what the source has and what lands there, until it is stopped: one run, with one row in the run table, whose books are
    /// brought up to date with the commits. Files that changed a short while ago come before the backlog. When the source or the sink
    /// fails, also at the beginning, it is tried again until it works; nothing is lost, and no more is kept in memory meanwhile. A batch is
    /// written again for as long as it takes, whatever <see cref="PipelineOptions.RetryFor"/> says. A file that cannot be read now is tried
    /// again with the next look at the whole source.
    /// </summary>
    /// <param name="watch">How to look for files. Default <c>new WatchOptions()</c>.</param>
    /// <param name="events">
    /// Gets what happens, in order and one at a time, on threads of the pool. Default: nobody is told. If it throws, the watch ends with an
    /// error.
    /// </param>
    /// <param name="progress">As for <see cref="RunAsync"/>.</param>
    /// <param name="cancellationToken">Stops the watch: what was read is written, within <see
    /// cref="PipelineOptions.StopDeadline"/>.</param>
    /// <returns>
    /// The result since the beginning. Its <see cref="PipelineResult.WasCancelled"/> tells whether something was read and not written when
    /// the deadline came, such as in an outage; the next watch or run imports it.
    /// </returns>
    /// <exception cref="AlreadyRunningException">Another run holds this source and sink.</exception>
    /// <exception cref="SinkException">The sink's tables do not fit, or it denies the login: what only other settings can mend.</exception>
    /// <exception cref="PipelineStalledException">Nothing moved for <see cref="PipelineOptions.StallTimeout"/> although files
    /// wait.</exception>
    /// <exception cref="PipelineException">A block or a format failed, or one of the progresses.</exception>
    public Task<PipelineResult> WatchAsync(
        WatchOptions? watch = null,
        IProgress<WatchEvent>? events = null,
        IProgress<PipelineProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        watch ??= new WatchOptions();
        return LiveAsync(
            (run, live) => SweepAsync(run, live, watch, progress), isWorker: false, watch.LongestPause, events, cancellationToken);
    }

    /// <summary>
    /// Imports chunks of files that somebody else has listed, such as <see cref="PipelineSource.HandOut"/> in another process, until there
    /// are no more or it is stopped. Like <see cref="WatchAsync"/> it goes on after outages of source and sink. Several workers may import
    /// files of one source into one sink at the same time, if the sink allows it; what comes to two of them, the ledger decides.
    /// </summary>
    /// <param name="chunks">
    /// The chunks. The next one is asked for when the files of the one before are taken; how many are under way is limited by
    /// <see cref="PipelineOptions.BytesInFlight"/>, and by whoever hands them out. An exception in it ends the worker.
    /// </param>
    /// <param name="events">As for <see cref="WatchAsync"/>. There are no waves.</param>
    /// <param name="progress">As for <see cref="RunAsync"/>.</param>
    /// <param name="cancellationToken">
    /// Stops the worker: what it took is imported, within <see cref="PipelineOptions.StopDeadline"/>. A chunk whose
    /// <see cref="FileChunk.ImportedAsync"/> is not called then belongs to somebody else.
    /// </param>
    /// <returns>The result since the beginning.</returns>
    /// <exception cref="ArgumentNullException">There are no chunks.</exception>
    /// <exception cref="SinkException">As for <see cref="WatchAsync"/>.</exception>
    /// <exception cref="PipelineStalledException">As for <see cref="WatchAsync"/>.</exception>
    /// <exception cref="PipelineException">A block, the format or a chunk failed, or one of the progresses.</exception>
    public Task<PipelineResult> WorkAsync(
        IAsyncEnumerable<FileChunk> chunks,
        IProgress<WatchEvent>? events = null,
        IProgress<PipelineProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chunks);
        return LiveAsync(
            (run, live) => ImportAsync(run, live, chunks, progress), isWorker: true, new WatchOptions().LongestPause, events,
            cancellationToken);
    }

    private async Task<PipelineResult> LiveAsync(
        Func<PipelineRun, LiveRun, Task> import, bool isWorker, TimeSpan longestPause, IProgress<WatchEvent>? events,
        CancellationToken cancellationToken)
    {
        PipelineOptions options = _options with { RetryFor = Timeout.InfiniteTimeSpan, WriteRetries = null };
        using var live = new LiveRun(_source, _sink.Name, options) { Sweeps = !isWorker };
        using var run = new PipelineRun(options, cancellationToken) { Watcher = live, LongestPause = longestPause, IsWorker = isWorker };
        using var watchdog = new StallWatchdog(run, _source.LongestWait);
        Task telling = live.TellAsync(run, events);
        try
        {
            if (!await live.PrepareAsync(run, () => run.PrepareAsync(_sink, _source)).ConfigureAwait(false)) return run.Result();
            return await run.RecordAsync(_sink, _source.Name, () => import(run, live)).ConfigureAwait(false);
        }
        finally
        {
            live.EndEvents();
            Task deadline = Task.Delay(options.StopDeadline, options.TimeProvider, CancellationToken.None);
            await Task.WhenAny(telling, deadline).ConfigureAwait(false);
        }
    }

    private async Task ImportAsync(PipelineRun run, StartedListing listing, IProgress<PipelineProgress>? progress)
    {
        using Graph graph = Build(run);
        await ThroughAsync(run, graph, progress, () => new FileLister<TRow>(run, graph.Dispatch).ListAsync(listing)).ConfigureAwait(false);
        if (!run.Stopping.IsCancellationRequested) run.Unreadable.Check(_source);
    }

    private async Task SweepAsync(PipelineRun run, LiveRun live, WatchOptions options, IProgress<PipelineProgress>? progress)
    {
        using Graph graph = Build(run);
        var lister = new LiveLister<TRow>(_source, run, live, graph.Dispatch, options);
        var books = new LiveBooks<TRow>(_sink, run, live);
        await using (books.ConfigureAwait(false))
            await ThroughAsync(run, graph, progress, () => lister.ListAsync(_sink.Name)).ConfigureAwait(false);
        lister.EndWave(atOnce: true);
    }

    private async Task ImportAsync(PipelineRun run, LiveRun live, IAsyncEnumerable<FileChunk> chunks, IProgress<PipelineProgress>? progress)
    {
        using Graph graph = Build(run);
        var lister = new ChunkLister<TRow>(chunks, run, live, graph.Dispatch);
        Task telling = run.GuardAsync(lister.TellAsync);
        var books = new LiveBooks<TRow>(_sink, run, live);
        await using (books.ConfigureAwait(false))
        {
            try
            {
                await ThroughAsync(run, graph, progress, () => lister.ListAsync(_source.Name, _sink.Name)).ConfigureAwait(false);
            }
            finally
            {
                lister.NoMore();
            }
            await Task.WhenAny(telling, run.HasLeft).ConfigureAwait(false);
        }
        run.ThrowIfFailed();
    }

    /// <summary>Lists, and waits until all that was listed is through the graph.</summary>
    private static async Task ThroughAsync(PipelineRun run, Graph graph, IProgress<PipelineProgress>? progress, Func<Task> listing)
    {
        run.Doing = graph.Depths;
        var reporter = new ProgressReporter(run, progress);
        await using (reporter.ConfigureAwait(false))
        {
            Task list = Task.Run(() => run.GuardAsync(listing));
            await run.CompletedAsync([list, .. run.Blocks.Select(block => block.Completion)]).ConfigureAwait(false);
        }
        run.ThrowIfFailed();
    }
}
