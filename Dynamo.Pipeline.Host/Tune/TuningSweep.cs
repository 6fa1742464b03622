using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Measures a source's files with many settings, as published: the read step over readers × files per message, then the whole pipeline over batch rows × writers
/// with the best of them. Every measurement is a run of the real pipeline; the source is read and otherwise left as it is. One sweep at a time.
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
/// <param name="source">The source; the caller disposes it. Its files should be complete and stay as they are.</param>
/// <param name="format">How files become rows.</param>
/// <param name="grid">What to measure.</param>
/// <param name="options">All that the grid does not say.</param>
/// <param name="database">Makes a new, empty sink for each run of the whole pipeline, which is disposed after it; <see langword="null"/>: only the read step is measured.</param>
internal sealed class TuningSweep<TRow>(IFileSource source, IFileFormat<TRow> format, TuningGrid grid, PipelineOptions options, Func<IBatchSink<TRow>>? database = null)
{
    private const int FewestFiles = 200;
    private const int WarmUps = 2;
    private const int RecordedRuns = 3;
    /// <summary>Large chunks are to be as large as the grid says: the read step is not held to the budget of a run, but never takes more than a quarter of the memory.</summary>
    private const long MostBytesInFlight = 512L << 20;

    private TuningGrid _grid = grid;
    private IReadOnlyList<SourceFile> _files = [];
    private Measurements _measurements = null!;
    private IProgress<TuningProgress>? _progress;
    private CancellationToken _stopping;
    private long _badFiles;
    private int _ready;
    private int _total;
    private int _ownRuns;
    private TimeSpan _ownTime;

    /// <summary>Measures what is not measured yet.</summary>
    /// <param name="measurements">Where measurements are kept, and those of a sweep that was interrupted.</param>
    /// <param name="progress">Gets a report before each measurement.</param>
    /// <param name="cancellationToken">Stops after the measurement that is under way is given up; all before it are kept.</param>
    /// <returns>What was found.</returns>
    /// <exception cref="SourceException">The source cannot be read, or its files change while they are measured.</exception>
    /// <exception cref="InvalidDataException">The measurements that are there are of other files.</exception>
    public async Task<TuningResult> RunAsync(Measurements measurements, IProgress<TuningProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        (_measurements, _progress, _stopping) = (measurements, progress, cancellationToken);
        FileFacts facts = FileFacts.Of([], 0, 0);
        IReadOnlyList<Timeline> timelines = [];
        try
        {
            (IReadOnlyList<SourceFile> ready, int deferred) = await ListAsync().ConfigureAwait(false);
            (_ready, _grid) = (ready.Count, _grid.For(ready.Count));
            _files = Share(ready, await WarmUpAsync(ready).ConfigureAwait(false));
            facts = FileFacts.Of(_files, ready.Count, deferred);
            if (_files.Count > 0) timelines = await MeasureAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // What is measured is kept.
        }
        return new TuningResult(facts, MachineFacts.Current, [.. measurements.Samples], _badFiles, timelines, cancellationToken.IsCancellationRequested);
    }

    private async Task<IReadOnlyList<Timeline>> MeasureAsync()
    {
        int maxWriters = 0;
        if (database is not null)
        {
            IBatchSink<TRow> sink = database();
            await using (sink.ConfigureAwait(false)) maxWriters = sink.MaxWriters;
        }
        int wholeRuns = database is null ? 0 : _grid.BatchRows.Count * _grid.Writers.Select(writers => Math.Min(writers, maxWriters)).Distinct().Count();
        _total = _grid.Repeat * (_grid.Order(1).Count + wholeRuns);
        await SetsAsync(_grid.Order).ConfigureAwait(false);
        TuningAnalysis read = TuningAnalysis.Of(_measurements.Samples, TuningStage.Read)!;
        if (database is not null) await SetsAsync(set => _grid.WholeOrder(set, read.Recommended.Cell, maxWriters)).ConfigureAwait(false);
        return await TimelinesAsync(read).ConfigureAwait(false);
    }

    private async Task SetsAsync(Func<int, IReadOnlyList<(TuningCell Cell, int Run)>> order)
    {
        HashSet<(TuningCell, int, int)> there = [.. _measurements.Samples.Select(sample => (sample.Cell, sample.Set, sample.Run))];
        for (int set = 1; set <= _grid.Repeat; set++)
        {
            (TuningCell Cell, int Run)[] missing = [.. order(set).Where(run => !there.Contains((run.Cell, set, run.Run)))];
            if (missing.Length == 0) continue;
            if (set > 1 && _grid.Pause > TimeSpan.Zero)
            {
                Report($"pause before set {set}");
                await Task.Delay(_grid.Pause, options.TimeProvider, _stopping).ConfigureAwait(false);
            }
            foreach ((TuningCell cell, int run) in missing)
            {
                Report($"set {set} of {_grid.Repeat}");
                _measurements.Add(await SampleAsync(cell, set, run).ConfigureAwait(false));
            }
        }
    }

    private async Task<TuningSample> SampleAsync(TuningCell cell, int set, int run)
    {
        // A run shall not pay for the garbage of the one before.
        GC.Collect();
        DateTime started = options.TimeProvider.GetUtcNow().UtcDateTime;
        long began = options.TimeProvider.GetTimestamp();
        PipelineResult result = await RunAsync(cell, _files).ConfigureAwait(false);
        _ownRuns++;
        _ownTime += options.TimeProvider.GetElapsedTime(began);
        RunBooks books = result.Books;
        return new TuningSample(cell, set, run, _files.Count, _ready, books.RowsRead, books.Bytes, result.Elapsed.TotalSeconds, started);
    }

