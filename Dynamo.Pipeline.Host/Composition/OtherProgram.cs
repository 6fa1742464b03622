using System.Diagnostics;
using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>A program that the settings name: one that prints a token, or one that takes a notice.</summary>
internal static class OtherProgram
{
    private static readonly string[] s_own = ["DYNAMO", "OTEL_"];

    /// <summary>Runs it to its end, without dynamo's own secrets in its environment.</summary>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="input">What it gets on stdin, if anything.</param>
    /// <param name="cancellationToken">Kills it, and what it has started.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be started.</exception>
    public static async Task<(int Exit, string Output, string Error)> RunAsync(
        IReadOnlyList<string> command, string? input, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            CreateNoWindow = true,
        };
        foreach (string variable in start.Environment.Keys.ToArray())
            if (s_own.Any(own => variable.StartsWith(own, StringComparison.OrdinalIgnoreCase))) start.Environment.Remove(variable);
        using Process process = Process.Start(start)!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
            await WriteAsync(process.StandardInput, input, cancellationToken);
            await Task.WhenAll(output, error, process.WaitForExitAsync(cancellationToken));
            return (process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static async Task WriteAsync(StreamWriter to, string? input, CancellationToken cancellationToken)
    {
        try
        {
            await using (to)
                if (input is not null) await to.WriteLineAsync(input.AsMemory(), cancellationToken);
        }
        catch (IOException)
        {
            // It does not read, or not all. Its exit code says whether that is well.
        }
    }
}
