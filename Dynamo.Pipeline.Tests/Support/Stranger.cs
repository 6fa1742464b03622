using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>A user without rights who may write to an inbox, and the commands of that user. The tests are the importer, as root.</summary>
internal static class Stranger
{
    private const int User = 65534;

    private static readonly string[] s_become = ["--reuid=65534", "--regid=65534", "--clear-groups"];

    /// <summary>Skips the test where there is no such user, or nobody with more rights; in CI that is a failure.</summary>
    public static void Require()
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("needs Linux");
        if (!Environment.IsPrivilegedProcess || !File.Exists("/usr/bin/setpriv")) External.Missing("needs root and setpriv (util-linux)");
    }

    /// <summary>Gives a folder or file to the stranger.</summary>
    public static Task OwnAsync(string path) => External.RunAsync("chown", "-h", $"{User}:{User}", path);

    /// <summary>Runs a shell's script as the stranger, in a folder.</summary>
    public static Task RunAsync(string folder, string script) =>
        External.RunAsync("setpriv", [.. s_become, "sh", "-c", $"cd '{folder}' && {script}"]);

    /// <summary>Starts a shell's script as the stranger, in a folder. The caller ends it.</summary>
    public static Process Start(string folder, string script) =>
        Process.Start(new ProcessStartInfo("setpriv", [.. s_become, "sh", "-c", $"cd '{folder}' && {script}"]))!;
}
