namespace Dynamo.Pipeline.Run;

/// <summary>Names the source or sink behind an exception that says nothing of it, so that an error in a user's own code is not taken for one of ours.</summary>
internal static class Faults
{
    /// <summary>Whether an exception is none of those that a source, a format or a sink is to throw.</summary>
    public static bool IsForeign(Exception error) =>
        error is not (PipelineException or BadFileException or FileChangedException or OperationCanceledException or OutOfMemoryException);

    public static SourceException OfSource(IFileSource source, string doing, Exception error) =>
        new($"The source {source.Name} failed while {doing}: {error.Message}", error);

    public static SinkException OfSink<TRow>(IBatchSink<TRow> sink, string doing, Exception error) =>
        new($"The sink {sink.Name} failed while {doing}: {error.Message}", error);
}
