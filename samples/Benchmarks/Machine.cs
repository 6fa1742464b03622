using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>What figures belong to: the machine, and the shape of the files.</summary>
internal static partial class Machine
{
    /// <summary>Prints both.</summary>
    /// <exception cref="BenchmarkException">The folder is not there or has no files.</exception>
    public static void Describe(string folder, string host, Peers? peers = null)
    {
        FileInfo[] files = Files(folder);
        double memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30);
        string kind = IsNative(host) ? "a native program" : "compiled while it runs";
        string python = peers?.PythonVersion is { } version ? $"; Python {version}" : "";
        Print($"machine  {Processor()}, {Environment.ProcessorCount} processors, {memory:F0} GiB; {Load()}");
        Print($"system   {RuntimeInformation.OSDescription}; .NET {Environment.Version}{python}");
        Print($"files    {files.Length:N0} files, {files.Sum(file => file.Length) / 1e6:F1} MB{Shape(files)}");
        Print($"host     {host}, {kind}");
    }

    /// <summary>The files of a folder that a benchmark reads.</summary>
    /// <exception cref="BenchmarkException">The folder is not there or has no files.</exception>
    public static FileInfo[] Files(string folder)
    {
        FileInfo[] files = Directory.Exists(folder) ? new DirectoryInfo(folder).GetFiles("*.csv") : [];
        if (files.Length > 0) return files;
        string remedy = $"dynamo generate --to {folder} --loggers 500 --steps 54 --seed 1";
        throw new BenchmarkException($"There are no *.csv files in '{folder}'. Make some: {remedy}");
    }

    /// <summary>The host to measure: the given one, or the one that was built beside this program.</summary>
    /// <exception cref="BenchmarkException">It is not there.</exception>
    public static string Host(string? given)
    {
        string host = given ?? Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "dynamo.exe" : "dynamo");
        if (File.Exists(host)) return Path.GetFullPath(host);
        const string Remedy = "dotnet publish Dynamo.Pipeline.Host -c Release -r linux-x64 -o published";
        throw new BenchmarkException($"There is no program '{host}'. Build one: {Remedy}");
    }

    // A native program has no assembly beside it.
    private static bool IsNative(string host) => !File.Exists(Path.ChangeExtension(host, ".dll"));

    /// <summary>Loggers and steps, as the names of generated files tell them: logger, underscore, time.</summary>
    private static string Shape(FileInfo[] files)
    {
        Match[] names = [.. files.Select(file => GeneratedName().Match(file.Name))];
        if (!names.All(name => name.Success)) return "";
        int loggers = names.Select(name => name.Groups["logger"].Value).Distinct(StringComparer.Ordinal).Count();
        int steps = names.Select(name => name.Groups["time"].Value).Distinct(StringComparer.Ordinal).Count();
        return string.Create(CultureInfo.InvariantCulture, $", {loggers:N0} loggers × {steps:N0} steps");
    }

    private static string Processor()
    {
        IEnumerable<string> lines = File.Exists("/proc/cpuinfo") ? File.ReadLines("/proc/cpuinfo") : [];
        string? line = lines.FirstOrDefault(text => text.StartsWith("model name", StringComparison.Ordinal));
        return line is null ? $"{RuntimeInformation.ProcessArchitecture}" : line.Split(':', 2)[1].Trim();
    }

    // Figures of a machine that has other work to do as well are worth less, so it is said.
    private static string Load()
    {
        const string Path = "/proc/loadavg";
        return File.Exists(Path) ? $"load at the start {File.ReadAllText(Path).Split(' ')[0]}" : "load unknown";
    }

    private static void Print(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));

    [GeneratedRegex(@"^(?<logger>[^_]+)_(?<time>\d{8}T\d{6})\.csv$")]
    private static partial Regex GeneratedName();
}
