namespace Dynamo.Pipeline.Benchmarks;

/// <summary>Peak memory of the host for folders of different sizes, a line each.</summary>
internal static class MemoryRun
{
    public static async Task<int> RunAsync(string[] folders)
    {
        string work = Directory.CreateTempSubdirectory("dynamo-memory-").FullName;
        try
        {
            foreach (string folder in folders)
            {
                Child.Figures run = await Comparison.ImportAsync(folder, Path.Combine(work, "readings.db"), Machine.Host(null));
                Console.WriteLine(
                    FormattableString.Invariant(
                        $"{folder}: peak {run.PeakBytes / 1048576.0:F0} MB, {run.Seconds:F1} s, CPU {run.CpuSeconds:F1} s"));
                File.Delete(Path.Combine(work, "readings.db"));
            }
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
        return 0;
    }
}
