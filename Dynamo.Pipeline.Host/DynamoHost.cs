using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The process from its arguments to its exit code. This folder has what all rooms of the host share:
/// the command line, the signals, exit codes, failures, and how values are shown. Every error ends here, as a short message.
/// </summary>
internal static class DynamoHost
{
    /// <param name="args">The arguments.</param>
    /// <param name="stopping">Stops it as a signal does.</param>
    public static async Task<ExitCode> MainAsync(string[] args, CancellationToken stopping = default)
    {
        OptionName.Use(OptionSettings.KeyOf);
        Console.SetError(new TerminalWriter(Console.Error));
        var output = new TerminalWriter(Console.Out);
        Console.SetOut(output);
        using var answer = new Answer(
            output, CommandLine.WantsJson(args), isLive: args is [WatchCommand.Word or DispatchCommand.Word or WorkCommand.Word, ..]);
        using var signals = new StopSignals(answer.GiveUp);
        using CancellationTokenRegistration stops = stopping.Register(signals.Stop);
        var context = new CommandContext(answer.Out, Console.Error, signals.StopWithin, signals.OnHangUp, signals.Stopping);
        ParseResult parsed = CommandLine.Parse(args, context);
        try
        {
            CommandLine.Check(parsed);
            int code = await CommandLine.InvokeAsync(parsed, context);
            answer.Give();
            bool isLost = output.Lost is not null && Console.IsOutputRedirected;
            return isLost ? ReportLost(output.Lost!, (ExitCode)code, parsed.CommandResult.Command) : (ExitCode)code;
        }
        catch (Exception error)
        {
            Failure failure = Pasted.In(Failure.Of(error, signals.Stopping), parsed);
            failure.Write(context, CommandLine.WantsJson(args), CommandLine.WantsStack(args));
            answer.Give();
            return failure.Code;
        }
    }

    /// <summary>
    /// The exit code of a command whose output is lost. A command that changed something is judged by that; what others print is all
    /// that they do.
    /// </summary>
    private static ExitCode ReportLost(Exception lost, ExitCode code, Command command)
    {
        Console.Error.WriteLine($"dynamo: the report could not be written: {lost.Message}");
        return command is RunCommand or LiveCommand or RetryCommand or UndoCommand or PruneCommand ? code : ExitCode.Internal;
    }
}

/// <summary>What a command works with.</summary>
/// <param name="Out">Results, and nothing else.</param>
/// <param name="Error">Progress and errors.</param>
/// <param name="StopWithin">Tells how long the command may take to stop. If it takes much longer, the process is ended.</param>
/// <param name="OnHangUp">Says what SIGHUP does in place of stopping. On a terminal it still stops.</param>
/// <param name="Stopping">Cancelled by Ctrl+C and SIGTERM.</param>
internal sealed record CommandContext(
    TextWriter Out, TextWriter Error, Action<TimeSpan> StopWithin, Action<Action> OnHangUp, CancellationToken Stopping);
