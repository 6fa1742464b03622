using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>An error as the user sees it: a code for the scheduler, a short message for the person.</summary>
internal sealed record Failure(ExitCode Code, string Message, Exception Error)
{
    public static Failure Of(Exception error, CancellationToken stopping) => error switch
    {
        ReportedException reported => reported.Failure,
        AggregateException { InnerExceptions: [var single] } => Of(single, stopping),
        SettingsException => new Failure(ExitCode.Usage, error.Message, error),
        SourceException => new Failure(ExitCode.SourceFailed, error.Message, error),
        SinkException => new Failure(ExitCode.SinkFailed, error.Message, error),
        AlreadyRunningException => new Failure(ExitCode.AlreadyRunning, error.Message, error),
        OperationCanceledException when stopping.IsCancellationRequested => new Failure(ExitCode.Cancelled, "Stopped.", error),
        PipelineException => new Failure(ExitCode.Internal, error.Message, error),
        _ => new Failure(ExitCode.Internal, $"{error.GetType().Name}: {error.Message}", error),
    };

    public void Write(CommandContext context, bool json, bool stack)
    {
        context.Error.WriteLine($"dynamo: {Secret.Free(Message)}");
        if (stack)
            context.Error.WriteLine(Error);
        else if (Code == ExitCode.Internal)
            context.Error.WriteLine("This should not happen. Set DYNAMO_DEBUG=1 or add --verbose to see where it came from.");
        if (json && Error is not ReportedException) context.Out.WriteLine(ToJson());
    }

    public string ToJson() => JsonText.Of(WriteJson);

    /// <summary>The members of one source that has failed.</summary>
    public void WriteJson(Utf8JsonWriter json, string source)
    {
        json.WriteString("source", source);
        WriteJson(json);
    }

    private void WriteJson(Utf8JsonWriter json)
    {
        json.WriteNumber("exitCode", (int)Code);
        json.WriteString("outcome", Code == ExitCode.Cancelled ? "cancelled" : "failed");
        json.WriteString("error", Secret.Free(Message));
    }
}

/// <summary>A failure whose report has already been written to stdout.</summary>
internal sealed class ReportedException : Exception
{
    public ReportedException(Failure failure) : base(failure.Message, failure.Error) => Failure = failure with { Error = this };

    public Failure Failure { get; }
}
