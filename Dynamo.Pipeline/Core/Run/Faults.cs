namespace Dynamo.Pipeline.Run;

/// <summary>
/// Adds the name of the source or sink to an exception from its code, so that a bug in a user's own code does not look like a bug
/// of the library.
/// </summary>
internal static class Faults
{
    /// <summary>Whether it is none of the exceptions that a source, a format or a sink may throw by contract.</summary>
    public static bool IsForeign(Exception error) =>
        error is not (PipelineException or BadFileException or FileChangedException or OperationCanceledException or OutOfMemoryException);

    public static SourceException OfSource(IFileSource source, string doing, Exception error) =>
        new($"The source {source.Name} failed while {doing}: {error.Message}", error);

    public static SinkException OfSink<TRow>(IBatchSink<TRow> sink, string doing, Exception error) =>
        new($"The sink {sink.Name} failed while {doing}: {error.Message}", error);
}
