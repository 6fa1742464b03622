using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The process from its arguments to its exit code. This folder has what all rooms of the host share:
/// the command line, the signals, exit codes, failures, and how values are shown. Every error ends here, as a short message.
/// </summary>
internal static class DynamoHost
{
    public static async Task<ExitCode> MainAsync(string[] args)
    {
        Console.SetError(new TerminalWriter(Console.Error));
        if (!Console.IsOutputRedirected) Console.SetOut(new TerminalWriter(Console.Out));
        using var answer = new Answer(Console.Out, CommandLine.WantsJson(args));
        using var signals = new StopSignals(answer.GiveUp);
        var context = new CommandContext(answer.Out, Console.Error, signals.StopWithin, signals.Stopping);
        ParseResult parsed = CommandLine.Parse(args, context);
        try
        {
            CommandLine.Check(parsed);
            int code = await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // StopSignals handles the signals: it knows how long the command may take to stop.
                Output = context.Out,
                Error = context.Error,
            });
            answer.Give();
            return (ExitCode)code;
        }
        catch (Exception error)
        {
            Failure failure = Failure.Of(error, signals.Stopping);
            failure.Write(context, CommandLine.WantsJson(args), CommandLine.WantsStack(args));
            answer.GiveIfPossible();
            return failure.Code;
        }
    }
}

/// <summary>What a command works with.</summary>
/// <param name="Out">Results, and nothing else.</param>
/// <param name="Error">Progress and errors.</param>
/// <param name="StopWithin">Tells how long the command may take to stop. If it takes much longer, the process is ended.</param>
/// <param name="Stopping">Cancelled by Ctrl+C and SIGTERM.</param>
internal sealed record CommandContext(TextWriter Out, TextWriter Error, Action<TimeSpan> StopWithin, CancellationToken Stopping);
