using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>A whole process, timed from outside.</summary>
internal static partial class Child
{
    public readonly record struct Figures(double Seconds, double CpuSeconds, long PeakBytes, string Output);

    /// <summary>The exit codes of an import that ran to its end, whatever the files were like.</summary>
    public static readonly int[] DoneWithDefects = [0, 1];

    private static readonly int[] s_done = [0];

    /// <summary>Runs a program to its end. Its peak memory is what the kernel says of it while it lives, so it is polled.</summary>
    /// <exception cref="ChildException">It is not there, or its exit code is not 0.</exception>
    public static Task<Figures> RunAsync(string program, params string[] args) => RunAsync(s_done, program, args);

    /// <summary>As <see cref="RunAsync(string, string[])"/>, with the exit codes that are none of a failure.</summary>
    /// <exception cref="ChildException">It is not there, or has another exit code.</exception>
    public static async Task<Figures> RunAsync(int[] good, string program, params string[] args)
    {
        double before = CpuOfEndedChildren();
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string arg in args) start.ArgumentList.Add(arg);
        long began = Stopwatch.GetTimestamp();
        using Process process = Start(start);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        Task ended = process.WaitForExitAsync();
        long peak = 0;
        while (!ended.IsCompleted)
        {
            peak = Math.Max(peak, Peak(process.Id));
            await Task.WhenAny(ended, Task.Delay(20));
        }
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        string text = await output + await errors;
        if (good.Contains(process.ExitCode)) return new Figures(seconds, CpuOfEndedChildren() - before, peak, text);
        string problem = $"{Path.GetFileName(program)} ended with exit code {process.ExitCode}: {LastLine(text)}";
        throw new ChildException(problem, started: true, text);
    }

    /// <summary>The last "0.123s" a program printed of itself.</summary>
    /// <exception cref="ChildException">There is none.</exception>
    public static double OwnSeconds(string output) => Seconds().Matches(output) is [.., Match last]
        ? double.Parse(last.Groups[1].Value, CultureInfo.InvariantCulture)
        : throw new ChildException($"It printed no seconds: {LastLine(output)}", started: true, output);

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new ChildException($"{start.FileName} cannot be started: {e.Message}", started: false, "", e);
        }
    }

    private static string LastLine(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return lines is [.., string last] ? last : "it printed nothing";
    }

    private static long Peak(int id)
    {
        try
        {
            foreach (string line in File.ReadLines($"/proc/{id}/status"))
            {
                const string Key = "VmHWM:";
                if (!line.StartsWith(Key, StringComparison.Ordinal)) continue;
                return 1024 * long.Parse(line[Key.Length..^3], CultureInfo.InvariantCulture);
            }
        }
        catch (IOException)
        {
            // It has just ended.
        }
        return 0;
    }

    /// <summary>
    /// User and system time of the children that have ended and their children (getrusage(2), RUSAGE_CHILDREN).
    /// NaN where there is no such call.
    /// </summary>
    private static double CpuOfEndedChildren()
    {
        if (OperatingSystem.IsWindows()) return double.NaN;
        long[] usage = new long[36];
        _ = GetResourceUsage(-1, usage);
        return usage[0] + usage[2] + ((usage[1] + usage[3]) / 1e6);
    }

    [DllImport("libc", EntryPoint = "getrusage")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetResourceUsage(int who, [Out] long[] usage);

    [GeneratedRegex(@"(\d+\.\d+)s\b")]
    private static partial Regex Seconds();
}
