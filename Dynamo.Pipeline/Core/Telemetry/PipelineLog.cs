using Microsoft.Extensions.Logging;

namespace Dynamo.Pipeline.Telemetry;

/// <summary>
/// The messages of the library, in the category <c>Dynamo.Pipeline</c>. Their numbers and names stay as they are, so that filters can
/// count on them.
/// </summary>
internal static partial class PipelineLog
{
    public const string Category = "Dynamo.Pipeline";

    [LoggerMessage(1, LogLevel.Information, "The run of {Source} begins.")]
    public static partial void Began(ILogger log, string source);

    [LoggerMessage(2, LogLevel.Information, "The run of {Source} has ended after {Seconds:F1} s: {Books}.")]
    public static partial void Ended(ILogger log, string source, double seconds, RunBooks books);

    [LoggerMessage(3, LogLevel.Error, "The run of {Source} failed after {Seconds:F1} s: {Reason}")]
    public static partial void Failed(ILogger log, string source, double seconds, string reason);

    [LoggerMessage(4, LogLevel.Warning, "Tried again in {Seconds:F1} s: {Reason}")]
    public static partial void Retries(ILogger log, double seconds, string reason);

    [LoggerMessage(5, LogLevel.Debug, "Left for later: {File}: {Reason}")]
    public static partial void Deferred(ILogger log, string file, string reason);

    [LoggerMessage(6, LogLevel.Warning, "In quarantine: {File}: {Defect}")]
    public static partial void Quarantined(ILogger log, string file, Defect? defect);

    [LoggerMessage(7, LogLevel.Error, "{Name} fails since {SinceUtc:u}: {Reason}")]
    public static partial void Failing(ILogger log, string name, DateTime sinceUtc, string reason);

    [LoggerMessage(8, LogLevel.Information, "{Name} works again, after {Seconds:F0} s.")]
    public static partial void Recovered(ILogger log, string name, double seconds);

    [LoggerMessage(9, LogLevel.Warning, "The connection to {Server} was lost, and is made anew: {Reason}")]
    public static partial void Reconnects(ILogger log, string server, string reason);

    [LoggerMessage(10, LogLevel.Information, "The connection to {Server} is there again, after {Seconds:F1} s.")]
    public static partial void Reconnected(ILogger log, string server, double seconds);
}
