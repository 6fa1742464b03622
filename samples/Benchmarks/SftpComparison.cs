using System.Diagnostics;
using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Tests;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// SFTP clients side by side, each a whole process that lists a folder and fetches all of it, against one sshd on the loopback: ours, lftp, curl (which is
/// given the names, since it cannot list and fetch in one go), and tar through ssh, which is no SFTP and the floor. Then ours with a distant server, and the
/// import into SQLite from the folder and from the server. Everything in turn, medians.
/// </summary>
internal static class SftpComparison
{
    private static readonly TimeSpan s_roundTrip = TimeSpan.FromMilliseconds(20);

    public static async Task<int> RunAsync(string folder, int repeat)
    {
        folder = Path.GetFullPath(folder);
        string work = Directory.CreateTempSubdirectory("dynamo-sftp-").FullName;
        string memory = Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : work, "dynamo-sftp-" + Environment.ProcessId)).FullName;
        try
        {
            using var server = new SftpServer(work);
            await using var far = new DelayProxy(server.Port, s_roundTrip);
            server.Trust(far.Port);
            await ClientsAsync(folder, work, memory, server, far.Port, repeat);
            await ImportsAsync(folder, work, server, far.Port, repeat);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
            Directory.Delete(memory, recursive: true);
        }
        return 0;
    }

    private static async Task ClientsAsync(string folder, string work, string memory, SftpServer server, int far, int repeat)
    {
        string names = Path.Combine(work, "curl.txt");
        await File.WriteAllLinesAsync(names, Directory.EnumerateFiles(folder).SelectMany(file => new[]
        {
            $"url = \"sftp://127.0.0.1:{server.Port}{file}\"", $"output = \"{memory}/{Path.GetFileName(file)}\"",
        }), new UTF8Encoding(false));
        string self = Path.Combine(AppContext.BaseDirectory, "Dynamo.Pipeline.Benchmarks");
        (string Name, string Command)[] clients =
        [
            ("ours", $"{self} fetch {folder} {server.Port} {work}"),
            ("ours, 20 ms away", $"{self} fetch {folder} {far} {work}"),
            ("ssh tar", $"ssh {server.SshArguments} -p {server.Port} 127.0.0.1 tar -C {folder} -cf - . > {memory}/all.tar"),
            ("ssh tar, 20 ms away", $"ssh {server.SshArguments} -p {far} 127.0.0.1 tar -C {folder} -cf - . > {memory}/all.tar"),
            ("curl -Z --parallel-max 16", $"curl -s -S -k -u {Environment.UserName}: --key {server.Key} --pubkey {server.Key}.pub -Z --parallel-max 16 -K {names}"),
            ("lftp mirror -P 4", $"lftp -c \"set sftp:connect-program 'ssh {server.SshArguments}'; open -u {Environment.UserName},x sftp://127.0.0.1:{server.Port}; mirror -P 4 {folder} {memory}/lftp\""),
        ];
        await MeasureAsync("list and fetch everything, whole process", clients, memory, repeat);
    }

    private static async Task ImportsAsync(string folder, string work, SftpServer server, int far, int repeat)
    {
        string host = Path.Combine(AppContext.BaseDirectory, "dynamo"), config = server.WriteConfiguration(), database = Path.Combine(work, "db");
        (string Name, string Command)[] imports =
        [
            ("folder to SQLite", $"{host} run --source {folder} --sink sqlite:{database}/readings.db --quiet"),
            ("SFTP to SQLite", $"{host} run --config {config} --source sftp://{Environment.UserName}@127.0.0.1:{server.Port}{folder} --sink sqlite:{database}/readings.db --quiet"),
            ("SFTP to SQLite, 20 ms away", $"{host} run --config {config} --source sftp://{Environment.UserName}@127.0.0.1:{far}{folder} --sink sqlite:{database}/readings.db --quiet"),
        ];
        await MeasureAsync("import, whole process", imports, database, repeat);
    }

    private static async Task MeasureAsync(string what, (string Name, string Command)[] commands, string scratch, int repeat)
    {
        var seconds = commands.Select(_ => new List<double>()).ToArray();
        var processor = commands.Select(_ => new List<double>()).ToArray();
        var said = new string[commands.Length];
        for (int i = 0; i <= repeat; i++)
        {
            for (int c = 0; c < commands.Length; c++)
            {
                Directory.CreateDirectory(scratch);
                // bash adds up the processor time of a command and its children: ssh is half of the work.
                (double took, string output) = await TimeAsync($"TIMEFORMAT='cpu %U %S'; time {{ {commands[c].Command} ; }}");
                Directory.Delete(scratch, recursive: true);
                if (i == 0) continue; // The first round warms the page cache.
                seconds[c].Add(took);
                processor[c].Add(Processor(output));
                said[c] = string.Join(' ', output.Split('\n').Where(line => line.Contains("peak", StringComparison.Ordinal)));
            }
        }
        Directory.CreateDirectory(scratch);
        Console.WriteLine(what);
        double first = Child.Median(seconds[0]);
        for (int c = 0; c < commands.Length; c++)
        {
            double ratio = Child.Median(seconds[c].Zip(seconds[0], (theirs, mine) => theirs / mine));
            Console.WriteLine(FormattableString.Invariant(
                $"  {commands[c].Name,-28} {Child.Median(seconds[c]),7:F2} s  ({seconds[c].Min():F2}–{seconds[c].Max():F2})  {ratio,5:F2}× {commands[0].Name}  CPU {Child.Median(processor[c]):F2} s  {said[c]}"));
        }
    }

    private static async Task<(double Seconds, string Output)> TimeAsync(string command)
    {
        long began = Stopwatch.GetTimestamp();
        using Process bash = Process.Start(new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = bash.StandardOutput.ReadToEndAsync(), errors = bash.StandardError.ReadToEndAsync();
        await bash.WaitForExitAsync();
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        return bash.ExitCode == 0 ? (seconds, $"{await output}\n{await errors}") : throw new InvalidOperationException($"{command}: {await output}{await errors}");
    }

    private static double Processor(string output)
    {
        string[] times = output.Split('\n').Last(line => line.StartsWith("cpu ", StringComparison.Ordinal)).Split(' ');
        return double.Parse(times[1], CultureInfo.InvariantCulture) + double.Parse(times[2], CultureInfo.InvariantCulture);
    }
}
