using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>A whole process, timed from outside.</summary>
internal static partial class Child
{
    public readonly record struct Figures(double Seconds, double CpuSeconds, long PeakBytes, string Output);

    /// <summary>Runs a program to its end. Its peak memory is what the kernel says of it while it lives, so it is polled.</summary>
    public static async Task<Figures> RunAsync(string program, params string[] args)
    {
        double before = CpuOfEndedChildren();
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string arg in args) start.ArgumentList.Add(arg);
        long began = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start)!;
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
        if (process.ExitCode is not (0 or 1)) throw new InvalidOperationException($"{program} {string.Join(' ', args)} exited {process.ExitCode}: {text}");
        return new Figures(seconds, CpuOfEndedChildren() - before, peak, text);
    }

    /// <summary>The last "0.123s" a program printed of itself.</summary>
    public static double OwnSeconds(string output) => double.Parse(Seconds().Matches(output)[^1].Groups[1].Value, CultureInfo.InvariantCulture);

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static long Peak(int id)
    {
        try
        {
            foreach (string line in File.ReadLines($"/proc/{id}/status"))
            {
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal)) return 1024 * long.Parse(line[6..^3], CultureInfo.InvariantCulture);
            }
        }
        catch (IOException)
        {
            // It has just ended.
        }
        return 0;
    }

    /// <summary>User and system time of the children that have ended and their children (getrusage(2), RUSAGE_CHILDREN); NaN where there is no such call.</summary>
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
