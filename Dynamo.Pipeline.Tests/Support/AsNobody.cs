using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>The real <c>dynamo</c> as a user without rights. Needs root and setpriv.</summary>
internal static class AsNobody
{
    public static async Task<(int ExitCode, string Output)> RunAsync(string[] arguments, CancellationToken token)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "dynamo.dll");
        var start = new ProcessStartInfo(
            "setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", Environment.ProcessPath!, "exec", program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        start.Environment["HOME"] = Path.GetTempPath();
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        using Process process = TryStart(start);
        Task<string> output = process.StandardOutput.ReadToEndAsync(token), error = process.StandardError.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        string all = await output + await error;
        if (all.Contains("Permission denied", StringComparison.Ordinal) && !all.Contains("dynamo", StringComparison.Ordinal))
            External.Missing($"another user may not read the build: {all}");
        return (process.ExitCode, all);
    }

    private static Process TryStart(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            External.Missing("setpriv is not installed");
            throw;
        }
    }
}
