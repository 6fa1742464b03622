using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A file system of some megabytes in memory, which only root may mount. When it is disposed, nothing of ours may hold it: a program that
/// another test is just starting has its handles for a moment, and is waited for.
/// </summary>
internal sealed class SmallDisk : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    public SmallDisk(string folder, string size)
    {
        Path = Directory.CreateDirectory(folder).FullName;
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess
            || !Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", Path))
            External.Missing("only root on Linux can mount a small file system");
    }

    public string Path { get; }

    /// <summary>Mounts it again with other options, such as <c>size=64m</c> or <c>ro</c>.</summary>
    public void Remount(string options) => Assert.That(Run("mount", "-o", $"remount,{options}", Path), $"remount {options}");

    public void Dispose()
    {
        for (long began = Stopwatch.GetTimestamp(); !Run("umount", Path); Thread.Sleep(50))
        {
            if (Stopwatch.GetElapsedTime(began) < s_patience) continue;
            Run("umount", "-l", Path);
            Assert.Fail($"something holds {Path}");
        }
    }

    private static bool Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        return process.WaitForExit(50_000) && process.ExitCode == 0;
    }
}
