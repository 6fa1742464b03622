namespace Dynamo.Pipeline;

/// <summary>A run ended before its work was done. The type tells what failed, the message what to do.</summary>
public class PipelineException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened, where, and the remedy. It must not contain secrets.</param>
    /// <param name="innerException">The original error, if there is one.</param>
    public PipelineException(string message, Exception? innerException = null) : base(message, innerException) { }

    /// <summary>What the run did before it failed; <see langword="null"/> if it failed before it began to import.</summary>
    public PipelineResult? Result { get; internal set; }
}

/// <summary>The source cannot be reached, listed, read or written to.</summary>
public sealed class SourceException : PipelineException
{
    /// <inheritdoc/>
    public SourceException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>The sink cannot be used: it is unreachable, full, locked or corrupt, or its schema does not fit.</summary>
public sealed class SinkException : PipelineException
{
    /// <inheritdoc/>
    public SinkException(string message, Exception? innerException = null) : base(message, innerException) { }

    /// <summary>Whether the same step may succeed if it is repeated, such as after a lock, a deadlock or a lost connection.</summary>
    public bool IsTransient { get; init; }

    /// <summary>
    /// Whether nothing is wrong with the settings, but with the machine, such as a full disk: a run ends, and a watch that begins tries
    /// again until somebody has mended it. Default false. Once it has begun, a watch tries again after any error.
    /// </summary>
    public bool IsOutage { get; init; }

    /// <summary>
    /// Whether no repetition can help, as what was opened is not there any more: a watch ends, so that its next start opens what is there
    /// now. Default false.
    /// </summary>
    public bool IsFinal { get; init; }
}

/// <summary>Another run holds the same source and sink.</summary>
public sealed class AlreadyRunningException : PipelineException
{
    /// <inheritdoc/>
    public AlreadyRunningException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>
/// Nothing moved in the pipeline for <see cref="PipelineOptions.StallTimeout"/>. The message has the lengths of all queues.
/// </summary>
public sealed class PipelineStalledException : PipelineException
{
    /// <inheritdoc/>
    public PipelineStalledException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>
/// The books of a finished run do not balance: a file or a row was lost or counted twice. This is always a bug, in the pipeline
/// or in a linked block.
/// </summary>
public sealed class BooksDoNotBalanceException : PipelineException
{
    /// <inheritdoc/>
    public BooksDoNotBalanceException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>A file cannot be imported as it is. It goes into quarantine, and the run continues.</summary>
public sealed class BadFileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="defect">What is wrong with the file.</param>
    /// <param name="innerException">The error that showed it, if there is one.</param>
    public BadFileException(Defect defect, Exception? innerException = null) : base(defect.ToString(), innerException) => Defect = defect;

    /// <summary>What is wrong with the file.</summary>
    public Defect Defect { get; }
}

/// <summary>
/// A file vanished or changed between the listing and the end of reading. Nothing of it is loaded, and the next run lists it again.
/// </summary>
public sealed class FileChangedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">What changed, in a few words, such as "vanished" or "grew from 120 to 180 bytes".</param>
    /// <param name="innerException">The error that showed it, if there is one.</param>
    public FileChangedException(string reason, Exception? innerException = null) : base(reason, innerException) { }
}

/// <summary>
/// The source failed to give one file, and it is not known whether the file or the source is to blame, such as after an I/O error. The
/// pipeline tries the file again after the others, with pauses, and then defers it, or quarantines it if it has a <see cref="Defect"/>. If
/// the source gave no file at all in the whole run, the run ends with a <see cref="SourceException"/>.
/// </summary>
public sealed class UnreadableFileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">What happened, in a few words, and the remedy. It must not contain secrets.</param>
    /// <param name="innerException">The error that showed it, if there is one.</param>
    public UnreadableFileException(string reason, Exception? innerException = null) : base(reason, innerException) { }

    /// <summary>
    /// What is wrong with the file, if it is the file: when the source gives other files in the same run and not this one, such as one
    /// without permission, the file goes into quarantine with this. <see langword="null"/>, the default, if nobody can tell: it is
    /// deferred, as in a watch, which tries it again in any case.
    /// </summary>
    public Defect? Defect { get; init; }

    /// <summary>A file that may not be read, on a disk or a server. If none of them may be read, that is no file's fault.</summary>
    internal static UnreadableFileException NoPermission(string remedy, Exception error)
    {
        var defect = new Defect("the file cannot be read: no permission") { Remedy = remedy };
        return new UnreadableFileException($"{defect.Problem}. {remedy}", error) { Defect = defect };
    }
}
