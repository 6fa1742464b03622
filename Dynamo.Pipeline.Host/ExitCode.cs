namespace Dynamo.Pipeline.Host;

/// <summary>What the process tells a scheduler. Documented in <c>dynamo --help</c>. A number is never reused for something else.</summary>
internal enum ExitCode
{
    /// <summary>Everything worked, or there was nothing to do.</summary>
    Ok = 0,

    /// <summary>Done, but something was quarantined or rejected: somebody should look at it.</summary>
    DoneWithBadData = 1,

    /// <summary>Wrong arguments or configuration; nothing was read.</summary>
    Usage = 2,

    /// <summary>The source cannot be reached or listed.</summary>
    SourceFailed = 3,

    /// <summary>The sink cannot be reached or written.</summary>
    SinkFailed = 4,

    /// <summary>Another run holds this source and sink.</summary>
    AlreadyRunning = 5,

    /// <summary>A bug or a broken machine (EX_SOFTWARE of sysexits.h).</summary>
    Internal = 70,

    /// <summary>Stopped by Ctrl+C or SIGTERM before everything was done (128 + SIGINT).</summary>
    Cancelled = 130,
}
