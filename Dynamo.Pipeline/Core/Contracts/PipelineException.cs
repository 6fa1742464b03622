namespace Dynamo.Pipeline;

/// <summary>A run ended before its work was done. The subclass says whose fault it was, the message what to do.</summary>
public class PipelineException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened, where, and the remedy. Never a secret.</param>
    /// <param name="innerException">The original error, if there is one.</param>
    public PipelineException(string message, Exception? innerException = null) : base(message, innerException) { }

    /// <summary>What the run did until then, when it got as far as importing; <see langword="null"/> before.</summary>
    public PipelineResult? Result { get; internal set; }
}

/// <summary>The source cannot be reached, listed or written to.</summary>
public sealed class SourceException : PipelineException
{
    /// <inheritdoc/>
    public SourceException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>The sink refuses to work: unreachable, full, locked, corrupt, or of another schema.</summary>
public sealed class SinkException : PipelineException
{
    /// <inheritdoc/>
    public SinkException(string message, Exception? innerException = null) : base(message, innerException) { }

    /// <summary>Whether the same step may succeed when it is tried again (locked, dead-locked, connection lost).</summary>
    public bool IsTransient { get; init; }
}

/// <summary>Another run holds the same source and sink.</summary>
public sealed class AlreadyRunningException : PipelineException
{
    /// <inheritdoc/>
    public AlreadyRunningException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>No block of the pipeline moved for the stall time-out; the message holds every block's queue depths.</summary>
public sealed class PipelineStalledException : PipelineException
{
    /// <inheritdoc/>
    public PipelineStalledException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>The books of a finished run do not balance: a file or a row was lost or counted twice. Always a bug, in the pipeline or in a linked block.</summary>
public sealed class BooksDoNotBalanceException : PipelineException
{
    /// <inheritdoc/>
    public BooksDoNotBalanceException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>A file cannot be imported as it is: it goes into quarantine, and the run goes on.</summary>
public sealed class BadFileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="defect">What is wrong with the file.</param>
    /// <param name="innerException">The error that showed it, if there is one.</param>
    public BadFileException(Defect defect, Exception? innerException = null) : base(defect.ToString(), innerException) => Defect = defect;

    /// <summary>What is wrong with the file.</summary>
    public Defect Defect { get; }
}

/// <summary>A file vanished or changed between listing and the end of reading: nothing of it is loaded, the next run sees it again.</summary>
public sealed class FileChangedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">What changed, in a few words: "vanished", "grew from 120 to 180 bytes".</param>
    /// <param name="innerException">The error that showed it, if there is one.</param>
    public FileChangedException(string reason, Exception? innerException = null) : base(reason, innerException) { }
}
