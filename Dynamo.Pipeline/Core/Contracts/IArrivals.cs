namespace Dynamo.Pipeline;

/// <summary>
/// What has landed at a source since somebody listens, as far as the source is told. These are hints: nothing depends on one having come,
/// because a sweep finds every file. One caller at a time; disposing ends it.
/// </summary>
public interface IArrivals : IDisposable
{
    /// <summary>
    /// Takes the files that have landed since the last call and are whole, because their writer has closed them or renamed them in. What is
    /// gone again by now, or is not wanted, is left out.
    /// </summary>
    /// <param name="most">How many files to return at most. The next call goes on.</param>
    /// <returns>The files, as a listing would give them.</returns>
    /// <exception cref="SourceException">The source fails.</exception>
    IReadOnlyList<SourceFile> Take(int most);

    /// <summary>Has a file that was taken looked at once more by a later call: it could not be dealt with yet.</summary>
    /// <param name="file">The file.</param>
    void Again(SourceFile file);

    /// <summary>
    /// Takes the news that something may have been missed: more landed at once than could be told, or the folder was replaced. Then only a
    /// sweep finds everything. True once for each such event, and at the first call.
    /// </summary>
    /// <returns>Whether to sweep.</returns>
    bool TakeMissed();
}
