using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Tests;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// SFTP clients side by side, each a whole process that lists a folder and fetches all of it, against one sshd on the loopback:
/// ours (which also checks and parses), lftp, curl (which is
/// given the names, since it cannot list and fetch in one go), and tar through ssh, which is no SFTP and the floor. Then ours with
/// a distant server, and the
/// import into SQLite from the folder and from the server. Everything in turn, medians.
/// </summary>
internal static class SftpComparison
{
    private static readonly TimeSpan s_roundTrip = TimeSpan.FromMilliseconds(20);

    public static async Task<int> RunAsync(string folder, int repeat, string? host)
    {
        host = Machine.Host(host);
        folder = Path.GetFullPath(folder);
        Machine.Describe(folder, host);
        string work = Directory.CreateTempSubdirectory("dynamo-sftp-").FullName;
        string memory = Directory.CreateDirectory(
            Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : work, "dynamo-sftp-" + Environment.ProcessId)).FullName;
        try
        {
            using var server = new SftpServer(work);
            await using var far = new DelayProxy(server.Port, s_roundTrip);
            server.Trust(far.Port);
            await ClientsAsync(host, folder, work, memory, server, far.Port, repeat);
            await ImportsAsync(host, folder, work, server, far.Port, repeat);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
            Directory.Delete(memory, recursive: true);
        }
        return 0;
    }

    private static async Task ClientsAsync(string host, string folder, string work, string memory, SftpServer server, int far, int repeat)
    {
        string names = Path.Combine(work, "curl.txt");
        await File.WriteAllLinesAsync(names, Directory.EnumerateFiles(folder).SelectMany(file => new[]
        {
            $"url = \"sftp://127.0.0.1:{server.Port}{file}\"", $"output = \"{memory}/{Path.GetFileName(file)}\"",
        }), new UTF8Encoding(false));
        string ours =
            $"{host} run --dry-run --quiet --config {server.WriteConfiguration()} --sink sqlite:{work}/none.db --source "
                + $"sftp://{Environment.UserName}@127.0.0.1";
        string managed = ours.Replace(server.WriteConfiguration(), server.WriteManagedConfiguration(), StringComparison.Ordinal);
        (string Name, string Command)[] clients =
        [
            ("ours", $"{ours}:{server.Port}{folder}"),
            ("ours, managed client", $"{managed}:{server.Port}{folder}"),
            ("ours, 20 ms away", $"{ours}:{far}{folder}"),
            ("ssh tar", $"ssh {server.SshArguments} -p {server.Port} 127.0.0.1 tar -C {folder} -cf - . > {memory}/all.tar"),
            ("ssh tar, 20 ms away", $"ssh {server.SshArguments} -p {far} 127.0.0.1 tar -C {folder} -cf - . > {memory}/all.tar"),
            ("curl -Z --parallel-max 16",
                $"curl -s -S -k -u {Environment.UserName}: --key {server.Key} --pubkey {server.Key}.pub -Z --parallel-max 16 -K {names}"),
            ("lftp mirror -P 4",
                $"lftp -c \"set sftp:connect-program 'ssh {server.SshArguments}'; open -u {Environment.UserName},x "
                    + $"sftp://127.0.0.1:{server.Port}; mirror -P 4 {folder} {memory}/lftp\""),
        ];
        await MeasureAsync("list and fetch everything, whole process", clients, memory, repeat);
    }

    private static async Task ImportsAsync(string host, string folder, string work, SftpServer server, int far, int repeat)
    {
        string config = server.WriteConfiguration(), database = Path.Combine(work, "db");
        (string Name, string Command)[] imports =
        [
            ("folder to SQLite", $"{host} run --source {folder} --sink sqlite:{database}/readings.db --quiet"),
            ("SFTP to SQLite",
                $"{host} run --config {config} --source sftp://{Environment.UserName}@127.0.0.1:{server.Port}{folder} --sink "
                    + $"sqlite:{database}/readings.db --quiet"),
            ("SFTP to SQLite, 20 ms away",
                $"{host} run --config {config} --source sftp://{Environment.UserName}@127.0.0.1:{far}{folder} --sink "
                    + $"sqlite:{database}/readings.db --quiet"),
        ];
        await MeasureAsync("import, whole process", imports, database, repeat);
    }

    private static async Task MeasureAsync(string what, (string Name, string Command)[] commands, string scratch, int repeat)
    {
        var figures = commands.Select(_ => new List<Child.Figures>()).ToArray();
        for (int i = 0; i <= repeat; i++)
        {
            for (int c = 0; c < commands.Length; c++)
            {
                Directory.CreateDirectory(scratch);
                // The shell becomes the client, so that its memory is the client's; the processor time is that of its ssh as well.
                Child.Figures run = await Child.RunAsync(Child.DoneWithDefects, "bash", "-c", $"exec {commands[c].Command}");
                Directory.Delete(scratch, recursive: true);
                if (i > 0) figures[c].Add(run); // The first round warms the page cache.
            }
        }
        Directory.CreateDirectory(scratch);
        Console.WriteLine(what);
        for (int c = 0; c < commands.Length; c++)
        {
            List<Child.Figures> runs = figures[c];
            double ratio = Child.Median(runs.Zip(figures[0], (theirs, mine) => theirs.Seconds / mine.Seconds));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {commands[c].Name,-28} {Child.Median(runs.Select(r => r.Seconds)),7:F2} s  "
                    + $"({runs.Min(r => r.Seconds):F2}–{runs.Max(r => r.Seconds):F2})  {ratio,5:F2}× {commands[0].Name}  CPU "
                    + $"{Child.Median(runs.Select(r => r.CpuSeconds)):F2} s  peak {runs.Max(r => r.PeakBytes) / 1048576.0:F0} MB"));
        }
    }
}
