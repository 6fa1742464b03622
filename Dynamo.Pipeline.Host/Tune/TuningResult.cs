namespace Dynamo.Pipeline.Host;

/// <summary>How far a sweep is. Reported before every measurement.</summary>
/// <param name="Done">Measurements so far, those of an interrupted sweep included.</param>
/// <param name="Total">All measurements, as far as is known.</param>
/// <param name="What">What is being done now.</param>
/// <param name="Remaining">How long the rest takes at the speed so far; <see langword="null"/> before the first measurement.</param>
internal readonly record struct TuningProgress(int Done, int Total, string What, TimeSpan? Remaining);

/// <summary>What a sweep found.</summary>
/// <param name="Files">What was measured.</param>
/// <param name="Machine">Where.</param>
/// <param name="Samples">All measurements.</param>
/// <param name="BadFiles">How many of the files cannot be imported. They are read only as far as needed to find that out.</param>
/// <param name="Timelines">Recorded runs with the recommended and with a bad chunk size; empty when the sweep was stopped.</param>
/// <param name="WasCancelled">Whether it was stopped. The next sweep with the same <see cref="Measurements"/> goes on.</param>
internal sealed record TuningResult(
    FileFacts Files,
    MachineFacts Machine,
    IReadOnlyList<TuningSample> Samples,
    long BadFiles,
    IReadOnlyList<Timeline> Timelines,
    bool WasCancelled)
{
    /// <summary>A logger sends one file every 15 minutes.</summary>
    private const int SecondsBetweenFiles = 15 * 60;

    /// <summary>What is set now. Default: what is when nothing is set.</summary>
    public TuningCell Current { get; init; } = TuningCell.Read(null, new PipelineOptions().FilesPerMessage);

    /// <summary>The read step; <see langword="null"/>: it was not measured.</summary>
    public TuningAnalysis? Read { get; } = TuningAnalysis.Of(Samples, TuningStage.Read);

    /// <summary>What to do about it; <see langword="null"/>: nothing was measured.</summary>
    public TuningAdvice? Advice => Read is null ? null : TuningAdvice.Of(Files.Files, Read, Current);

    /// <summary>The whole pipeline with the advised readers and chunk size; <see langword="null"/>: it was not measured.</summary>
    public TuningAnalysis? Whole
    {
        get
        {
            if (Advice?.Cell is not { } read) return null;
            bool IsAdvised(TuningCell cell) => cell.Readers == read.Readers && cell.FilesPerMessage == read.FilesPerMessage;
            return TuningAnalysis.Of(Samples.Where(sample => IsAdvised(sample.Cell)), TuningStage.Whole);
        }
    }

    /// <summary>Files a second through the whole pipeline with its recommended settings.</summary>
    public double? FilesPerSecond => Whole is null ? null : Files.Files / Whole.Recommended.Seconds.Mean;

    /// <summary>The most loggers, with one file every 15 minutes each, that the whole pipeline keeps up with.</summary>
    public double? Loggers => FilesPerSecond * SecondsBetweenFiles;
}

/// <summary>What to do after a sweep.</summary>
/// <param name="Kind">Whether to change anything.</param>
/// <param name="Cell">The readers and the chunk size to go on with: what is set now, or better ones.</param>
internal readonly record struct TuningAdvice(TuningAdviceKind Kind, TuningCell Cell)
{
    // Below that, one interruption by another program is as long as what is measured.
    private const double TooShortSeconds = 0.02;

    // Few files may take long, as from a server; then they tell something.
    private const int FewFiles = 1_000;
    private const double ShortSeconds = 0.2;

    /// <param name="files">How many files were measured.</param>
    /// <param name="read">What was measured.</param>
    /// <param name="current">What is set now.</param>
    public static TuningAdvice Of(int files, TuningAnalysis read, TuningCell current)
    {
        double seconds = read.Best.Seconds.Mean;
        if (seconds < TooShortSeconds || (files < FewFiles && seconds < ShortSeconds)) return new(TuningAdviceKind.TooFew, current);
        return read.IsGood(current) ? new(TuningAdviceKind.Leave, current) : new(TuningAdviceKind.Set, read.Recommended.Cell);
    }
}

/// <summary>Whether to change anything.</summary>
internal enum TuningAdviceKind
{
    /// <summary>Nothing can be said: there was too little to measure.</summary>
    TooFew,

    /// <summary>What is set is as good as anything else.</summary>
    Leave,

    /// <summary>Something else is better.</summary>
    Set,
}
