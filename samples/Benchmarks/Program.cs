using System.Globalization;
using BenchmarkDotNet.Running;
using Dynamo.Pipeline.Benchmarks;

try
{
    return await RunAsync(args);
}
catch (BenchmarkException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
catch (Exception e)
{
    // Who measures does not debug: a line says what went wrong.
    Console.Error.WriteLine($"{e.GetType().Name}: {e.Message}");
    return 3;
}

static async Task<int> RunAsync(string[] args)
{
    switch (args)
    {
        case ["read", string folder, ..]:
            await ReadStep.RunAsync(folder, Number(args, 2, Environment.ProcessorCount), Number(args, 3, 100), Number(args, 4, 5));
            return 0;
        case ["import", string folder, string database, ..]:
            await Import.RunAsync(folder, database, Number(args, 3, 5));
            return 0;
        case ["compare", string folder, ..]:
            return await Comparison.RunAsync(folder, Number(args, 2, 9), args.Length > 3 ? args[3] : null);
        case ["sftp", string folder, ..]:
            return await SftpComparison.RunAsync(folder, Number(args, 2, 5), args.Length > 3 ? args[3] : null);
        case ["tune", string folder, string outcome, ..]:
            return await TuneComparison.RunAsync(folder, outcome, Number(args, 3, 3), args.Length > 4 ? args[4] : null);
        case ["allocations", string folder, ..]:
            await Allocations.RunAsync(folder, Number(args, 2, 10));
            return 0;
        case ["memory", string folder, ..]:
            return await MemoryRun.RunAsync(args[1..]);
        case ["formats", ..]:
            await FormatCosts.RunAsync(Number(args, 1, 300));
            return 0;
        case ["csv", string path, ..]:
            return CsvBench.Run(path, Number(args, 2, 9));
        case ["csv-file", string path, ..]:
            CsvBench.Make(path, Number(args, 2, 2000));
            return 0;
        case ["sqlserver", string connection, ..]:
            return await SqlServerBench.RunAsync(connection, Number(args, 2, 1_000_000), args.Length > 3 ? args[3] : "");
        case ["sqlserver-endpoint"]:
            await SqlServerBench.ServeAsync();
            return 0;
        case ["parts", ..]:
            BenchmarkSwitcher.FromAssembly(typeof(ReadStep).Assembly).Run(args[1..]);
            return 0;
        default:
            Console.Error.WriteLine(
                """
                usage:
                  read FOLDER [READERS [CHUNK [REPEAT]]]   the read_file step alone, in this process
                  compare FOLDER [REPEAT [HOST]]           read step and whole process beside the published method and C, in turn
                  tune FOLDER OUT [REPEAT [HOST]]          the published matrix, ours and pool_read_file.py in turn; can be interrupted
                  allocations FOLDER [REPEAT]              what the read step and the whole pipeline allocate, by type
                  import FOLDER DATABASE [REPEAT]          the whole import in this process, for a profiler
                  memory FOLDER [FOLDER …]                 peak memory of the whole process for each folder
                  sftp FOLDER [REPEAT [HOST]]              SFTP clients and imports against an sshd of our own, near and 20 ms away
                  formats [PASSES]                         nanoseconds a value for several formats, best of many passes
                  csv FOLDER|FILE [REPEAT]                 CSV engines over the same bytes: many small files, or a large one
                  csv-file FILE [MEGABYTES]                writes a wide file for it
                  sqlserver CONNECTION|endpoint [ROWS [WAY]] rows a second into SQL Server beside SqlBulkCopy, Dapper and inserts
                  parts [--filter …]                       BenchmarkDotNet on the parts
                See README.md beside this program.
                """);
            return 2;
    }
}

static int Number(string[] args, int index, int otherwise)
{
    if (args.Length <= index) return otherwise;
    return int.TryParse(args[index], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
        ? number
        : throw new BenchmarkException($"'{args[index]}' stands where a number from 1 belongs. "
            + "Without arguments, this program prints its usage.");
}
