using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>A server as a check found it: what it says about itself, and how fast it delivers files.</summary>
internal sealed record ServerTrial(SftpServerInfo Server, int Files, long Bytes, TimeSpan Elapsed)
{
    private const int MostFiles = 2000;
    private const long LargestFile = 1 << 20;
    private const long MostBytes = 32 << 20;
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(3);

    private double PerSecond => Files / Math.Max(0.001, Elapsed.TotalSeconds);

    /// <summary>Fetches files for up to three seconds and throws them away.</summary>
    /// <exception cref="SourceException">The server cannot be reached or listed.</exception>
    public static async Task<ServerTrial> RunAsync(SftpSource source, CancellationToken cancellationToken)
    {
        SftpServerInfo server = await source.DescribeAsync(cancellationToken);
        long started = Stopwatch.GetTimestamp(), asked = 0;
        var opened = new List<Task<int?>>();
        await foreach (SourceFile file in source.ListAsync(cancellationToken))
        {
            if (opened.Count == MostFiles || asked > MostBytes || Stopwatch.GetElapsedTime(started) > s_longest) break;
            if (file.DeferReason is not null || file.Size > LargestFile) continue;
            asked += file.Size;
            opened.Add(FetchAsync(source, file, cancellationToken));
        }
        int?[] sizes = await Task.WhenAll(opened);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        return new ServerTrial(server, sizes.Count(size => size is not null), sizes.Sum(size => size ?? 0L), elapsed);
    }

    public void Write(TextWriter to)
    {
        string handles = Server.OpenHandles is { } open
            ? $"{Shown.Count(open)} open files allowed"
            : "it does not say how many files may be open";
        string extensions = string.Join(", ", Server.Extensions.Keys.Order(StringComparer.Ordinal).Select(Shown.Name));
        bool isManaged = Server.Client == SshClientKind.Managed;
        to.WriteLine($"server    {Milliseconds()} away, by {(isManaged ? "the managed client" : "the ssh client")}");
        to.WriteLine($"          {handles}, {Shown.Count(Server.FilesInFlight, "file")} at once to begin with");
        string none = isManaged ? "not told by the managed client" : "none";
        to.WriteLine($"          extensions: {(extensions.Length == 0 ? none : extensions)}");
        if (Files == 0) return;
        string fetched = $"{Shown.Count(Files, "file")} ({Shown.Count(Bytes)} bytes) in {Shown.Time(Elapsed)}";
        to.WriteLine($"          fetched {fetched}: {Shown.Count(PerSecond)} files a second");
    }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartObject("server");
        json.WriteString("client", Server.Client == SshClientKind.Managed ? "managed" : "openssh");
        json.WriteNumber("roundTripMilliseconds", Math.Round(Server.RoundTrip.TotalMilliseconds, 2));
        if (Server.OpenHandles is { } open) json.WriteNumber("openHandles", open);
        json.WriteNumber("filesInFlight", Server.FilesInFlight);
        json.WriteStartObject("extensions");
        foreach ((string name, string version) in Server.Extensions) json.WriteString(name, version);
        json.WriteEndObject();
        json.WriteNumber("trialFiles", Files);
        json.WriteNumber("trialBytes", Bytes);
        json.WriteNumber("trialSeconds", Math.Round(Elapsed.TotalSeconds, 3));
        json.WriteNumber("filesPerSecond", Math.Round(PerSecond));
        json.WriteEndObject();
    }

    private string Milliseconds() => string.Create(CultureInfo.InvariantCulture, $"{Server.RoundTrip.TotalMilliseconds:0.0} ms");

    /// <summary>
    /// The file's size, or <see langword="null"/> if it cannot be read. What is wrong with it is reported by <see cref="FirstFiles"/>.
    /// </summary>
    private static async Task<int?> FetchAsync(SftpSource source, SourceFile file, CancellationToken cancellationToken)
    {
        try
        {
            using FileContent content = await source.OpenAsync(file, LargestFile, cancellationToken);
            return content.Bytes.Length;
        }
        catch (Exception error) when (error is FileChangedException or BadFileException or UnreadableFileException)
        {
            return null;
        }
    }
}
