namespace Dynamo.Pipeline.Run;

/// <summary>
/// What the steps of a run tell a watch. For a run that ends with its listing, an error of source or sink is the end. A watch goes on: it
/// takes note, and the file is found again. Thread-safe.
/// </summary>
internal interface IWatch
{
    /// <summary>When the oldest file that waits or is under way was last changed, in UTC.</summary>
    DateTime? OldestWaitingUtc { get; }

    /// <summary>
    /// Until when everything that landed at the source is imported, in UTC; <see langword="null"/>: it was not seen whole yet.
    /// </summary>
    DateTime? SeenUtc { get; }

    /// <summary>The same in words, and what is wrong with the source.</summary>
    string Seen { get; }

    /// <summary>What fails at present: <c>source</c>, <c>sink</c>.</summary>
    IEnumerable<string> ActiveOutages { get; }

    /// <summary>A file was left for later, after it had been offered.</summary>
    void Deferred(SourceFile file, string reason);

    /// <summary>Files are committed.</summary>
    /// <param name="results">The files.</param>
    /// <param name="isDone">Whether they are completed at the source as well. Otherwise the source has failed.</param>
    void Completed(IReadOnlyList<FileResult> results, bool isDone);

    /// <summary>The source failed to give or to complete files.</summary>
    void SourceFailed(Exception error);

    /// <summary>The source failed to give a file, which is left for later, and says nothing about the file.</summary>
    void SourceFailed(SourceFile file, Exception error);

    /// <summary>The sink failed, and is tried again.</summary>
    void SinkFailed(string reason);

    /// <summary>What had failed at the sink works.</summary>
    void SinkWorks();

    /// <summary>The sink has answered, to something that had not failed.</summary>
    void SinkAnswers();
}
