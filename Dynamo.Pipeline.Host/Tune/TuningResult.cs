namespace Dynamo.Pipeline.Host;

/// <summary>Where a sweep is. Reported after every measurement.</summary>
/// <param name="Done">Measurements that are there, those of an interrupted sweep included.</param>
/// <param name="Total">Measurements there will be, as far as is known.</param>
/// <param name="What">What is being done now.</param>
/// <param name="Remaining">How long the rest takes at the pace so far; <see langword="null"/> before the first measurement.</param>
internal readonly record struct TuningProgress(int Done, int Total, string What, TimeSpan? Remaining);

/// <summary>What a sweep found.</summary>
/// <param name="Files">What was measured.</param>
/// <param name="Machine">Where.</param>
/// <param name="Samples">All measurements.</param>
/// <param name="BadFiles">How many of the files cannot be imported: they are read as far as their verdict needs.</param>
/// <param name="Timelines">Recorded runs with the recommended and with a bad chunk size; empty when the sweep was stopped.</param>
/// <param name="WasCancelled">Whether it was stopped. Run again with the same <see cref="Measurements"/>, it goes on.</param>
internal sealed record TuningResult(
    FileFacts Files, MachineFacts Machine, IReadOnlyList<TuningSample> Samples, long BadFiles, IReadOnlyList<Timeline> Timelines, bool WasCancelled)
{
    /// <summary>One file every 15 minutes from each logger, as the mission has it.</summary>
    private const int SecondsBetweenFiles = 15 * 60;

    /// <summary>The read step, or <see langword="null"/> when nothing of it was measured.</summary>
    public TuningAnalysis? Read { get; } = TuningAnalysis.Of(Samples, TuningStage.Read);

    /// <summary>The whole pipeline with the readers and the chunk that are recommended, or <see langword="null"/> when nothing of it was measured.</summary>
    public TuningAnalysis? Whole => Read?.Recommended.Cell is { } read
        ? TuningAnalysis.Of(Samples.Where(sample => sample.Cell.Readers == read.Readers && sample.Cell.FilesPerMessage == read.FilesPerMessage), TuningStage.Whole)
        : null;

    /// <summary>Files a second through the whole pipeline with its recommended settings.</summary>
    public double? FilesPerSecond => Whole is null ? null : Files.Files / Whole.Recommended.Seconds.Mean;

    /// <summary>How many loggers that send a file every 15 minutes the whole pipeline would just keep up with.</summary>
    public double? Loggers => FilesPerSecond * SecondsBetweenFiles;
}