    private async Task<PipelineResult> RunAsync(TuningCell cell, IReadOnlyList<SourceFile> files, TraceRecorder? trace = null)
    {
        IBatchSink<TRow> sink = cell.Stage == TuningStage.Whole ? database!() : new NullSink<TRow>();
        await using ConfiguredAsyncDisposable disposed = sink.ConfigureAwait(false);
        KnownFiles known = cell.Stage == TuningStage.Whole ? KnownFiles.Relisted(source, files) : KnownFiles.Of(source, files);
        PipelineOptions run = cell.Apply(options) with { Trace = trace };
        if (cell.Stage == TuningStage.Read)
            run = run with { BytesInFlight = Math.Max(run.BytesInFlight, Math.Min(MostBytesInFlight, MachineFacts.Current.MemoryBytes / 4)) };
        PipelineResult result = await FilePipeline.From(known).Read(format).WriteTo(sink, run).RunAsync(cancellationToken: _stopping).ConfigureAwait(false);
        _stopping.ThrowIfCancellationRequested();
        if (result.Books.Deferred > 0 || result.Books.Listed != files.Count)
            throw new SourceException($"{files.Count - result.Books.Loaded - result.Books.Quarantined} of the {files.Count} files changed or vanished while they were measured. Measure a folder that stays as it is, such as a copy.");
        _badFiles = result.Books.Quarantined;
        return result;
    }

    private void Report(string what)
    {
        int done = _measurements.Samples.Count;
        TimeSpan? remaining = _ownRuns == 0 ? null : _ownTime / _ownRuns * Math.Max(0, _total - done);
        _progress?.Report(new TuningProgress(done, Math.Max(_total, done), what, remaining));
    }

    private async Task<(IReadOnlyList<SourceFile> Ready, int Deferred)> ListAsync()
    {
        Report("listing");
        var files = new List<SourceFile>();
        int deferred = 0;
        await foreach (SourceFile file in source.ListAsync(_stopping).ConfigureAwait(false))
        {
            if (file.DeferReason is null) files.Add(file);
            else deferred++;
        }
        return (files, deferred);
    }

    /// <summary>Brings files into memory and code to speed; the last of these runs says how long one takes.</summary>
    private async Task<TimeSpan> WarmUpAsync(IReadOnlyList<SourceFile> files)
    {
        TimeSpan took = TimeSpan.Zero;
        for (int i = 0; i < WarmUps && files.Count > 0; i++)
        {
            Report("warm-up");
            took = (await RunAsync(TuningCell.Read(null, new PipelineOptions().FilesPerMessage), files).ConfigureAwait(false)).Elapsed;
        }
        return took;
    }

    /// <summary>All files, or as many, evenly chosen, as can be measured in the time there is; those that were measured before, if any were.</summary>
    private IReadOnlyList<SourceFile> Share(IReadOnlyList<SourceFile> ready, TimeSpan oneRun)
    {
        int count = ready.Count;
        if (_measurements.Samples.Count > 0)
            count = _measurements.Samples[0].Files;
        else if (_grid.Within is { } within && oneRun > TimeSpan.Zero)
            // A run with the worst settings takes about twice as long.
            count = (int)Math.Clamp(ready.Count * (within / (2 * oneRun * _grid.Repeat * _grid.Order(1).Count)), Math.Min(FewestFiles, ready.Count), ready.Count);
        IReadOnlyList<SourceFile> share = count >= ready.Count ? ready : [.. Enumerable.Range(0, count).Select(i => ready[(int)((long)i * ready.Count / count)])];
        if (_measurements.Samples is [var first, ..] && (ready.Count != first.Ready || share.Count != first.Files || share.Sum(file => file.Size) != first.Bytes))
            throw new InvalidDataException($"The measurements that are there are of other files: {first.Files} files with {first.Bytes} bytes. Go on with those, or measure into another folder.");
        return share;
    }

    /// <summary>The recommended chunk size beside one that leaves readers without work, for the same readers: as many as work at once, and at least two, or nobody would be idle.</summary>
    private async Task<IReadOnlyList<Timeline>> TimelinesAsync(TuningAnalysis read)
    {
        int readers = Math.Max(2, Math.Min(read.Recommended.Cell.Readers ?? int.MaxValue, Environment.ProcessorCount));
        // Of few files, even the best chunk may be all there are.
        int good = Math.Clamp(read.Recommended.Cell.FilesPerMessage, 1, Math.Max(1, _files.Count / (4 * readers))), bad = Math.Max(good + 1, Math.Min(_grid.Chunks.Max(), (_files.Count * 2 / 3) + 1));
        return
        [
            await TimelineAsync("A good chunk size", readers, good).ConfigureAwait(false),
            await TimelineAsync("Chunks that are too large", readers, bad).ConfigureAwait(false),
        ];
    }

    private async Task<Timeline> TimelineAsync(string title, int readers, int chunk)
    {
        Timeline? fastest = null;
        for (int i = 0; i < RecordedRuns; i++)
        {
            Report("recording the readers");
            var trace = new TraceRecorder(time: options.TimeProvider);
            GC.Collect();
            await RunAsync(TuningCell.Read(readers, chunk), _files, trace).ConfigureAwait(false);
            var timeline = Timeline.Of(title, chunk, trace, readers);
            if (fastest is null || timeline.Elapsed < fastest.Elapsed) fastest = timeline;
        }
        return fastest!;
    }
}
