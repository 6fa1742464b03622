namespace Dynamo.Pipeline;

/// <summary>What a span of a run's time was spent on.</summary>
public enum TraceKind
{
    /// <summary>A reader had a chunk: a message of files.</summary>
    Chunk,

    /// <summary>A reader opened and parsed a file of its chunk.</summary>
    File,

    /// <summary>A writer had a batch: its transaction, and the hand-over to what comes after the commit.</summary>
    Batch,
}

/// <summary>A span of a run's time.</summary>
/// <param name="Kind">What it was spent on.</param>
/// <param name="Lane">Which reader or writer, from 0: as many as ever worked at the same time.</param>
/// <param name="Number">The chunk, or the batch, from 1 in the order in which they were begun.</param>
/// <param name="Start">Since the recording began.</param>
/// <param name="End">Since the recording began.</param>
/// <param name="Path">The file, or <see langword="null"/> for a chunk or a batch.</param>
/// <param name="Files">Files in it.</param>
/// <param name="Bytes">Bytes in them.</param>
public readonly record struct TraceEvent(TraceKind Kind, int Lane, int Number, TimeSpan Start, TimeSpan End, string? Path, int Files, long Bytes);
