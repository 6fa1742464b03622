namespace Dynamo.Pipeline;

/// <content>Which files are measured, the warm-up, and the recorded runs at the end.</content>
public sealed partial class TuningSweep<TRow>
{
    private const int FewestFiles = 200;
    private const int WarmUps = 2;
    private const int RecordedRuns = 3;

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
            var trace = new TraceRecorder(time: options.Time);
            GC.Collect();
            await RunAsync(TuningCell.Read(readers, chunk), _files, trace).ConfigureAwait(false);
            var timeline = Timeline.Of(title, chunk, trace, readers);
            if (fastest is null || timeline.Elapsed < fastest.Elapsed) fastest = timeline;
        }
        return fastest!;
    }
}
