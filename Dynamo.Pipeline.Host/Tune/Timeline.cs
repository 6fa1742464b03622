namespace Dynamo.Pipeline.Host;

/// <summary>What each reader did in a run, and when: the published Figure 5, from a recorded run.</summary>
/// <param name="Title">What was run.</param>
/// <param name="FilesPerMessage">The chunk size.</param>
/// <param name="Elapsed">From the start of the first chunk until everything was written.</param>
/// <param name="Lanes">The readers, each with its chunks in order. All times count from the start of the first chunk.</param>
/// <param name="Trace">Everything that was recorded.</param>
internal sealed record Timeline(
    string Title, int FilesPerMessage, TimeSpan Elapsed, IReadOnlyList<TimelineLane> Lanes, TraceRecorder Trace)
{
    /// <summary>The share of all readers' time in which they had a chunk, from 0 to 1.</summary>
    public double Busy
    {
        get
        {
            if (Elapsed == TimeSpan.Zero) return 0;
            double busy = Lanes.SelectMany(lane => lane.Chunks).Sum(chunk => (chunk.End - chunk.Start).TotalSeconds);
            return busy / (Lanes.Count * Elapsed.TotalSeconds);
        }
    }

    /// <summary>The same as if it had taken this long. The trace stays as it was recorded.</summary>
    public Timeline ScaledTo(TimeSpan elapsed)
    {
        if (Elapsed == TimeSpan.Zero) return this;
        double factor = elapsed / Elapsed;
        TimelineFile File(TimelineFile file) => file with { Start = file.Start * factor, End = file.End * factor };
        TimelineChunk Chunk(TimelineChunk chunk) => chunk with
        {
            Start = chunk.Start * factor,
            End = chunk.End * factor,
            Files = [.. chunk.Files.Select(File)],
        };
        return this with { Elapsed = elapsed, Lanes = [.. Lanes.Select(lane => new TimelineLane([.. lane.Chunks.Select(Chunk)]))] };
    }

    /// <summary>Makes the timeline of a recorded run. Readers that never had a chunk were idle all the time.</summary>
    public static Timeline Of(string title, int filesPerMessage, TraceRecorder recorder, int readers)
    {
        ILookup<int, TraceEvent> files = Select(recorder, TraceKind.File).ToLookup(span => span.Number);
        TraceEvent[] chunks = Select(recorder, TraceKind.Chunk);
        if (chunks.Length == 0) return new Timeline(title, filesPerMessage, TimeSpan.Zero, [], recorder);
        TimeSpan first = chunks.Min(chunk => chunk.Start);
        int lanes = Math.Max(readers, chunks.Max(chunk => chunk.Lane) + 1);
        TimelineLane Lane(int lane)
        {
            IEnumerable<TraceEvent> own = chunks.Where(chunk => chunk.Lane == lane).OrderBy(chunk => chunk.Start);
            return new TimelineLane([.. own.Select(chunk => Chunk(chunk, files[chunk.Number], first))]);
        }
        return new Timeline(title, filesPerMessage, End(recorder) - first, [.. Enumerable.Range(0, lanes).Select(Lane)], recorder);
    }

    private static TimelineChunk Chunk(TraceEvent chunk, IEnumerable<TraceEvent> files, TimeSpan first)
    {
        IEnumerable<TraceEvent> ordered = files.OrderBy(file => file.Start);
        TimelineFile[] own = [.. ordered.Select(file => new TimelineFile(file.Path!, file.Start - first, file.End - first, file.Bytes))];
        return new TimelineChunk(chunk.Number, chunk.Start - first, chunk.End - first, chunk.Files, own);
    }

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

/// <summary>Which two runs are worth a picture: what was measured without recording says it.</summary>
/// <param name="Good">A chunk size that is as good as any.</param>
/// <param name="Other">One that is slower; if there is none, the largest.</param>
/// <param name="Title">What the other one shows.</param>
internal readonly record struct TimelineChoice(TuningVerdict Good, TuningVerdict Other, string Title)
{
    /// <param name="measured">Two chunk sizes or more, of the same readers.</param>
    /// <param name="advised">The chunk size that is advised, which may be none of them.</param>
    public static TimelineChoice Of(IReadOnlyList<TuningVerdict> measured, int advised)
    {
        TuningVerdict best = measured.MinBy(cell => cell.Seconds.Mean);
        TuningVerdict good = measured.FirstOrDefault(cell => cell.Cell.FilesPerMessage == advised, best);
        if (good.IsSlowerThan(best)) good = best;
        TuningVerdict[] others = [.. measured.Where(cell => cell.Cell != good.Cell)];
        TuningVerdict[] slower = [.. others.Where(cell => cell.IsSlowerThan(good)).OrderBy(cell => cell.Seconds.Mean)];
        TuningVerdict[] larger = [.. slower.Where(cell => cell.Cell.FilesPerMessage > good.Cell.FilesPerMessage)];
        return (larger, slower) switch
        {
            ([.., var slowest], _) => new(good, slowest, "Chunks that are too large"),
            (_, [.., var slowest]) => new(good, slowest, "Chunks that are too small"),
            _ => new(good, others.MaxBy(cell => cell.Cell.FilesPerMessage), "Large chunks, which do no harm here"),
        };
    }
}

/// <summary>A reader's time.</summary>
/// <param name="Chunks">Its chunks in order. Between them it was idle.</param>
internal sealed record TimelineLane(IReadOnlyList<TimelineChunk> Chunks);

/// <summary>A chunk's time.</summary>
/// <param name="Number">The chunk, from 1, in the order in which they were started.</param>
/// <param name="Start">Since the start of the first chunk.</param>
/// <param name="End">Since the start of the first chunk.</param>
/// <param name="FileCount">Files in the chunk.</param>
/// <param name="Files">Those of them that were recorded, in order.</param>
internal sealed record TimelineChunk(int Number, TimeSpan Start, TimeSpan End, int FileCount, IReadOnlyList<TimelineFile> Files);

/// <summary>A file's time.</summary>
/// <param name="Path">The file.</param>
/// <param name="Start">Since the start of the first chunk.</param>
/// <param name="End">Since the start of the first chunk.</param>
/// <param name="Bytes">Its size.</param>
internal readonly record struct TimelineFile(string Path, TimeSpan Start, TimeSpan End, long Bytes);
