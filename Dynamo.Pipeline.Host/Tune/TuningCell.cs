using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>What a sweep measures.</summary>
internal enum TuningStage
{
    /// <summary>The read step: listed files are opened, parsed and handed over to a sink that throws the rows away.</summary>
    Read,

    /// <summary>Everything: the listing, and rows and ledger entries written to a database that is thrown away.</summary>
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
    /// <summary>What a sink recommends that says nothing else (<see cref="IBatchSink{TRow}.BatchRows"/>).</summary>
    internal const int DefaultBatchRows = 20_000;

    /// <summary>A cell of the read step, which has no batches to speak of.</summary>
    /// <param name="readers">See <see cref="PipelineOptions.Readers"/>; <see langword="null"/> is auto.</param>
    /// <param name="filesPerMessage">See <see cref="PipelineOptions.FilesPerMessage"/>.</param>
    /// <returns>The cell.</returns>
    public static TuningCell Read(int? readers, int filesPerMessage) => new(TuningStage.Read, readers, filesPerMessage, s_default.BatchRows ?? DefaultBatchRows, s_default.Writers ?? 1);

    private static readonly PipelineOptions s_default = new();

    /// <summary>The readers as they are written in settings: a number, or <c>auto</c>.</summary>
    public string ReadersText => Readers?.ToString(CultureInfo.InvariantCulture) ?? "auto";

    /// <summary>The options of a run with these settings.</summary>
    /// <param name="options">All that the cell does not say.</param>
    /// <returns>The options.</returns>
    public PipelineOptions Apply(PipelineOptions options) =>
        options with { Readers = Readers, FilesPerMessage = FilesPerMessage, BatchRows = BatchRows, Writers = Writers };
}

/// <summary>One measurement.</summary>
/// <param name="Cell">What was measured.</param>
/// <param name="Set">In which set, from 1.</param>
/// <param name="Run">Which one of the cell in this set, from 1.</param>
/// <param name="Files">Files that were read.</param>
/// <param name="Ready">Files that the source offered: more, when a share was measured.</param>
/// <param name="Rows">Rows in them, bad ones included.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="StartedUtc">When it began.</param>
internal readonly record struct TuningSample(TuningCell Cell, int Set, int Run, int Files, int Ready, long Rows, long Bytes, double Seconds, DateTime StartedUtc);
