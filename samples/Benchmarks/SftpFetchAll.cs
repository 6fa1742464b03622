using System.Diagnostics;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>Our source and nothing else: lists a folder and fetches all of it into memory. A process of its own in the comparison.</summary>
internal static class SftpFetchAll
{
    private const int AtOnce = 1000;

    /// <param name="args">Path, port, and the folder with the server's keys.</param>
    public static async Task RunAsync(string[] args)
    {
        await using var source = new SftpSource(new SftpSourceOptions
        {
            Host = "127.0.0.1",
            User = Environment.UserName,
            Path = args[0],
            Port = int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture),
            IdentityFile = Path.Combine(args[2], "user_key"),
            KnownHostsFile = Path.Combine(args[2], "known_hosts"),
            SshConfigFile = Path.Combine(args[2], "ssh_config"),
        });
        var fetching = new List<Task<FileContent>>();
        using var gate = new SemaphoreSlim(AtOnce);
        await foreach (SourceFile file in source.ListAsync(default))
        {
            await gate.WaitAsync();
            fetching.Add(FetchAsync(source, file, gate));
        }
        FileContent[] contents = await Task.WhenAll(fetching);
        Console.WriteLine(FormattableString.Invariant($"{contents.Length} files, {contents.Sum(content => (long)content.Bytes.Length)} bytes, peak {Process.GetCurrentProcess().PeakWorkingSet64 / 1048576} MB"));
    }

    private static async Task<FileContent> FetchAsync(SftpSource source, SourceFile file, SemaphoreSlim gate)
    {
        try
        {
            return await source.OpenAsync(file, long.MaxValue, default);
        }
        finally
        {
            gate.Release();
        }
    }
}
