namespace Dynamo.Pipeline.Host;

/// <summary>What each reader did in a run, and when: the published Figure 5, from recorded events.</summary>
/// <param name="Title">What was run.</param>
/// <param name="FilesPerMessage">The chunk size.</param>
/// <param name="Elapsed">From the first chunk's beginning until everything was written.</param>
/// <param name="Lanes">The readers, each with its chunks in their order. Times are since the first chunk's beginning.</param>
/// <param name="Trace">All that was recorded.</param>
internal sealed record Timeline(string Title, int FilesPerMessage, TimeSpan Elapsed, IReadOnlyList<TimelineLane> Lanes, TraceRecorder Trace)
{
    /// <summary>The share of all readers' time in which they had a chunk, from 0 to 1.</summary>
    public double Busy => Elapsed == TimeSpan.Zero ? 0 : Lanes.Sum(lane => lane.Chunks.Sum(chunk => (chunk.End - chunk.Start).TotalSeconds)) / (Lanes.Count * Elapsed.TotalSeconds);

    /// <summary>Arranges what a recorder has.</summary>
    /// <param name="title">What was run.</param>
    /// <param name="filesPerMessage">The chunk size.</param>
    /// <param name="recorder">The recorder, after the run.</param>
    /// <param name="readers">How many readers there were: those that never had a chunk were idle all the time.</param>
    /// <returns>The timeline.</returns>
    public static Timeline Of(string title, int filesPerMessage, TraceRecorder recorder, int readers)
    {
        ILookup<int, TraceEvent> files = Select(recorder, TraceKind.File).ToLookup(span => span.Number);
        TraceEvent[] chunks = Select(recorder, TraceKind.Chunk);
        if (chunks.Length == 0) return new Timeline(title, filesPerMessage, TimeSpan.Zero, [], recorder);
        TimeSpan first = chunks.Min(chunk => chunk.Start);
        int lanes = Math.Max(readers, chunks.Max(chunk => chunk.Lane) + 1);
        return new Timeline(title, filesPerMessage, End(recorder) - first,
            [.. Enumerable.Range(0, lanes).Select(lane => new TimelineLane(
                [.. chunks.Where(chunk => chunk.Lane == lane).OrderBy(chunk => chunk.Start).Select(chunk => Chunk(chunk, files[chunk.Number], first))]))], recorder);
    }

    /// <summary>Draws it: green chunks, red files many times as large as most, grey where a reader has nothing to do.</summary>
    /// <param name="span">The time that the width stands for, so that pictures can be compared; default: <see cref="Elapsed"/>.</param>
    /// <returns>An SVG that needs nothing else.</returns>
    public string ToSvg(TimeSpan? span = null) => TimelineFigure.Standalone(this, span ?? Elapsed);

    private static TimelineChunk Chunk(TraceEvent chunk, IEnumerable<TraceEvent> files, TimeSpan first) => new(chunk.Number, chunk.Start - first, chunk.End - first, chunk.Files,
        [.. files.OrderBy(file => file.Start).Select(file => new TimelineFile(file.Path!, file.Start - first, file.End - first, file.Bytes))]);

    private static TimeSpan End(TraceRecorder recorder)
    {
        TimeSpan end = TimeSpan.Zero;
        foreach (TraceEvent span in recorder.Events) end = span.End > end ? span.End : end;
        return end;
    }

    private static TraceEvent[] Select(TraceRecorder recorder, TraceKind kind)
    {
        var found = new List<TraceEvent>();
        foreach (TraceEvent span in recorder.Events)
        {
            if (span.Kind == kind) found.Add(span);
        }
        return [.. found];
    }
}

/// <summary>A reader's time.</summary>
/// <param name="Chunks">Its chunks in their order; between them it was idle.</param>
internal sealed record TimelineLane(IReadOnlyList<TimelineChunk> Chunks);

/// <summary>A chunk's time.</summary>
/// <param name="Number">The chunk, from 1 in the order in which they were begun.</param>
/// <param name="Start">Since the first chunk's beginning.</param>
/// <param name="End">Since the first chunk's beginning.</param>
/// <param name="FileCount">Files in the chunk.</param>
/// <param name="Files">Those of them that were recorded, in their order.</param>
internal sealed record TimelineChunk(int Number, TimeSpan Start, TimeSpan End, int FileCount, IReadOnlyList<TimelineFile> Files);

/// <summary>A file's time.</summary>
/// <param name="Path">The file.</param>
/// <param name="Start">Since the first chunk's beginning.</param>
/// <param name="End">Since the first chunk's beginning.</param>
/// <param name="Bytes">Its size.</param>
internal readonly record struct TimelineFile(string Path, TimeSpan Start, TimeSpan End, long Bytes);
