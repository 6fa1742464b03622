namespace Dynamo.Pipeline.Run;

/// <summary>
/// Adds the name of the source or sink to an exception from its code, so that a bug in a user's own code does not look like a bug
/// of the library.
/// </summary>
internal static class Faults
{
    /// <summary>Whether it is none of the exceptions that a source, a format or a sink may throw by contract.</summary>
    public static bool IsForeign(Exception error) =>
        error is not (PipelineException or BadFileException or FileChangedException or UnreadableFileException
            or OperationCanceledException or OutOfMemoryException);

    public static SourceException OfSource(IFileSource source, string doing, Exception error) =>
        new($"The source {source.Name} failed while {doing}: {error.Message}", error);

    public static SinkException OfSink<TRow>(IBatchSink<TRow> sink, string doing, Exception error) =>
        new($"The sink {sink.Name} failed while {doing}: {error.Message}", error);

    /// <summary>Creates a user's block.</summary>
    public static T Made<T>(Func<T> make, string how, int index) where T : class
    {
        string name = BlockName(how, index);
        try
        {
            return make() ?? throw new PipelineException($"{name} is null: the function that creates it must return a block.");
        }
        catch (Exception error) when (IsForeign(error))
        {
            throw new PipelineException($"{name} cannot be created: {error.Message}", error);
        }
    }

    /// <summary>How errors call a user's block.</summary>
    public static string BlockName(string how, int index) => $"Block {index + 1} of those linked with {how}";

    /// <summary>A sink with which a run is possible.</summary>
    public static IBatchSink<TRow> Checked<TRow>(IBatchSink<TRow> sink) => sink.MaxWriters >= 1
        ? sink
        : throw new SinkException($"The sink {sink.Name} has no writers: its MaxWriters is {sink.MaxWriters} and must be at least 1.");

    /// <summary>What a sink answered to a list of files, one answer for each.</summary>
    public static T[] Checked<TRow, T>(IBatchSink<TRow> sink, T[]? answers, int files) => answers?.Length == files
        ? answers
        : throw new SinkException($"The sink {sink.Name} returned {(answers is null ? "no" : answers.Length)} results for {files} files.");
}
