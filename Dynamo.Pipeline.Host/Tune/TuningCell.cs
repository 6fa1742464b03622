using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>What a sweep measures.</summary>
internal enum TuningStage
{
    /// <summary>The read step: listed files are opened, parsed and handed to a sink that discards the rows.</summary>
    Read,

    /// <summary>Everything: the listing too, and rows and ledger entries are written to a temporary database.</summary>
    Whole,
}

/// <summary>One combination of settings: a cell of the published matrix.</summary>
/// <param name="Stage">What is measured.</param>
/// <param name="Readers">See <see cref="PipelineOptions.Readers"/>; <see langword="null"/> is auto.</param>
/// <param name="FilesPerMessage">See <see cref="PipelineOptions.FilesPerMessage"/>: the published chunk size.</param>
/// <param name="BatchRows">See <see cref="PipelineOptions.BatchRows"/>.</param>
/// <param name="Writers">See <see cref="PipelineOptions.Writers"/>.</param>
internal readonly record struct TuningCell(TuningStage Stage, int? Readers, int FilesPerMessage, int BatchRows, int Writers)
{
    private static readonly PipelineOptions s_default = new();

    /// <summary>The batch size of a sink that does not recommend one.</summary>
    public static int DefaultBatchRows { get; } = ((IBatchSink<Reading>)new NullSink<Reading>()).BatchRows;

    /// <summary>A cell of the read step. Its batch rows and writers do not matter.</summary>
    public static TuningCell Read(int? readers, int filesPerMessage) =>
        new(TuningStage.Read, readers, filesPerMessage, s_default.BatchRows ?? DefaultBatchRows, s_default.Writers ?? 1);

    /// <summary>The readers as settings write them: a number, or <c>auto</c>.</summary>
    public string ReadersText => Readers?.ToString(CultureInfo.InvariantCulture) ?? "auto";

    /// <summary>These options with the settings of the cell.</summary>
    public PipelineOptions Apply(PipelineOptions options) =>
        options with { Readers = Readers, FilesPerMessage = FilesPerMessage, BatchRows = BatchRows, Writers = Writers };
}

/// <summary>One measurement.</summary>
/// <param name="Cell">What was measured.</param>
/// <param name="Set">In which set, from 1.</param>
/// <param name="Run">Which run of the cell in this set, from 1.</param>
/// <param name="Files">Files that were read.</param>
/// <param name="Ready">Files that the source offered; more than <paramref name="Files"/> when a share was measured.</param>
/// <param name="Rows">Rows in them, bad ones included.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="StartedUtc">When it started.</param>
internal readonly record struct TuningSample(
    TuningCell Cell, int Set, int Run, int Files, int Ready, long Rows, long Bytes, double Seconds, DateTime StartedUtc);
