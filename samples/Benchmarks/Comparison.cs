using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// Our read step and our whole process beside the peers: the published method (pool_read_file.py, pool_import.py) at its best cell, and C
/// programs (floor.c, floor_import.c). All take turns, so that drift of the machine favours nobody, and each comes right after a pass over
/// all files, so that nobody reads them from disk. Medians, and the medians of the ratios of each round.
/// </summary>
internal static class Comparison
{
    private static readonly string[] s_workers = ["1", "2", "3", "4"];
    private static readonly string[] s_chunks = ["100", "500", "1000"];
    private static readonly string s_threads = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture);

    public static async Task<int> RunAsync(string folder, int repeat, string? host)
    {
        host = Machine.Host(host);
        string work = Directory.CreateTempSubdirectory("dynamo-compare-").FullName;
        try
        {
            Machine.Files(folder);
            Peers peers = await Peers.PrepareAsync(work);
            Machine.Describe(folder, host, peers);
            await ReadStepAsync(folder, peers, repeat);
            await WholeProcessAsync(folder, peers, work, repeat, host);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
        return 0;
    }

    /// <summary>The whole process: a folder into a new SQLite database.</summary>
    public static Task<Child.Figures> ImportAsync(string folder, string database, string host) =>
        Child.RunAsync(Child.DoneWithDefects, host, "run", "--source", folder, "--sink", $"sqlite:{database}", "--json");

    private static async Task ReadStepAsync(string folder, Peers peers, int repeat)
    {
        var all = new List<Contestant> { new("ours", () => InThisProcessAsync(folder)) };
        if (peers.Python is { } python)
        {
            await AddBestAsync(all, "pool_read_file.py", async cell =>
                OfItsOwn(await Child.RunAsync(python, [peers.PoolReadFile, folder, .. cell, "1"])));
        }
        if (peers.Floor is { } floor)
            all.Add(new($"floor.c, {s_threads} threads", async () => OfItsOwn(await Child.RunAsync(floor, folder, s_threads))));
        await TakeTurnsAsync(all, "read_file step", folder, repeat);
        Print($"read_file step, {s_threads} threads", all);
    }

    private static async Task WholeProcessAsync(string folder, Peers peers, string work, int repeat, string host)
    {
        // Always a new database: deleting the old one takes time too, and is nobody's.
        string database = Path.Combine(work, "db", "readings.db");
        async Task<Child.Figures> Fresh(Func<Task<Child.Figures>> import)
        {
            string home = Path.GetDirectoryName(database)!;
            if (Directory.Exists(home)) Directory.Delete(home, recursive: true);
            Directory.CreateDirectory(home);
            return await import();
        }
        var all = new List<Contestant> { new("ours", () => Fresh(() => ImportAsync(folder, database, host))) };
        if (peers.Python is { } python)
        {
            await AddBestAsync(all, "pool_import.py", cell =>
                Fresh(() => Child.RunAsync(python, [peers.PoolImport, folder, database, .. cell])));
        }
        if (peers.FloorImport is { } floor)
            all.Add(new($"floor_import.c, {s_threads} threads", () => Fresh(() => Child.RunAsync(floor, folder, database, s_threads))));
        await TakeTurnsAsync(all, "whole process", folder, repeat);
        Print("whole process, folder to SQLite", all);
    }

    private static async Task<Child.Figures> InThisProcessAsync(string folder) =>
        new((await ReadStep.MeasureAsync(folder, Environment.ProcessorCount, 100)).Seconds, double.NaN, 0, "");

    private static Child.Figures OfItsOwn(Child.Figures run) =>
        run with { Seconds = Child.OwnSeconds(run.Output), CpuSeconds = double.NaN };

    /// <summary>Looks for the combination of workers and chunk that is fastest, and adds that one.</summary>
    private static async Task AddBestAsync(List<Contestant> all, string name, Func<string[], Task<Child.Figures>> measure)
    {
        var cells = new List<(double Seconds, string[] Cell)>();
        try
        {
            foreach (string workers in s_workers)
            {
                foreach (string chunk in s_chunks)
                {
                    Tell($"{name}: workers and chunk, {cells.Count + 1} of {s_workers.Length * s_chunks.Length}");
                    Child.Figures first = await measure([workers, chunk]), second = await measure([workers, chunk]);
                    cells.Add((Math.Min(first.Seconds, second.Seconds), [workers, chunk]));
                }
            }
        }
        catch (ChildException e)
        {
            Console.Error.WriteLine($"Not measured: {name}. {e.Message}");
            return;
        }
        string[] best = cells.MinBy(cell => cell.Seconds).Cell;
        all.Add(new($"{name} {string.Join('×', best)}", () => measure(best)));
    }

    /// <summary>One round more than is counted: the first loads the programs themselves. Who fails is left out from there on.</summary>
    private static async Task TakeTurnsAsync(List<Contestant> all, string what, string folder, int repeat)
    {
        for (int round = 0; round <= repeat; round++)
        {
            Tell($"{what}: round {round + 1} of {repeat + 1}");
            foreach (Contestant one in all.ToArray())
            {
                try
                {
                    Warm(folder);
                    Child.Figures run = await one.Measure();
                    if (round > 0) one.Runs.Add(run);
                }
                catch (ChildException e) when (one != all[0])
                {
                    Console.Error.WriteLine($"Not measured: {one.Name}. {e.Message}");
                    all.Remove(one);
                }
            }
        }
    }

    /// <summary>Who waits some minutes for a table sees that it goes on; what stdout gets is the table alone.</summary>
    private static void Tell(string step) => Console.Error.WriteLine(step);

    /// <summary>Reads every file, so that all are in memory.</summary>
    private static void Warm(string folder)
    {
        byte[] buffer = new byte[1 << 16];
        foreach (string path in Directory.EnumerateFiles(folder, "*.csv"))
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path);
            for (long at = 0, read; (read = RandomAccess.Read(file, buffer, at)) > 0; at += read) { }
        }
    }

    private static void Print(string what, List<Contestant> all)
    {
        Console.WriteLine($"\n{what}, medians of {all[0].Runs.Count} (smallest–largest)");
        foreach (Contestant one in all)
        {
            double[] seconds = [.. one.Runs.Select(run => run.Seconds)];
            double cpu = Child.Median(one.Runs.Select(run => run.CpuSeconds));
            double peak = Child.Median(one.Runs.Select(run => run.PeakBytes / 1048576.0));
            double ratio = Child.Median(seconds.Zip(all[0].Runs, (theirs, mine) => theirs / mine.Seconds));
            var line = new StringBuilder();
            line.Append(CultureInfo.InvariantCulture, $"  {one.Name,-28} {Child.Median(seconds):F3} s");
            line.Append(CultureInfo.InvariantCulture, $"  ({seconds.Min():F3}–{seconds.Max():F3})");
            if (double.IsFinite(cpu)) line.Append(CultureInfo.InvariantCulture, $"  CPU {cpu:F2} s");
            if (one == all[0] && peak > 0) line.Append(CultureInfo.InvariantCulture, $"  peak memory {peak:F0} MB");
            if (one != all[0]) line.Append(CultureInfo.InvariantCulture, $"  theirs/ours {ratio:F2}, ours/theirs {1 / ratio:F2}");
            Console.WriteLine(line);
        }
    }

    private sealed record Contestant(string Name, Func<Task<Child.Figures>> Measure)
    {
        public List<Child.Figures> Runs { get; } = [];
    }
}
