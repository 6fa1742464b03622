namespace Dynamo.Pipeline.Host;

/// <summary>
/// Measures a source's files with many settings, as published: the read step over readers × files per message, then the whole pipeline
/// over batch rows × writers with the best of them. This folder plans the measurements, makes them, judges them and reports them.
/// Every measurement is a run of the real pipeline. The source is only read. One sweep at a time.
/// </summary>
/// <param name="source">The source. The caller disposes it. Its files should be complete and not change.</param>
/// <param name="format">How files become rows.</param>
/// <param name="grid">What to measure.</param>
/// <param name="options">The options that the grid does not set.</param>
/// <param name="database">
/// Makes a new, empty sink for each run of the whole pipeline; the sweep disposes it. <see langword="null"/>:
/// only the read step is measured.
/// </param>
internal sealed class TuningSweep<TRow>(
    IFileSource source, IFileFormat<TRow> format, TuningGrid grid, PipelineOptions options, Func<IBatchSink<TRow>>? database = null)
{
    private const int FewestFiles = 200;
    private const int WarmUps = 2;
    private const int RecordedRuns = 3;

    /// <summary>
    /// So that large chunks are as large as the grid says, the read step may hold more bytes than a run:
    /// at most this, and at most a quarter of the memory.
    /// </summary>
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
    /// <param name="measurements">Where measurements are kept. May have those of an interrupted sweep.</param>
    /// <param name="progress">Gets a report before each measurement.</param>
    /// <param name="cancellationToken">Gives up the current measurement. All measurements before it are kept.</param>
    /// <exception cref="SourceException">The source cannot be read, or its files change while they are measured.</exception>
    /// <exception cref="InvalidDataException">The measurements that exist are of other files.</exception>
    public async Task<TuningResult> RunAsync(
        Measurements measurements, IProgress<TuningProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        (_measurements, _progress, _stopping) = (measurements, progress, cancellationToken);
        FileFacts facts = FileFacts.Of([], 0, 0);
        IReadOnlyList<Timeline> timelines = [];
        try
        {
            (IReadOnlyList<SourceFile> ready, int deferred) = await ListAsync();
            (_ready, _grid) = (ready.Count, _grid.For(ready.Count));
            _files = Share(ready, await WarmUpAsync(ready));
            facts = FileFacts.Of(_files, ready.Count, deferred);
            if (_files.Count > 0) timelines = await MeasureAsync();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // What is measured is kept.
        }
        bool wasCancelled = cancellationToken.IsCancellationRequested;
        return new TuningResult(facts, MachineFacts.Current, [.. measurements.Samples], _badFiles, timelines, wasCancelled)
        {
            Current = Current,
        };
    }

    private TuningCell Current => TuningCell.Read(options.Readers, options.FilesPerMessage);

    private async Task<IReadOnlyList<Timeline>> MeasureAsync()
    {
        int maxWriters = await MaxWritersAsync();
        int wholeRuns = maxWriters == 0 ? 0 : _grid.WholeOrder(1, default, maxWriters).Count;
        _total = _grid.Repeat * (_grid.Order(1).Count + wholeRuns);
        await SetsAsync(_grid.Order);
        TuningAnalysis read = TuningAnalysis.Of(_measurements.Samples, TuningStage.Read)!;
        TuningCell advised = TuningAdvice.Of(_files.Count, read, Current).Cell;
        if (maxWriters > 0) await SetsAsync(set => _grid.WholeOrder(set, advised, maxWriters));
        return await TimelinesAsync(read, advised);
    }

    /// <summary>The most writers that the database allows; 0: there is no database.</summary>
    private async Task<int> MaxWritersAsync()
    {
        if (database is null) return 0;
        await using IBatchSink<TRow> sink = database();
        return sink.MaxWriters;
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
                await Task.Delay(_grid.Pause, options.TimeProvider, _stopping);
            }
            foreach ((TuningCell cell, int run) in missing)
            {
                Report($"set {set} of {_grid.Repeat}");
                _measurements.Add(await SampleAsync(cell, set, run));
            }
        }
    }

    private async Task<TuningSample> SampleAsync(TuningCell cell, int set, int run)
    {
        // So that this run does not collect the garbage of the one before.
        GC.Collect();
        DateTime started = options.TimeProvider.GetUtcNow().UtcDateTime;
        long began = options.TimeProvider.GetTimestamp();
        PipelineResult result = await RunAsync(cell, _files);
        _ownRuns++;
        _ownTime += options.TimeProvider.GetElapsedTime(began);
        RunBooks books = result.Books;
        return new TuningSample(cell, set, run, _files.Count, _ready, books.RowsRead, books.Bytes, result.Elapsed.TotalSeconds, started);
    }

    private async Task<PipelineResult> RunAsync(TuningCell cell, IReadOnlyList<SourceFile> files, TraceRecorder? trace = null)
    {
        bool isWhole = cell.Stage == TuningStage.Whole;
        await using IBatchSink<TRow> sink = isWhole ? database!() : new NullSink<TRow>();
        ReadOnlySource listed = isWhole ? ReadOnlySource.Relisted(source, files) : ReadOnlySource.Of(source, files);
        PipelineOptions run = cell.Apply(options) with { Trace = trace };
        long most = Math.Min(MostBytesInFlight, MachineFacts.Current.MemoryBytes / 4);
        if (!isWhole) run = run with { BytesInFlight = Math.Max(run.BytesInFlight, most) };
        PipelineResult result = await FilePipeline.From(listed).Read(format).WriteTo(sink, run).RunAsync(cancellationToken: _stopping);
        _stopping.ThrowIfCancellationRequested();
        RunBooks books = result.Books;
        if (books.Deferred > 0 || books.Listed != files.Count)
            throw new SourceException(
                $"{files.Count - books.Loaded - books.Quarantined} of the {files.Count} files "
                + "changed or vanished while they were measured. Measure a folder that does not change, such as a copy.");
        _badFiles = books.Quarantined;
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
        await foreach (SourceFile file in source.ListAsync(_stopping))
        {
            if (file.DeferReason is null) files.Add(file);
            else deferred++;
        }
        return (files, deferred);
    }

    /// <summary>Reads files into memory and lets code be compiled. Returns how long the last of these runs took.</summary>
    private async Task<TimeSpan> WarmUpAsync(IReadOnlyList<SourceFile> files)
    {
        TimeSpan took = TimeSpan.Zero;
        for (int i = 0; i < WarmUps && files.Count > 0; i++)
        {
            Report("warm-up");
            took = (await RunAsync(TuningCell.Read(null, new PipelineOptions().FilesPerMessage), files)).Elapsed;
        }
        return took;
    }

    /// <summary>
    /// The files that were measured before, if there are measurements. Otherwise all files, or as many, evenly chosen,
    /// as can be measured in the given time.
    /// </summary>
    private IReadOnlyList<SourceFile> Share(IReadOnlyList<SourceFile> ready, TimeSpan oneRun)
    {
        int count = ready.Count;
        if (_measurements.Samples.Count > 0)
            count = _measurements.Samples[0].Files;
        else if (_grid.Within is { } within && oneRun > TimeSpan.Zero)
        {
            // Runs with bad settings take about twice as long.
            TimeSpan all = 2 * oneRun * _grid.Repeat * _grid.Order(1).Count;
            count = (int)Math.Clamp(ready.Count * (within / all), Math.Min(FewestFiles, ready.Count), ready.Count);
        }
        IReadOnlyList<SourceFile> share = count >= ready.Count
            ? ready
            : [.. Enumerable.Range(0, count).Select(i => ready[(int)((long)i * ready.Count / count)])];
        if (_measurements.Samples is not [var first, ..]) return share;
        if (ready.Count != first.Ready || share.Count != first.Files || share.Sum(file => file.Size) != first.Bytes)
            throw new InvalidDataException(
                $"The measurements that exist are of other files: {first.Files} files with {first.Bytes} bytes. "
                + "Go on with those, or measure into another folder.");
        return share;
    }

    /// <summary>
    /// Records runs with a good chunk size and with another one of the same readers: one that leaves readers without work or costs
    /// overhead, if one was measured, or else the largest, which does no harm. As many readers as can work at once, but at least two,
    /// because a single one is never idle.
    /// </summary>
    private async Task<IReadOnlyList<Timeline>> TimelinesAsync(TuningAnalysis read, TuningCell advised)
    {
        int readers = Math.Max(2, Math.Min(advised.Readers ?? int.MaxValue, Environment.ProcessorCount));
        TuningVerdict[] measured = [.. read.Cells.Where(cell => cell.Cell.Readers == readers)];
        if (measured.Length < 2) measured = await MeasuredNowAsync(readers, advised.FilesPerMessage);
        var choice = TimelineChoice.Of(measured, advised.FilesPerMessage);
        return [await TimelineAsync("A good chunk size", choice.Good), await TimelineAsync(choice.Title, choice.Other)];
    }

    /// <summary>A small and a large chunk, for a grid without two of them; not kept with the measurements of the grid.</summary>
    private async Task<TuningVerdict[]> MeasuredNowAsync(int readers, int advised)
    {
        // If there are few files, even the advised chunk may hold all of them.
        int good = Math.Clamp(advised, 1, Math.Max(1, _files.Count / (4 * readers)));
        int large = Math.Max(good + 1, Math.Min(_grid.Chunks.Max(), (_files.Count * 2 / 3) + 1));
        List<double> ofGood = [], ofLarge = [];
        for (int i = 0; i < RecordedRuns; i++)
        {
            foreach ((int chunk, List<double> seconds) in ((int, List<double>)[])[(good, ofGood), (large, ofLarge)])
            {
                Report("reading without recording");
                GC.Collect();
                seconds.Add((await RunAsync(TuningCell.Read(readers, chunk), _files)).Elapsed.TotalSeconds);
            }
        }
        return
        [
            new(TuningCell.Read(readers, good), Summary.Of(ofGood), 1),
            new(TuningCell.Read(readers, large), Summary.Of(ofLarge), 1),
        ];
    }

    /// <summary>
    /// The fastest of some recorded runs, drawn as long as such a run takes that is not recorded: recording costs time for each chunk, and
    /// without that small chunks would look slow.
    /// </summary>
    private async Task<Timeline> TimelineAsync(string title, TuningVerdict cell)
    {
        (int readers, int chunk) = (cell.Cell.Readers!.Value, cell.Cell.FilesPerMessage);
        Timeline? fastest = null;
        for (int i = 0; i < RecordedRuns; i++)
        {
            Report("recording the readers");
            var trace = new TraceRecorder(time: options.TimeProvider);
            GC.Collect();
            await RunAsync(TuningCell.Read(readers, chunk), _files, trace);
            var timeline = Timeline.Of(title, chunk, trace, readers);
            if (fastest is null || timeline.Elapsed < fastest.Elapsed) fastest = timeline;
        }
        return fastest!.ScaledTo(TimeSpan.FromSeconds(cell.Seconds.Median));
    }
}
