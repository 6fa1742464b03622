using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The keys that a server shows, and what is known of them: in the files, and under the name, where the client that an import takes looks
/// for them. Needs no program. Where the ssh client is taken, that one is asked what its configuration says about the name, which may be an
/// alias.
/// </summary>
internal sealed class HostKeys
{
    private readonly SftpSourceOptions _server;
    private readonly string _name;
    private readonly int _port;
    private readonly string[] _files;

    private HostKeys(SftpSourceOptions server, ILookup<string, string> config)
    {
        if ((One("proxyjump") ?? One("proxycommand")) is { } proxy && proxy != "none")
            throw new SourceException(
                $"{server.Host} is reached through {Shown.Name(proxy)}, where its key cannot be asked for. "
                + $"Connect once with ssh {server.Host}, compare the fingerprint, and answer yes.");
        _server = server with
        {
            Host = One("hostname") ?? server.Host,
            Port = One("port") is { } port ? int.Parse(port, CultureInfo.InvariantCulture) : server.Port,
        };
        // ssh adds no port to an alias.
        string? alias = One("hostkeyalias");
        (_name, _port) = (alias ?? _server.Host, alias is null ? _server.Port ?? KnownHosts.DefaultPort : KnownHosts.DefaultPort);
        string[] users = server.KnownHostsFile is { } named ? [SshNetLogin.Home(named)] : Files("userknownhostsfile");
        _files = config.Count > 0 && users.Length > 0
            ? [.. users, .. Files("globalknownhostsfile")]
            : [.. SshNetLogin.KnownHostsFilesOf(server)];

        string? One(string name) => config[name].FirstOrDefault();

        string[] Files(string name) =>
            [.. (One(name) ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(file => file != "none").Select(SshNetLogin.Home)];
    }

    /// <summary>Where a key is added.</summary>
    public string KnownHostsFile => _files[0];

    /// <summary>Finds out where the server is, and under which name its keys are known.</summary>
    /// <exception cref="SourceException">ssh refuses its configuration, or reaches the server through another one.</exception>
    /// <exception cref="SettingsException">What is set is not for the client that is taken.</exception>
    public static async Task<HostKeys> OfAsync(SftpSourceOptions server, CancellationToken cancellationToken)
    {
        SftpSettings.Check(server);
        // Where there is no ssh client there is no configuration of it either, unless one of the two is named.
        bool asksSsh = SshCommand.ClientOf(server) == SshClientKind.OpenSsh
            && (SshCommand.IsFound(server) || server.SshProgram is not null || server.SshConfigFile is not null);
        string[] lines = asksSsh ? await ConfigurationAsync(server, cancellationToken) : [];
        IEnumerable<string[]> pairs = lines.Select(line => line.Trim().Split(' ', 2)).Where(pair => pair.Length == 2);
        return new HostKeys(server, pairs.ToLookup(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase));
    }

    /// <summary>
    /// The keys that the server shows, the preferred type first. Only one is ever added: an attacker in between could show a true key of
    /// one type and a false one of another.
    /// </summary>
    /// <exception cref="SourceException">The server cannot be asked.</exception>
    public async Task<IReadOnlyList<KnownHostKey>> ScanAsync(CancellationToken cancellationToken)
    {
        try
        {
            IReadOnlyList<KnownHostKey> keys = await SshNetLogin.ScanAsync(_server, cancellationToken);
            if (keys.Count > 0) return keys;
        }
        catch (SftpConnectionException error)
        {
            throw new SourceException($"{_server.Host} shows no host key: {error.Message.TrimEnd('.')}.", error);
        }
        throw new SourceException($"{_server.Host} shows no host key of a known type. Connect once with ssh {_server.Host}.");
    }

    /// <summary>What is known of a key that the server shows.</summary>
    /// <exception cref="SourceException">The files cannot be read.</exception>
    public HostKeyVerdict Judge(KnownHostKey key)
    {
        try
        {
            return KnownHosts.Read(_files).Judge(_name, _port, key);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SourceException($"The files of known hosts cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Adds a key that somebody has confirmed.</summary>
    /// <exception cref="SinkException">The file cannot be written.</exception>
    public void Add(KnownHostKey key)
    {
        try
        {
            KnownHosts.Add(KnownHostsFile, _name, _port, key);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SinkException($"{KnownHostsFile} cannot be written: {error.Message}", error);
        }
    }

    /// <summary>What ssh's configuration comes to for this host, a keyword and its value on each line (ssh(1), -G).</summary>
    private static async Task<string[]> ConfigurationAsync(SftpSourceOptions server, CancellationToken cancellationToken)
    {
        List<string> arguments = ["-G"];
        if (server.SshConfigFile is { } config) arguments.Add($"-F{config}");
        if (server.User is { } user) arguments.Add($"-l{user}");
        if (server.Port is { } port) arguments.Add($"-p{port.ToString(CultureInfo.InvariantCulture)}");
        var start = new ProcessStartInfo(SshCommand.ProgramOf(server), [.. arguments, "--", server.Host])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            CreateNoWindow = true,
        };
        SshEnvironment.Reduce(start);
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode == 0) return (await output).Split('\n');
            throw new SourceException($"{server.Host}: {SshDiagnosis.Explain(await error, process.ExitCode, null).Message.TrimEnd('.')}.");
        }
        catch (Win32Exception error)
        {
            throw new SourceException($"{SshDiagnosis.Missing(start.FileName, error).Message}.", error);
        }
    }
}
