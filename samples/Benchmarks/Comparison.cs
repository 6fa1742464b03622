using System.Globalization;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// Our read step and our whole process beside the published method (pool_read_file.py, pool_import.py) and the floor (floor.c), which are looked for in the folder
/// PEERS. Everything in turn, so that drift of the machine favours nobody, and each right after a pass over all files, so that nobody reads them from disk; medians.
/// </summary>
internal static class Comparison
{
    private static readonly string[] s_workers = ["1", "2", "3", "4"];
    private static readonly string[] s_chunks = ["100", "500", "1000"];

    /// <summary>The interpreter itself: a launcher in front of it would be measured too.</summary>
    private static string Python { get; set; } = "python3";

    public static async Task<int> RunAsync(string folder, string peers, int repeat, string? host)
    {
        string work = Directory.CreateTempSubdirectory("dynamo-compare-").FullName;
        try
        {
            string floor = Path.Combine(work, "floor");
            Python = (await Child.RunAsync("python3", "-c", "import sys; print(sys.executable)")).Output.Trim();
            await Child.RunAsync("cc", "-O2", "-pthread", Path.Combine(peers, "floor.c"), "-o", floor);
            await ReadStepAsync(folder, peers, floor, repeat);
            await WholeProcessAsync(folder, peers, floor, work, repeat, host);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
        return 0;
    }

    private static async Task ReadStepAsync(string folder, string peers, string floor, int repeat)
    {
        string script = Path.Combine(peers, "pool_read_file.py");
        string[] best = await BestCellAsync(async cell => Child.OwnSeconds((await Child.RunAsync(Python, [script, folder, .. cell, "1"])).Output));
        string threads = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture);
        List<double> ours = [], pool = [], floors = [];
        await ReadStep.MeasureAsync(folder, Environment.ProcessorCount, 100);
        for (int i = 0; i < repeat; i++)
        {
            await WarmAsync(floor, folder);
            ours.Add((await ReadStep.MeasureAsync(folder, Environment.ProcessorCount, 100)).Seconds);
            await WarmAsync(floor, folder);
            floors.Add(Child.OwnSeconds((await Child.RunAsync(floor, folder, threads)).Output));
            await WarmAsync(floor, folder);
            pool.Add(Child.OwnSeconds((await Child.RunAsync(Python, [script, folder, .. best, "1"])).Output));
        }
        Print("read_file step", ours, ($"pool_read_file.py {string.Join('×', best)}", pool), ($"floor.c, {threads} threads", floors));
    }

    private static async Task WarmAsync(string floor, string folder) => await Child.RunAsync(floor, folder, "2");

    private static async Task WholeProcessAsync(string folder, string peers, string floor, string work, int repeat, string? host)
    {
        string script = Path.Combine(peers, "pool_import.py"), theirs = Path.Combine(work, "pool.db");
        string[] best = await BestCellAsync(async cell => (await Child.RunAsync(Python, [script, folder, theirs, .. cell])).Seconds);
        List<double> ours = [], pool = [], cpu = [], poolCpu = [], memory = [];
        for (int i = 0; i <= repeat; i++)
        {
            await WarmAsync(floor, folder);
            Child.Figures mine = await ImportAsync(folder, Path.Combine(work, $"ours{i}.db"), host);
            await WarmAsync(floor, folder);
            Child.Figures other = await Child.RunAsync(Python, [script, folder, theirs, .. best]);
            if (i == 0) continue; // The first pair loads the programs themselves.
            ours.Add(mine.Seconds);
            cpu.Add(mine.CpuSeconds);
            memory.Add(mine.PeakBytes / 1048576.0);
            pool.Add(other.Seconds);
            poolCpu.Add(other.CpuSeconds);
        }
        Print("whole process, folder to SQLite", ours, ($"pool_import.py {string.Join('×', best)}", pool));
        Console.WriteLine(FormattableString.Invariant($"  CPU: ours {Child.Median(cpu):F2} s, pool_import.py {Child.Median(poolCpu):F2} s; our peak memory {Child.Median(memory):F0} MB"));
    }

    /// <summary>By the given host, or by the one that was built beside this program.</summary>
    public static Task<Child.Figures> ImportAsync(string folder, string database, string? host = null)
    {
        host ??= Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "dynamo.exe" : "dynamo");
        return Child.RunAsync(host, "run", "--source", folder, "--sink", $"sqlite:{database}", "--json");
    }

    private static async Task<string[]> BestCellAsync(Func<string[], Task<double>> measure)
    {
        var cells = new List<(double Seconds, string[] Cell)>();
        foreach (string workers in s_workers)
        {
            foreach (string chunk in s_chunks)
            {
                double first = await measure([workers, chunk]), second = await measure([workers, chunk]);
                cells.Add((Math.Min(first, second), [workers, chunk]));
            }
        }
        return cells.MinBy(cell => cell.Seconds).Cell;
    }

    private static void Print(string what, List<double> ours, params (string Name, List<double> Seconds)[] others)
    {
        Console.WriteLine(what);
        Console.WriteLine(FormattableString.Invariant($"  {"ours",-36} {Child.Median(ours):F3} s  ({ours.Min():F3}–{ours.Max():F3})"));
        foreach ((string name, List<double> seconds) in others)
        {
            double ratio = Child.Median(seconds.Zip(ours, (theirs, mine) => theirs / mine));
            Console.WriteLine(FormattableString.Invariant($"  {name,-36} {Child.Median(seconds):F3} s  ({seconds.Min():F3}–{seconds.Max():F3})  theirs/ours {ratio:F2}, ours/theirs {1 / ratio:F2}"));
        }
    }
}
