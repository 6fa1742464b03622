using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>The process from its arguments to its exit code. Every error ends here, as a short message.</summary>
internal static class DynamoHost
{
    public static async Task<ExitCode> MainAsync(string[] args)
    {
        using var signals = new StopSignals();
        var context = new CommandContext(Console.Out, Console.Error, signals.Stopping);
        ParseResult parsed = CommandLine.Parse(args, context);
        try
        {
            CommandLine.Check(parsed);
            return (ExitCode)await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // StopSignals does that, and knows what is being written.
                Output = context.Out,
                Error = context.Error,
            });
        }
        catch (Exception error)
        {
            Failure failure = Failure.Of(error, signals.Stopping);
            failure.Write(context, CommandLine.WantsJson(args), CommandLine.WantsStack(args));
            return failure.Code;
        }
    }
}

/// <summary>What a command works with.</summary>
/// <param name="Out">Results, and nothing else.</param>
/// <param name="Error">Progress and errors.</param>
/// <param name="Stopping">Cancelled by Ctrl+C and SIGTERM.</param>
internal sealed record CommandContext(TextWriter Out, TextWriter Error, CancellationToken Stopping);
