using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace Dynamo.Pipeline.Host;

/// <summary>A key that a server showed. Nobody has confirmed it yet.</summary>
/// <param name="Type">Its kind, such as <c>ssh-ed25519</c>.</param>
/// <param name="Blob">The key itself, in base64.</param>
/// <param name="Fingerprint"><c>SHA256:…</c>, as ssh and administrators write it.</param>
internal sealed record HostKey(string Type, string Blob, string Fingerprint)
{
    /// <summary>Reads a line of ssh-keyscan or known_hosts; <see langword="null"/>: it is no key.</summary>
    public static HostKey? Parse(string line)
    {
        string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (line.StartsWith('#') || line.StartsWith('@') || parts.Length < 3) return null;
        byte[] blob = new byte[parts[2].Length];
        return Convert.TryFromBase64String(parts[2], blob, out int length)
            ? new HostKey(parts[1], parts[2], "SHA256:" + Convert.ToBase64String(SHA256.HashData(blob.AsSpan(0, length))).TrimEnd('='))
            : null;
    }
}

/// <summary>Asks a server for its keys, and looks up the keys that are known, with OpenSSH's own tools.</summary>
internal sealed class HostKeys(SftpSourceOptions options)
{
    private const string Port = "22";

    // ssh's own order of preference. Only one key is ever added: an attacker in between could show a true key of one kind and a false one
    // of another kind.
    private static readonly string[] s_preferred =
        ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "ssh-rsa"];

    private ILookup<string, string> _config = Array.Empty<string>().ToLookup(line => line);

    /// <summary>Where known hosts are kept.</summary>
    public string KnownHostsFile { get; private set; } = "";

    /// <summary>The keys that the server shows, the preferred kind first.</summary>
    /// <exception cref="SourceException">The server cannot be asked.</exception>
    public async Task<IReadOnlyList<HostKey>> ScanAsync(CancellationToken cancellationToken)
    {
        await ReadConfigAsync(cancellationToken);
        string timeout = Math.Ceiling(options.ConnectTimeout.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        string[] arguments = ["-T", timeout, "-p", One("port") ?? Port, "--", One("hostname") ?? options.Host];
        (string output, string error) = await RunAsync("ssh-keyscan", arguments, cancellationToken);
        HostKey[] keys = [.. Parse(output).OrderBy(Preference)];
        if (keys.Length > 0) return keys;
        IEnumerable<string> lines = error.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith('#'));
        string said = string.Join(" / ", lines.Distinct().Take(3));
        throw new SourceException(
            $"{options.Host} shows no host key{(said.Length > 0 ? $": ssh-keyscan says \"{Shown.Name(said)}\"" : "")}. "
            + "Check host, port and firewall, and that an SSH server runs there.");
    }

    /// <summary>The keys that are known for the server.</summary>
    public async Task<IReadOnlyList<HostKey>> KnownAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(KnownHostsFile)) return [];
        (string output, _) = await RunAsync("ssh-keygen", ["-F", KnownName(), "-f", KnownHostsFile], cancellationToken);
        return [.. Parse(output)];
    }

    /// <summary>Adds a key that somebody has confirmed.</summary>
    /// <exception cref="SinkException">The file cannot be written.</exception>
    public void Add(HostKey key)
    {
        try
        {
            string folder = Path.GetDirectoryName(Path.GetFullPath(KnownHostsFile))!;
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(folder);
            else
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            using FileStream file = new(KnownHostsFile, FileMode.OpenOrCreate, FileAccess.ReadWrite);
            bool isOpenLine = file.Length > 0 && LastByte(file) != '\n';
            file.Seek(0, SeekOrigin.End);
            file.Write(System.Text.Encoding.ASCII.GetBytes($"{(isOpenLine ? "\n" : "")}{KnownName()} {key.Type} {key.Blob}\n"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SinkException($"{KnownHostsFile} cannot be written: {error.Message}", error);
        }
    }

    private static IEnumerable<HostKey> Parse(string output) => output.Split('\n').Select(HostKey.Parse).OfType<HostKey>();

    private static int Preference(HostKey key) => Array.IndexOf(s_preferred, key.Type) is var place and >= 0 ? place : int.MaxValue;

    private static int LastByte(FileStream file)
    {
        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte();
    }

    /// <summary>Asks ssh what its configuration says about the name: it may be an alias for another host and port.</summary>
    private async Task ReadConfigAsync(CancellationToken cancellationToken)
    {
        List<string> arguments = ["-G"];
        if (options.SshConfigFile is { } config) arguments.Add($"-F{config}");
        if (options.Port is { } port) arguments.Add($"-p{port.ToString(CultureInfo.InvariantCulture)}");
        (string output, _) = await RunAsync("ssh", [.. arguments, "--", options.Host], cancellationToken);
        IEnumerable<string[]> pairs = output.Split('\n').Select(line => line.Trim().Split(' ', 2)).Where(pair => pair.Length == 2);
        _config = pairs.ToLookup(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase);
        if ((One("proxyjump") ?? One("proxycommand")) is { } proxy && proxy != "none")
            throw new SourceException(
                $"{options.Host} is reached through {Shown.Name(proxy)}, where its key cannot be asked for. "
                + $"Connect once with ssh {options.Host}, compare the fingerprint, and answer yes.");
        KnownHostsFile = options.KnownHostsFile ?? Home((One("userknownhostsfile") ?? "~/.ssh/known_hosts").Split(' ')[0]);
    }

    /// <summary>The name under which ssh looks for the key.</summary>
    private string KnownName()
    {
        string host = One("hostname") ?? options.Host, port = One("port") ?? Port;
        return One("hostkeyalias") ?? (port == Port ? host : $"[{host}]:{port}");
    }

    private string? One(string name) => _config[name].FirstOrDefault();

    private static string Home(string path) =>
        path.StartsWith('~') ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..] : path;

    private async Task<(string Output, string Error)> RunAsync(string tool, string[] arguments, CancellationToken cancellationToken)
    {
        string program = Tool(tool);
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            CreateNoWindow = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return (await output, await error);
        }
        catch (Win32Exception error)
        {
            throw new SourceException($"'{program}' cannot be started ({error.Message}). It comes with the OpenSSH client.", error);
        }
    }

    /// <summary>A tool's program: beside the client that is set, or where Windows has it, or on the path.</summary>
    private string Tool(string name)
    {
        if (options.SshProgram is { } client && Path.GetDirectoryName(client) is { Length: > 0 } folder)
            return name == "ssh" ? client : Path.Combine(folder, name + Path.GetExtension(client));
        if (!OperatingSystem.IsWindows()) return name;
        string shipped = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.System), "OpenSSH", name + ".exe");
        return File.Exists(shipped) ? shipped : name + ".exe";
    }
}
