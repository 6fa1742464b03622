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

    /// <summary>The read step; <see langword="null"/>: it was not measured.</summary>
    public TuningAnalysis? Read { get; } = TuningAnalysis.Of(Samples, TuningStage.Read);

    /// <summary>The whole pipeline with the recommended readers and chunk size; <see langword="null"/>: it was not measured.</summary>
    public TuningAnalysis? Whole
    {
        get
        {
            if (Read?.Recommended.Cell is not { } read) return null;
            bool IsRecommended(TuningCell cell) => cell.Readers == read.Readers && cell.FilesPerMessage == read.FilesPerMessage;
            return TuningAnalysis.Of(Samples.Where(sample => IsRecommended(sample.Cell)), TuningStage.Whole);
        }
    }

    /// <summary>Files a second through the whole pipeline with its recommended settings.</summary>
    public double? FilesPerSecond => Whole is null ? null : Files.Files / Whole.Recommended.Seconds.Mean;

    /// <summary>The most loggers, with one file every 15 minutes each, that the whole pipeline keeps up with.</summary>
    public double? Loggers => FilesPerSecond * SecondsBetweenFiles;
}
