using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>Programs the tests need and may not find.</summary>
internal static class External
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    /// <summary>Ignores the test, or fails it where everything has to be there.</summary>
    public static void Missing(string reason)
    {
        if (Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(reason);
        Assert.Ignore(reason);
    }

    /// <summary>Runs a program to its end; skips the test when it is not installed.</summary>
    public static async Task RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        Process? process = null;
        try
        {
            process = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Missing($"{program} is not installed");
        }
        using (process)
        {
            await process!.WaitForExitAsync().WaitAsync(s_patience);
            Assert.That(process.ExitCode, Is.Zero, await process.StandardError.ReadToEndAsync());
        }
    }
}
